//! Questions for a neighbour: ARP (RFC 826), neighbour solicitation (RFC 4861).

use std::net::IpAddr;

use wire::arp::Operation;
use wire::ethernet::ethertype;
use wire::icmpv6::{self, neighbour::Solicitation};
use wire::{Arp, Ethernet, Ipv6, Mac, ipv6};

/// Who asks: the device, its MAC, and the address to be answered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct From {
    pub link: u32,
    pub mac: Mac,
    pub ip: IpAddr,
}

/// The question "who has this address", to one machine or to everybody.
pub fn question(from: &From, ip: IpAddr, to: Option<Mac>) -> Option<Vec<u8>> {
    match (from.ip, ip) {
        (IpAddr::V4(sender_ip), IpAddr::V4(target_ip)) => {
            let mut frame = vec![0; Ethernet::LEN + Arp::LEN];
            let dst = to.unwrap_or(Mac::BROADCAST);
            Ethernet { dst, src: from.mac, ethertype: ethertype::ARP }.emit(frame.first_chunk_mut()?);
            let operation = Operation::Request;
            Arp { operation, sender_mac: from.mac, sender_ip, target_mac: Mac::ZERO, target_ip }
                .emit(frame.last_chunk_mut()?);
            Some(frame)
        }
        (IpAddr::V6(src), IpAddr::V6(target)) => {
            let group = ipv6::solicited_node(target);
            let (dst, dst_mac) = to.map_or((group, ipv6::multicast_mac(group)), |mac| (target, mac));
            let mut message = Vec::new();
            Solicitation { target, source_link: Some(from.mac) }.emit(src, dst, &mut message);
            let mut frame = vec![0; Ethernet::LEN + Ipv6::LEN];
            Ethernet { dst: dst_mac, src: from.mac, ethertype: ethertype::IPV6 }
                .emit(frame.first_chunk_mut()?);
            Ipv6 {
                src,
                dst,
                next_header: ipv6::next_header::ICMPV6,
                hop_limit: icmpv6::HOP_LIMIT,
                payload_len: message.len() as u16,
            }
            .emit(frame.last_chunk_mut()?);
            frame.extend(message);
            Some(frame)
        }
        _ => None,
    }
}

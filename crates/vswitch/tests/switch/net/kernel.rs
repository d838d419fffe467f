//! What a machine's kernel does beside the switch: it answers for its addresses.

use std::net::IpAddr;

use wire::arp::Operation;
use wire::ethernet::{self, ethertype};
use wire::icmpv6::neighbour::{Advertisement, Solicitation};
use wire::{Arp, Ethernet, Ipv6, Mac, ipv4, ipv6};

pub fn answer(frame: &[u8], mac: Mac, ips: &[IpAddr]) -> Option<Vec<u8>> {
    let view = ethernet::View::new(frame).ok()?;
    match view.ethertype() {
        ethertype::ARP => {
            let asked = Arp::parse(view.payload()).ok()?;
            let ours = asked.operation == Operation::Request && ips.contains(&asked.target_ip.into());
            ours.then(|| arp(&asked.reply(mac), view.src(), mac))
        }
        ethertype::IPV6 => {
            let packet = ipv6::View::new(view.payload()).ok()?;
            let asked = Solicitation::parse(packet.payload(), packet.src(), packet.dst()).ok()?;
            let to = asked.source_link?;
            ips.contains(&asked.target.into())
                .then(|| advertisement(asked.target, packet.src(), to, mac, true))
        }
        _ => None,
    }
}

/// Gratuitous ARP, or an unsolicited advertisement.
pub fn announcement(ip: IpAddr, mac: Mac) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => {
            let said = Arp {
                operation: Operation::Request,
                sender_mac: mac,
                sender_ip: ip,
                target_mac: Mac::ZERO,
                target_ip: ip,
            };
            arp(&said, Mac::BROADCAST, mac)
        }
        IpAddr::V6(ip) => {
            advertisement(ip, ipv6::ALL_NODES, ipv6::multicast_mac(ipv6::ALL_NODES), mac, false)
        }
    }
}

fn arp(said: &Arp, dst: Mac, src: Mac) -> Vec<u8> {
    let mut out = vec![0; Ethernet::LEN + Arp::LEN];
    Ethernet { dst, src, ethertype: ethertype::ARP }.emit(out.first_chunk_mut().expect("there"));
    said.emit(out.last_chunk_mut().expect("there"));
    out
}

fn advertisement(
    target: std::net::Ipv6Addr,
    dst: std::net::Ipv6Addr,
    to: Mac,
    mac: Mac,
    solicited: bool,
) -> Vec<u8> {
    let mut message = Vec::new();
    Advertisement { target, router: false, solicited, overriding: true, target_link: Some(mac) }.emit(
        target,
        dst,
        &mut message,
    );
    let mut out = vec![0; Ethernet::LEN + Ipv6::LEN];
    Ethernet { dst: to, src: mac, ethertype: ethertype::IPV6 }.emit(out.first_chunk_mut().expect("there"));
    Ipv6 { src: target, dst, next_header: 58, hop_limit: 255, payload_len: message.len() as u16 }
        .emit(out.last_chunk_mut().expect("there"));
    out.extend(message);
    out
}

/// Whom an IP packet is for.
pub fn destination(frame: &[u8]) -> Option<IpAddr> {
    let view = ethernet::View::new(frame).ok()?;
    match view.ethertype() {
        ethertype::IPV4 => Some(ipv4::View::new(view.payload()).ok()?.dst().into()),
        ethertype::IPV6 => Some(ipv6::View::new(view.payload()).ok()?.dst().into()),
        _ => None,
    }
}

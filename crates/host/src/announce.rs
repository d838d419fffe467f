//! The frames that tell a link who has an address.

use std::net::IpAddr;

use wire::arp::Operation;
use wire::ethernet::ethertype;
use wire::icmpv6::neighbour::Advertisement;
use wire::{Arp, Ethernet, Mac, ipv6};

use crate::dhcp::frame;

/// Gratuitous ARP, as a question and as an answer (who hears of it heeds one or the other), or an
/// unsolicited neighbour advertisement of a router.
pub fn frames(ip: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => [(Operation::Request, Mac::ZERO), (Operation::Reply, Mac::BROADCAST)]
            .map(|(operation, target_mac)| {
                let arp = Arp { operation, sender_mac: mac, sender_ip: ip, target_mac, target_ip: ip };
                let mut out = vec![0; Ethernet::LEN + Arp::LEN];
                let (head, body) = out.split_first_chunk_mut().expect("room for both");
                Ethernet { dst: Mac::BROADCAST, src: mac, ethertype: ethertype::ARP }.emit(head);
                arp.emit(body.first_chunk_mut().expect("room for both"));
                out
            })
            .into(),
        IpAddr::V6(ip) => {
            let to = (ipv6::multicast_mac(ipv6::ALL_NODES), ipv6::ALL_NODES);
            let told = Advertisement {
                router: true,
                solicited: false,
                overriding: true,
                target: ip,
                target_link: Some(mac),
            };
            let mut message = Vec::with_capacity(32);
            told.emit(ip, to.1, &mut message);
            frame::discovery((mac, ip), to, &message).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_as_it_was_meant() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let four = frames([203, 0, 113, 5].into(), mac);
        assert_eq!(four.len(), 2);
        for frame in four {
            let head = Ethernet::parse(&frame).expect("frame");
            assert_eq!((head.dst, head.src), (Mac::BROADCAST, mac));
            let arp = Arp::parse(&frame[Ethernet::LEN..]).expect("ARP");
            assert_eq!((arp.sender_mac, arp.sender_ip), (mac, arp.target_ip));
        }
        let ip: std::net::Ipv6Addr = "2001:db8::5".parse().expect("address");
        let six = frames(ip.into(), mac);
        let [frame] = &six[..] else { panic!("one frame") };
        let message = &frame[Ethernet::LEN + wire::Ipv6::LEN..];
        let told = Advertisement::parse(message, ip, ipv6::ALL_NODES).expect("advertisement");
        assert_eq!((told.target, told.target_link, told.overriding), (ip, Some(mac), true));
    }
}

//! Frames as clients send them.

use std::net::{Ipv4Addr, Ipv6Addr};

use wire::ethernet::ethertype;
use wire::icmpv6::router::Solicitation;
use wire::{Ethernet, Ipv4, Ipv6, Mac, Udp, ipv6};

use super::network::{ALICE, SERVER, link_local};

/// A DHCPv4 message to be. What is not said is as in a DISCOVER of Alice's.
#[derive(Clone)]
pub struct Ask4 {
    pub from: Mac,
    pub dst: Ipv4Addr,
    pub src: Ipv4Addr,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: Mac,
    pub hlen: u8,
    pub options: Vec<u8>,
}

pub fn ask4(kind: u8, options: &[&[u8]]) -> Ask4 {
    Ask4 {
        from: ALICE,
        dst: Ipv4Addr::BROADCAST,
        src: Ipv4Addr::UNSPECIFIED,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        chaddr: ALICE,
        hlen: 6,
        options: [&[53, 1, kind], &options.concat()[..], &[255]].concat(),
    }
}

impl Ask4 {
    pub fn by(self, mac: Mac) -> Ask4 {
        Ask4 { from: mac, chaddr: mac, ..self }
    }

    /// In use already, so sent to the server alone.
    pub fn renewing(self, own: [u8; 4]) -> Ask4 {
        let own = Ipv4Addr::from(own);
        Ask4 { ciaddr: own, src: own, dst: Ipv4Addr::new(10, 0, 0, 2), ..self }
    }

    pub fn message(&self) -> Vec<u8> {
        let mut bytes = vec![1, 1, self.hlen, 0, 0xde, 0xad, 0xbe, 0xef, 0, 7];
        bytes.extend(self.flags.to_be_bytes());
        bytes.extend(self.ciaddr.octets());
        bytes.extend([0; 8]);
        bytes.extend(self.giaddr.octets());
        bytes.extend(self.chaddr.0);
        bytes.resize(236, 0);
        bytes.extend([99, 130, 83, 99]);
        bytes.extend(&self.options);
        bytes
    }

    pub fn frame(&self) -> Vec<u8> {
        let to = if self.dst.is_broadcast() { Mac::BROADCAST } else { SERVER };
        frame4(self.from, to, self.src, self.dst, 67, &self.message())
    }
}

pub fn frame4(from: Mac, to: Mac, src: Ipv4Addr, dst: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 42];
    Ethernet { dst: to, src: from, ethertype: ethertype::IPV4 }.emit(at(&mut bytes, 0));
    let payload_len = 8 + payload.len() as u16;
    Ipv4 { src, dst, protocol: 17, ttl: 64, payload_len }.emit(at(&mut bytes, 14));
    Udp { src_port: 68, dst_port: port }.emit_ipv4(src, dst, payload, at(&mut bytes, 34));
    bytes.extend(payload);
    bytes
}

/// A DHCPv6 message to be.
#[derive(Clone)]
pub struct Ask6 {
    pub from: Mac,
    pub dst: Ipv6Addr,
    pub src: Ipv6Addr,
    pub message: Vec<u8>,
}

pub fn ask6(kind: u8, options: &[Vec<u8>]) -> Ask6 {
    Ask6 {
        from: ALICE,
        dst: ipv6::ALL_DHCP,
        src: link_local(ALICE),
        message: [&[kind, 0xab, 0xcd, 0xef], &options.concat()[..]].concat(),
    }
}

impl Ask6 {
    pub fn by(self, mac: Mac) -> Ask6 {
        Ask6 { from: mac, src: link_local(mac), ..self }
    }

    pub fn frame(&self) -> Vec<u8> {
        let mut bytes = vec![0; 62];
        let to = if self.dst.is_multicast() { ipv6::multicast_mac(self.dst) } else { SERVER };
        Ethernet { dst: to, src: self.from, ethertype: ethertype::IPV6 }.emit(at(&mut bytes, 0));
        let (src, dst, payload_len) = (self.src, self.dst, 8 + self.message.len() as u16);
        Ipv6 { src, dst, next_header: 17, hop_limit: 1, payload_len }.emit(at(&mut bytes, 14));
        Udp { src_port: 546, dst_port: 547 }.emit_ipv6(src, dst, &self.message, at(&mut bytes, 54));
        bytes.extend(&self.message);
        bytes
    }
}

/// A DHCPv6 option.
pub fn opt6(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), &(value.len() as u16).to_be_bytes(), value].concat()
}

/// The client's DUID, and the server's.
pub fn client_id() -> Vec<u8> {
    opt6(1, b"\0\x04alices-duid")
}

pub fn server_id() -> Vec<u8> {
    opt6(2, &[&[0, 3, 0, 1], &SERVER.0[..]].concat())
}

/// An identity association (3 addresses, 4 temporary ones, 25 prefixes) with addresses.
pub fn ia(code: u16, id: u32, addresses: &[&str]) -> Vec<u8> {
    let mut value = id.to_be_bytes().to_vec();
    value.extend(if code == 4 { &[][..] } else { &[0; 8] });
    for text in addresses {
        let ip: Ipv6Addr = text.parse().expect("an address");
        value.extend(opt6(5, &[&ip.octets()[..], &[0; 8]].concat()));
    }
    opt6(code, &value)
}

pub fn router_solicitation(from: Mac, src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let mut message = Vec::new();
    let source_link = (!src.is_unspecified()).then_some(from);
    Solicitation { source_link }.emit(src, dst, &mut message);
    let mut bytes = vec![0; 54];
    let to = if dst.is_multicast() { ipv6::multicast_mac(dst) } else { SERVER };
    Ethernet { dst: to, src: from, ethertype: ethertype::IPV6 }.emit(at(&mut bytes, 0));
    let payload_len = message.len() as u16;
    Ipv6 { src, dst, next_header: 58, hop_limit, payload_len }.emit(at(&mut bytes, 14));
    bytes.extend(message);
    bytes
}

fn at<const N: usize>(bytes: &mut [u8], start: usize) -> &mut [u8; N] {
    bytes[start..].first_chunk_mut().expect("long enough")
}

//! The headers around an answer.

use std::net::{Ipv4Addr, Ipv6Addr};

use wire::ethernet::ethertype;
use wire::{Ethernet, Ipv4, Ipv6, Mac, Udp, ipv4, ipv6};

/// A datagram over IPv4 in a frame; `None` if it is longer than a datagram can be.
pub(super) fn udp4(
    (src_mac, src): (Mac, Ipv4Addr),
    (dst_mac, dst): (Mac, Ipv4Addr),
    ports: Udp,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let ip = Ipv4 {
        src,
        dst,
        protocol: ipv4::protocol::UDP,
        ttl: 64,
        payload_len: u16::try_from(Udp::LEN + payload.len()).ok()?,
    };
    let mut headers = Headers::new(dst_mac, src_mac, ethertype::IPV4);
    ip.emit(headers.next());
    ports.emit_ipv4(src, dst, payload, headers.next());
    Some(headers.around(payload))
}

/// A datagram over IPv6 in a frame; `None` if it is longer than a datagram can be.
pub(super) fn udp6(
    (src_mac, src): (Mac, Ipv6Addr),
    (dst_mac, dst): (Mac, Ipv6Addr),
    ports: Udp,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let ip = Ipv6 {
        src,
        dst,
        next_header: ipv6::next_header::UDP,
        hop_limit: 64,
        payload_len: u16::try_from(Udp::LEN + payload.len()).ok()?,
    };
    let mut headers = Headers::new(dst_mac, src_mac, ethertype::IPV6);
    ip.emit(headers.next());
    ports.emit_ipv6(src, dst, payload, headers.next());
    Some(headers.around(payload))
}

/// A neighbour discovery message in a frame.
pub(crate) fn discovery(
    (src_mac, src): (Mac, Ipv6Addr),
    (dst_mac, dst): (Mac, Ipv6Addr),
    message: &[u8],
) -> Option<Vec<u8>> {
    let ip = Ipv6 {
        src,
        dst,
        next_header: ipv6::next_header::ICMPV6,
        hop_limit: wire::icmpv6::HOP_LIMIT,
        payload_len: u16::try_from(message.len()).ok()?,
    };
    let mut headers = Headers::new(dst_mac, src_mac, ethertype::IPV6);
    ip.emit(headers.next());
    Some(headers.around(message))
}

/// A frame's headers, written one after the other.
struct Headers(Vec<u8>);

impl Headers {
    fn new(dst: Mac, src: Mac, ethertype: u16) -> Headers {
        let mut headers = Headers(Vec::with_capacity(400));
        Ethernet { dst, src, ethertype }.emit(headers.next());
        headers
    }

    /// Room for a header of `N` bytes.
    fn next<const N: usize>(&mut self) -> &mut [u8; N] {
        self.0.resize(self.0.len() + N, 0);
        self.0.last_chunk_mut().expect("N bytes were just added")
    }

    fn around(mut self, payload: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(payload);
        self.0
    }
}

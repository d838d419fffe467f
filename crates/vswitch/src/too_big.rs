//! Telling an instance that its packet does not fit (RFC 1191, RFC 4443 section 3.2).
//!
//! The answer says to be from whom the packet was for, as the kernel's VXLAN does: a network has no address of its
//! own, and the instance takes the answer by the packet that is quoted in it.

use std::time::Duration;

use wire::ethernet::ethertype;
use wire::icmpv4::{self, kind};
use wire::{Ethernet, Ipv4, Ipv6, Mac, icmpv6, ipv4, ipv6};

use crate::Tick;
use crate::inner::{Inner, L3};

/// Between two answers to one port.
pub const PAUSE: Duration = Duration::from_millis(10);
/// What a message quotes at most: RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4.
const MOST_IPV4: usize = 576 - Ipv4::LEN - icmpv4::View::LEN;
const MOST_IPV6: usize = 1280 - Ipv6::LEN - 8;
/// What links of IPv6 carry at least.
const LEAST_IPV6: usize = 1280;

/// When a port may be answered again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace(Tick);

impl Pace {
    pub fn allows(&mut self, now: Tick) -> bool {
        let allowed = now >= self.0;
        if allowed {
            self.0 = now + PAUSE;
        }
        allowed
    }
}

/// The answer to a frame of which `room` bytes would fit; none to what must not be answered.
pub fn answer(frame: &[u8], inner: &Inner, room: usize) -> Option<Vec<u8>> {
    if inner.dst.is_multicast() || inner.is_tagged() {
        return None;
    }
    let mtu = room.checked_sub(inner.l3_at)?;
    let packet = &frame[inner.l3_at..];
    let (body, kind) = match inner.l3 {
        L3::Ipv4 => (answer4(packet, mtu)?, ethertype::IPV4),
        L3::Ipv6 => (answer6(packet, mtu)?, ethertype::IPV6),
        L3::Other => return None,
    };
    let mut out = vec![0; Ethernet::LEN];
    let (dst, src): (Mac, Mac) = (inner.src, inner.dst);
    Ethernet { dst, src, ethertype: kind }.emit(out.first_chunk_mut()?);
    out.extend(body);
    Some(out)
}

fn answer4(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    let src = std::net::Ipv4Addr::from(*packet[12..].first_chunk::<4>()?);
    let dst = std::net::Ipv4Addr::from(*packet[16..].first_chunk::<4>()?);
    let fragment = u16::from_be_bytes([packet[6], packet[7]]);
    let unicast = |ip: std::net::Ipv4Addr| !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified();
    // Only what says that it must stay whole, and is a first piece, is answered.
    if fragment & 0x4000 == 0 || fragment & 0x1fff != 0 || !unicast(src) || !unicast(dst) || header_len < 20 {
        return None;
    }
    let about_error = packet[9] == ipv4::protocol::ICMP
        && packet.get(header_len).is_none_or(|kind| !matches!(*kind, kind::ECHO_REPLY | kind::ECHO_REQUEST));
    if about_error {
        return None;
    }
    let mut message = Vec::new();
    let about = &packet[..packet.len().min(MOST_IPV4)];
    icmpv4::TooBig { mtu: u16::try_from(mtu).ok()?, about }.emit(&mut message);
    let mut out = vec![0; Ipv4::LEN];
    let payload_len = message.len() as u16;
    Ipv4 { src: dst, dst: src, protocol: ipv4::protocol::ICMP, ttl: 64, payload_len }
        .emit(out.first_chunk_mut()?);
    out.extend(message);
    Some(out)
}

fn answer6(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let src = std::net::Ipv6Addr::from(*packet[8..].first_chunk::<16>()?);
    let dst = std::net::Ipv6Addr::from(*packet[24..].first_chunk::<16>()?);
    if src.is_multicast() || src.is_unspecified() || dst.is_multicast() {
        return None;
    }
    // Types below 128 are errors, which are not answered.
    if packet[6] == ipv6::next_header::ICMPV6 && packet.get(Ipv6::LEN).is_none_or(|kind| *kind < 128) {
        return None;
    }
    let mut message = Vec::new();
    let about = &packet[..packet.len().min(MOST_IPV6)];
    icmpv6::TooBig { mtu: mtu.max(LEAST_IPV6) as u32, about }.emit(dst, src, &mut message);
    let mut out = vec![0; Ipv6::LEN];
    let (next_header, payload_len) = (ipv6::next_header::ICMPV6, message.len() as u16);
    Ipv6 { src: dst, dst: src, next_header, hop_limit: 64, payload_len }.emit(out.first_chunk_mut()?);
    out.extend(message);
    Some(out)
}

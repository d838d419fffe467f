//! Frames of instances, and what becomes of frames on a wire: offloads are done there, by code of its own.

use std::net::{Ipv4Addr, Ipv6Addr};

use vswitch::{Checksum, Offload, SegmentKind};
use wire::checksum::{self, Sum};
use wire::ethernet::{self, ethertype};
use wire::{Ethernet, Ipv4, Mac, Udp, ipv4};

use super::inst;

const MARK: &[u8; 8] = b"numbered";

/// A datagram of one instance to another that carries a number, and is `len` bytes long with its headers.
pub fn numbered(from: usize, to: usize, number: u64, len: usize) -> Vec<u8> {
    let mut payload = vec![0; len.max(58) - 42];
    payload[..8].copy_from_slice(MARK);
    payload[8..16].copy_from_slice(&number.to_be_bytes());
    udp4(inst(from), inst(to), 0, 40_000 + (number % 7) as u16, &payload)
}

pub fn number_of(bytes: &[u8]) -> Option<u64> {
    let at = bytes.windows(8).position(|window| window == MARK)?;
    Some(u64::from_be_bytes(*bytes[at + 8..].first_chunk()?))
}

pub fn ip(mac: Mac) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, mac.0[4], mac.0[5])
}

pub fn udp4(src: Mac, dst: Mac, class: u8, src_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut udp = [0; Udp::LEN];
    Udp { src_port, dst_port: 9 }.emit_ipv4(ip(src), ip(dst), payload, &mut udp);
    let datagram = [&udp[..], payload].concat();
    ip4(src, dst, class, ipv4::protocol::UDP, &datagram)
}

pub fn ip4(src: Mac, dst: Mac, class: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; Ethernet::LEN + Ipv4::LEN];
    Ethernet { dst, src, ethertype: ethertype::IPV4 }.emit(out.first_chunk_mut().expect("there"));
    let payload_len = payload.len() as u16;
    Ipv4 { src: ip(src), dst: ip(dst), protocol, ttl: 64, payload_len }
        .emit(out.last_chunk_mut().expect("there"));
    out[15] = class;
    out[24..26].fill(0);
    let sum = checksum::of(&out[14..34]);
    out[24..26].copy_from_slice(&sum.to_be_bytes());
    out.extend(payload);
    out
}

/// Segments of TCP in one frame of `len` bytes of payload, its checksum left open, as a guest hands it over.
pub fn tcp(src: Mac, dst: Mac, six: bool, sequence: u32, len: usize) -> Vec<u8> {
    let mut segment = vec![0; 32];
    segment[..4].copy_from_slice(&[0x9c, 0x40, 0, 80]);
    segment[4..8].copy_from_slice(&sequence.to_be_bytes());
    segment[8..12].copy_from_slice(&7u32.to_be_bytes());
    (segment[12], segment[13]) = (0x80, 0x18); // 32 bytes; PSH, ACK
    segment[14..16].copy_from_slice(&512u16.to_be_bytes());
    segment[20..24].copy_from_slice(&[1, 1, 8, 10]);
    segment.extend((0..len).map(|at| (at % 251) as u8));
    if !six {
        let sum = Sum::ipv4(ip(src), ip(dst), 6, segment.len()).folded();
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        return ip4(src, dst, 0, 6, &segment);
    }
    let (from, to) = (ip6(src), ip6(dst));
    let sum = Sum::ipv6(from, to, 6, segment.len()).folded();
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut out = vec![0; 54];
    Ethernet { dst, src, ethertype: ethertype::IPV6 }.emit(out.first_chunk_mut().expect("there"));
    wire::Ipv6 { src: from, dst: to, next_header: 6, hop_limit: 64, payload_len: segment.len() as u16 }
        .emit(out.last_chunk_mut().expect("there"));
    out.extend(segment);
    out
}

pub fn ip6(mac: Mac) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(mac.0[5]))
}

pub fn is_question(bytes: &[u8]) -> bool {
    let Ok(view) = ethernet::View::new(bytes) else { return false };
    match view.ethertype() {
        ethertype::ARP => true,
        ethertype::IPV6 => bytes.get(20) == Some(&58),
        _ => false,
    }
}

/// What a card makes of a frame: datagrams of their own, and checksums.
pub fn on_the_wire(bytes: &[u8], offload: &Offload) -> Vec<Vec<u8>> {
    let Some(segments) = offload.segments else {
        return vec![summed(bytes.to_vec(), offload.checksum)];
    };
    assert_eq!(segments.kind, SegmentKind::Udp, "an underlay gets no other");
    let Checksum::Partial { start, .. } = offload.checksum else {
        panic!("segments without a checksum to finish")
    };
    let head = usize::from(start) + Udp::LEN;
    let mut out = Vec::new();
    for (nth, payload) in bytes[head..].chunks(usize::from(segments.size)).enumerate() {
        let mut one = [&bytes[..head], payload].concat();
        let len = (one.len() - usize::from(start)) as u16;
        one[head - 4..head - 2].copy_from_slice(&len.to_be_bytes());
        let l3 = Ethernet::LEN;
        if one[l3] >> 4 == 4 {
            let id = u16::from_be_bytes([one[18], one[19]]).wrapping_add(nth as u16);
            one[18..20].copy_from_slice(&id.to_be_bytes());
            one[16..18].copy_from_slice(&(len + 20).to_be_bytes());
            one[24..26].fill(0);
            let sum = checksum::of(&one[14..34]);
            one[24..26].copy_from_slice(&sum.to_be_bytes());
            let [src, dst] = [26, 30].map(|at| Ipv4Addr::from(*one[at..].first_chunk::<4>().expect("there")));
            let sum = Sum::ipv4(src, dst, 17, usize::from(len)).folded();
            one[head - 2..head].copy_from_slice(&sum.to_be_bytes());
        } else {
            one[18..20].copy_from_slice(&len.to_be_bytes());
            let [src, dst] =
                [22, 38].map(|at| Ipv6Addr::from(*one[at..].first_chunk::<16>().expect("there")));
            let sum = Sum::ipv6(src, dst, 17, usize::from(len)).folded();
            one[head - 2..head].copy_from_slice(&sum.to_be_bytes());
        }
        out.push(summed(one, offload.checksum));
    }
    out
}

fn summed(mut bytes: Vec<u8>, left: Checksum) -> Vec<u8> {
    if let Checksum::Partial { start, offset } = left {
        let (start, at) = (usize::from(start), usize::from(start) + usize::from(offset));
        let sum = checksum::of(&bytes[start..]);
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

//! The frame of an instance: what the switch looks at of it.

use wire::ethernet::{self, ethertype};
use wire::{Ethernet, Mac, ipv4, ipv6, vlan};

use crate::Why;
use crate::keyed::Keyed;

/// Where its headers are. Nothing is said of what they hold: an instance writes what it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    pub dst: Mac,
    pub src: Mac,
    pub l3: L3,
    /// Where layer 3 begins, behind at most two VLAN tags.
    pub l3_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L3 {
    Ipv4,
    Ipv6,
    Other,
}

impl Inner {
    pub fn of(frame: &[u8]) -> Result<Inner, Why> {
        let view = ethernet::View::new(frame).map_err(|_| Why::BadEthernet)?;
        let (dst, src, mut kind, mut l3_at) = (view.dst(), view.src(), view.ethertype(), Ethernet::LEN);
        if src.is_multicast() || src == Mac::ZERO {
            return Err(Why::BadEthernet);
        }
        while matches!(kind, ethertype::VLAN | vlan::SERVICE) && l3_at < Ethernet::LEN + 8 {
            let tag = wire::Vlan::parse(&frame[l3_at..]).map_err(|_| Why::BadEthernet)?;
            (kind, l3_at) = (tag.ethertype, l3_at + wire::Vlan::LEN);
        }
        let packet = &frame[l3_at..];
        let l3 = match kind {
            ethertype::IPV4 if packet.len() >= wire::Ipv4::LEN && packet[0] >> 4 == 4 => L3::Ipv4,
            ethertype::IPV6 if packet.len() >= wire::Ipv6::LEN && packet[0] >> 4 == 6 => L3::Ipv6,
            _ => L3::Other,
        };
        Ok(Inner { dst, src, l3, l3_at })
    }

    pub fn is_tagged(&self) -> bool {
        self.l3_at > Ethernet::LEN
    }

    /// Service class and congestion bits, if it is IP.
    pub fn class(&self, frame: &[u8]) -> Option<u8> {
        match self.l3 {
            L3::Ipv4 => Some(frame[self.l3_at + 1]),
            L3::Ipv6 => Some(frame[self.l3_at] << 4 | frame[self.l3_at + 1] >> 4),
            L3::Other => None,
        }
    }

    /// The protocol above IP and where it begins, if the packet is one piece and IPv6 has no extensions.
    pub fn l4(&self, frame: &[u8]) -> Option<(u8, usize)> {
        let at = self.l3_at;
        match self.l3 {
            L3::Ipv4 => {
                let is_fragment = u16::from_be_bytes([frame[at + 6], frame[at + 7]]) & 0x3fff != 0;
                let header_len = usize::from(frame[at] & 0x0f) * 4;
                (!is_fragment && header_len >= wire::Ipv4::LEN).then_some((frame[at + 9], at + header_len))
            }
            L3::Ipv6 => Some((frame[at + 6], at + wire::Ipv6::LEN)),
            L3::Other => None,
        }
    }

    /// A number that is the same for all frames of a flow.
    pub fn flow(&self, frame: &[u8], keyed: &Keyed) -> u32 {
        let word = |at: usize| u64::from_be_bytes(*frame[at..].first_chunk().unwrap_or(&[0; 8]));
        let ports = match self.l4(frame) {
            Some((ipv4::protocol::TCP | ipv4::protocol::UDP | 132, at)) => {
                u32::from_be_bytes(*frame.get(at..).and_then(|l4| l4.first_chunk()).unwrap_or(&[0; 4]))
            }
            _ => 0,
        };
        let at = self.l3_at;
        let hash = match self.l3 {
            L3::Ipv4 => keyed.of(&[word(at + 12), u64::from(ports) << 8 | u64::from(frame[at + 9])]),
            // The flow label is left out: it may differ among packets of one flow.
            L3::Ipv6 => keyed.of(&[
                word(at + 8),
                word(at + 16),
                word(at + 24),
                word(at + 32),
                u64::from(ports) << 8 | u64::from(frame[at + 6]),
            ]),
            L3::Other => keyed.of(&[number(self.dst), number(self.src)]),
        };
        (hash >> 32) as u32
    }
}

/// A MAC as a number below 2^48.
pub const fn number(mac: Mac) -> u64 {
    let m = mac.0;
    u64::from_be_bytes([0, 0, m[0], m[1], m[2], m[3], m[4], m[5]])
}

/// The reverse of [`number`].
pub const fn mac(number: u64) -> Mac {
    let n = number.to_be_bytes();
    Mac([n[2], n[3], n[4], n[5], n[6], n[7]])
}

/// Writes an IP header's service class and congestion bits; IPv4's checksum follows.
pub fn set_class(frame: &mut [u8], inner: &Inner, class: u8) {
    let at = inner.l3_at;
    match inner.l3 {
        L3::Ipv4 => {
            let old = u16::from_be_bytes([frame[at], frame[at + 1]]);
            frame[at + 1] = class;
            let new = u16::from_be_bytes([frame[at], class]);
            let sum = u16::from_be_bytes([frame[at + 10], frame[at + 11]]);
            frame[at + 10..at + 12].copy_from_slice(&updated(sum, old, new).to_be_bytes());
        }
        L3::Ipv6 => {
            frame[at] = frame[at] & 0xf0 | class >> 4;
            frame[at + 1] = frame[at + 1] & 0x0f | class << 4;
        }
        L3::Other => {}
    }
}

/// A checksum after one word of what it covers has changed (RFC 1624).
fn updated(sum: u16, old: u16, new: u16) -> u16 {
    let mut total = u32::from(!sum) + u32::from(!old) + u32::from(new);
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    !(total as u16)
}

const _: () =
    assert!(ipv6::next_header::TCP == ipv4::protocol::TCP && ipv6::next_header::UDP == ipv4::protocol::UDP);

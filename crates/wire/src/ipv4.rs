//! IPv4 headers (RFC 791). Options are skipped, fragments are recognised and not reassembled.

use std::net::Ipv4Addr;

use crate::{Malformed, checksum, need, take};

/// What a datagram carries.
pub mod protocol {
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
}

/// A datagram whose lengths agree with each other and with the bytes at hand.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    header_len: usize,
}

impl<'a> View<'a> {
    /// Bytes behind the datagram's total length are padding of the link.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, Ipv4::LEN)?;
        if bytes[0] >> 4 != 4 {
            return Err(Malformed::Field("version"));
        }
        let header_len = usize::from(bytes[0] & 0x0f) * 4;
        if header_len < Ipv4::LEN {
            return Err(Malformed::Field("header length"));
        }
        let total_len = usize::from(u16::from_be_bytes(take(bytes, 2)));
        if total_len < header_len {
            return Err(Malformed::Field("total length"));
        }
        need(bytes, total_len)?;
        Ok(View { bytes: &bytes[..total_len], header_len })
    }

    /// True if the header's checksum is right.
    #[inline]
    pub fn is_intact(self) -> bool {
        checksum::of(&self.bytes[..self.header_len]) == 0
    }

    /// True for any part of a datagram but a whole one.
    #[inline]
    pub fn is_fragment(self) -> bool {
        u16::from_be_bytes(take(self.bytes, 6)) & 0x3fff != 0
    }

    /// "Do not fragment".
    pub fn is_whole_only(self) -> bool {
        self.bytes[6] & 0x40 != 0
    }

    /// Service class (six bits) and congestion (two).
    #[inline]
    pub fn traffic_class(self) -> u8 {
        self.bytes[1]
    }

    #[inline]
    pub fn header_len(self) -> usize {
        self.header_len
    }

    pub fn ttl(self) -> u8 {
        self.bytes[8]
    }

    #[inline]
    pub fn protocol(self) -> u8 {
        self.bytes[9]
    }

    #[inline]
    pub fn src(self) -> Ipv4Addr {
        take::<4>(self.bytes, 12).into()
    }

    #[inline]
    pub fn dst(self) -> Ipv4Addr {
        take::<4>(self.bytes, 16).into()
    }

    #[inline]
    pub fn payload(self) -> &'a [u8] {
        &self.bytes[self.header_len..]
    }
}

/// An IPv4 header without options, of a datagram that is not a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4 {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    pub ttl: u8,
    pub payload_len: u16,
}

impl Ipv4 {
    pub const LEN: usize = 20;

    /// Refuses fragments and headers with a wrong checksum.
    pub fn parse(bytes: &[u8]) -> Result<Ipv4, Malformed> {
        let view = View::new(bytes)?;
        if !view.is_intact() {
            return Err(Malformed::Field("header checksum"));
        }
        if view.is_fragment() {
            return Err(Malformed::Field("fragment"));
        }
        Ok(Ipv4 {
            src: view.src(),
            dst: view.dst(),
            protocol: view.protocol(),
            ttl: view.ttl(),
            payload_len: view.payload().len() as u16,
        })
    }

    /// Writes the header with its checksum; "do not fragment" is set and the identification zero,
    /// as RFC 6864 section 4.1 allows for datagrams that are never cut.
    pub fn emit(&self, out: &mut [u8; Ipv4::LEN]) {
        let total_len = self.payload_len.saturating_add(Ipv4::LEN as u16);
        *out = [0; Ipv4::LEN];
        out[0] = 0x45;
        out[2..4].copy_from_slice(&total_len.to_be_bytes());
        out[6] = 0x40;
        out[8] = self.ttl;
        out[9] = self.protocol;
        out[12..16].copy_from_slice(&self.src.octets());
        out[16..20].copy_from_slice(&self.dst.octets());
        let sum = checksum::of(out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn datagram(payload: &[u8]) -> Vec<u8> {
        let header = Ipv4 {
            src: Ipv4Addr::new(10, 0, 0, 2),
            dst: Ipv4Addr::BROADCAST,
            protocol: protocol::UDP,
            ttl: 64,
            payload_len: payload.len() as u16,
        };
        let mut bytes = vec![0; Ipv4::LEN];
        header.emit(bytes.first_chunk_mut().expect("20 bytes"));
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn refusals() {
        let good = datagram(b"payload");
        for (at, value, want) in [
            (0, 0x65, "version"),
            (0, 0x44, "header length"),
            (3, 19, "total length"),
            (6, 0x20, "header checksum"),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Ipv4::parse(&bad), Err(Malformed::Field(want)), "byte {at}");
        }
        let mut cut = good.clone();
        cut.pop();
        assert_eq!(Ipv4::parse(&cut), Err(Malformed::Short { need: 27, got: 26 }));
        let mut fragment = good.clone();
        (fragment[6], fragment[10], fragment[11]) = (0x20, 0, 0);
        let sum = checksum::of(&fragment[..20]);
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(Ipv4::parse(&fragment), Err(Malformed::Field("fragment")));
    }

    #[test]
    fn padding_is_not_payload() {
        let mut padded = datagram(b"abc");
        padded.extend([0; 40]);
        let view = View::new(&padded).expect("valid");
        assert_eq!(view.payload(), b"abc");
    }

    proptest! {
        #[test]
        fn round_trip(ips: [[u8; 4]; 2], protocol: u8, ttl: u8, len in 0u16..100) {
            let header = Ipv4 {
                src: ips[0].into(), dst: ips[1].into(), protocol, ttl, payload_len: len,
            };
            let mut bytes = vec![0; Ipv4::LEN + usize::from(len)];
            header.emit(bytes.first_chunk_mut().expect("20 bytes"));
            prop_assert_eq!(Ipv4::parse(&bytes), Ok(header));
        }

        #[test]
        fn any_bytes(mut bytes: Vec<u8>, length: u8) {
            let _ = Ipv4::parse(&bytes);
            if bytes.len() > 4 {
                (bytes[0], bytes[2], bytes[3]) = (0x40 | (bytes[0] & 0x0f), 0, length);
                if let Ok(view) = View::new(&bytes) {
                    let _ = (view.payload(), view.is_intact(), view.is_fragment(), view.dst());
                }
            }
        }
    }
}

//! UDP headers (RFC 768).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::Sum;
use crate::{Malformed, need, take};

/// The protocol number of UDP, in IPv4 and in IPv6.
const PROTOCOL: u8 = 17;

/// A datagram whose length agrees with the bytes at hand. The checksum is not looked at: between
/// local devices it is often left for hardware to finish.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, Udp::LEN)?;
        let len = usize::from(u16::from_be_bytes(take(bytes, 4)));
        if len < Udp::LEN {
            return Err(Malformed::Field("length"));
        }
        need(bytes, len)?;
        Ok(View(&bytes[..len]))
    }

    pub fn src_port(self) -> u16 {
        u16::from_be_bytes(take(self.0, 0))
    }

    #[inline]
    pub fn dst_port(self) -> u16 {
        u16::from_be_bytes(take(self.0, 2))
    }

    #[inline]
    pub fn payload(self) -> &'a [u8] {
        &self.0[Udp::LEN..]
    }
}

/// The ports of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp {
    pub src_port: u16,
    pub dst_port: u16,
}

impl Udp {
    pub const LEN: usize = 8;

    pub fn parse(bytes: &[u8]) -> Result<Udp, Malformed> {
        let view = View::new(bytes)?;
        Ok(Udp { src_port: view.src_port(), dst_port: view.dst_port() })
    }

    /// Writes the header of a datagram over IPv4, with its checksum.
    pub fn emit_ipv4(&self, src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8], out: &mut [u8; Udp::LEN]) {
        self.emit(Sum::ipv4(src, dst, PROTOCOL, Udp::LEN + payload.len()), payload, out);
    }

    /// Writes the header of a datagram over IPv6, with its checksum.
    pub fn emit_ipv6(&self, src: Ipv6Addr, dst: Ipv6Addr, payload: &[u8], out: &mut [u8; Udp::LEN]) {
        self.emit(Sum::ipv6(src, dst, PROTOCOL, Udp::LEN + payload.len()), payload, out);
    }

    fn emit(&self, pseudo_header: Sum, payload: &[u8], out: &mut [u8; Udp::LEN]) {
        let len = u16::try_from(Udp::LEN + payload.len()).unwrap_or(u16::MAX);
        out[0..2].copy_from_slice(&self.src_port.to_be_bytes());
        out[2..4].copy_from_slice(&self.dst_port.to_be_bytes());
        out[4..6].copy_from_slice(&len.to_be_bytes());
        out[6..8].fill(0);
        // Zero says "no checksum", so a sum of zero travels as its other form.
        let sum = match pseudo_header.with(out).with(payload).finish() {
            0 => 0xffff,
            sum => sum,
        };
        out[6..8].copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refusals() {
        for (bytes, want) in [
            (vec![0; 7], Malformed::Short { need: 8, got: 7 }),
            (vec![0, 1, 0, 2, 0, 7, 0, 0], Malformed::Field("length")),
            (vec![0, 1, 0, 2, 0, 9, 0, 0], Malformed::Short { need: 9, got: 8 }),
        ] {
            assert_eq!(Udp::parse(&bytes), Err(want), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(ports: [u16; 2], ips: [[u8; 16]; 2], payload: Vec<u8>) {
            let (src, dst) = (Ipv6Addr::from(ips[0]), Ipv6Addr::from(ips[1]));
            let header = Udp { src_port: ports[0], dst_port: ports[1] };
            let mut bytes = vec![0; Udp::LEN];
            header.emit_ipv6(src, dst, &payload, bytes.first_chunk_mut().expect("8 bytes"));
            bytes.extend_from_slice(&payload);
            prop_assert_eq!(Udp::parse(&bytes), Ok(header));
            prop_assert_eq!(View::new(&bytes).expect("valid").payload(), &payload[..]);
            prop_assert_eq!(Sum::ipv6(src, dst, PROTOCOL, bytes.len()).with(&bytes).finish(), 0);
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = Udp::parse(&bytes);
        }
    }
}

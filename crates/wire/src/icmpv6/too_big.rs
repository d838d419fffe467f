//! "Packet too big" (RFC 4443 section 3.2).

use std::net::Ipv6Addr;

use super::{View, begin, finish, kind};
use crate::{Malformed, take};

/// A router says that a packet does not fit its next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooBig<'a> {
    pub mtu: u32,
    /// As much of the packet as keeps the message within 1,280 bytes.
    pub about: &'a [u8],
}

impl<'a> TooBig<'a> {
    pub fn parse(bytes: &'a [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<TooBig<'a>, Malformed> {
        let body = View::of_kind(bytes, kind::PACKET_TOO_BIG, 4, src, dst)?;
        Ok(TooBig { mtu: u32::from_be_bytes(take(body, 0)), about: &body[4..] })
    }

    /// Appends the message.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let start = begin(kind::PACKET_TOO_BIG, out);
        out.extend(self.mtu.to_be_bytes());
        out.extend(self.about);
        finish(src, dst, start, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trip(mtu: u32, about: Vec<u8>, ips: [[u8; 16]; 2]) {
            let (src, dst) = (ips[0].into(), ips[1].into());
            let mut out = Vec::new();
            TooBig { mtu, about: &about }.emit(src, dst, &mut out);
            proptest::prop_assert_eq!(&out[..2], &[2, 0]);
            proptest::prop_assert_eq!(TooBig::parse(&out, src, dst), Ok(TooBig { mtu, about: &about }));
        }
    }
}

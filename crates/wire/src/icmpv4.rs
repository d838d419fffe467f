//! ICMP for IPv4 (RFC 792), and its "fragmentation needed" with the next hop's MTU (RFC 1191).

use crate::{Malformed, checksum, need, take};

/// Message types.
pub mod kind {
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    pub const ECHO_REPLY: u8 = 0;
    pub const ECHO_REQUEST: u8 = 8;
}

/// The code of [`kind::DESTINATION_UNREACHABLE`] that says that a datagram is too big.
pub const FRAGMENTATION_NEEDED: u8 = 4;

/// A message of at least a whole header.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    pub const LEN: usize = 8;

    pub const fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        match need(bytes, View::LEN) {
            Ok(()) => Ok(View(bytes)),
            Err(why) => Err(why),
        }
    }

    pub fn kind(self) -> u8 {
        self.0[0]
    }

    pub fn code(self) -> u8 {
        self.0[1]
    }

    pub fn is_intact(self) -> bool {
        checksum::of(self.0) == 0
    }
}

/// A router says that a datagram does not fit its next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooBig<'a> {
    pub mtu: u16,
    /// The datagram's header and at least eight bytes of what it carries.
    pub about: &'a [u8],
}

impl<'a> TooBig<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<TooBig<'a>, Malformed> {
        let view = View::new(bytes)?;
        if (view.kind(), view.code()) != (kind::DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED) {
            return Err(Malformed::Field("type or code"));
        }
        if !view.is_intact() {
            return Err(Malformed::Field("checksum"));
        }
        Ok(TooBig { mtu: u16::from_be_bytes(take(bytes, 6)), about: &bytes[View::LEN..] })
    }

    /// Appends the message.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([kind::DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, 0, 0]);
        out.extend(self.mtu.to_be_bytes());
        out.extend(self.about);
        let sum = checksum::of(&out[start..]);
        out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes() {
        let mut out = Vec::new();
        TooBig { mtu: 1450, about: &[0x45, 0, 0, 20] }.emit(&mut out);
        assert_eq!((&out[..2], &out[4..]), (&[3, 4][..], &[0, 0, 0x05, 0xaa, 0x45, 0, 0, 20][..]));
        assert_eq!(TooBig::parse(&out), Ok(TooBig { mtu: 1450, about: &[0x45, 0, 0, 20] }));
        out[7] ^= 1;
        assert_eq!(TooBig::parse(&out), Err(Malformed::Field("checksum")));
        out[1] = 3;
        assert_eq!(TooBig::parse(&out), Err(Malformed::Field("type or code")));
        assert_eq!(TooBig::parse(&out[..7]), Err(Malformed::Short { need: 8, got: 7 }));
    }

    proptest::proptest! {
        #[test]
        fn round_trip(mtu: u16, about: Vec<u8>) {
            let mut out = vec![1, 2, 3];
            TooBig { mtu, about: &about }.emit(&mut out);
            proptest::prop_assert_eq!(TooBig::parse(&out[3..]), Ok(TooBig { mtu, about: &about }));
        }
    }
}

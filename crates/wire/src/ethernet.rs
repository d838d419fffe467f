//! Ethernet II frames (RFC 894). VLAN tags are not looked behind: a tagged frame has ethertype 8100.

use crate::{Mac, Malformed, need, take};

/// What a frame's payload is.
pub mod ethertype {
    pub const ARP: u16 = 0x0806;
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    pub const VLAN: u16 = 0x8100;
}

/// A frame of at least a whole header.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    #[inline]
    pub const fn new(frame: &'a [u8]) -> Result<View<'a>, Malformed> {
        match need(frame, Ethernet::LEN) {
            Ok(()) => Ok(View(frame)),
            Err(why) => Err(why),
        }
    }

    #[inline]
    pub fn dst(self) -> Mac {
        Mac(take(self.0, 0))
    }

    #[inline]
    pub fn src(self) -> Mac {
        Mac(take(self.0, 6))
    }

    #[inline]
    pub fn ethertype(self) -> u16 {
        u16::from_be_bytes(take(self.0, 12))
    }

    /// Everything behind the header, padding included.
    #[inline]
    pub fn payload(self) -> &'a [u8] {
        &self.0[Ethernet::LEN..]
    }
}

/// An Ethernet header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ethernet {
    pub dst: Mac,
    pub src: Mac,
    pub ethertype: u16,
}

impl Ethernet {
    pub const LEN: usize = 14;

    pub fn parse(frame: &[u8]) -> Result<Ethernet, Malformed> {
        let view = View::new(frame)?;
        Ok(Ethernet { dst: view.dst(), src: view.src(), ethertype: view.ethertype() })
    }

    pub fn emit(&self, out: &mut [u8; Ethernet::LEN]) {
        out[0..6].copy_from_slice(&self.dst.0);
        out[6..12].copy_from_slice(&self.src.0);
        out[12..14].copy_from_slice(&self.ethertype.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(dst: [u8; 6], src: [u8; 6], ethertype: u16) {
            let header = Ethernet { dst: Mac(dst), src: Mac(src), ethertype };
            let mut bytes = [0; Ethernet::LEN];
            header.emit(&mut bytes);
            prop_assert_eq!(Ethernet::parse(&bytes), Ok(header));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            match View::new(&bytes) {
                Ok(view) => prop_assert_eq!(view.payload(), &bytes[14..]),
                Err(why) => prop_assert_eq!(why, Malformed::Short { need: 14, got: bytes.len() }),
            }
        }
    }
}

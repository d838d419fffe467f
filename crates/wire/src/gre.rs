//! GRE with a key and an Ethernet payload: NVGRE (RFC 7637 section 3.2, of RFC 2784 and RFC 2890).

use crate::{Malformed, Vni, need, take};

/// Transparent Ethernet bridging.
pub const ETHERNET: u16 = 0x6558;
/// The protocol number of GRE, in IPv4 and in IPv6.
pub const PROTOCOL: u8 = 47;

const KEY: u16 = 0x2000;

/// An NVGRE header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nvgre {
    pub vsid: Vni,
    /// Entropy of the flow. Peers that see one key of 32 bits want it to be what they were told.
    pub flow_id: u8,
}

impl Nvgre {
    pub const LEN: usize = 8;

    /// A key must be there; checksum and sequence number must not.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Nvgre, Malformed> {
        need(bytes, Nvgre::LEN)?;
        if u16::from_be_bytes(take(bytes, 0)) != KEY {
            return Err(Malformed::Field("flags or version"));
        }
        if u16::from_be_bytes(take(bytes, 2)) != ETHERNET {
            return Err(Malformed::Field("protocol type"));
        }
        Ok(Nvgre { vsid: Vni::from_high_bytes(take(bytes, 4)), flow_id: bytes[7] })
    }

    pub fn emit(&self, out: &mut [u8; Nvgre::LEN]) {
        out[..2].copy_from_slice(&KEY.to_be_bytes());
        out[2..4].copy_from_slice(&ETHERNET.to_be_bytes());
        out[4..].copy_from_slice(&self.vsid.with_low_byte(self.flow_id));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figure_of_the_rfc() {
        let mut out = [0xff; 8];
        Nvgre { vsid: Vni::new(0x12_3456).expect("24 bits"), flow_id: 0x78 }.emit(&mut out);
        assert_eq!(out, [0x20, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0x78]);
        for (at, value, want) in [
            (0, 0x00, "flags or version"), // no key
            (0, 0xa0, "flags or version"), // a checksum
            (0, 0x30, "flags or version"), // a sequence number
            (1, 0x01, "flags or version"), // PPTP
            (3, 0x00, "protocol type"),
        ] {
            let mut bad = out;
            bad[at] = value;
            assert_eq!(Nvgre::parse(&bad), Err(Malformed::Field(want)), "byte {at}");
        }
        assert_eq!(Nvgre::parse(&out[..7]), Err(Malformed::Short { need: 8, got: 7 }));
    }

    proptest! {
        #[test]
        fn round_trip(number in 0..=Vni::MAX, flow_id: u8) {
            let header = Nvgre { vsid: Vni::new(number).expect("in range"), flow_id };
            let mut out = [0; Nvgre::LEN];
            header.emit(&mut out);
            prop_assert_eq!(Nvgre::parse(&out), Ok(header));
        }
    }
}

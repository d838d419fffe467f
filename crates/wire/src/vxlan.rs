//! VXLAN headers (RFC 7348 section 5).

use crate::{Malformed, Vni, need, take};

/// The UDP port that is usual.
pub const PORT: u16 = 4789;

/// A VXLAN header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vxlan {
    pub vni: Vni,
}

impl Vxlan {
    pub const LEN: usize = 8;

    /// Reserved bits are not looked at, as section 5 says; extensions that use them need another peer.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Vxlan, Malformed> {
        need(bytes, Vxlan::LEN)?;
        if bytes[0] & 0x08 == 0 {
            return Err(Malformed::Field("flag I"));
        }
        Ok(Vxlan { vni: Vni::from_high_bytes(take(bytes, 4)) })
    }

    pub fn emit(&self, out: &mut [u8; Vxlan::LEN]) {
        out[..4].copy_from_slice(&[0x08, 0, 0, 0]);
        out[4..].copy_from_slice(&self.vni.with_low_byte(0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figure_of_the_rfc() {
        let mut out = [0xff; 8];
        Vxlan { vni: Vni::new(0x12_3456).expect("24 bits") }.emit(&mut out);
        assert_eq!(out, [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
        assert_eq!(Vxlan::parse(&[0; 8]), Err(Malformed::Field("flag I")));
        assert_eq!(Vxlan::parse(&out[..7]), Err(Malformed::Short { need: 8, got: 7 }));
        let reserved =
            Vxlan::parse(&[0xff, 1, 2, 3, 0x12, 0x34, 0x56, 9]).expect("reserved bits are ignored");
        assert_eq!(reserved.vni.number(), 0x12_3456);
    }

    proptest! {
        #[test]
        fn round_trip(number in 0..=Vni::MAX) {
            let header = Vxlan { vni: Vni::new(number).expect("in range") };
            let mut out = [0; Vxlan::LEN];
            header.emit(&mut out);
            prop_assert_eq!(Vxlan::parse(&out), Ok(header));
        }
    }
}

//! VLAN tags (IEEE 802.1Q): four bytes between the source address and the type of what follows.

use crate::{Malformed, need, take};

/// What stands behind the type 8100, or 88a8 for a tag around a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vlan {
    /// Priority.
    pub pcp: u8,
    pub drop_eligible: bool,
    /// 0 is a tag with a priority alone.
    pub id: u16,
    /// What follows.
    pub ethertype: u16,
}

/// The type of an outer tag (IEEE 802.1ad).
pub const SERVICE: u16 = 0x88a8;

impl Vlan {
    pub const LEN: usize = 4;

    pub fn parse(bytes: &[u8]) -> Result<Vlan, Malformed> {
        need(bytes, Vlan::LEN)?;
        let control = u16::from_be_bytes(take(bytes, 0));
        Ok(Vlan {
            pcp: (control >> 13) as u8,
            drop_eligible: control & 0x1000 != 0,
            id: control & 0x0fff,
            ethertype: u16::from_be_bytes(take(bytes, 2)),
        })
    }

    pub fn emit(&self, out: &mut [u8; Vlan::LEN]) {
        let control = u16::from(self.pcp) << 13 | u16::from(self.drop_eligible) << 12 | self.id & 0x0fff;
        out[..2].copy_from_slice(&control.to_be_bytes());
        out[2..].copy_from_slice(&self.ethertype.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        let tag = Vlan { pcp: 5, drop_eligible: true, id: 0x123, ethertype: 0x0800 };
        let mut out = [0; 4];
        tag.emit(&mut out);
        assert_eq!(out, [0xb1, 0x23, 0x08, 0x00]);
        assert_eq!(Vlan::parse(&out[..3]), Err(Malformed::Short { need: 4, got: 3 }));
    }

    proptest! {
        #[test]
        fn round_trip(bytes: [u8; 4]) {
            let mut out = [0; 4];
            Vlan::parse(&bytes).expect("long enough").emit(&mut out);
            prop_assert_eq!(out, bytes);
        }
    }
}

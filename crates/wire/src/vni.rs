//! The 24-bit number of a network in a tunnel: VNI of VXLAN and GENEVE, VSID of NVGRE.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// A number below 2^24.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

impl Vni {
    pub const MAX: u32 = 0xff_ffff;

    pub const fn new(number: u32) -> Option<Vni> {
        if number <= Vni::MAX { Some(Vni(number)) } else { None }
    }

    pub const fn number(self) -> u32 {
        self.0
    }

    /// Three bytes and a last one of another meaning, as all formats have it.
    pub(crate) const fn with_low_byte(self, low: u8) -> [u8; 4] {
        (self.0 << 8 | low as u32).to_be_bytes()
    }

    pub(crate) const fn from_high_bytes(word: [u8; 4]) -> Vni {
        Vni(u32::from_be_bytes(word) >> 8)
    }
}

impl TryFrom<u32> for Vni {
    type Error = Malformed;

    fn try_from(number: u32) -> Result<Vni, Malformed> {
        Vni::new(number).ok_or(Malformed::Field("vni"))
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> u32 {
        vni.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

//! IEEE 802 addresses.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Malformed;

/// A 48-bit Ethernet address, written `fa:16:3e:00:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    pub const ZERO: Mac = Mac([0; 6]);

    /// Group bit: broadcast or multicast.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The interface identifier of RFC 4291 appendix A (modified EUI-64).
    pub const fn eui64(self) -> [u8; 8] {
        let m = self.0;
        [m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]]
    }
}

impl FromStr for Mac {
    type Err = Malformed;

    /// Takes six octets of one or two hex digits joined by `:` or `-`, or twelve digits in a row.
    fn from_str(text: &str) -> Result<Mac, Malformed> {
        const BAD: Malformed = Malformed::Field("mac");
        let mut out = [0u8; 6];
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            for (i, octet) in out.iter_mut().enumerate() {
                *octet = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| BAD)?;
            }
            return Ok(Mac(out));
        }
        let mut parts = text.split([':', '-']);
        for octet in &mut out {
            let part = parts.next().ok_or(BAD)?;
            if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BAD);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| BAD)?;
        }
        if parts.next().is_some() { Err(BAD) } else { Ok(Mac(out)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Mac, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        for (text, want) in [
            ("fa:16:3e:00:00:01", Some([0xfa, 0x16, 0x3e, 0, 0, 1])),
            ("FA-16-3E-0-0-1", Some([0xfa, 0x16, 0x3e, 0, 0, 1])),
            ("fa163e000001", Some([0xfa, 0x16, 0x3e, 0, 0, 1])),
            ("fa:16:3e:00:00", None),
            ("fa:16:3e:00:00:01:02", None),
            ("fa:16:3e:00:00:g1", None),
            ("fa:16:3e::00:01", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Mac>().ok(), want.map(Mac), "{text}");
        }
    }

    #[test]
    fn eui64_flips_the_universal_bit() {
        let mac: Mac = "fa:16:3e:12:34:56".parse().expect("valid");
        assert_eq!(mac.eui64(), [0xf8, 0x16, 0x3e, 0xff, 0xfe, 0x12, 0x34, 0x56]);
    }
}

//! The Internet checksum (RFC 1071) and the pseudo-headers it covers (RFC 768, RFC 8200 section 8.1).

use std::net::{Ipv4Addr, Ipv6Addr};

/// A ones' complement sum in the making.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// A sum over the pseudo-header of UDP or TCP over IPv4.
    pub fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: usize) -> Sum {
        let rest = Sum(u64::from(protocol) + len as u64);
        rest.with(&src.octets()).with(&dst.octets())
    }

    /// A sum over the pseudo-header of any protocol over IPv6.
    pub fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, len: usize) -> Sum {
        let rest = Sum(u64::from(next_header) + (len as u64 >> 16) + (len as u64 & 0xffff));
        rest.with(&src.octets()).with(&dst.octets())
    }

    /// Adds bytes that start at an even offset; an odd last byte is padded with zero.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Sum {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
        let odd: u64 = odd.iter().map(|last| u64::from(*last) << 8).sum();
        Sum(self.0 + pairs + odd)
    }

    /// The value for the checksum field; zero if the field was summed with its correct value.
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !(sum as u16)
    }
}

/// The checksum of some bytes.
pub fn of(bytes: &[u8]) -> u16 {
    Sum::default().with(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        // RFC 1071 section 3: the sum is ddf2.
        assert_eq!(of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(of(&[]), 0xffff);
        assert_eq!(of(&[0xff]), 0x00ff, "an odd byte is the high half of a word");
    }

    proptest::proptest! {
        #[test]
        fn bytes_with_their_own_checksum_sum_to_zero(mut bytes: Vec<u8>) {
            if bytes.len() % 2 == 1 {
                bytes.push(0);
            }
            let sum = of(&bytes);
            bytes.extend(sum.to_be_bytes());
            proptest::prop_assert_eq!(of(&bytes), 0);
        }
    }
}

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
    #[inline]
    pub fn with(self, bytes: &[u8]) -> Sum {
        // The sum of words is the same in either byte order, but for the order of its own bytes (RFC 1071 section
        // 2.B); wide words add their halves up when it is folded (2.C).
        let (blocks, rest) = bytes.as_chunks::<32>();
        // Four sums beside each other: none waits for the carry of another.
        let mut lanes = [0u128; 4];
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
                *lane += u128::from(u64::from_ne_bytes(*word));
            }
        }
        let wide: u128 = lanes.iter().sum();
        let (words, rest) = rest.as_chunks::<4>();
        let words: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
        let words = words + (wide >> 64) as u64 + (wide as u64 >> 32) + (wide as u64 & 0xffff_ffff);
        let (pairs, odd) = rest.as_chunks::<2>();
        let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
        let odd: u64 = odd.iter().map(|last| u64::from(*last) << 8).sum();
        Sum(self.0 + u64::from(u16::from_be(fold(words))) + pairs + odd)
    }

    /// Adds a number: the sum of some of the words.
    #[must_use]
    pub const fn plus(self, number: u32) -> Sum {
        Sum(self.0 + number as u64)
    }

    /// The value for the checksum field; zero if the field was summed with its correct value.
    #[inline]
    pub fn finish(self) -> u16 {
        !self.folded()
    }

    /// The sum itself: what hardware that finishes a checksum wants in its field.
    pub fn folded(self) -> u16 {
        fold(self.0)
    }
}

const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// The checksum of some bytes.
#[inline]
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

    #[test]
    fn a_sum_of_wide_words_is_the_sum_of_narrow_ones() {
        let bytes: Vec<u8> = (0..2000u32).map(|at| ((at * 197) >> 3) as u8).collect();
        for len in (0..70).chain([1400, 1999]) {
            let mut narrow: u32 = 0;
            for pair in bytes[..len].chunks(2) {
                narrow += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            }
            while narrow > 0xffff {
                narrow = (narrow >> 16) + (narrow & 0xffff);
            }
            assert_eq!(of(&bytes[..len]), !(narrow as u16), "{len} bytes");
        }
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

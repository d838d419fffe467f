//! The time and the randomness of one request.

use uuid::Uuid;
use wire::Mac;

/// Enters once, at the edge; decisions draw from it, so that the same stamp gives the same result.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// Microseconds since the epoch.
    pub now_us: i64,
    /// The same as the API writes it: `2026-01-31T23:59:59Z`.
    pub now: String,
    state: [u64; 2],
}

impl Stamp {
    /// `seed` must come from the operating system; two equal seeds give equal ids.
    pub fn new(now_us: i64, now: String, seed: u128) -> Stamp {
        let state = [(seed >> 64) as u64 | 1, seed as u64];
        Stamp { now_us, now, state }
    }

    /// xoroshiro128+ (Blackman and Vigna): 128 bits of state, good enough for ids and choices.
    pub fn random(&mut self) -> u64 {
        let [a, mut b] = self.state;
        let out = a.wrapping_add(b);
        b ^= a;
        self.state = [a.rotate_left(24) ^ b ^ (b << 16), b.rotate_left(37)];
        out
    }

    /// A random UUID (RFC 9562 version 4).
    pub fn uuid(&mut self) -> Uuid {
        let bits = u128::from(self.random()) << 64 | u128::from(self.random());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u128) -> u128 {
        let bits = u128::from(self.random()) << 64 | u128::from(self.random());
        bits.checked_rem(bound).unwrap_or(0)
    }

    /// A MAC address that keeps the non-zero octets of `base`, at least the first three.
    pub fn mac(&mut self, base: Mac) -> Mac {
        let mut mac = base;
        let random = self.random().to_be_bytes();
        for (at, octet) in mac.0.iter_mut().enumerate().skip(3) {
            if at > 3 || *octet == 0 {
                *octet = random[at];
            }
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let mut a = Stamp::new(0, String::new(), 7);
        let mut b = Stamp::new(0, String::new(), 7);
        let (first, second) = (a.uuid(), a.uuid());
        assert_ne!(first, second);
        assert_eq!(first, b.uuid());
        assert_eq!(first.get_version_num(), 4);
        assert!(a.below(10) < 10);
        assert_eq!(a.below(0), 0);
        let mac = a.mac(Mac([0xfa, 0x16, 0x3e, 0, 0, 0]));
        assert_eq!(mac.0[..3], [0xfa, 0x16, 0x3e]);
    }
}

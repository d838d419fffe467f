//! Hashes under a key that senders of frames do not know: they choose what is hashed.

use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

/// A table.
pub type Map<K, V> = hashbrown::HashMap<K, V, Keyed>;

/// Makes hashers of one key.
#[derive(Clone)]
pub struct Keyed(SeedableRandomState);

impl Keyed {
    /// The constants of the hash are part of the key. They live as long as the program: a few bytes a switch.
    pub fn new(seed: [u64; 2]) -> Keyed {
        let shared: &'static SharedSeed = Box::leak(Box::new(SharedSeed::from_u64(seed[0])));
        Keyed(SeedableRandomState::with_seed(seed[1], shared))
    }

    /// The hash of some numbers.
    pub fn of(&self, numbers: &[u64]) -> u64 {
        let mut hasher = self.build_hasher();
        for number in numbers {
            hasher.write_u64(*number);
        }
        hasher.finish()
    }
}

impl BuildHasher for Keyed {
    type Hasher = foldhash::fast::FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}

impl std::fmt::Debug for Keyed {
    /// The key stays out of what is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed")
    }
}

//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bus::Bus;

/// When the bus comes back, hosts return to the server within this time, each at its own moment.
const SPREAD: Duration = Duration::from_secs(3);

/// A moment within [`SPREAD`].
pub(crate) fn spread() -> Duration {
    SPREAD.mul_f64(chance())
}

/// Doubles from try to try, up to a limit, and spreads so that hosts do not try in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    tries: u32,
}

impl Backoff {
    pub fn new(first: Duration, limit: Duration) -> Backoff {
        Backoff { first, limit, tries: 0 }
    }

    /// The next wait: half of the doubled time for certain, the other half by chance.
    pub fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.tries.min(16)).min(self.limit);
        self.tries += 1;
        doubled / 2 + (doubled / 2).mul_f64(chance())
    }

    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// No try has failed since the last success.
    pub fn is_fresh(&self) -> bool {
        self.tries == 0
    }

    /// Waits before the next try; without a bus, until it is back and a little longer.
    pub async fn pause(&mut self, bus: &Bus) {
        let wait = self.next();
        let mut connected = bus.connected();
        if *connected.borrow_and_update() {
            tokio::time::sleep(wait).await;
        } else if connected.wait_for(|connected| *connected).await.is_ok() {
            tokio::time::sleep(spread()).await;
        }
    }
}

/// A number from 0 up to 1.
pub(crate) fn chance() -> f64 {
    // Each RandomState has keys of its own: enough to spread retries.
    let random = RandomState::new().hash_one(0u8) >> 11;
    random as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_start_again() {
        let (first, limit) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, limit);
        assert!(backoff.next() <= first);
        for _ in 0..40 {
            assert!(backoff.next() <= limit);
        }
        assert!(backoff.next() >= limit / 2);
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}

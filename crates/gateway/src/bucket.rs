//! So much in a time, and a little more at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Filled at a rate; who takes more than is there waits until it would be.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_s: u64,
    inner: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    /// Below zero: others took what is to come.
    there: f64,
    at: Instant,
}

/// As much as comes in this time may be taken at once.
const AT_ONCE_S: f64 = 0.25;
const AT_ONCE_LEAST: f64 = 65536.0;

impl Bucket {
    /// Any amount, if the rate is 0.
    pub fn new(per_s: u64, now: Instant) -> Bucket {
        Bucket { per_s, inner: Mutex::new(Level { there: 0.0, at: now }) }
    }

    pub fn per_s(&self) -> u64 {
        self.per_s
    }

    /// Takes so much, and says how long to wait before it is used.
    pub fn take(&self, amount: u64, now: Instant) -> Duration {
        if self.per_s == 0 {
            return Duration::ZERO;
        }
        let rate = self.per_s as f64;
        let mut level = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut level, now, rate, (rate * AT_ONCE_S).max(AT_ONCE_LEAST.min(rate)));
        level.there -= amount as f64;
        if level.there >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-level.there / rate) }
    }

    /// Takes one if it is there.
    pub fn try_one(&self, now: Instant) -> bool {
        let rate = self.per_s as f64;
        let mut level = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut level, now, rate, rate);
        let there = level.there >= 1.0;
        if there {
            level.there -= 1.0;
        }
        there
    }
}

fn fill(level: &mut Level, now: Instant, rate: f64, most: f64) {
    // Callers on several threads may come in another order than their times.
    let now = now.max(level.at);
    level.there = (level.there + now.duration_since(level.at).as_secs_f64() * rate).min(most);
    level.at = now;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_share_it_get_its_rate_together() {
        let begun = Instant::now();
        let (bucket, mut now) = (Bucket::new(1_000_000, begun), begun);
        for _ in 0..100 {
            now += bucket.take(50_000, now);
        }
        let took = now.duration_since(begun).as_secs_f64();
        assert!((4.9..=5.1).contains(&took), "{took} s for 5 s of bytes");
        assert_eq!(Bucket::new(0, begun).take(u64::MAX, begun), Duration::ZERO);
    }

    #[test]
    fn single_ones_are_there_or_not() {
        let begun = Instant::now();
        let bucket = Bucket::new(10, begun);
        let there = |after_ms| {
            let now = begun + Duration::from_millis(after_ms);
            (0..100).filter(|_| bucket.try_one(now)).count()
        };
        assert_eq!((there(60_000), there(60_300)), (10, 3));
    }
}

//! So much in a time, and a little more at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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
    pub fn new(per_s: u64) -> Bucket {
        Bucket { per_s, inner: Mutex::new(Level { there: 0.0, at: Instant::now() }) }
    }

    pub fn per_s(&self) -> u64 {
        self.per_s
    }

    /// Takes so much, and says how long to wait before it is used.
    pub fn take(&self, amount: u64) -> Duration {
        if self.per_s == 0 {
            return Duration::ZERO;
        }
        let rate = self.per_s as f64;
        let mut level = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut level, rate, (rate * AT_ONCE_S).max(AT_ONCE_LEAST.min(rate)));
        level.there -= amount as f64;
        if level.there >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-level.there / rate) }
    }

    /// Takes one if it is there.
    pub fn try_one(&self) -> bool {
        let rate = self.per_s as f64;
        let mut level = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut level, rate, rate);
        let there = level.there >= 1.0;
        if there {
            level.there -= 1.0;
        }
        there
    }
}

fn fill(level: &mut Level, rate: f64, most: f64) {
    let now = Instant::now();
    level.there = (level.there + now.duration_since(level.at).as_secs_f64() * rate).min(most);
    level.at = now;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_share_it_get_its_rate_together() {
        let bucket = Bucket::new(1_000_000);
        let begun = Instant::now();
        for _ in 0..100 {
            let wait = bucket.take(50_000);
            tokio::time::advance(wait).await;
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((4.9..=5.1).contains(&took), "{took} s for 5 s of bytes");
        assert_eq!(Bucket::new(0).take(u64::MAX), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn single_ones_are_there_or_not() {
        let bucket = Bucket::new(10);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((0..100).filter(|_| bucket.try_one()).count(), 10);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!((0..100).filter(|_| bucket.try_one()).count(), 3);
    }
}

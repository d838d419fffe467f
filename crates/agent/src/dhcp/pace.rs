//! How many frames of one network are looked at.

use std::time::Duration;

use tokio::time::Instant;

/// Frames at once: a rack of instances that boot together.
const BURST: u32 = 256;
const PER_SECOND: u32 = 256;
/// Without tokens the network is left alone for so long; its frames wait, or are dropped, in the
/// kernel.
const REST: Duration = Duration::from_millis(100);

/// A token bucket.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    tokens: u32,
    filled_at: Instant,
}

impl Pace {
    pub fn new(now: Instant) -> Pace {
        Pace { tokens: BURST, filled_at: now }
    }

    /// Takes a token for one frame.
    pub fn take(&mut self, now: Instant) -> bool {
        let whole = (now - self.filled_at).as_millis() * u128::from(PER_SECOND) / 1000;
        if whole > 0 {
            let add = u32::try_from(whole).unwrap_or(BURST);
            self.tokens = self.tokens.saturating_add(add).min(BURST);
            self.filled_at = now;
        }
        let taken = self.tokens > 0;
        self.tokens -= u32::from(taken);
        taken
    }

    /// Until when the network is left alone.
    pub fn rest(&self, now: Instant) -> Option<Instant> {
        (self.tokens == 0).then(|| now + REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_the_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let burst = (0..10_000).filter(|_| pace.take(start)).count();
        assert_eq!(burst, BURST as usize);
        assert!(pace.rest(start).is_some());
        let second = start + Duration::from_secs(1);
        let later = (0..10_000).filter(|_| pace.take(second)).count();
        assert_eq!(later, PER_SECOND as usize);
    }
}

//! When the underlay is looked at without anybody having told of a change.

use std::time::{Duration, Instant};

/// Between two looks, should a change not have been told.
const SWEEP: Duration = Duration::from_secs(30);
/// After a look that failed: what has changed is not known.
const AGAIN: Duration = Duration::from_secs(1);

/// The last look.
pub(crate) struct Looks {
    at: Instant,
    good: bool,
}

impl Looks {
    pub fn new(now: Instant) -> Looks {
        Looks { at: now, good: true }
    }

    pub fn looked(&mut self, good: bool, now: Instant) {
        *self = Looks { at: now, good };
    }

    pub fn is_due(&self, changed: bool, now: Instant) -> bool {
        changed || self.pause(now).is_zero()
    }

    /// Until the next.
    pub fn pause(&self, now: Instant) -> Duration {
        let pause = if self.good { SWEEP } else { AGAIN };
        pause.saturating_sub(now.saturating_duration_since(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_again_whoever_wakes_and_soon_after_a_failure() {
        let begun = Instant::now();
        let mut looks = Looks::new(begun);
        // Devices that stay closed wake every second: the sweep comes all the same.
        let due: Vec<u64> =
            (1..=40).filter(|s| looks.is_due(false, begun + Duration::from_secs(*s))).collect();
        assert_eq!(due.first(), Some(&30));
        assert!(looks.is_due(true, begun));
        looks.looked(false, begun);
        assert!(!looks.is_due(false, begun) && looks.is_due(false, begun + AGAIN));
        assert_eq!(looks.pause(begun), AGAIN);
        looks.looked(true, begun + AGAIN);
        assert_eq!(looks.pause(begun + 2 * AGAIN), SWEEP - AGAIN);
    }
}

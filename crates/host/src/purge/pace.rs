//! When to rest, and how long: so that a purge leaves the machine to others.

use std::time::Duration;

/// After each slice of work, a rest that makes work the given share of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    pub slice: Duration,
    /// From 1 to 100; 100 rests never.
    pub share_percent: u8,
}

impl Pace {
    /// The rest that is due after so much work since the last; `None` while the slice lasts.
    pub fn rest(&self, worked: Duration) -> Option<Duration> {
        let share = u32::from(self.share_percent.clamp(1, 100));
        if worked < self.slice || share == 100 {
            return None;
        }
        // What was worked beyond a slice is not paid back without end: a stall is not our work.
        let worked = worked.min(self.slice * 4);
        Some(worked * (100 - share) / share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_a_share_of_the_time() {
        let pace = |share_percent| Pace { slice: Duration::from_millis(5), share_percent };
        let (four, six) = (Duration::from_millis(4), Duration::from_millis(6));
        assert_eq!(pace(50).rest(four), None);
        assert_eq!(pace(50).rest(six), Some(six));
        assert_eq!(pace(25).rest(six), Some(six * 3));
        assert_eq!(pace(100).rest(Duration::from_secs(1)), None);
        assert_eq!(pace(0).rest(six), Some(six * 99));
        assert_eq!(pace(50).rest(Duration::from_secs(60)), Some(Duration::from_millis(20)));
    }
}

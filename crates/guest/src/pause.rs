//! Times between tries.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Longer after each failure; from the beginning after a success.
#[derive(Debug, Default)]
pub struct Pause {
    failures: u32,
}

impl Pause {
    pub fn next(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        pause
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn restart(&mut self) {
        self.failures = 0;
    }
}

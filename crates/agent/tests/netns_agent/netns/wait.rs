//! Waiting for what becomes true by itself. The only sleeps of these tests.

use std::fmt::Debug;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);

/// Asks until the answer is as wanted; shows the last answer when it never is.
pub async fn eventually<T: Debug>(what: &str, ask: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        // Questions may start processes: not on a worker of the runtime.
        let answer = tokio::task::block_in_place(&ask);
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: never so, last {answer:#?}");
        tokio::time::sleep(STEP).await;
    }
}

/// A moment chosen at random, for faults that come at any time.
pub async fn moment(length: Duration) {
    tokio::time::sleep(length).await;
}

//! Runs a whole transaction again that lost a race: all of it, from its first look on.

use std::future::Future;
use std::time::Duration;

use uuid::Uuid;

use crate::error::Fault;

/// Times that it is run again.
const TRIES: u32 = 8;
/// The longest pause before the first of them; each is twice as long at most.
const PAUSE: Duration = Duration::from_millis(4);

/// Calls `attempt`, which begins and commits a transaction of its own, until it loses no race.
pub async fn whole<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut tries = 0;
    loop {
        match attempt().await {
            Err(fault) if fault.may_retry() && tries < TRIES => {
                tracing::debug!(%fault, tries, "a transaction is run again");
                // Those who met once should not meet again.
                let longest = PAUSE * 2_u32.pow(tries);
                let share = u32::from(Uuid::new_v4().as_bytes()[0]);
                tokio::time::sleep(longest * share / 255).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

//! Runs a whole transaction again that lost a race: all of it, from its first look on. At the start
//! of a server, waits for the database.

use std::future::Future;
use std::time::Duration;

use db::DbError;
use uuid::Uuid;

use crate::error::Fault;

/// Times that it is run again.
const TRIES: u32 = 8;
/// The longest pause before the first of them; each is twice as long at most.
const PAUSE: Duration = Duration::from_millis(4);

/// Between two looks for a database that is not there, at first and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Calls `attempt` until nothing is amiss that passes by itself; says so once. Machines that start together
/// start in any order.
pub async fn until_there<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    let (mut pause, longest) = LOOKS;
    let mut said = false;
    loop {
        match attempt().await {
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(%error, "waiting for the database");
                }
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
            }
            outcome => return outcome,
        }
    }
}

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

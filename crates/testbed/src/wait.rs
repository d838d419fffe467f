//! The only place that waits.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` gives something, or the time is over.
pub async fn until<T, F>(limit: Duration, look: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    until_every(PAUSE, limit, look).await
}

/// The same with another pause between two looks, where a look is dear.
pub async fn until_every<T, F>(pause: Duration, limit: Duration, mut look: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        sleep(pause).await;
    }
}

/// A pause between two looks, for those whose looking keeps count.
pub async fn pause(time: Duration) {
    sleep(time).await;
}

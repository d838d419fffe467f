//! Wakes hosts for which something changed. A wake carries no state: what matters is in the log.

use model::sync::Wake;

use crate::app::App;
use crate::error::Fault;
use crate::tasks::SWEEP;

pub async fn run(app: App) {
    let mut relayed = None;
    loop {
        match relay(&app, relayed).await {
            Ok(revision) => relayed = Some(revision),
            Err(fault) => tracing::warn!(%fault, "wakes not sent; hosts ask by themselves meanwhile"),
        }
        // Whichever comes first; an error of the timer means no more than an early look.
        let _ = tokio::time::timeout(SWEEP, app.committed()).await;
    }
}

/// Wakes for what came after a revision; from the newest on at the start, as hosts ask on a timer.
async fn relay(app: &App, since: Option<i64>) -> Result<i64, Fault> {
    let mut tx = app.db().read().await?;
    let Some(since) = since else { return Ok(tx.revision().await?) };
    let newest = tx.revision().await?;
    if newest == since {
        return Ok(since);
    }
    for marked in tx.marked_since(since).await? {
        app.bus().wake(Wake { host: marked.host, keys: marked.keys, revision: marked.revision });
    }
    Ok(newest)
}

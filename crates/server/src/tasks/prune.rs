//! Forgets the change rows of parts that are gone, once every live host has surely asked since.

use std::time::Duration;

use crate::app::App;
use crate::error::Fault;

/// A host that does not ask for this long gets the full list when it comes back.
const KEEP: Duration = Duration::from_secs(3600);

pub async fn run(app: App) {
    let mut old = None;
    loop {
        match step(&app, old).await {
            Ok(revision) => old = Some(revision),
            Err(fault) => tracing::warn!(%fault, "change log not pruned; tried again later"),
        }
        tokio::time::sleep(KEEP).await;
    }
}

/// Prunes up to the revision of the last step, returns the newest.
async fn step(app: &App, old: Option<i64>) -> Result<i64, Fault> {
    let mut tx = app.db().begin().await?;
    let newest = tx.revision().await?;
    if let Some(old) = old {
        tx.prune(old).await?;
    }
    tx.commit().await?;
    Ok(newest)
}

//! Wakes hosts for which something changed. A wake carries no state: what matters is in the log.
//!
//! Each server relays what it committed, at once. Now and then one of them looks for changes that
//! nobody relayed, because their server was killed; a change of another server may be relayed twice.

use std::collections::BTreeSet;

use db::Marked;
use model::desired::Revision;
use model::sync::Wake;
use tokio::time::Instant;

use crate::app::App;
use crate::error::Fault;
use crate::tasks::SWEEP;

pub async fn run(app: App) {
    // Relayed by this server, since the last sweep of anyone.
    let mut own = BTreeSet::new();
    let mut due = Instant::now();
    loop {
        // Without the bus, others relay: what this server noted as relayed nobody would hear of.
        if !*app.bus().connected().borrow() {
            drop(app.take_committed());
            own.clear();
            tokio::time::sleep(SWEEP).await;
            continue;
        }
        let fresh = app.take_committed();
        if let Err(fault) = relay(&app, &fresh).await {
            tracing::warn!(%fault, "wakes not sent; hosts ask by themselves meanwhile");
        } else {
            own.extend(fresh);
        }
        if Instant::now() >= due {
            if let Err(fault) = sweep(&app, &mut own).await {
                tracing::warn!(%fault, "changes of other servers not looked for; tried again soon");
            }
            due = Instant::now() + SWEEP;
        }
        // Whichever comes first; an error of the timer means no more than an early look.
        let _ = tokio::time::timeout_at(due, app.committed()).await;
    }
}

async fn relay(app: &App, revisions: &BTreeSet<Revision>) -> Result<(), Fault> {
    let Some(first) = revisions.first() else { return Ok(()) };
    let mut tx = app.db().read().await?;
    let marked = tx.marked_since(first - 1, |revision| revisions.contains(&revision)).await?;
    wake(app, marked);
    Ok(())
}

/// Wakes for what nobody has relayed as far as this server can tell, unless another one sweeps.
async fn sweep(app: &App, own: &mut BTreeSet<Revision>) -> Result<(), Fault> {
    let mut tx = app.db().read().await?;
    let (relayed, newest) = (tx.relayed().await?, tx.revision().await?);
    drop(tx);
    own.retain(|revision| *revision > relayed);
    if relayed == newest {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    let Some(since) = tx.relayed_alone().await? else { return Ok(()) };
    let marked = tx.marked_since(since, |revision| revision <= newest && !own.contains(&revision)).await?;
    wake(app, marked);
    tx.set_relayed(newest).await?;
    tx.commit().await?;
    Ok(())
}

fn wake(app: &App, marked: Vec<Marked>) {
    for marked in marked {
        app.bus().wake(Wake { host: marked.host, keys: marked.keys, revision: marked.revision });
    }
}

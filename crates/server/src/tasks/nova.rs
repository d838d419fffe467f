//! Tells Nova what became of ports. An instance that boots waits for it, so it is told at once; what comes
//! while one request is under way goes with the next.
//!
//! What Nova has not heard stays in the database: it is told when Nova, or a server, is back. After some
//! minutes nobody waits for it any more.

use std::time::Duration;

use crate::app::App;
use crate::error::Fault;
use crate::nova::Nova;
use crate::retry;

const SWEEP: Duration = Duration::from_secs(5);
/// While another server tells.
const TURN: Duration = Duration::from_millis(250);
/// After something went wrong, at first and at most.
const TROUBLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(16));
/// Events of one request.
const MOST: i64 = 500;
/// Longer than a request takes with its token.
const TURN_US: i64 = 30_000_000;
const KEEP_US: i64 = 600_000_000;

enum Next {
    More,
    Nothing,
    /// Another server tells.
    Theirs,
}

pub async fn run(app: App) {
    let Some(nova) = app.nova() else { return std::future::pending().await };
    let mut trouble = None;
    loop {
        let pause = match step(&app, nova).await {
            Ok(next) => {
                if trouble.take().is_some() {
                    tracing::info!("Nova is told again what becomes of ports");
                }
                match next {
                    Next::More => continue,
                    Next::Theirs => TURN,
                    Next::Nothing => SWEEP,
                }
            }
            Err(error) => {
                if trouble.is_none() {
                    tracing::warn!(%error, "Nova is not told what becomes of ports; tried again");
                }
                let pause = trouble.map_or(TROUBLE.0, |before: Duration| TROUBLE.1.min(before * 2));
                trouble = Some(pause);
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        // Whichever comes first.
        let _ = tokio::time::timeout(pause, app.events_noted()).await;
    }
}

/// Why a request was in vain.
#[derive(Debug, thiserror::Error)]
enum Vain {
    #[error(transparent)]
    Database(#[from] Fault),
    #[error(transparent)]
    Nova(#[from] crate::keystone::Trouble),
}

async fn step(app: &App, nova: &Nova) -> Result<Next, Vain> {
    if !has_any(app).await? {
        return Ok(Next::Nothing);
    }
    let now_us = app.stamp().now_us;
    let turn = now_us + TURN_US;
    let events = match take(app, now_us, turn).await? {
        None => return Ok(Next::Theirs),
        Some(events) => events,
    };
    let told = nova.tell(&events).await;
    end(app, turn, if told.is_ok() { &events } else { &[] }).await?;
    told?;
    Ok(Next::More)
}

async fn has_any(app: &App) -> Result<bool, Fault> {
    Ok(!app.db().read().await?.noted_events(1).await?.is_empty())
}

/// What is to be told, if it is this server's turn.
async fn take(app: &App, now_us: i64, turn: i64) -> Result<Option<Vec<db::NotedEvent>>, Fault> {
    let mut tx = app.db().begin().await?;
    if !tx.take_event_turn(None, now_us, turn).await? {
        return Ok(None);
    }
    let old = tx.forget_old_events(now_us - KEEP_US).await?;
    if old > 0 {
        tracing::warn!(events = old, "Nova was not there to hear what became of ports: forgotten");
    }
    let events = tx.noted_events(MOST).await?;
    tx.commit().await?;
    Ok(Some(events))
}

/// Another may have the turn.
async fn end(app: &App, turn: i64, told: &[db::NotedEvent]) -> Result<(), Fault> {
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.forget_events(told).await?;
        tx.take_event_turn(Some(turn), 0, 0).await?;
        Ok(tx.commit().await.map(drop)?)
    })
    .await
}

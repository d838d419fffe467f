//! Tells others of changes, over the bus. What the bus has not taken stays in the database; a server that is
//! killed between the two tells it again when it is back, under the same `message_id`.

use std::time::Duration;

use bus::BusError;
use db::NotedMessage;

use crate::app::App;
use crate::error::Fault;
use crate::retry;

const SWEEP: Duration = Duration::from_secs(5);
/// While another server tells.
const TURN: Duration = Duration::from_millis(250);
/// After something went wrong.
const TROUBLE: Duration = Duration::from_secs(2);
/// Messages of one go.
const MOST: i64 = 200;
/// Longer than the bus takes for them.
const TURN_US: i64 = 30_000_000;

enum Next {
    More,
    Nothing,
    /// Another server tells.
    Theirs,
}

pub async fn run(app: App) {
    if !app.settings().notifications.enabled {
        return std::future::pending().await;
    }
    let mut in_vain = false;
    loop {
        let pause = match step(&app).await {
            Ok(next) => {
                if std::mem::take(&mut in_vain) {
                    tracing::info!("others are told of changes again");
                }
                match next {
                    Next::More => continue,
                    Next::Theirs => TURN,
                    Next::Nothing => SWEEP,
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut in_vain, true) {
                    tracing::warn!(%error, "others are not told of changes; tried again");
                }
                tokio::time::sleep(TROUBLE).await;
                continue;
            }
        };
        // Whichever comes first.
        let _ = tokio::time::timeout(pause, app.messages_noted()).await;
    }
}

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
enum Vain {
    #[error(transparent)]
    Database(#[from] Fault),
    #[error(transparent)]
    Bus(#[from] BusError),
}

async fn step(app: &App) -> Result<Next, Vain> {
    if app.db().read().await.map_err(Fault::from)?.noted_messages(1).await.map_err(Fault::from)?.is_empty() {
        return Ok(Next::Nothing);
    }
    let now_us = app.stamp().now_us;
    let turn = now_us + TURN_US;
    let Some(noted) = take(app, now_us, turn).await? else { return Ok(Next::Theirs) };
    let told = tell(app, &noted).await;
    end(app, turn, if told.is_ok() { &noted } else { &[] }).await?;
    told?;
    Ok(Next::More)
}

/// What is to be told, if it is this server's turn.
async fn take(app: &App, now_us: i64, turn: i64) -> Result<Option<Vec<NotedMessage>>, Fault> {
    let mut tx = app.db().begin().await?;
    if !tx.take_notification_turn(None, now_us, turn).await? {
        return Ok(None);
    }
    let keep_us = i64::from(app.settings().notifications.keep_s) * 1_000_000;
    let old = tx.forget_old_messages(now_us - keep_us).await?;
    if old > 0 {
        tracing::error!(messages = old, "the bus took no notifications for too long: forgotten");
    }
    let noted = tx.noted_messages(MOST).await?;
    tx.commit().await?;
    Ok(Some(noted))
}

async fn tell(app: &App, noted: &[NotedMessage]) -> Result<(), BusError> {
    let most = app.bus().max_payload();
    let (fit, unfit): (Vec<_>, Vec<_>) = noted.iter().partition(|one| one.message.len() <= most);
    for one in unfit {
        tracing::error!(
            id = one.id,
            bytes = one.message.len(),
            most,
            "a notification is too large for the bus"
        );
    }
    app.bus().notify(fit.into_iter().map(|one| one.message.clone().into_bytes()).collect()).await
}

/// Another may have the turn.
async fn end(app: &App, turn: i64, told: &[NotedMessage]) -> Result<(), Fault> {
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.forget_messages(told).await?;
        tx.take_notification_turn(Some(turn), 0, 0).await?;
        Ok(tx.commit().await.map(drop)?)
    })
    .await
}

//! Settles where ports of trunks are: subports at their parent's host, and what is in no trunk any more
//! nowhere. Each port in a transaction of its own: it waits for its own network alone.

use std::time::Duration;

use model::PortId;
use model::api::port::{PORT, Port, PortUpdate};
use model::api::trunk::SUBPORT_OWNER;

use crate::app::App;
use crate::error::Fault;
use crate::{retry, routes};

/// All trunks are looked at this often, whatever was noted.
const SWEEP: Duration = Duration::from_secs(30);
/// Ports looked at in one go.
const PAGE: u32 = 200;

pub async fn run(app: App) {
    loop {
        if let Err(fault) = settle_all(&app).await {
            tracing::warn!(%fault, "ports of trunks that are elsewhere not found; tried again later");
        }
        // Whichever comes first.
        let _ = tokio::time::timeout(SWEEP, app.trunks_noted()).await;
    }
}

/// One that cannot be settled stops no other.
async fn settle_all(app: &App) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let found = app.db().read().await?.trunk_misfits(&after, PAGE).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = last.to_string();
        for port in found {
            if let Err(fault) = retry::whole(|| settle(app, port)).await {
                tracing::warn!(%fault, port.id = %port, "port of a trunk not settled; tried again later");
            }
        }
    }
}

async fn settle(app: &App, id: PortId) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, &id.to_string()).await?;
    let Some(port) = tx.get::<Port>(&PORT, id).await? else { return Ok(()) };
    let mut stamp = app.stamp();
    let change = match tx.host_of_parent(id).await? {
        Some(host) if host == port.host && (host.is_empty() || port.device_owner == SUBPORT_OWNER) => {
            return Ok(());
        }
        Some(host) if host.is_empty() => PortUpdate { host: Some(None), ..PortUpdate::default() },
        Some(host) => PortUpdate {
            host: Some(Some(host)),
            device_owner: Some(SUBPORT_OWNER.into()),
            ..PortUpdate::default()
        },
        // Somebody else's by now.
        None if port.device_owner != SUBPORT_OWNER => return Ok(()),
        None => PortUpdate { host: Some(None), device_owner: Some(String::new()), ..PortUpdate::default() },
    };
    match routes::port::update(app, &mut tx, &mut stamp, port, change.clone()).await {
        Err(Fault::Refused(why)) if matches!(change.host, Some(Some(_))) => {
            drop(tx);
            tracing::info!(%why, port.id = %id, "no host can carry a port of a trunk where its parent is");
            fail(app, id, change).await
        }
        done => {
            done?;
            Ok(app.commit(tx).await?)
        }
    }
}

/// The port is said to be at its parent's host, and not to work there: it is tried again when the parent moves.
async fn fail(app: &App, id: PortId, change: PortUpdate) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, &id.to_string()).await?;
    let Some(port) = tx.get::<Port>(&PORT, id).await? else { return Ok(()) };
    let host = tx.host_of_parent(id).await?;
    let is_there = host.as_ref() == Some(&port.host) && port.device_owner == SUBPORT_OWNER;
    // Its parent went elsewhere meanwhile, or another server settled it.
    if is_there || host != change.host.clone().flatten() {
        return Ok(());
    }
    routes::port::fail_binding(app, &mut tx, &app.stamp(), port, change).await?;
    Ok(app.commit(tx).await?)
}

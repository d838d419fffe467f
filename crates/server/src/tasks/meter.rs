//! What hosts say of their counts: others are told how much more there is. Readings say all that was counted,
//! so one that is lost, doubled or late counts neither twice nor never.

use cloud::{Caller, meter};
use model::RouterId;
use model::meter::{READINGS, Reading};

use crate::app::App;
use crate::error::Fault;
use crate::{notification, retry};

pub async fn store(app: &App, host: &str, readings: &[Reading]) -> Result<(), Fault> {
    let readings = &readings[..readings.len().min(READINGS)];
    if readings.is_empty() || !notification::is_on(app) {
        return Ok(());
    }
    retry::whole(|| store_once(app, host, readings)).await
}

async fn store_once(app: &App, host: &str, readings: &[Reading]) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let mut routers: Vec<RouterId> = readings.iter().map(|reading| reading.place.router).collect();
    routers.sort_unstable();
    routers.dedup();
    // Who says something of a router's counts has the router: none is judged by what is old.
    tx.lock_routers(&routers).await?;
    let facts = tx.meter_facts(host, &routers, readings).await?;
    let mut stamp = app.stamp();
    let metered = meter::metered(host, readings, &facts, stamp.now_us);
    if metered.known.is_empty() {
        return Ok(());
    }
    for (place, known) in &metered.known {
        tx.keep_count(host, place, known).await?;
    }
    let request = format!("req-{}", stamp.uuid());
    let publisher = format!("metering.{host}");
    notification::note_as(app, &mut tx, (&Caller::default(), &request, &publisher), metered.told).await?;
    Ok(app.commit(tx).await.map(drop)?)
}

//! Settles one router. What it reads is read behind the locks of the router and of its networks, so
//! that several servers may settle it at a time, and whoever changes it meanwhile is seen or waits.

use std::collections::{BTreeMap, BTreeSet};

use cloud::l3::plan::{self, Share};
use cloud::l3::schedule::{self, L3_AGENT};
use cloud::{Stamp, status};
use db::Tx;
use model::RouterId;
use model::api::port::PORT;
use model::api::router::{ROUTER, Router};
use model::l3::{RouterFacts, Told};

use super::{ha, ways};
use crate::app::App;
use crate::error::Fault;
use crate::routes;

/// Brings what hosts have of a router to what it is.
pub async fn once(app: &App, id: RouterId) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock_router_whole(&id.to_string(), &[]).await?;
    let ports = tx.router_ports_of(id).await?;
    tx.lock_ports(&ports.iter().map(|row| row.port_id.to_string()).collect::<Vec<_>>()).await?;
    let note = tx.router_note(id).await?;
    if let Some(row) = tx.get::<Router>(&ROUTER, id).await? {
        settle(app, &mut tx, &mut app.stamp(), row).await?;
    }
    tx.router_is_settled(id, note);
    Ok(app.commit(tx).await?)
}

/// Takes a router that is about to be deleted from all hosts: whoever calls has its networks
/// and the router locked ([`Tx::lock_router_whole`]).
pub async fn retire(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, id: RouterId) -> Result<(), Fault> {
    let Some(mut row) = tx.get::<Router>(&ROUTER, id).await? else { return Ok(()) };
    for (agent, _) in tx.router_agents(id).await? {
        tx.unbind_router(id, agent.id).await?;
    }
    row.admin_state_up = false;
    row.ha = false;
    settle(app, tx, stamp, row).await
}

async fn settle(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, row: Router) -> Result<(), Fault> {
    place(app, tx, &row).await?;
    ha::legs(app, tx, stamp, &row).await?;
    let Some(mut facts) = tx.router_fact(row.id).await? else { return Ok(()) };
    // As the caller wants it, which may be as it will be.
    let vr_id = facts.row.ha_vr_id;
    facts.row = Router { ha_vr_id: vr_id, ..row };
    let told = tx.router_told(facts.row.id).await?;
    let shares = plan::shares(&facts);
    let shares =
        if give_macs(app, tx, stamp, &mut facts, &shares).await? { plan::shares(&facts) } else { shares };
    for (port, place) in plan::places(&facts, &shares) {
        routes::port::bind_at(app, tx, stamp, port, place).await?;
    }
    tell(tx, &facts, &told, &shares).await?;
    ways::settle(app, tx, stamp, &facts, &differing(&told, &shares)).await?;
    settle_interfaces(tx, stamp, facts.row.id).await?;
    ha::leave(tx, stamp, &facts.row).await
}

/// Gives the router to the agents that should carry it.
async fn place(app: &App, tx: &mut Tx<'_>, row: &Router) -> Result<(), Fault> {
    let is_needed = row.ha || !tx.router_ports_of(row.id).await?.is_empty();
    if !row.admin_state_up || !is_needed {
        return Ok(());
    }
    let current = tx.router_agents(row.id).await?;
    let facts = schedule::Facts {
        agents: tx.agents_of_type(L3_AGENT).await?,
        load: tx.router_load().await?,
        current: current.iter().map(|(agent, _)| agent.id).collect(),
        alive_since_us: app.alive_since_us(),
        abandoned_since_us: app.abandoned_since_us(),
    };
    let placement = schedule::place(row, &facts, app.rules());
    for agent in placement.remove {
        tx.unbind_router(row.id, agent).await?;
    }
    for agent in placement.add {
        tx.bind_router(row.id, agent).await?;
    }
    Ok(())
}

/// Each host of a distributed router has a MAC address for switches; true when some were made.
async fn give_macs(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    facts: &mut RouterFacts,
    shares: &BTreeMap<String, Share>,
) -> Result<bool, Fault> {
    let without = |host: &&String| facts.row.distributed && !facts.macs.contains_key(*host);
    let hosts: Vec<String> = shares.keys().filter(without).cloned().collect();
    for host in &hosts {
        let mac = stamp.mac(app.rules().dvr_base_mac);
        tx.hold_dvr_mac(host, &mac.to_string()).await?;
        facts.macs.insert(host.clone(), mac);
    }
    Ok(!hosts.is_empty())
}

/// Remembers what hosts are told, and has them told.
async fn tell(
    tx: &mut Tx<'_>,
    facts: &RouterFacts,
    told: &BTreeMap<String, Told>,
    shares: &BTreeMap<String, Share>,
) -> Result<(), Fault> {
    let id = facts.row.id;
    tx.mark(&plan::touches(facts, told, shares));
    for (host, share) in shares {
        let before = told.get(host);
        if before != Some(&share.told) {
            tx.tell_router(id, host, before, &share.told).await?;
        }
    }
    for host in told.keys().filter(|host| !shares.contains_key(*host)) {
        tx.untell_router(id, host).await?;
    }
    Ok(())
}

/// Hosts whose part is another than they were told, or is there no more.
fn differing(told: &BTreeMap<String, Told>, shares: &BTreeMap<String, Share>) -> BTreeSet<String> {
    let part =
        |host: &String| (told.get(host).map(|told| &told.part), shares.get(host).map(|s| &s.told.part));
    let differs = |host: &&String| matches!(part(host), (before, after) if before != after);
    told.keys().chain(shares.keys()).filter(differs).cloned().collect()
}

/// A distributed interface works when some host has the router in place.
pub async fn settle_interfaces(tx: &mut Tx<'_>, stamp: &Stamp, id: RouterId) -> Result<(), Fault> {
    let ports = tx.distributed_interfaces(id).await?;
    if ports.is_empty() {
        return Ok(());
    }
    let up = tx.router_is_up(id).await?;
    for before in ports.into_iter().filter(|port| port.l2_ready != up) {
        let mut after = before.clone();
        after.l2_ready = up;
        after.status = status::of(&after, false).into();
        tx.update(&PORT, before.id, &before, &after, &stamp.now).await?;
    }
    Ok(())
}

//! Settles one router. What it reads is read behind the locks of the router and of its networks, so
//! that several servers may settle it at a time, and whoever changes it meanwhile is seen or waits.

use std::collections::{BTreeMap, BTreeSet};

use cloud::l3::plan::{self, Share};
use cloud::l3::schedule;
use cloud::{Stamp, status};
use db::Tx;
use model::RouterId;
use model::api::agent::Agent;
use model::api::router::{ROUTER, Router};
use model::l3::{RouterFacts, Told};
use model::report::L3_AGENT;

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
    let whole = match tx.get::<Router>(&ROUTER, id).await? {
        Some(row) => settle(app, &mut tx, &mut app.stamp(), row).await?,
        None => true,
    };
    // What could not be had is tried for again: the note stays.
    if whole {
        tx.router_is_settled(id, note);
    }
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
    settle(app, tx, stamp, row).await.map(drop)
}

/// False when hosts want for something that cannot be had.
async fn settle(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, row: Router) -> Result<bool, Fault> {
    place(app, tx, &row).await?;
    ha::legs(app, tx, stamp, &row).await?;
    let Some(mut facts) = tx.router_fact(row.id).await? else { return Ok(true) };
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
    let changed = differing(&told, &shares);
    let whole = ways::settle(app, tx, stamp, &facts, &changed).await?;
    if !changed.is_empty() || shares.is_empty() {
        lay_down(tx, stamp, facts.row.id, &shares).await?;
    }
    // Hosts with something else to do say when they have done it; where there are none, nobody will.
    if !changed.iter().any(|host| shares.contains_key(host)) {
        let_go(tx, stamp, facts.row.id).await?;
    }
    settle_interfaces(tx, stamp, facts.row.id).await?;
    ha::leave(tx, stamp, &facts.row).await?;
    Ok(whole)
}

/// Floating IPs that no host speaks for any more are down.
async fn lay_down(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: RouterId,
    shares: &BTreeMap<String, Share>,
) -> Result<(), Fault> {
    let spoken_for = plan::spoken_for(shares);
    for (floating_ip, ip) in tx.floatingips_but(id, "DOWN").await? {
        if !spoken_for.contains(&ip) {
            tx.set_floatingip_status(&floating_ip, "DOWN", &stamp.now).await?;
        }
    }
    Ok(())
}

/// Gives the router to the agents that should carry it.
async fn place(app: &App, tx: &mut Tx<'_>, row: &Router) -> Result<(), Fault> {
    let is_needed = row.ha || !tx.router_ports_of(row.id).await?.is_empty();
    if !row.admin_state_up || !is_needed || tx.is_router_taken(row.id).await? {
        return Ok(());
    }
    let carrying: Vec<Agent> = tx.router_agents(row.id).await?.into_iter().map(|(agent, _)| agent).collect();
    // Mostly it has all that it wants, and then nobody needs to know of others.
    if schedule::suffice(&carrying, row, app.abandoned_since_us(), app.rules()) {
        return Ok(());
    }
    let current = carrying.iter().map(|agent| agent.id).collect();
    let mut facts = schedule::Facts { current, ..agents(app, tx).await? };
    let mut placement = schedule::place(row, &facts, app.rules());
    if !placement.add.is_empty() {
        facts.load = tx.router_load().await?;
        placement = schedule::place(row, &facts, app.rules());
    }
    for agent in placement.remove {
        tx.unbind_router(row.id, agent).await?;
    }
    for agent in placement.add {
        tx.bind_router(row.id, agent).await?;
    }
    Ok(())
}

/// What placement looks at besides the router, but for how much others carry: that is no matter until it
/// is known that somebody is to be added.
pub async fn agents(app: &App, tx: &mut Tx<'_>) -> Result<schedule::Facts, Fault> {
    Ok(schedule::Facts {
        agents: tx.agents_of_type(L3_AGENT).await?,
        load: BTreeMap::new(),
        current: BTreeSet::new(),
        alive_since_us: app.alive_since_us(),
        abandoned_since_us: app.abandoned_since_us(),
    })
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

/// Floating IPs that left the router are carried by it no more.
pub async fn let_go(tx: &mut Tx<'_>, stamp: &Stamp, id: RouterId) -> Result<(), Fault> {
    for left in tx.floatingips_left(id).await? {
        tx.set_floatingip_status(&left, "DOWN", &stamp.now).await?;
        tx.forget_last_router(&left).await?;
    }
    Ok(())
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
        routes::port::store(tx, &before, &after, &stamp.now).await?;
    }
    Ok(())
}

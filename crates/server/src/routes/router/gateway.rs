//! A router's way out: the gateway port, and what goes with it.

use cloud::Stamp;
use cloud::l3::listen;
use cloud::router::gateway::{self, Change, Facts};
use cloud::router::{Leg, snat};
use db::Tx;
use model::api::port::{PORT, Port, PortUpdate};
use model::api::router::{GatewayAsk, RouterPortKind};

use super::{Whole, add_leg, check_network_seen, drop_leg, load, store};
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::{network, port, qos};

/// Sets or clears the way out; the router's row is for the caller to store.
pub async fn set(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    whole: &mut Whole,
    ask: Option<GatewayAsk>,
) -> Result<(), Fault> {
    let asked = match &ask {
        Some(ask) => {
            tx.lock_network(ask.network_id).await?;
            check_network_seen(tx, guard, ask.network_id).await?;
            let network = network::load(tx, ask.network_id).await?;
            let subnets = tx.subnets_of(network.id).await?;
            Some((network, subnets))
        }
        None => None,
    };
    qos::check_outside(tx, guard, ask.as_ref().and_then(|ask| ask.qos_policy_id.flatten())).await?;
    let change = gateway::plan(
        &whole.router,
        ask.as_ref(),
        Facts {
            network: asked.as_ref().map(|(network, subnets)| (network, subnets.as_slice())),
            legs: &whole.legs,
            subnets: &whole.subnets,
            has_floating_ips: tx.router_has_floating_ips(whole.router.id).await?,
            has_ndp_proxies: tx.has_ndp_proxies(whole.router.id).await?,
        },
    )?;
    let at = whole.legs.iter().position(|leg| leg.kind == RouterPortKind::Gateway);
    match (change, at) {
        (Change::Readdressed(fixed_ips), Some(at)) => {
            let change = PortUpdate { fixed_ips: Some(fixed_ips), ..PortUpdate::default() };
            whole.legs[at].port = changed(app, tx, stamp, whole.legs[at].port.clone(), change).await?;
        }
        (Change::Replaced | Change::Cleared, Some(at)) => {
            let leg = whole.legs.remove(at);
            drop_leg(tx, stamp, leg.port.id).await?;
        }
        _ => {}
    }
    let has_one = whole.legs.iter().any(|leg| leg.kind == RouterPortKind::Gateway);
    if let Some(ask) = ask.as_ref().filter(|_| !has_one) {
        let new = gateway::port(&whole.router, ask);
        add_leg(app, tx, stamp, whole, RouterPortKind::Gateway, new).await?;
        if let Some((_, subnets)) = asked {
            whole.subnets.retain(|subnet| subnet.network_id != ask.network_id);
            whole.subnets.extend(subnets);
        }
    }
    let leg = whole.legs.iter().find(|leg| leg.kind == RouterPortKind::Gateway);
    gateway::note(&mut whole.router, ask.as_ref(), leg.map(|leg| &leg.port));
    Ok(())
}

/// What the API shows of a way out follows the gateway port, whoever changes it.
pub async fn follow(tx: &mut Tx<'_>, stamp: &Stamp, port: &Port) -> Result<(), Fault> {
    if port.device_owner != gateway::OWNER {
        return Ok(());
    }
    let Some(row) = tx.router_port(port.id).await?.filter(|row| row.kind == RouterPortKind::Gateway) else {
        return Ok(());
    };
    let before = load(tx, &row.router_id.to_string()).await?;
    let mut after = before.clone();
    if let Some(info) = &mut after.external_gateway_info {
        info.external_fixed_ips.clone_from(&port.fixed_ips);
    }
    if listen::is_of_router(&before, &after) {
        tx.router_due(after.id, stamp.now_us).await?;
    }
    store(tx, stamp, &before, after).await.map(drop)
}

/// Makes the network nodes' legs of a distributed router fit its interfaces.
pub async fn settle_snat(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    whole: &mut Whole,
) -> Result<(), Fault> {
    let plan = snat::plan(&whole.router, &whole.legs);
    for port in plan.delete {
        let gone = |leg: &Leg| leg.port.id == port.id;
        if let Some(at) = whole.legs.iter().position(gone) {
            let leg = whole.legs.remove(at);
            drop_leg(tx, stamp, leg.port.id).await?;
        }
    }
    for (port, fixed_ips) in plan.readdress {
        let change = PortUpdate { fixed_ips: Some(fixed_ips), ..PortUpdate::default() };
        changed(app, tx, stamp, port, change).await?;
    }
    for new in plan.create {
        add_leg(app, tx, stamp, whole, RouterPortKind::Snat, new).await?;
    }
    Ok(())
}

/// Changes a port as the router needs it; the port as it is then.
pub async fn changed(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Port,
    change: PortUpdate,
) -> Result<Port, Fault> {
    let id = before.id;
    port::update(app, tx, stamp, before.clone(), change).await?;
    Ok(tx.get(&PORT, id).await?.unwrap_or(before))
}

//! Routers: facts in, decision, rows out.
//!
//! ```text
//! gateway    the way out, and network nodes' legs    interface  legs in networks of instances
//! action     `/routers/{id}/add_router_interface` and its like
//! ```
//! Whoever changes a router has locked it, and before it the networks of the ports that change. What
//! hosts should have of it is settled later, by whoever looks at the routers that are due.

pub mod action;
mod gateway;
pub mod interface;

use cloud::l3::{ha, listen};
use cloud::router::routes::{self, Connected};
use cloud::router::{Leg, device};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::Given;
use model::api::network::NETWORK;
use model::api::port::{PORT, Port};
use model::api::router::{ROUTER, ROUTER_ROUTE, Router, RouterCreate, RouterPortKind, RouterUpdate};
use model::api::subnet::Subnet;
use model::desired::HostRoute;
use model::report::L3_AGENT;
use model::{PortId, RouterId};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::{ndp_proxy, port};
use crate::tasks::l3;

pub use gateway::follow;

/// A router, its ports, and the subnets of their networks.
pub(super) struct Whole {
    pub router: Router,
    pub legs: Vec<Leg>,
    pub subnets: Vec<Subnet>,
}

pub(super) async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Router, Fault> {
    let found = tx.get(&ROUTER, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &ROUTER, id: id.to_owned() }.into())
}

pub(super) async fn whole(tx: &mut Tx<'_>, id: &str) -> Result<Whole, Fault> {
    let router = load(tx, id).await?;
    let legs = tx.router_legs(router.id).await?;
    let legs = legs.into_iter().map(|(kind, port)| Leg { kind, port }).collect();
    let subnets = tx.subnets_of_router(router.id).await?;
    Ok(Whole { router, legs, subnets })
}

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: RouterCreate,
) -> Result<RouterId, Fault> {
    super::flavor::check_router(tx, &new).await?;
    let zones = if new.availability_zone_hints.is_empty() { vec![] } else { zones(tx).await? };
    let (ask, answers) = (new.external_gateway_info.clone(), new.enable_ndp_proxy);
    let mut router = cloud::router::create(new, &zones, app.rules(), stamp)?;
    tx.insert(&ROUTER, &router).await?;
    let id = router.id;
    if ask.is_some() || answers.is_some() {
        let mut whole = Whole { router: router.clone(), legs: vec![], subnets: vec![] };
        if ask.is_some() {
            gateway::set(app, tx, stamp, guard, &mut whole, ask).await?;
        }
        ndp_proxy::settle(tx, &mut whole, answers, false).await?;
        router = store(tx, stamp, &router, whole.router).await?;
    }
    check_ha(tx, &router).await?;
    if router.gw_port_id.is_some() || router.ha {
        tx.router_due(id, stamp.now_us).await?;
    }
    Ok(id)
}

/// Refuses an HA router that its hosts could not tell from the project's others.
async fn check_ha(tx: &mut Tx<'_>, router: &Router) -> Result<(), Fault> {
    if router.ha {
        ha::check(router.id, tx.other_ha_routers(&router.project_id, router.id).await?)?;
    }
    Ok(())
}

async fn zones(tx: &mut Tx<'_>) -> Result<Vec<String>, Fault> {
    let agents = tx.agents_of_type(L3_AGENT).await?;
    Ok(agents.into_iter().filter_map(|agent| agent.availability_zone).collect())
}

/// Locks what a change of a router needs: itself, and before it the networks that it has ports on, if
/// those may change, and the one that it may get a port on.
pub async fn lock(tx: &mut Tx<'_>, id: &str, change: Option<&RouterUpdate>) -> Result<(), Fault> {
    let asked = change.and_then(|change| change.external_gateway_info.as_ref());
    let ports_change =
        change.is_none_or(|change| asked.is_some() || change.distributed.is_some() || change.ha.is_some());
    if ports_change {
        let network = asked.and_then(Option::as_ref).map(|ask| ask.network_id.to_string());
        tx.lock_router_whole(id, network.as_slice()).await?;
    } else {
        tx.lock(&ROUTER, id).await?;
    }
    Ok(())
}

pub async fn update(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    id: &str,
    change: RouterUpdate,
) -> Result<(), Fault> {
    let mut whole = whole(tx, id).await?;
    let before = whole.router.clone();
    let (ask, answers) = (change.external_gateway_info.clone(), change.enable_ndp_proxy);
    if let Some(routes) = change.routes.clone() {
        set_routes(app, tx, &mut whole, routes).await?;
    }
    let addressed =
        ask.as_ref().and_then(Option::as_ref).is_some_and(|ask| !ask.external_fixed_ips.is_empty());
    if ask.is_some() || answers.is_some() {
        if let Some(ask) = ask {
            gateway::set(app, tx, stamp, guard, &mut whole, ask).await?;
        }
        ndp_proxy::settle(tx, &mut whole, answers, addressed).await?;
    }
    whole.router = cloud::router::update(&whole.router, change)?;
    if cloud::router::interface::owner(&before) != cloud::router::interface::owner(&whole.router) {
        interface::take_over(app, tx, stamp, &mut whole).await?;
    }
    gateway::settle_snat(app, tx, stamp, &mut whole).await?;
    if !before.ha {
        check_ha(tx, &whole.router).await?;
    }
    let after = store(tx, stamp, &before, whole.router).await?;
    if listen::is_of_router(&before, &after) {
        tx.set_router_taken(after.id, false).await?;
        tx.router_due(after.id, stamp.now_us).await?;
    }
    Ok(())
}

/// Checks new routes against what the router is connected to, and how many its project may have.
async fn set_routes(
    app: &App,
    tx: &mut Tx<'_>,
    whole: &mut Whole,
    asked: Vec<HostRoute>,
) -> Result<(), Fault> {
    routes::check(&asked, &Connected::of(&whole.legs, &whole.subnets))?;
    let own = tx.limits_of(&whole.router.project_id).await?;
    routes::check_count(&asked, app.settings().quotas.with(own).of(&ROUTER_ROUTE))?;
    whole.router.routes = asked;
    Ok(())
}

async fn store(tx: &mut Tx<'_>, stamp: &Stamp, before: &Router, after: Router) -> Result<Router, Fault> {
    tx.update(&ROUTER, before.id, before, &after, &stamp.now).await?;
    Ok(after)
}

pub async fn delete(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, id: &str) -> Result<(), Fault> {
    let whole = whole(tx, id).await?;
    let router = &whole.router;
    cloud::router::delete(router, &whole.legs)?;
    if let Some(network) = router.gw_network_id
        && tx.router_has_floating_ips(router.id).await?
    {
        return Err(Refusal::GatewayInUseByFloatingIps { router: router.id, network }.into());
    }
    l3::retire(app, tx, stamp, router.id).await?;
    for leg in whole.legs.iter().filter(|leg| leg.kind != RouterPortKind::Ha) {
        drop_leg(tx, stamp, leg.port.id).await?;
    }
    tx.forget_router(router.id).await?;
    tx.delete(&ROUTER, router.id).await?;
    Ok(())
}

/// Takes a port from its router and deletes it.
pub async fn drop_leg(tx: &mut Tx<'_>, stamp: &Stamp, leg: PortId) -> Result<(), Fault> {
    tx.remove_router_port(leg).await?;
    // As it is by now, which may be bound elsewhere.
    let Some(port) = tx.get::<Port>(&PORT, leg).await? else { return Ok(()) };
    let network = crate::routes::network::load(tx, port.network_id).await?;
    port::delete(tx, stamp, &network, port).await
}

/// Makes a port and gives it to the router.
async fn add_leg(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    whole: &mut Whole,
    kind: RouterPortKind,
    new: model::api::port::PortCreate,
) -> Result<(), Fault> {
    let port = port::create(app, tx, stamp, new).await?;
    tx.add_router_port(whole.router.id, port.id, port.network_id, kind).await?;
    whole.legs.push(Leg { kind, port });
    Ok(())
}

/// What a caller who does not find a network is told.
async fn check_network_seen(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    network: model::NetworkId,
) -> Result<(), Fault> {
    let id = network.to_string();
    match tx.finds(&NETWORK, &id, guard.project()).await? {
        true => Ok(()),
        false => Err(Refusal::NotFound { table: &NETWORK, id }.into()),
    }
}

/// A port that is said to be an interface of a router belongs to the router's project, unless an
/// administrator says so; `stored` is one that is changed.
pub async fn check_device(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    given: &Given,
    stored: Option<&Port>,
) -> Result<(), Fault> {
    if guard.project().is_none() || !device::is_said(given) {
        return Ok(());
    }
    let Some(claim) = device::claim(given, stored) else { return Ok(()) };
    let router = tx.get::<Router>(&ROUTER, &claim.device).await?;
    Ok(device::check(claim, router.as_ref())?)
}

//! NDP proxies: facts in, decision, rows out. The port's network and the router are locked.

use cloud::l3::listen;
use cloud::ndp_proxy::{self, Facts, NdpProxyRefusal, Outside};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::SubnetId;
use model::api::ndp_proxy::{NDP_PROXY, NdpProxy, NdpProxyCreate};
use model::api::port::Port;
use model::api::router::{ROUTER, RouterPortKind};

use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::floatingip::visible_port;
use crate::routes::router::{self, Whole};

fn refused(refusal: NdpProxyRefusal) -> Fault {
    Refusal::from(refusal).into()
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: NdpProxyCreate,
) -> Result<String, Fault> {
    let port = visible_port(tx, guard, new.port_id).await?;
    let id = new.router_id.to_string();
    let whole = match tx.finds(&ROUTER, &id, guard.project()).await? {
        true => Some(router::whole(tx, &id).await?),
        false => None,
    };
    let outside = match whole.as_ref().and_then(|whole| whole.router.gw_network_id) {
        Some(network) => tx.scope_of_network(network, 6).await?,
        None => None,
    };
    let inside = tx.scope_of_network(port.network_id, 6).await?;
    let others = tx.ndp_proxies_of(new.router_id).await?;
    let facts = Facts {
        port: &port,
        router: whole.as_ref().map(|whole| &whole.router),
        legs: whole.as_ref().map_or(&[], |whole| &whole.legs),
        others: &others,
        scopes: [outside.as_deref(), inside.as_deref()],
    };
    let made = ndp_proxy::create(new, facts, stamp).map_err(refused)?;
    tx.insert(&NDP_PROXY, &made).await?;
    tx.router_due(made.router_id, stamp.now_us).await?;
    Ok(made.id.to_string())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let not_found = || Refusal::NotFound { table: &NDP_PROXY, id: id.to_owned() };
    let proxy: NdpProxy = tx.get(&NDP_PROXY, id).await?.ok_or_else(not_found)?;
    tx.delete(&NDP_PROXY, id).await?;
    Ok(tx.router_due(proxy.router_id, stamp.now_us).await?)
}

/// Routers answer for what the port has: a port that changes, or goes with its proxies.
pub async fn port_changes(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: &Port,
    after: Option<&Port>,
) -> Result<(), Fault> {
    if !listen::is_of_ndp_proxies(before, after) {
        return Ok(());
    }
    for router in tx.routers_answering_for(before.id).await? {
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

/// Whether a router answers for others, after a change that says so or that is about its way out.
pub async fn settle(
    tx: &mut Tx<'_>,
    whole: &mut Whole,
    asked: Option<bool>,
    addressed: bool,
) -> Result<(), Fault> {
    let leg = whole.legs.iter().find(|leg| leg.kind == RouterPortKind::Gateway);
    let scope = match leg {
        Some(leg) => tx.scope_of_network(leg.port.network_id, 6).await?,
        None => None,
    };
    let outside = Outside { port: leg.map(|leg| &leg.port), scope: scope.as_deref(), addressed };
    whole.router.enable_ndp_proxy = ndp_proxy::enabled(&whole.router, asked, outside).map_err(refused)?;
    Ok(())
}

/// Proxies keep an interface in its place.
pub async fn check_leaving(tx: &mut Tx<'_>, whole: &Whole, subnet: SubnetId) -> Result<(), Fault> {
    let router = whole.router.id;
    match tx.answers_on(router, subnet).await? {
        true => Err(refused(NdpProxyRefusal::InterfaceInUse { router, subnet })),
        false => Ok(()),
    }
}

//! Floating IPs: facts in, decision, rows out; and what becomes of them when their ports change.

use cloud::floatingip::{self, Between, Found, PlaceFacts, Turn, Wish};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::body::Given;
use model::api::floatingip::{FLOATINGIP, FloatingIp, FloatingIpCreate, FloatingIpUpdate};
use model::api::network::{NETWORK, Network};
use model::api::port::{PORT, Port};
use model::api::port_forwarding::{PORT_FORWARDING, PortForwarding};
use model::api::router::{ROUTER, Router};
use model::{FloatingIpId, NetworkId, RouterId, SubnetId};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::listen;
use crate::routes::{network, port, qos, subnet};

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: FloatingIpCreate,
) -> Result<FloatingIpId, Fault> {
    let network = new.floating_network_id.to_string();
    if !tx.finds(&NETWORK, &network, guard.project()).await? {
        return Err(Refusal::NotFound { table: &NETWORK, id: network }.into());
    }
    let network = network::load(tx, network).await?;
    let subnets = tx.subnets_of(network.id).await?;
    floatingip::check_create(&network, &subnets)?;
    qos::check_outside(tx, guard, new.qos_policy_id).await?;
    let id = FloatingIpId(stamp.uuid());
    let own = port::create(app, tx, stamp, floatingip::own_port(id, &new)).await?;
    let change = FloatingIpUpdate {
        port_id: Some(new.port_id),
        fixed_ip_address: new.fixed_ip_address,
        router_id: new.router_id,
        ..FloatingIpUpdate::default()
    };
    let mut made = floatingip::create(new, id, &own, stamp)?;
    let turn = floatingip::turn(&made, &change)?;
    take_turn(tx, guard, &mut made, turn).await?;
    tx.insert(&FLOATINGIP, &made).await?;
    tell_nova(tx, None, Some(&made));
    listen::floatingip(tx, stamp, None, Some(&made)).await?;
    Ok(id)
}

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<FloatingIp, Fault> {
    let found = tx.get(&FLOATINGIP, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &FLOATINGIP, id: id.to_string() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    id: &str,
    given: Given,
) -> Result<(), Fault> {
    // A change of nothing is an old way to say that it leads nowhere.
    let nowhere = FloatingIpUpdate { port_id: Some(None), ..FloatingIpUpdate::default() };
    let change = if given.0.is_empty() { nowhere } else { given.typed()? };
    let before = load(tx, id).await?;
    let turn = floatingip::turn(&before, &change)?;
    let mut after = before.clone();
    take_turn(tx, guard, &mut after, turn).await?;
    if let Some(policy) = change.qos_policy_id {
        qos::check_outside(tx, guard, policy).await?;
        after.qos_policy_id = policy;
    }
    after.rest.extend(change.rest);
    save(tx, stamp, &before, &after).await
}

/// Stores a changed floating IP, and has the routers looked at that it concerns.
async fn save(tx: &mut Tx<'_>, stamp: &Stamp, before: &FloatingIp, after: &FloatingIp) -> Result<(), Fault> {
    tx.update(&FLOATINGIP, before.id, before, after, &stamp.now).await?;
    tell_nova(tx, Some(before), Some(after));
    listen::floatingip(tx, stamp, Some(before), Some(after)).await
}

/// Nova shows a port with the floating IP that leads to it.
fn tell_nova(tx: &mut Tx<'_>, before: Option<&FloatingIp>, after: Option<&FloatingIp>) {
    let leads = |of: Option<&FloatingIp>| of.and_then(|of| of.port_id.zip(of.fixed_ip_address));
    if leads(before) != leads(after) {
        for (port, _) in [leads(before), leads(after)].into_iter().flatten() {
            tx.tell_nova_of(port);
        }
    }
}

async fn take_turn(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    floatingip: &mut FloatingIp,
    turn: Turn,
) -> Result<(), Fault> {
    let found = match turn {
        Turn::Stays => return Ok(()),
        Turn::Leaves => None,
        Turn::Comes(wish) => Some(find(tx, guard, floatingip, wish).await?),
    };
    let taken = match found {
        Some(found) => {
            let network = floatingip.floating_network_id;
            tx.floatingip_taken(network, found.port, found.address.into(), floatingip.id).await?
        }
        None => false,
    };
    let facts = PlaceFacts { taken, forwards: tx.forwards(floatingip.id).await? };
    Ok(floatingip::place(floatingip, found, facts)?)
}

/// The place that a wish leads to.
async fn find(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    floatingip: &FloatingIp,
    wish: Wish,
) -> Result<Found, Fault> {
    let port = visible_port(tx, guard, wish.port).await?;
    let (address, at) = floatingip::inside(&port, &wish, &floatingip.project_id, guard.is_admin())?;
    let network = floatingip.floating_network_id;
    let between = match wish.router {
        Some(router) => asked_router(tx, guard, router, network, address.into()).await?,
        None => router_between(tx, &port, at, network).await?.ok_or(Refusal::NoRouterBetween {
            network,
            subnet: at,
            port: port.id,
        })?,
    };
    floatingip::check_reach(&port, between.distributed)?;
    if between.distributed && !tx.forwardings_to(port.id).await?.is_empty() {
        return Err(Refusal::PortIsForwardedTo(port.id).into());
    }
    Ok(Found { port: port.id, address, router: between.router })
}

/// A port that the caller may know of.
pub async fn visible_port(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    id: impl std::fmt::Display,
) -> Result<Port, Fault> {
    let id = id.to_string();
    port::visible(tx, guard, &id).await?.ok_or_else(|| Refusal::NotFound { table: &PORT, id }.into())
}

/// The router that joins a port's subnet to an external network, if one does.
pub async fn router_between(
    tx: &mut Tx<'_>,
    port: &Port,
    at: SubnetId,
    external: NetworkId,
) -> Result<Option<Between>, Fault> {
    let subnet = subnet::load(tx, &at.to_string()).await?;
    let rows = tx.routers_between(port.network_id, at, external).await?;
    let routers: Vec<Between> = rows
        .into_iter()
        .map(|row| Between { router: row.router, address: row.address, distributed: row.distributed })
        .collect();
    Ok(floatingip::choose_router(&subnet, &routers))
}

/// A router that the request names: nobody asks whether it leads to the port.
async fn asked_router(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    id: RouterId,
    network: NetworkId,
    address: std::net::IpAddr,
) -> Result<Between, Fault> {
    let seen = tx.finds(&ROUTER, &id.to_string(), guard.project()).await?;
    let found: Option<Router> = if seen { tx.get(&ROUTER, id).await? } else { None };
    let router = found.ok_or_else(|| Refusal::NotFound { table: &ROUTER, id: id.to_string() })?;
    if router.gw_network_id != Some(network) {
        return Err(Refusal::NoGatewayThere { router: id, network }.into());
    }
    Ok(Between { router: id, address, distributed: router.distributed })
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let floatingip = load(tx, id).await?;
    let forwards = tx.forwards(floatingip.id).await?;
    floatingip::delete(&floatingip, forwards)?;
    tx.delete(&FLOATINGIP, floatingip.id).await?;
    tell_nova(tx, Some(&floatingip), None);
    listen::floatingip(tx, stamp, Some(&floatingip), None).await?;
    let network = network::load(tx, floatingip.floating_network_id).await?;
    if let Some(own) = tx.get::<Port>(&PORT, floatingip.floating_port_id).await? {
        port::delete(tx, stamp, &network, own).await?;
    }
    Ok(())
}

/// An external network goes: the floating IPs go first that nobody uses.
pub async fn network_goes(tx: &mut Tx<'_>, stamp: &Stamp, network: &Network) -> Result<(), Fault> {
    for id in tx.idle_floatingips(network.id).await? {
        tx.lock_floatingips(&[id]).await?;
        delete(tx, stamp, &id.to_string()).await?;
    }
    Ok(())
}

/// A port with another project's floating IP is not the caller's alone to delete.
pub async fn check_port_delete(tx: &mut Tx<'_>, guard: &Guard<'_>, port: &str) -> Result<(), Fault> {
    let (Some(project), Ok(port)) = (guard.project(), port.parse()) else { return Ok(()) };
    let theirs = tx.floatingips_of_port(port).await?.into_iter().any(|of| of.project_id != project);
    if theirs { Err(Refusal::FloatingIpOfOthers(port).into()) } else { Ok(()) }
}

/// A port goes: floating IPs leave it, and nothing is forwarded to it.
pub async fn port_goes(tx: &mut Tx<'_>, stamp: &Stamp, port: &Port) -> Result<(), Fault> {
    let floatingips = tx.floatingips_of_port(port.id).await?;
    let forwardings = tx.forwardings_to(port.id).await?;
    lock(tx, &floatingips, &forwardings).await?;
    for before in floatingips {
        let mut after = before.clone();
        floatingip::place(&mut after, None, PlaceFacts::default())?;
        save(tx, stamp, &before, &after).await?;
    }
    forget(tx, stamp, &forwardings).await
}

/// A port's addresses change: those of floating IPs stay, forwardings go with theirs.
pub async fn port_changes(tx: &mut Tx<'_>, stamp: &Stamp, before: &Port, after: &Port) -> Result<(), Fault> {
    if before.fixed_ips.iter().all(|fixed| after.fixed_ips.contains(fixed)) {
        return Ok(());
    }
    let has = |ip| after.fixed_ips.iter().any(|fixed| fixed.ip_address == ip);
    let floatingips = tx.floatingips_of_port(before.id).await?;
    if let Some(lost) = floatingips.iter().find(|of| of.fixed_ip_address.is_some_and(|ip| !has(ip.into()))) {
        return Err(Refusal::Request(format!(
            "Port {} keeps the address that floating IP {} leads to.",
            before.id, lost.floating_ip_address
        ))
        .into());
    }
    let mut forwardings = tx.forwardings_to(before.id).await?;
    forwardings.retain(|forwarding| !has(forwarding.internal_ip_address));
    lock(tx, &[], &forwardings).await?;
    forget(tx, stamp, &forwardings).await
}

async fn lock(
    tx: &mut Tx<'_>,
    floatingips: &[FloatingIp],
    forwardings: &[PortForwarding],
) -> Result<(), Fault> {
    let mut ids: Vec<FloatingIpId> = floatingips.iter().map(|of| of.id).collect();
    ids.extend(forwardings.iter().map(|forwarding| forwarding.floatingip_id));
    ids.sort_unstable();
    ids.dedup();
    if !ids.is_empty() {
        tx.lock_floatingips(&ids).await?;
    }
    Ok(())
}

/// Deletes forwardings; a floating IP that forwards nothing more leaves its router.
pub async fn forget(tx: &mut Tx<'_>, stamp: &Stamp, forwardings: &[PortForwarding]) -> Result<(), Fault> {
    for forwarding in forwardings {
        tx.delete(&PORT_FORWARDING, forwarding.id).await?;
        let before = load(tx, forwarding.floatingip_id).await?;
        listen::forwarding(tx, stamp, before.router_id, Some(forwarding), None).await?;
        if before.port_id.is_none() && !tx.forwards(before.id).await? {
            let mut after = before.clone();
            floatingip::place(&mut after, None, PlaceFacts::default())?;
            save(tx, stamp, &before, &after).await?;
        }
    }
    Ok(())
}

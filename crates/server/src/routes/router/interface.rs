//! Interfaces: a router's legs in networks of instances.

use cloud::router::Leg;
use cloud::router::interface::{self, Join, Leave};
use cloud::router::routes;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::SubnetId;
use model::api::port::{PORT, Port, PortUpdate};
use model::api::router::{InterfaceAsk, ROUTER, RouterPortKind};
use model::api::subnet::{SUBNET, Subnet};
use serde_json::{Value, json};

use super::action::Way;
use super::gateway::{changed, settle_snat};
use super::{Whole, add_leg, drop_leg, whole};
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::{ndp_proxy, subnet, trunk};

/// What both actions answer.
fn answer(whole: &Whole, port: &Port, subnets: &[SubnetId]) -> Value {
    json!({
        "id": whole.router.id,
        "project_id": port.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnets.last(),
        "subnet_ids": subnets,
    })
}

/// Locks a router and before it the network of the subnet or port that a request names.
async fn lock(tx: &mut Tx<'_>, router: &str, ask: &InterfaceAsk) -> Result<(), Fault> {
    let network = match (&ask.port_id, &ask.subnet_id) {
        (Some(port), _) => tx.network_of(&PORT, port).await?,
        (_, Some(subnet)) => tx.network_of(&SUBNET, subnet).await?,
        _ => None,
    };
    tx.lock_networks(network.as_slice()).await?;
    Ok(tx.lock(&ROUTER, router).await?)
}

/// Adds or removes what the request names, and makes the rest of the router fit.
pub async fn change(
    app: &App,
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    router: &str,
    (name, way): (&str, Way),
    ask: InterfaceAsk,
) -> Result<Value, Fault> {
    lock(tx, router, &ask).await?;
    guard.act(tx, &ROUTER, router, name).await?;
    let mut whole = whole(tx, router).await?;
    let mut stamp = app.stamp();
    let (stamp, whole) = (&mut stamp, &mut whole);
    let (port, subnets) = match way {
        Way::Add => {
            ask.check_one()?;
            match (ask.port_id, ask.subnet_id) {
                (Some(port), _) => add_port(app, tx, stamp, guard, whole, &port).await?,
                (_, subnet) => add_subnet(app, tx, stamp, guard, whole, &subnet.unwrap_or_default()).await?,
            }
        }
        Way::Remove => {
            ask.check_any()?;
            match (ask.port_id, ask.subnet_id) {
                (Some(port), subnet) => remove_port(tx, stamp, whole, &port, subnet.as_deref()).await?,
                (_, subnet) => {
                    let subnet = seen_subnet(tx, guard, &subnet.unwrap_or_default()).await?;
                    remove_subnet(app, tx, stamp, whole, &subnet).await?
                }
            }
        }
    };
    settle_snat(app, tx, stamp, whole).await?;
    // The router is another one to its readers and to hosts.
    tx.bump_router(whole.router.id, &stamp.now).await?;
    tx.set_router_taken(whole.router.id, false).await?;
    tx.router_due(whole.router.id, stamp.now_us).await?;
    Ok(answer(whole, &port, &subnets))
}

async fn add_subnet(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    whole: &mut Whole,
    id: &str,
) -> Result<(Port, Vec<SubnetId>), Fault> {
    let subnet = seen_subnet(tx, guard, id).await?;
    if subnet.gateway_ip.is_some() && guard.project().is_some_and(|project| project != subnet.project_id) {
        return Err(Refusal::Request(format!("Subnet {id} belongs to another project.")).into());
    }
    let port = match interface::join(&whole.router, &whole.legs, &whole.subnets, &subnet)? {
        Join::By(new) => {
            add_leg(app, tx, stamp, whole, RouterPortKind::Interface, new).await?;
            whole.legs.last().map(|leg| leg.port.clone())
        }
        Join::Extended(port, fixed_ips) => {
            let change = PortUpdate { fixed_ips: Some(fixed_ips), ..PortUpdate::default() };
            let after = changed(app, tx, stamp, port, change).await?;
            replace(whole, after.clone());
            Some(after)
        }
    };
    let port = port.expect("a leg was added");
    Ok((port, vec![subnet.id]))
}

fn replace(whole: &mut Whole, port: Port) {
    if let Some(leg) = whole.legs.iter_mut().find(|leg| leg.port.id == port.id) {
        leg.port = port;
    }
}

/// A subnet, unless the caller does not find it.
async fn seen_subnet(tx: &mut Tx<'_>, guard: &Guard<'_>, id: &str) -> Result<Subnet, Fault> {
    match tx.finds(&SUBNET, id, guard.project()).await? {
        true => subnet::load(tx, id).await,
        false => Err(Refusal::NotFound { table: &SUBNET, id: id.to_owned() }.into()),
    }
}

async fn add_port(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    whole: &mut Whole,
    id: &str,
) -> Result<(Port, Vec<SubnetId>), Fault> {
    let unknown = || Refusal::NotFound { table: &PORT, id: id.to_owned() };
    if !tx.finds(&PORT, id, guard.project()).await? {
        return Err(unknown().into());
    }
    let port: Port = tx.get(&PORT, id).await?.ok_or_else(unknown)?;
    let subnets = tx.subnets_of(port.network_id).await?;
    interface::check_port(&port, &subnets)?;
    trunk::check_free(tx, port.id).await?;
    if guard.project().is_some() && port.project_id != whole.router.project_id {
        return Err(Refusal::DeviceNotOwned { device: whole.router.id.to_string() }.into());
    }
    interface::join_port(&whole.legs, &whole.subnets, &port, &subnets, guard.project())?;
    let change = PortUpdate {
        device_id: Some(whole.router.id.to_string()),
        device_owner: Some(interface::owner(&whole.router).to_owned()),
        ..PortUpdate::default()
    };
    let port = changed(app, tx, stamp, port, change).await?;
    tx.add_router_port(whole.router.id, port.id, port.network_id, RouterPortKind::Interface).await?;
    whole.legs.push(Leg { kind: RouterPortKind::Interface, port: port.clone() });
    let ids = interface::subnets_of(&port, &subnets).map(|subnet| subnet.id).collect();
    Ok((port, ids))
}

async fn remove_port(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    whole: &mut Whole,
    id: &str,
    subnet: Option<&str>,
) -> Result<(Port, Vec<SubnetId>), Fault> {
    let port = interface::leave_port(&whole.router, &whole.legs, id, subnet)?.clone();
    let subnets: Vec<Subnet> = interface::subnets_of(&port, &whole.subnets).cloned().collect();
    for subnet in &subnets {
        check_leaving(tx, whole, subnet).await?;
    }
    take_away(tx, stamp, whole, &port).await?;
    Ok((port, subnets.into_iter().map(|subnet| subnet.id).collect()))
}

async fn remove_subnet(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    whole: &mut Whole,
    subnet: &Subnet,
) -> Result<(Port, Vec<SubnetId>), Fault> {
    let on_network =
        |leg: &Leg| leg.kind == RouterPortKind::Interface && leg.port.network_id == subnet.network_id;
    if whole.legs.iter().any(on_network) {
        check_leaving(tx, whole, subnet).await?;
    }
    let port = match interface::leave(&whole.router, &whole.legs, subnet)? {
        Leave::Deleted(port) => {
            take_away(tx, stamp, whole, &port).await?;
            port
        }
        Leave::Reduced(port, fixed_ips) => {
            let change = PortUpdate { fixed_ips: Some(fixed_ips), ..PortUpdate::default() };
            let after = changed(app, tx, stamp, port, change).await?;
            replace(whole, after.clone());
            after
        }
    };
    Ok((port, vec![subnet.id]))
}

async fn take_away(tx: &mut Tx<'_>, stamp: &Stamp, whole: &mut Whole, port: &Port) -> Result<(), Fault> {
    let at = whole.legs.iter().position(|leg| leg.port.id == port.id);
    let leg = whole.legs.remove(at.expect("it was found among the legs"));
    drop_leg(tx, stamp, leg.port.id).await
}

/// Routes, floating IPs and NDP proxies keep an interface in its place.
async fn check_leaving(tx: &mut Tx<'_>, whole: &Whole, subnet: &Subnet) -> Result<(), Fault> {
    let router = whole.router.id;
    routes::check_leaving(&whole.router, subnet)?;
    if tx.router_has_floating_ips_on(router, subnet.id).await? {
        return Err(Refusal::InterfaceInUseByFloatingIps { router, subnet: subnet.id }.into());
    }
    ndp_proxy::check_leaving(tx, whole, subnet.id).await
}

/// The interfaces of a router that became of another kind say so.
pub(super) async fn take_over(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    whole: &mut Whole,
) -> Result<(), Fault> {
    let owner = interface::owner(&whole.router);
    for at in 0..whole.legs.len() {
        if whole.legs[at].kind != RouterPortKind::Interface {
            continue;
        }
        let change = PortUpdate { device_owner: Some(owner.to_owned()), ..PortUpdate::default() };
        let before = whole.legs[at].port.clone();
        whole.legs[at].port = changed(app, tx, stamp, before, change).await?;
    }
    Ok(())
}

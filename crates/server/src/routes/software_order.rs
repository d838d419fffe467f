//! Install orders: facts in, decision, rows out; and what instances say of them.
//!
//! What is told of an order goes with the leases of its ports. So whoever changes what is told has the
//! networks and the ports locked, as whoever moves those has.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use cloud::software_order::{self as decide, Behind, Candidate};
use cloud::view;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::port::{PORT, Port};
use model::api::software_order::{
    MAX_TARGETS, OrderTarget, Resolved, SOFTWARE_ORDER, SoftwareOrder, SoftwareOrderCreate, Target,
};
use model::api::software_version::{SOFTWARE_VERSION, SoftwareVersion, Status};
use model::api::subnet::Subnet;
use model::desired::{Key, Kind};
use model::report::Outcome;
use model::software::State;
use model::{NetworkId, PortId, SoftwareOrderId, Touch};
use repo::Format;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<SoftwareOrder, Fault> {
    let found = tx.get(&SOFTWARE_ORDER, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SOFTWARE_ORDER, id: id.to_owned() }.into())
}

/// Locks the ports of an order's targets, and before them their networks; then the order.
pub async fn lock(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    if let Ok(order) = id.parse::<SoftwareOrderId>() {
        let targets = tx.targets_of(order).await?;
        let ports: Vec<String> = targets.iter().map(|target| target.port_id.to_string()).collect();
        lock_ports(tx, &ports).await?;
    }
    Ok(tx.lock(&SOFTWARE_ORDER, id).await?)
}

async fn lock_ports(tx: &mut Tx<'_>, ports: &[String]) -> Result<(), Fault> {
    let networks = tx.networks_of_ports(ports).await?;
    tx.lock_networks(&networks).await?;
    Ok(tx.lock_ports(ports).await?)
}

pub async fn create(tx: &mut Tx<'_>, stamp: &mut Stamp, new: SoftwareOrderCreate) -> Result<String, Fault> {
    new.check()?;
    let ports = targets(tx, &new).await?;
    lock_ports(tx, &ports).await?;
    let mut behind = Vec::new();
    for id in &ports {
        behind.push(self::behind(tx, id).await?);
    }
    leave_out(&mut behind, &new.targets);
    let packages = resolve(tx, &new).await?;
    let (order, targets) = decide::create(new, packages, &behind, stamp)?;
    tx.insert(&SOFTWARE_ORDER, &order).await?;
    tx.begin_order(&order, &targets).await?;
    for target in targets.iter().filter(|target| !target.state.has_ended()) {
        touch(tx, target.port_id).await?;
    }
    Ok(order.id.to_string())
}

/// The ports that an order names, each by itself or by its instance. Those of other projects are not there.
async fn targets(tx: &mut Tx<'_>, new: &SoftwareOrderCreate) -> Result<Vec<String>, Fault> {
    let (mut ports, mut instances) = (BTreeSet::new(), BTreeSet::new());
    for target in &new.targets {
        match target {
            Target::Port { port_id } => drop(ports.insert(port_id.to_string())),
            Target::Instance { instance } => drop(instances.insert(instance.clone())),
            Target::Either(text) => {
                ports.insert(text.clone());
                instances.insert(text.clone());
            }
        }
    }
    let found = tx.ports_behind(&new.project_id, &ports, &instances).await?;
    for target in &new.targets {
        let is = |(port, instance, _): &(String, String, _)| match target {
            Target::Port { port_id } => *port == port_id.to_string(),
            Target::Instance { instance: wanted } => instance == wanted,
            Target::Either(text) => port == text || instance == text,
        };
        if !found.iter().any(is) {
            let id = match target {
                Target::Port { port_id } => port_id.to_string(),
                Target::Instance { instance: text } | Target::Either(text) => text.clone(),
            };
            return Err(Refusal::NotFound { table: &PORT, id }.into());
        }
    }
    if found.len() > MAX_TARGETS {
        let message = format!("The order has {} ports, of {MAX_TARGETS} at most.", found.len());
        return Err(Refusal::Request(message).into());
    }
    Ok(found.into_iter().map(|(port, _, _)| port).collect())
}

async fn behind(tx: &mut Tx<'_>, port: &str) -> Result<Behind, Fault> {
    let found: Option<Port> = tx.get(&PORT, port).await?;
    let port = found.ok_or_else(|| Refusal::NotFound { table: &PORT, id: port.to_owned() })?;
    let subnets = tx.subnets_of(port.network_id).await?;
    let told = tx.orders_behind(port.id).await?;
    Ok(Behind {
        port: port.id,
        instance: port.device_id.clone(),
        reached: view::lease(&port, &subnets).is_some(),
        orders: told.orders,
        packages: told.packages,
    })
}

/// Of an instance that is named, and can be told by one port, ports by which it cannot are no targets.
fn leave_out(behind: &mut Vec<Behind>, targets: &[Target]) {
    let reached: BTreeSet<String> =
        behind.iter().filter(|of| of.reached).map(|of| of.instance.clone()).collect();
    let is_named = |of: &Behind| {
        targets.iter().any(|target| match target {
            Target::Port { port_id } => *port_id == of.port,
            Target::Either(text) => *text == of.port.to_string(),
            Target::Instance { .. } => false,
        })
    };
    behind.retain(|of| of.reached || is_named(of) || !reached.contains(&of.instance));
}

/// The versions that an order is of, which stay until it ends.
async fn resolve(tx: &mut Tx<'_>, new: &SoftwareOrderCreate) -> Result<Vec<Resolved>, Fault> {
    let names: BTreeSet<&str> = new.packages.iter().filter_map(|wanted| wanted.name.as_deref()).collect();
    let ids = new.packages.iter().filter_map(|wanted| wanted.package_id).map(|id| id.to_string()).collect();
    let rows = tx.software_named(&new.project_id, &names, &ids).await?;
    let rows = rows.into_iter();
    let candidates: Vec<Candidate> =
        rows.map(|(package, public, version)| Candidate { package, public, version }).collect();
    let mut out: Vec<Resolved> = Vec::new();
    for wanted in &new.packages {
        out.push(decide::resolve(wanted, &candidates, &new.project_id, newer)?);
    }
    check_there(tx, &out).await?;
    Ok(out)
}

/// Keeps versions from going, and sees that none did.
async fn check_there(tx: &mut Tx<'_>, packages: &[Resolved]) -> Result<(), Fault> {
    let versions: BTreeMap<String, &Resolved> =
        packages.iter().map(|of| (of.version_id.to_string(), of)).collect();
    for (id, of) in versions {
        tx.lock(&SOFTWARE_VERSION, &id).await?;
        let found: Option<SoftwareVersion> = tx.get(&SOFTWARE_VERSION, &id).await?;
        if !found.is_some_and(|version| version.status == Status::Active) {
            return Err(Refusal::SoftwareNotFound(format!("'{}' {}", of.name, of.version)).into());
        }
    }
    Ok(())
}

fn newer(format: &str, left: &str, right: &str) -> std::cmp::Ordering {
    let format = match format {
        "deb" => Format::Deb,
        "rpm" => Format::Rpm,
        _ => Format::Archive,
    };
    repo::version::compare(format, left, right)
}

/// The hosts that answer a port's DHCP hear of its orders.
async fn touch(tx: &mut Tx<'_>, port: PortId) -> Result<(), Fault> {
    let networks = tx.networks_of_ports(&[port.to_string()]).await?;
    for network in networks.iter().filter_map(|id| id.parse().ok()) {
        for host in tx.dhcp_hosts_of(network).await? {
            tx.mark(&[Touch::Part { host, key: Key::new(Kind::Lease, port.0) }]);
        }
    }
    Ok(())
}

/// `cancel` and `retry`.
pub async fn dispatch(app: &App, call: &Call, id: &str, action: &str) -> Result<Answer, Fault> {
    let rule = match (action, &call.method) {
        ("cancel", &Method::PUT) => "cancel_software_order",
        ("retry", &Method::PUT) => "retry_software_order",
        ("cancel" | "retry", _) => return Err(Fault::MethodNotAllowed),
        _ => return Err(Fault::NoSuchUrl),
    };
    let item = retry::whole(async || {
        let mut tx = app.db().begin().await?;
        lock(&mut tx, id).await?;
        let guard = Guard::of(app, call);
        guard.act(&mut tx, &SOFTWARE_ORDER, id, rule).await?;
        let order = load(&mut tx, id).await?;
        let stamp = app.stamp();
        match action {
            "cancel" => cancel(&mut tx, &stamp, &order).await?,
            _ => again(&mut tx, &stamp, &order).await?,
        }
        let shown = guard.answers(&SOFTWARE_ORDER);
        let item = tx.show(&SOFTWARE_ORDER, id, &[], &shown).await?.unwrap_or_default();
        app.commit(tx).await?;
        Ok(item)
    })
    .await?;
    Ok(super::wrapped(StatusCode::OK, SOFTWARE_ORDER.singular, &item))
}

async fn cancel(tx: &mut Tx<'_>, stamp: &Stamp, order: &SoftwareOrder) -> Result<(), Fault> {
    let targets = tx.targets_of(order.id).await?;
    let changed: Vec<OrderTarget> =
        targets.iter().filter_map(|target| decide::cancel(target, &stamp.now)).collect();
    if changed.is_empty() {
        return Err(Refusal::SoftwareOrderHasNone { order: order.id, action: "cancel" }.into());
    }
    save(tx, stamp, order.id, &changed).await
}

async fn again(tx: &mut Tx<'_>, stamp: &Stamp, order: &SoftwareOrder) -> Result<(), Fault> {
    check_there(tx, &order.packages).await?;
    let mut changed = Vec::new();
    for target in tx.targets_of(order.id).await? {
        let Some(port) = tx.get::<Port>(&PORT, target.port_id).await? else { continue };
        let of = behind(tx, &port.id.to_string()).await?;
        if let Some(after) = decide::retry(&target, &of, &stamp.now) {
            decide::check_room(&of, order.packages.len())?;
            changed.push(after);
        }
    }
    if changed.is_empty() {
        return Err(Refusal::SoftwareOrderHasNone { order: order.id, action: "try again" }.into());
    }
    save(tx, stamp, order.id, &changed).await
}

async fn save(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    order: SoftwareOrderId,
    changed: &[OrderTarget],
) -> Result<(), Fault> {
    for target in changed {
        tx.save_target(target).await?;
        touch(tx, target.port_id).await?;
    }
    Ok(tx.bump(&SOFTWARE_ORDER, order, &stamp.now).await?)
}

pub async fn delete(tx: &mut Tx<'_>, id: &str, force: bool) -> Result<(), Fault> {
    let order = load(tx, id).await?;
    let targets = tx.targets_of(order.id).await?;
    let under_way = targets.iter().filter(|target| !target.state.has_ended());
    if !force && under_way.clone().any(|target| target.state != State::Pending) {
        return Err(Refusal::SoftwareOrderInUse(order.id).into());
    }
    for target in under_way {
        touch(tx, target.port_id).await?;
    }
    tx.delete(&SOFTWARE_ORDER, order.id).await?;
    Ok(())
}

/// A port changed: orders of the instance that it was of, or that cannot be told any more, end.
pub async fn port_changes(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    subnets: &[Subnet],
    before: &Port,
    after: &Port,
) -> Result<(), Fault> {
    let of = Behind {
        port: after.id,
        instance: after.device_id.clone(),
        reached: view::lease(after, subnets).is_some(),
        orders: 0,
        packages: 0,
    };
    if before.device_id == of.instance && (of.reached || view::lease(before, subnets).is_none()) {
        return Ok(());
    }
    end_by(tx, stamp, &of).await
}

/// A subnet of a network changed: instances of ports that have no lease any more cannot be told.
pub async fn subnet_changes(tx: &mut Tx<'_>, stamp: &Stamp, network: NetworkId) -> Result<(), Fault> {
    let ports = tx.ports_with_orders(network).await?;
    tx.lock_orders_behind(&ports).await?;
    for id in ports {
        let of = behind(tx, &id).await?;
        if !of.reached {
            end_by(tx, stamp, &of).await?;
        }
    }
    Ok(())
}

async fn end_by(tx: &mut Tx<'_>, stamp: &Stamp, of: &Behind) -> Result<(), Fault> {
    for target in tx.targets_behind(of.port).await? {
        if let Some(after) = decide::port_changes(&target, of, &stamp.now) {
            tx.save_target(&after).await?;
            tx.bump(&SOFTWARE_ORDER, after.order_id, &stamp.now).await?;
        }
    }
    Ok(())
}

/// A port goes: nothing more becomes of its orders.
pub async fn port_goes(tx: &mut Tx<'_>, stamp: &Stamp, port: &Port) -> Result<(), Fault> {
    for target in tx.targets_behind(port.id).await? {
        if let Some(after) = decide::port_goes(&target, &stamp.now) {
            tx.save_target(&after).await?;
            tx.bump(&SOFTWARE_ORDER, after.order_id, &stamp.now).await?;
        }
    }
    Ok(())
}

/// What an instance said of its orders, to a host that answers its DHCP. Words of an older attempt, of what
/// ended, and of orders that the port has not, count for nothing.
pub async fn said(tx: &mut Tx<'_>, host: &str, outcome: &Outcome, stamp: &Stamp) -> Result<(), Fault> {
    if outcome.orders.is_empty() || outcome.key.kind != Kind::Lease {
        return Ok(());
    }
    let Some(port) = tx.get::<Port>(&PORT, outcome.key.id).await? else { return Ok(()) };
    if !tx.dhcp_hosts_of(port.network_id).await?.iter().any(|serving| serving == host) {
        return Ok(());
    }
    for (order, report) in &outcome.orders {
        let Some(before) = tx.order_target(*order, port.id).await? else { continue };
        let Some(after) = decide::said(&before, report, &stamp.now) else { continue };
        tx.save_target(&after).await?;
        tx.bump(&SOFTWARE_ORDER, *order, &stamp.now).await?;
        if after.state.has_ended() {
            touch(tx, port.id).await?;
        }
    }
    Ok(())
}

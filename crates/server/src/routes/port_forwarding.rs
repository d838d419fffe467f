//! Port forwardings: facts in, decision, rows out.

use cloud::l3::listen::is_of_forwarding;
use cloud::{Refusal, Stamp, port_forwarding};
use db::Tx;
use model::PortForwardingId;
use model::api::floatingip::{FLOATINGIP, FloatingIp};
use model::api::port_forwarding::{
    PORT_FORWARDING, PortForwarding, PortForwardingCreate, PortForwardingUpdate,
};

use crate::error::Fault;
use crate::guard::Guard;
use crate::listen;
use crate::routes::floatingip;

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: PortForwardingCreate,
) -> Result<PortForwardingId, Fault> {
    tx.lock_floatingips(&[new.floatingip_id]).await?;
    let of = floatingip::load(tx, new.floatingip_id).await?;
    let id = PortForwardingId(stamp.uuid());
    let made = port_forwarding::create(new, id, stamp)?;
    check(tx, guard, &of, &made).await?;
    let router = arrive(tx, stamp, guard, &of, &made).await?;
    // Whoever comes for the same ports waits for the floating IP, or for the port's network.
    tx.insert(&PORT_FORWARDING, &made).await?;
    listen::forwarding(tx, stamp, Some(router), None, Some(&made)).await?;
    Ok(id)
}

/// Refuses what collides with other forwardings and with floating IPs.
async fn check(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    of: &FloatingIp,
    wanted: &PortForwarding,
) -> Result<(), Fault> {
    let mut others = tx.forwardings_of(of.id).await?;
    others.extend(tx.forwardings_to(wanted.internal_port_id).await?);
    port_forwarding::check_collisions(wanted, &others)?;
    if let Some(had) = tx.floatingips_of_port(wanted.internal_port_id).await?.first() {
        let (port, address) = (wanted.internal_port_id, had.floating_ip_address);
        return Err(Refusal::PortHasFloatingIp { port, address }.into());
    }
    port_forwarding::check_floatingip(of, wanted)?;
    floatingip::visible_port(tx, guard, wanted.internal_port_id).await.map(drop)
}

/// The router of a forwarding, which its floating IP is at from then on.
async fn arrive(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    before: &FloatingIp,
    wanted: &PortForwarding,
) -> Result<model::RouterId, Fault> {
    let port = floatingip::visible_port(tx, guard, wanted.internal_port_id).await?;
    let subnet = port_forwarding::subnet(&port, wanted)?;
    let found = floatingip::router_between(tx, &port, subnet, before.floating_network_id).await?;
    let router = port_forwarding::check_router(before, found.map(|between| between.router))?;
    port_forwarding::check_shifted(wanted, router, tx.shifted_ports(router, wanted.id).await?)?;
    let mut after = before.clone();
    after.router_id = Some(router);
    cloud::floatingip::left(&mut after, before.router_id);
    tx.update(&FLOATINGIP, before.id, before, &after, &stamp.now).await?;
    Ok(router)
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<PortForwarding, Fault> {
    let found = tx.get(&PORT_FORWARDING, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &PORT_FORWARDING, id: id.to_owned() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    id: &str,
    mut change: PortForwardingUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    if let Some(port) = change.internal_port_id.filter(|port| *port != before.internal_port_id)
        && change.internal_ip_address.is_none()
    {
        let port = floatingip::visible_port(tx, guard, port).await?;
        change.internal_ip_address = port_forwarding::first_address(&port);
    }
    let after = port_forwarding::update(&before, change)?;
    let of = floatingip::load(tx, before.floatingip_id).await?;
    if is_of_forwarding(Some(&before), Some(&after)) {
        check(tx, guard, &of, &after).await?;
        let router = arrive(tx, stamp, guard, &of, &after).await?;
        listen::forwarding(tx, stamp, Some(router), Some(&before), Some(&after)).await?;
    }
    tx.update(&PORT_FORWARDING, before.id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let forwarding = load(tx, id).await?;
    floatingip::forget(tx, stamp, &[forwarding]).await
}

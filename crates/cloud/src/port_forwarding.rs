//! Port forwardings: create, update, and what must not collide.

use std::net::IpAddr;

use model::api::floatingip::FloatingIp;
use model::api::port::Port;
use model::api::port_forwarding::{PortForwarding, PortForwardingCreate, PortForwardingUpdate, PortRange};
use model::desired::SHIFTED_PORTS;
use model::{PortForwardingId, RouterId, SubnetId};

use crate::{Refusal, Stamp};

/// Protocols that may be forwarded as a whole.
const PORTLESS: [&str; 2] = ["icmp", "ipv6-icmp"];

/// Makes a port forwarding of a checked request.
pub fn create(
    new: PortForwardingCreate,
    id: PortForwardingId,
    stamp: &Stamp,
) -> Result<PortForwarding, Refusal> {
    let external = range(new.external_port, new.external_port_range.as_deref());
    let internal = range(new.internal_port, new.internal_port_range.as_deref());
    let mut rest = new.rest;
    rest.insert("created_us".into(), stamp.now_us.into());
    let mut made = PortForwarding {
        id,
        project_id: new.project_id,
        floatingip_id: new.floatingip_id,
        protocol: new.protocol,
        external_first: None,
        external_last: None,
        internal_port_id: new.internal_port_id,
        internal_ip_address: new.internal_ip_address,
        internal_first: None,
        internal_last: None,
        rest,
    };
    made.set_external(external);
    made.set_internal(internal);
    check_ranges(&made)?;
    Ok(made)
}

/// Said both ways, the range counts.
fn range(port: Option<u16>, range: Option<&str>) -> Option<PortRange> {
    range.and_then(PortRange::parse).or(port.map(PortRange::one))
}

/// Applies a checked change.
pub fn update(before: &PortForwarding, change: PortForwardingUpdate) -> Result<PortForwarding, Refusal> {
    let mut after = before.clone();
    after.protocol = change.protocol.unwrap_or(after.protocol);
    after.internal_port_id = change.internal_port_id.unwrap_or(after.internal_port_id);
    after.internal_ip_address = change.internal_ip_address.unwrap_or(after.internal_ip_address);
    after.rest.extend(change.rest);
    let external = range(change.external_port, change.external_port_range.as_deref());
    let internal = range(change.internal_port, change.internal_port_range.as_deref());
    after.set_external(external.or(after.external()));
    after.set_internal(internal.or(after.internal()));
    check_ranges(&after)?;
    Ok(after)
}

/// Each external port leads to one internal port: to its own, or all to the same.
fn check_ranges(forwarding: &PortForwarding) -> Result<(), Refusal> {
    let ports = (forwarding.external(), forwarding.internal());
    let needs_ports = !PORTLESS.contains(&forwarding.protocol.as_str());
    if ports.0.is_some() != ports.1.is_some() || needs_ports && ports.0.is_none() {
        return Err(Refusal::Request(format!(
            "Give both an external and an internal port, or range of them, to forward {}.",
            forwarding.protocol
        )));
    }
    let external = forwarding.external().map_or(0, PortRange::more);
    let internal = forwarding.internal().map_or(0, PortRange::more);
    if internal > 0 && internal != external {
        return Err(Refusal::Request(
            "The external and internal ranges must be of one size, or the internal one a single port.".into(),
        ));
    }
    Ok(())
}

/// Forwardings that come from one port of the floating IP, or lead to one port of an instance.
pub fn check_collisions(wanted: &PortForwarding, others: &[PortForwarding]) -> Result<(), Refusal> {
    for other in others.iter().filter(|other| other.id != wanted.id && other.protocol == wanted.protocol) {
        let inside = other.internal_port_id == wanted.internal_port_id
            && other.internal_ip_address == wanted.internal_ip_address
            && collide(other.internal(), wanted.internal());
        let outside =
            other.floatingip_id == wanted.floatingip_id && collide(other.external(), wanted.external());
        if inside || outside {
            let side = if inside { "internal" } else { "external" };
            return Err(Refusal::Request(format!(
                "Port forwarding {} uses these {side} ports of {} already.",
                other.id, other.protocol
            )));
        }
    }
    Ok(())
}

/// Protocols without ports have one of each.
fn collide(one: Option<PortRange>, other: Option<PortRange>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.overlaps(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// A floating IP is of one port, or forwards to many.
pub fn check_floatingip(floatingip: &FloatingIp, forwarding: &PortForwarding) -> Result<(), Refusal> {
    match floatingip.port_id {
        Some(port) => Err(Refusal::FloatingIpTaken {
            port,
            fixed: forwarding.internal_ip_address,
            network: floatingip.floating_network_id,
        }),
        None => Ok(()),
    }
}

/// The address of a port that forwardings lead to where none is said.
pub fn first_address(port: &Port) -> Option<IpAddr> {
    port.fixed_ips.iter().map(|fixed| fixed.ip_address).find(IpAddr::is_ipv4)
}

/// The subnet of the address that a forwarding leads to.
pub fn subnet(port: &Port, forwarding: &PortForwarding) -> Result<SubnetId, Refusal> {
    let ip = forwarding.internal_ip_address;
    let found = port.fixed_ips.iter().find(|fixed| fixed.ip_address == ip && matches!(ip, IpAddr::V4(_)));
    found.map(|fixed| fixed.subnet_id).ok_or_else(|| {
        Refusal::Request(format!("Port {} does not have the IPv4 address {ip}.", forwarding.internal_port_id))
    })
}

/// Ports that lead to ports of other numbers take memory of hosts, one by one; `others` are those of the
/// router's other forwardings.
pub fn check_shifted(wanted: &PortForwarding, router: RouterId, others: i64) -> Result<(), Refusal> {
    let count = match (wanted.external(), wanted.internal()) {
        // A range that keeps its numbers is one whole.
        (Some(from), to) if from.more() == 0 || to != Some(from) => i64::from(from.more()) + 1,
        _ => 0,
    };
    let limit = i64::try_from(SHIFTED_PORTS).expect("it is small");
    match count > 0 && others + count > limit {
        true => Err(Refusal::TooManyShiftedPorts { router, limit, used: others }),
        false => Ok(()),
    }
}

/// All forwardings of a floating IP pass one router.
pub fn check_router(floatingip: &FloatingIp, router: Option<RouterId>) -> Result<RouterId, Refusal> {
    let Some(router) = router else {
        return Err(Refusal::Request(format!(
            "Network {} is not reachable from the port's subnet.",
            floatingip.floating_network_id
        )));
    };
    match floatingip.router_id {
        Some(at) if at != router => Err(Refusal::Request(format!(
            "Floating IP {} is at router {at}, which does not reach the port.",
            floatingip.id
        ))),
        _ => Ok(router),
    }
}

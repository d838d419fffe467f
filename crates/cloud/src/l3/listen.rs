//! Which routers a change concerns: those whose hosts may have other work after it. They are settled,
//! and settling looks closely; a change that cannot alter what any agent does names none.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::api::agent::Agent;
use model::api::floatingip::FloatingIp;
use model::api::port::Port;
use model::api::port_forwarding::PortForwarding;
use model::api::router::Router;
use model::api::subnet::Subnet;
use model::report::{L3_TOPIC, L3Configuration};
use model::{RouterId, SubnetId};

use crate::bind::host;

/// A router with an interface in a port's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub router: RouterId,
    pub distributed: bool,
    /// Of its interfaces in that network.
    pub subnets: BTreeSet<SubnetId>,
    /// Hosts that use the router by other ports than this one.
    pub users: BTreeSet<String>,
    /// Other ports than this one are of bare-metal servers.
    pub baremetal: bool,
    /// Other ports than this one have globally routed IPv6 addresses.
    pub ipv6: bool,
}

/// What routers have to do with a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortFacts {
    /// The router whose port it is.
    pub own: Option<RouterId>,
    pub behind: Vec<Behind>,
    /// Routers with floating IPs of the port.
    pub floating: BTreeSet<RouterId>,
}

/// The port's owner is one that a distributed router serves where the port is bound. Neutron serves
/// instances only; whoever else is bound to a host uses its gateway no less. What belongs to the
/// network itself needs no router, and DHCP's port on a network node would keep all routers there.
pub fn is_served(device_owner: &str) -> bool {
    !device_owner.starts_with("network:")
}

/// A port created (`before` is `None`), changed, or deleted (`after` is `None`).
pub fn of_port(before: Option<&Port>, after: Option<&Port>, facts: &PortFacts) -> BTreeSet<RouterId> {
    let mut due = BTreeSet::new();
    let leg = |port: Option<&Port>| port.map(|port| (port.mac_address, port.fixed_ips.clone()));
    due.extend(facts.own.filter(|_| leg(before) != leg(after)));
    let (old, new) = (before.and_then(host), after.and_then(host));
    if old != new {
        due.extend(&facts.floating);
    }
    let concerned = facts.behind.iter().filter(|behind| concerns(before, after, behind));
    due.extend(concerned.map(|behind| behind.router));
    due
}

/// Neither local to a site nor to a link: below fc00::/7.
fn is_routed_ipv6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.octets()[0] < 0xfc)
}

fn concerns(before: Option<&Port>, after: Option<&Port>, behind: &Behind) -> bool {
    if !behind.distributed {
        return false;
    }
    let uses = |port: &&Port| {
        is_served(&port.device_owner)
            && port.fixed_ips.iter().any(|ip| behind.subnets.contains(&ip.subnet_id))
    };
    let (before, after) = (before.filter(uses), after.filter(uses));
    let (old, new) = (before.and_then(host), after.and_then(host));
    let other_hosts = [old, new].into_iter().flatten().any(|host| !behind.users.contains(host));
    let baremetal = |port: Option<&Port>| port.is_some_and(|port| port.vnic_type == "baremetal");
    let ipv6 = |port: Option<&Port>| {
        let on = |ip: &&model::api::port::FixedIp| behind.subnets.contains(&ip.subnet_id);
        port.is_some_and(|port| port.fixed_ips.iter().filter(on).any(|ip| is_routed_ipv6(ip.ip_address)))
    };
    old != new && other_hosts
        || baremetal(before) != baremetal(after) && !behind.baremetal
        || ipv6(before) != ipv6(after) && !behind.ipv6
}

/// A subnet that changes: hosts are told who advertises it, its name servers, and of an external one
/// where its gateway is.
pub fn is_of_subnet(before: &Subnet, after: &Subnet) -> bool {
    let seen = |subnet: &Subnet| (subnet.gateway_ip, subnet.dns_nameservers.clone());
    seen(before) != seen(after)
}

/// A router that changes: its name and the like are nothing to hosts.
pub fn is_of_router(before: &Router, after: &Router) -> bool {
    let seen = |row: &Router| {
        let gateway = (row.gw_port_id, row.enable_snat, row.external_gateway_info.clone());
        let kind = (row.admin_state_up, row.distributed, row.ha, row.ha_vr_id);
        (kind, gateway, row.enable_ndp_proxy, row.routes.clone())
    };
    seen(before) != seen(after)
}

/// A floating IP created (`before` is `None`), changed, or deleted: the routers that it leaves, and the
/// one that it comes to. Its description and the like are nothing to hosts.
pub fn of_floatingip(before: Option<&FloatingIp>, after: Option<&FloatingIp>) -> BTreeSet<RouterId> {
    let seen = |of: &FloatingIp| {
        (of.router_id, of.port_id, of.fixed_ip_address, of.last_router_id, of.qos_policy_id)
    };
    if before.map(seen) == after.map(seen) {
        return BTreeSet::new();
    }
    // With one that is deleted goes what its last router would have told of it.
    let last = before.filter(|_| after.is_none()).and_then(|of| of.last_router_id);
    let at = [before, after].into_iter().flatten().filter_map(|of| of.router_id);
    at.chain(last).collect()
}

/// A forwarding that changes, or that comes or goes: its router carries another one then.
pub fn is_of_forwarding(before: Option<&PortForwarding>, after: Option<&PortForwarding>) -> bool {
    let seen = |of: &PortForwarding| {
        let inside = (of.internal_port_id, of.internal_ip_address, of.internal());
        (of.floatingip_id, of.protocol.clone(), of.external(), inside)
    };
    before.map(seen) != after.map(seen)
}

/// A port that changes or goes (`after` is `None`): routers answer outside for addresses that it has.
pub fn is_of_ndp_proxies(before: &Port, after: Option<&Port>) -> bool {
    let seen = |port: &Port| -> BTreeSet<IpAddr> {
        port.fixed_ips.iter().map(|fixed| fixed.ip_address).filter(IpAddr::is_ipv6).collect()
    };
    seen(before) != after.map(seen).unwrap_or_default()
}

/// What the L3 agent of a host says of itself; `None` of agents of other kinds.
pub fn configuration(agent: &Agent) -> Option<L3Configuration> {
    let read = || serde_json::from_value(agent.configurations.clone()).ok();
    (agent.topic == L3_TOPIC).then(read)?
}

#[cfg(test)]
mod tests;

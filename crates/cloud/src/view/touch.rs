//! Whom a change of a port touches: a change that alters no host's parts touches nobody.

use model::Touch;
use model::api::network::Network;
use model::api::port::Port;
use model::api::subnet::Subnet;
use model::desired::{Key, Kind};

use crate::bind::{self, is_bound};
use crate::l3::AGENT_GATEWAY;
use crate::segment::is_tunnel;
use crate::view::{group, part};

/// What is around the port.
#[derive(Debug, Clone, Copy)]
pub struct PortFacts<'a> {
    pub network: &'a Network,
    pub subnets: &'a [Subnet],
    /// A distributed router has an interface on it.
    pub routed: bool,
    /// Hosts that serve its DHCP.
    pub dhcp_hosts: &'a [String],
    /// The host that the port comes to had no other port of the network.
    pub first_on_host: bool,
    /// The host that the port leaves keeps no other port of the network.
    pub last_on_host: bool,
}

/// The touches of a port created (`before` is `None`), changed, or deleted (`after` is `None`).
pub fn of_port(before: Option<&Port>, after: Option<&Port>, facts: &PortFacts<'_>) -> Vec<Touch> {
    let Some(id) = after.or(before).map(|port| port.id) else { return Vec::new() };
    let mut out = Vec::new();
    let key = |kind| Key::new(kind, id.0);
    let host = |port: Option<&Port>| port.and_then(bind::host).map(str::to_owned);
    let (old_host, new_host) = (host(before), host(after));
    let view = |port: Option<&Port>| port.map(part::port);
    let policy = |port: Option<&Port>| port.and_then(Port::qos_policy);
    if old_host != new_host || view(before) != view(after) || policy(before) != policy(after) {
        for host in [&old_host, &new_host].into_iter().flatten() {
            out.push(Touch::Part { host: host.clone(), key: key(Kind::Port) });
        }
    }
    membership(&mut out, &old_host, &new_host, facts);
    let seen = |port: Option<&Port>| {
        port.map(|p| (p.mac_address, p.fixed_ips.clone(), p.host.clone(), is_bound(&p.vif_type)))
    };
    if (carries_tunnels(facts.network) || facts.routed)
        && seen(before) != seen(after)
        && (old_host.is_some() || new_host.is_some())
    {
        out.push(Touch::Members { network: facts.network.id, key: key(Kind::Remote) });
    }
    if carries_tunnels(facts.network) && roams(before) != roams(after) {
        out.push(Touch::Members {
            network: facts.network.id,
            key: Key::new(Kind::Network, facts.network.id.0),
        });
    }
    let lease = |port: Option<&Port>| port.and_then(|port| part::lease(port, facts.subnets));
    if lease(before) != lease(after) {
        for host in facts.dhcp_hosts {
            out.push(Touch::Part { host: host.clone(), key: key(Kind::Lease) });
        }
    }
    let is_dhcp = |port: Option<&Port>| port.is_some_and(|port| port.device_owner == "network:dhcp");
    if (is_dhcp(before) || is_dhcp(after)) && (old_host != new_host || view(before) != view(after)) {
        for host in [&old_host, &new_host].into_iter().flatten() {
            out.push(Touch::Part { host: host.clone(), key: Key::new(Kind::Dhcp, facts.network.id.0) });
        }
    }
    let is_way = |port: Option<&Port>| port.is_some_and(|port| port.device_owner == AGENT_GATEWAY);
    if (is_way(before) || is_way(after)) && (old_host != new_host || view(before) != view(after)) {
        for host in [&old_host, &new_host].into_iter().flatten() {
            out.push(Touch::Part { host: host.clone(), key: Key::new(Kind::Fip, facts.network.id.0) });
        }
    }
    group::of_port(&mut out, before, after);
    out.sort_unstable();
    out.dedup();
    out
}

/// A host that gets its first port of the network, or loses its last, and all that must reach it.
fn membership(
    out: &mut Vec<Touch>,
    old_host: &Option<String>,
    new_host: &Option<String>,
    facts: &PortFacts<'_>,
) {
    if old_host == new_host {
        return;
    }
    let network = facts.network.id;
    let joins = new_host.as_ref().filter(|_| facts.first_on_host);
    let leaves = old_host.as_ref().filter(|_| facts.last_on_host);
    for host in joins.into_iter().chain(leaves) {
        out.push(Touch::Membership { host: host.clone(), network });
        if carries_tunnels(facts.network) {
            out.push(Touch::Members { network, key: Key::new(Kind::Network, network.0) });
        }
    }
}

/// A port that may use addresses besides its own makes its whole network hear of them.
fn roams(port: Option<&Port>) -> bool {
    port.is_some_and(|port| {
        let free = !port.port_security_enabled && !port.device_owner.starts_with("network:");
        free || !port.allowed_address_pairs.is_empty()
    })
}

/// Whether hosts have the network by tunnels.
pub fn carries_tunnels(network: &Network) -> bool {
    network.segments.iter().any(|segment| is_tunnel(&segment.network_type))
}

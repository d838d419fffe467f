//! Can a host carry a port, and by which of its network's segments.

use model::api::agent::Agent;
use model::api::network::{Network, ProviderSegment};
use model::api::port::Port;
use model::report::L2Configuration;
use serde_json::{Value, json};

use crate::segment::is_tunnel;

/// `binding:vif_type` and `binding:vif_details` of a port.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    pub vif_type: &'static str,
    pub vif_details: Value,
}

pub const UNBOUND: &str = "unbound";
pub const BINDING_FAILED: &str = "binding_failed";
/// Of an interface of a distributed router: it is on every host that needs it, and bound to none.
pub const DISTRIBUTED: &str = "distributed";
const TAP: &str = "tap";

/// The topic by which the agents that wire ports are known.
pub const L2_TOPIC: &str = "N/A";

/// True of a port that is at one host.
pub fn is_bound(vif_type: &str) -> bool {
    ![UNBOUND, BINDING_FAILED, DISTRIBUTED].contains(&vif_type)
}

/// The one host that a port is at.
pub fn host(port: &Port) -> Option<&str> {
    Some(port.host.as_str()).filter(|host| !host.is_empty() && is_bound(&port.vif_type))
}

/// True of a port's owner whose ports are on every host that needs them.
pub fn is_distributed(device_owner: &str) -> bool {
    device_owner == "network:router_interface_distributed"
}

/// The binding of such a port.
pub fn distributed() -> Binding {
    Binding { vif_type: DISTRIBUTED, vif_details: json!({}) }
}

/// The binding of a port that its host cannot carry.
pub fn failed() -> Binding {
    Binding { vif_type: BINDING_FAILED, vif_details: json!({}) }
}

/// Decides the binding of a port on a host; a failure is an answer, not an error.
pub fn bind(
    host: &str,
    vnic_type: &str,
    network: &Network,
    agent: Option<&Agent>,
    alive_since_us: i64,
) -> Binding {
    if host.is_empty() {
        return Binding { vif_type: UNBOUND, vif_details: json!({}) };
    }
    let carried = agent
        .filter(|agent| agent.heartbeat_us > alive_since_us && vnic_type == "normal")
        .and_then(|agent| serde_json::from_value::<L2Configuration>(agent.configurations.clone()).ok())
        .is_some_and(|configuration| segment_for(network, &configuration).is_some());
    if !carried {
        return failed();
    }
    Binding {
        vif_type: TAP,
        vif_details: json!({
            "port_filter": true,
            "connectivity": "l2",
            "bound_drivers": { "0": "neutrino" },
        }),
    }
}

/// The first segment of a network that a host can carry.
pub fn segment_for<'a>(network: &'a Network, host: &L2Configuration) -> Option<&'a ProviderSegment> {
    network.segments.iter().find(|segment| {
        let mapped = || {
            let physical = segment.physical_network.as_deref().unwrap_or_default();
            host.interface_mappings.contains_key(physical)
        };
        match segment.network_type.as_str() {
            "local" => true,
            "flat" => mapped(),
            "vlan" => mapped() && host.vlan,
            tunnel if is_tunnel(tunnel) => {
                host.tunneling_ip.is_some() && host.tunnel_types.iter().any(|known| known == tunnel)
            }
            _ => false,
        }
    })
}

//! Can a host carry a port, and by which of its network's segments.

use model::api::agent::Agent;
use model::api::network::{Network, ProviderSegment};
use model::api::port::Port;
use model::report::L2Configuration;
use model::{PortId, vhostuser};
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
const VHOSTUSER: &str = "vhostuser";
/// Owners of an instance's ports begin so; all others are devices of the host's own.
const INSTANCE: &str = "compute:";

/// The topic by which the agents that wire ports are known.
pub const L2_TOPIC: &str = "N/A";

/// What a host is asked to carry.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub port: PortId,
    pub vnic_type: &'a str,
    pub device_owner: &'a str,
}

impl<'a> Asked<'a> {
    /// A port as it is.
    pub fn of(port: &'a Port) -> Asked<'a> {
        Asked { port: port.id, vnic_type: &port.vnic_type, device_owner: &port.device_owner }
    }
}

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
    asked: Asked<'_>,
    network: &Network,
    agent: Option<&Agent>,
    alive_since_us: i64,
) -> Binding {
    if host.is_empty() {
        return Binding { vif_type: UNBOUND, vif_details: json!({}) };
    }
    let carrier = agent
        .filter(|agent| agent.heartbeat_us > alive_since_us && asked.vnic_type == "normal")
        .and_then(|agent| serde_json::from_value::<L2Configuration>(agent.configurations.clone()).ok())
        .filter(|configuration| segment_for(network, configuration).is_some());
    let Some(carrier) = carrier else { return failed() };
    let mut vif_details = json!({
        "port_filter": true,
        "connectivity": "l2",
        "bound_drivers": { "0": "neutrino" },
    });
    match carrier.vhostuser_socket_dir {
        Some(folder) if asked.device_owner.starts_with(INSTANCE) => {
            vif_details["vhostuser_socket"] = json!(vhostuser::socket(&folder, asked.port));
            // Whoever runs the instance makes the socket, and is joined there.
            vif_details["vhostuser_mode"] = json!("server");
            Binding { vif_type: VHOSTUSER, vif_details }
        }
        _ => Binding { vif_type: TAP, vif_details },
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn instances_of_hosts_that_join_them_get_a_socket_and_nobody_else() {
        let id = Uuid::from_u128(1);
        let network: Network = serde_json::from_value(json!({
            "id": id, "project_id": "p", "with_everyone": false, "router:external": false, "is_default": false,
            "status": "ACTIVE", "mtu": 1500, "port_security_enabled": true, "multi_segment": false,
            "segments": [{ "provider:network_type": "local" }], "provider:network_type": "local",
            "provider:physical_network": null, "provider:segmentation_id": null,
            "availability_zone_hints": [], "dns_domain": "",
        }))
        .expect("a network");
        let bound = |folder: Option<&str>, vnic_type, device_owner| {
            let configurations = json!({ "datapath": "kernel", "vhostuser_socket_dir": folder });
            let agent: Agent = serde_json::from_value(json!({
                "id": id, "agent_type": "", "binary": "", "topic": L2_TOPIC, "host": "h", "admin_state_up": true,
                "created_at": "", "started_at": "", "heartbeat_timestamp": "", "configurations": configurations,
                "description": null, "resources_synced": null, "availability_zone": null, "heartbeat_us": 2,
                "started_us": 0,
            }))
            .expect("an agent");
            let port = PortId(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
            bind("h", Asked { port, vnic_type, device_owner }, &network, Some(&agent), 1)
        };
        let joined = bound(Some("/v"), "normal", "compute:nova");
        assert_eq!(joined.vif_type, "vhostuser");
        assert_eq!(joined.vif_details["vhostuser_socket"], "/v/vhu01234567-89");
        assert_eq!(joined.vif_details["vhostuser_mode"], "server");
        for (folder, owner) in [(None, "compute:nova"), (Some("/v"), "network:dhcp"), (Some("/v"), "")] {
            let tap = bound(folder, "normal", owner);
            assert_eq!((tap.vif_type, tap.vif_details.get("vhostuser_socket")), ("tap", None), "{owner}");
        }
        assert_eq!(bound(Some("/v"), "direct", "compute:nova"), failed());
    }
}

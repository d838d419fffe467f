//! Which agents serve DHCP on a network.

use model::AgentId;
use model::api::agent::Agent;
use model::api::network::Network;
use model::api::port::{FixedIp, FixedIpAsk};
use model::api::subnet::Subnet;
use uuid::Uuid;

use crate::Rules;

/// The agent type of the DHCP role.
pub const DHCP_AGENT: &str = "DHCP agent";

/// What to do about a network's DHCP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub bind: Vec<AgentId>,
    pub unbind: Vec<AgentId>,
}

/// Chooses agents: those that serve it and live stay, the least loaded live ones are added.
pub fn plan(
    network: &Network,
    subnets: &[Subnet],
    serving: &[AgentId],
    agents: &[Agent],
    load: &[(AgentId, i64)],
    alive_since_us: i64,
    rules: &Rules,
) -> Plan {
    if !subnets.iter().any(|subnet| subnet.enable_dhcp) {
        return Plan { bind: vec![], unbind: serving.to_vec() };
    }
    let usable = |agent: &&Agent| agent.admin_state_up && agent.heartbeat_us > alive_since_us;
    let hinted = |agent: &&Agent| {
        let hints = &network.availability_zone_hints;
        hints.is_empty() || agent.availability_zone.as_ref().is_some_and(|zone| hints.contains(zone))
    };
    let mut live: Vec<&Agent> = agents.iter().filter(usable).filter(hinted).collect();
    let load_of =
        |agent: &Agent| load.iter().find(|(id, _)| *id == agent.id).map_or(0, |(_, networks)| *networks);
    live.sort_by_key(|agent| (load_of(agent), agent.host.clone()));
    let staying = serving.iter().filter(|id| live.iter().any(|agent| agent.id == **id)).count();
    let missing = rules.dhcp_agents_per_network.saturating_sub(staying);
    let bind: Vec<AgentId> =
        live.iter().map(|agent| agent.id).filter(|id| !serving.contains(id)).take(missing).collect();
    // A dead agent keeps the network until another can take it.
    let dead = |id: &&AgentId| !live.iter().any(|agent| agent.id == **id);
    let mut surplus =
        bind.len() + serving.len() - rules.dhcp_agents_per_network.min(bind.len() + serving.len());
    let mut unbind = Vec::new();
    for id in serving.iter().filter(dead) {
        if surplus > 0 {
            unbind.push(*id);
            surplus -= 1;
        }
    }
    Plan { bind, unbind }
}

/// `device_id` of a DHCP port: its host by name-based UUID, and its network.
pub fn device_id(host: &str, network: &Network) -> String {
    let short = host.split('.').next().unwrap_or(host);
    format!("dhcp{}-{}", Uuid::new_v5(&Uuid::NAMESPACE_DNS, short.as_bytes()), network.id)
}

/// One address on each DHCP subnet: what the DHCP port should have.
pub fn wanted_addresses(had: &[FixedIp], subnets: &[Subnet]) -> Vec<FixedIpAsk> {
    subnets
        .iter()
        .filter(|subnet| subnet.enable_dhcp)
        .map(|subnet| FixedIpAsk {
            subnet_id: Some(subnet.id),
            ip_address: had.iter().find(|fixed| fixed.subnet_id == subnet.id).map(|fixed| fixed.ip_address),
            delete_subnet: false,
        })
        .collect()
}

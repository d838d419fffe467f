//! Which agents serve DHCP on a network.

use std::collections::BTreeSet;

use model::AgentId;
use model::NetworkId;
use model::api::agent::Agent;
use model::api::network::Network;
use model::api::port::{FixedIp, FixedIpAsk};
use model::api::subnet::Subnet;
use model::report::DHCP_AGENT;
use uuid::Uuid;

use crate::{Refusal, Rules};

/// What to do about a network's DHCP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub bind: Vec<AgentId>,
    pub unbind: Vec<AgentId>,
}

/// What a plan looks at besides the network.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// All DHCP agents.
    pub agents: Vec<Agent>,
    /// How many networks each serves; none where an agent is missing.
    pub load: Vec<(AgentId, i64)>,
    /// Those that serve this network.
    pub serving: Vec<AgentId>,
    /// Those among them to which an operator gave it.
    pub placed: BTreeSet<AgentId>,
    /// Those from which an operator took it.
    pub taken: BTreeSet<AgentId>,
    /// Heartbeats after this count as alive.
    pub alive_since_us: i64,
}

/// Chooses agents: those that serve it and live stay, the least loaded live ones are added. What an
/// operator said stays: an agent that he gave it to keeps it, one that he took it from does not get it.
pub fn plan(network: &Network, subnets: &[Subnet], facts: &Facts, rules: &Rules) -> Plan {
    let Facts { agents, load, serving, placed, taken, alive_since_us } = facts;
    if !subnets.iter().any(|subnet| subnet.enable_dhcp) {
        let unbind = serving.iter().filter(|id| !placed.contains(id)).copied().collect();
        return Plan { bind: vec![], unbind };
    }
    let usable = |agent: &&Agent| agent.admin_state_up && agent.heartbeat_us > *alive_since_us;
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
    let free = live.iter().map(|agent| agent.id);
    let free = free.filter(|id| !serving.contains(id) && !taken.contains(id));
    let bind: Vec<AgentId> = free.take(missing).collect();
    // A dead agent keeps the network until another can take it.
    let dead = |id: &&AgentId| !live.iter().any(|agent| agent.id == **id);
    let mut surplus =
        bind.len() + serving.len() - rules.dhcp_agents_per_network.min(bind.len() + serving.len());
    let mut unbind = Vec::new();
    for id in serving.iter().filter(|id| !placed.contains(id)).filter(dead) {
        if surplus > 0 {
            unbind.push(*id);
            surplus -= 1;
        }
    }
    Plan { bind, unbind }
}

/// May an operator give a network to this agent? `serving`: those that have it.
pub fn check_add(network: NetworkId, agent: &Agent, serving: &[AgentId]) -> Result<(), Refusal> {
    if agent.agent_type != DHCP_AGENT || !agent.admin_state_up {
        return Err(Refusal::NoDhcpAgent(agent.id));
    }
    if serving.contains(&agent.id) {
        return Err(Refusal::NetworkServed { network, agent: agent.id });
    }
    Ok(())
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

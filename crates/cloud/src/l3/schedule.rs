//! Which agents carry a router's centralized traffic: who can, who should, and who may be told to.

use std::collections::{BTreeMap, BTreeSet};

use model::api::agent::Agent;
use model::api::router::Router;
use model::desired::L3Mode;
use model::report::L3Configuration;
use model::{AgentId, RouterId};

use crate::{Refusal, Rules};

/// The type of the agents that carry routers.
pub const L3_AGENT: &str = "L3 agent";

/// How an agent carries routers; `None` for one of another kind, or one that says nothing clear.
pub fn mode(agent: &Agent) -> Option<L3Mode> {
    if agent.agent_type != L3_AGENT {
        return None;
    }
    let said = serde_json::from_value::<L3Configuration>(agent.configurations.clone());
    said.ok().map(|configuration| configuration.agent_mode)
}

/// Network nodes carry routers that they are told to; compute hosts those that their instances use.
fn carries(agent: &Agent, distributed: bool) -> bool {
    match mode(agent) {
        Some(L3Mode::DvrSnat) => true,
        Some(L3Mode::Legacy) => !distributed,
        Some(L3Mode::Dvr | L3Mode::DvrNoExternal) | None => false,
    }
}

/// What placement looks at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// All L3 agents.
    pub agents: Vec<Agent>,
    /// How many routers each carries; none where an agent is missing.
    pub load: BTreeMap<AgentId, i64>,
    /// Those that carry this router.
    pub current: BTreeSet<AgentId>,
    /// Heartbeats after this count as alive.
    pub alive_since_us: i64,
    /// Agents without a heartbeat since then lose their routers to live ones.
    pub abandoned_since_us: Option<i64>,
}

/// The agents of a router after a look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    pub add: Vec<AgentId>,
    pub remove: Vec<AgentId>,
}

/// Who is to carry the router from now on besides those who do, and who no more.
pub fn place(router: &Router, facts: &Facts, rules: &Rules) -> Placement {
    let alive = |agent: &&Agent| agent.heartbeat_us > facts.alive_since_us && agent.admin_state_up;
    let hinted = |agent: &&Agent| {
        let hints = &router.availability_zone_hints;
        hints.is_empty() || agent.availability_zone.as_ref().is_some_and(|zone| hints.contains(zone))
    };
    let eligible: Vec<&Agent> = facts
        .agents
        .iter()
        .filter(alive)
        .filter(hinted)
        .filter(|agent| carries(agent, router.distributed))
        .collect();
    let mut remove: Vec<AgentId> = Vec::new();
    // An HA router is taken over by those that stand ready.
    if let (false, Some(since)) = (router.ha, facts.abandoned_since_us) {
        let abandoned =
            facts.agents.iter().filter(|agent| agent.admin_state_up && agent.heartbeat_us <= since);
        remove.extend(abandoned.map(|agent| agent.id).filter(|id| facts.current.contains(id)));
    }
    let kept = facts.current.len() - remove.len();
    let most = if router.ha { rules.max_l3_agents_per_router.max(1) } else { 1 };
    let free: Vec<&Agent> = eligible.into_iter().filter(|agent| !facts.current.contains(&agent.id)).collect();
    let add = spread(free, &facts.load, most.saturating_sub(kept));
    // Nobody is let go for whom there is no other.
    remove.truncate(if kept == 0 { add.len() } else { remove.len() });
    Placement { add, remove }
}

/// The least loaded of each zone in turn, so that one zone's loss leaves another's.
fn spread(agents: Vec<&Agent>, load: &BTreeMap<AgentId, i64>, wanted: usize) -> Vec<AgentId> {
    let mut ordered = agents;
    ordered.sort_by_key(|agent| (load.get(&agent.id).copied().unwrap_or(0), agent.id));
    let mut taken_of_zone: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, usize, AgentId)> = Vec::new();
    for (at, agent) in ordered.iter().enumerate() {
        let turn = taken_of_zone.entry(agent.availability_zone.as_deref()).or_default();
        ranked.push((*turn, at, agent.id));
        *turn += 1;
    }
    ranked.sort_unstable();
    ranked.into_iter().take(wanted).map(|(_, _, id)| id).collect()
}

/// May an operator give the router to this agent? False: it has it.
pub fn check_add(router: &Router, agent: &Agent, current: &[AgentId]) -> Result<bool, Refusal> {
    let suits = match mode(agent) {
        None => return Err(Refusal::NoL3Agent(agent.id)),
        Some(L3Mode::Dvr | L3Mode::DvrNoExternal) => return Err(Refusal::ComputeAgentTakesNone),
        Some(L3Mode::Legacy) if router.distributed => {
            return Err(Refusal::AgentNotForDistributed { router: router.id, agent: agent.id });
        }
        Some(L3Mode::Legacy | L3Mode::DvrSnat) => agent.admin_state_up,
    };
    if !suits {
        return Err(Refusal::NoL3Agent(agent.id));
    }
    if current.contains(&agent.id) {
        return Ok(false);
    }
    match current.first() {
        Some(at) if !router.ha => Err(hosted(router.id, *at)),
        _ => Ok(true),
    }
}

fn hosted(router: RouterId, agent: AgentId) -> Refusal {
    Refusal::RouterHosted { router, agent }
}

/// May an operator take routers from this agent?
pub fn check_remove(agent: &Agent) -> Result<(), Refusal> {
    match mode(agent) {
        Some(L3Mode::Dvr | L3Mode::DvrNoExternal) => Err(Refusal::ComputeAgentLeavesNone),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

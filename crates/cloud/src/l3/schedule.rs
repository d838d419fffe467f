//! Which agents carry a router's centralized traffic: who can, who should, and who may be told to.

use std::collections::{BTreeMap, BTreeSet};

use model::api::agent::Agent;
use model::api::router::Router;
use model::desired::L3Mode;
use model::report::L3_AGENT;
use model::{AgentId, RouterId};

use super::listen;
use crate::{Refusal, Rules};

/// How an agent carries routers; `None` for one of another kind, or one that says nothing clear.
pub fn mode(agent: &Agent) -> Option<L3Mode> {
    let said = (agent.agent_type == L3_AGENT).then(|| listen::configuration(agent))?;
    said.map(|configuration| configuration.agent_mode)
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

/// How many agents are to carry a router.
fn most(router: &Router, rules: &Rules) -> usize {
    if router.ha { rules.max_l3_agents_per_router.max(1) } else { 1 }
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
    let is_dead = |id: &AgentId| !facts.agents.iter().filter(alive).any(|agent| agent.id == *id);
    let kept = kept(router, facts, is_dead);
    let surplus = facts.current.iter().filter(|id| !kept.contains(id)).copied();
    let abandoned: Vec<AgentId> = facts
        .agents
        .iter()
        .filter(|agent| is_abandoned(agent, facts.abandoned_since_us))
        .map(|a| a.id)
        .collect();
    let mut dead: Vec<AgentId> = Vec::new();
    // An HA router is taken over by those that stand ready.
    if !router.ha {
        dead.extend(kept.iter().copied().filter(|id| abandoned.contains(id)));
    }
    let most = most(router, rules);
    let free: Vec<&Agent> = eligible.into_iter().filter(|agent| !facts.current.contains(&agent.id)).collect();
    let add = spread(free, &facts.load, most.saturating_sub(kept.len() - dead.len()));
    // Nobody is let go for whom there is no other.
    dead.truncate(add.len());
    Placement { add, remove: surplus.chain(dead).collect() }
}

/// False when placing may find something to do for a router that these carry.
pub fn suffice(carrying: &[Agent], router: &Router, abandoned_since_us: Option<i64>, rules: &Rules) -> bool {
    let fits =
        |agent: &Agent| !is_unfit(agent, router) && (router.ha || !is_abandoned(agent, abandoned_since_us));
    carrying.len() == most(router, rules) && carrying.iter().all(fits)
}

fn is_unfit(agent: &Agent, router: &Router) -> bool {
    mode(agent).is_some() && !carries(agent, router.distributed)
}

/// Silent for long, and not because an operator took it out of service.
fn is_abandoned(agent: &Agent, since_us: Option<i64>) -> bool {
    since_us.is_some_and(|since| agent.admin_state_up && agent.heartbeat_us <= since)
}

/// Of those who carry the router, those who may as it is: a router changes its kind while it is down, and
/// what stands ready on several agents, or on one for whole routers, may become one for a single agent, or
/// one that is distributed.
fn kept(router: &Router, facts: &Facts, is_dead: impl Fn(&AgentId) -> bool) -> Vec<AgentId> {
    let is_unfit = |id: &AgentId| {
        let agent = facts.agents.iter().find(|agent| agent.id == *id);
        agent.is_some_and(|agent| is_unfit(agent, router))
    };
    let mut kept: Vec<AgentId> = facts.current.iter().copied().filter(|id| !is_unfit(id)).collect();
    if !router.ha {
        kept.sort_by_key(|id| is_dead(id));
        kept.truncate(1);
    }
    kept
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

//! Which agents carry the centralized traffic of routers.

use std::collections::BTreeMap;

use model::api::agent::{AGENT, Agent};
use model::report::HaState;
use model::{AgentId, RouterId};

use crate::engine::{DbError, Tx};

/// An agent's state, of a row `ra`: of several that say that they are active, the last that became it is.
pub(crate) const STATE: &str = "CASE WHEN ra.state = 'active' AND ra.took_over < \
    (SELECT MAX(o.took_over) FROM router_agents o WHERE o.router_id = ra.router_id) \
    THEN 'standby' ELSE ra.state END";

/// Counted in the index by agent, and only when a router is given to one.
pub const ROUTER_LOAD: &str = "SELECT agent_id, COUNT(*) FROM router_agents GROUP BY agent_id";

impl Tx<'_> {
    /// The agents that carry a router, by host, each with its state.
    pub async fn router_agents(&mut self, router: RouterId) -> Result<Vec<(Agent, HaState)>, DbError> {
        let sql = format!("SELECT ra.agent_id, {STATE} FROM router_agents ra WHERE ra.router_id = $1");
        let mut states = BTreeMap::new();
        self.each(&sql, &[router.to_string().into()], |row| {
            states.insert(row.text(0).to_owned(), HaState::of(row.text(1)));
        })
        .await?;
        let condition = "id IN (SELECT agent_id FROM router_agents WHERE router_id = $1) ORDER BY host";
        let agents: Vec<Agent> = self.find(&AGENT, condition, &[router.to_string().into()]).await?;
        let state = |agent: &Agent| states.get(&agent.id.to_string()).copied().unwrap_or(HaState::Unknown);
        let with_state = |agent: Agent| {
            let state = state(&agent);
            (agent, state)
        };
        Ok(agents.into_iter().map(with_state).collect())
    }

    /// The routers that an agent carries, by id.
    pub async fn routers_of_agent(&mut self, agent: AgentId) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT router_id FROM router_agents WHERE agent_id = $1 ORDER BY router_id";
        let found = self.texts(sql, &[agent.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// How many routers each agent carries.
    pub async fn router_load(&mut self) -> Result<BTreeMap<AgentId, i64>, DbError> {
        let mut out = BTreeMap::new();
        self.each(ROUTER_LOAD, &[], |row| {
            if let Ok(id) = row.text(0).parse() {
                out.insert(id, row.int(1));
            }
        })
        .await?;
        Ok(out)
    }

    /// Gives a router to an agent; it stands by until the agent says more.
    pub async fn bind_router(&mut self, router: RouterId, agent: AgentId) -> Result<(), DbError> {
        let sql = "INSERT INTO router_agents (router_id, agent_id, state) VALUES ($1, $2, 'standby') \
                   ON CONFLICT DO NOTHING";
        self.later(sql, vec![router.to_string().into(), agent.to_string().into()]).await
    }

    /// Keeps a router from being given to agents, or not any more.
    pub async fn set_router_taken(&mut self, router: RouterId, taken: bool) -> Result<(), DbError> {
        let sql = match taken {
            true => "INSERT INTO routers_taken (router_id) VALUES ($1) ON CONFLICT DO NOTHING",
            false => "DELETE FROM routers_taken WHERE router_id = $1",
        };
        self.later(sql, vec![router.to_string().into()]).await
    }

    /// True of a router that an operator took from an agent, and that nobody gives to one.
    pub async fn is_router_taken(&mut self, router: RouterId) -> Result<bool, DbError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM routers_taken WHERE router_id = $1)";
        Ok(self.number(sql, &[router.to_string().into()]).await? > 0)
    }

    /// Takes a router from an agent.
    pub async fn unbind_router(&mut self, router: RouterId, agent: AgentId) -> Result<(), DbError> {
        let sql = "DELETE FROM router_agents WHERE router_id = $1 AND agent_id = $2";
        self.later(sql, vec![router.to_string().into(), agent.to_string().into()]).await
    }
}

//! What hosts say of routers: load and reason, who is active, and what becomes of floating IPs by it.

use std::net::IpAddr;

use model::api::port::{PORT, Port};
use model::report::HaState;
use model::{AgentId, RouterId};

use crate::engine::{DbError, Param, Tx};

/// Ids bound to one statement at most.
const CHUNK: usize = 500;

/// A host that was told of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRow {
    pub central: bool,
    pub ha: bool,
    /// Of the host's agent that carries the router's centralized traffic.
    pub agent: Option<AgentId>,
    pub state: Option<HaState>,
}

/// What a host said of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterSaid {
    pub host: String,
    pub load: Option<String>,
    pub reason: Option<String>,
    pub failure: Option<String>,
}

impl Tx<'_> {
    /// What there is of a router on a host; `None` when it was told nothing.
    pub async fn router_on_host(&mut self, router: RouterId, host: &str) -> Result<Option<SaidRow>, DbError> {
        let sql = "SELECT rh.central, r.ha, ra.agent_id, ra.state FROM router_hosts rh \
                   JOIN routers r ON r.id = rh.router_id \
                   LEFT JOIN agents a ON a.host = rh.host AND a.topic = 'l3_agent' \
                   LEFT JOIN router_agents ra ON ra.agent_id = a.id AND ra.router_id = rh.router_id \
                   WHERE rh.router_id = $1 AND rh.host = $2";
        let mut out = None;
        self.each(sql, &[router.to_string().into(), host.into()], |row| {
            let state = Some(row.text(3)).filter(|word| !word.is_empty()).map(HaState::of);
            let (central, ha) = (row.int(0) == 1, row.int(1) == 1);
            out = Some(SaidRow { central, ha, agent: row.text(2).parse().ok(), state });
        })
        .await?;
        Ok(out)
    }

    /// Records what a host made of a router: `load` is `None` where it is neither loaded nor lazy.
    pub async fn set_router_said(
        &mut self,
        router: RouterId,
        host: &str,
        load: Option<&str>,
        reason: Option<&str>,
        failure: Option<&str>,
    ) -> Result<(), DbError> {
        let text = |said: Option<&str>| said.map_or(Param::Null, |said| Param::from(said.to_owned()));
        let sql =
            "UPDATE router_hosts SET load = $1, reason = $2, failure = $3 WHERE router_id = $4 AND host = $5";
        let params =
            vec![text(load), text(reason), text(failure), router.to_string().into(), host.to_owned().into()];
        self.later(sql, params).await
    }

    /// What hosts said of a router, by host.
    pub async fn router_said(&mut self, router: RouterId) -> Result<Vec<RouterSaid>, DbError> {
        let sql = "SELECT host, load, reason, failure FROM router_hosts WHERE router_id = $1 ORDER BY host";
        let mut out = Vec::new();
        self.each(sql, &[router.to_string().into()], |row| {
            let said = |at: usize| Some(row.text(at).to_owned()).filter(|text| !text.is_empty());
            let (load, reason, failure) = (said(1), said(2), said(3));
            out.push(RouterSaid { host: row.text(0).to_owned(), load, reason, failure });
        })
        .await?;
        Ok(out)
    }

    /// Ids of routers after one, in order.
    pub async fn router_ids(&mut self, after: &str, most: u32) -> Result<Vec<RouterId>, DbError> {
        let sql = format!("SELECT id FROM routers WHERE id > $1 ORDER BY id LIMIT {most}");
        let found = self.texts(&sql, &[after.into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Notes what an agent said of a router. What others said stays: one that is active all the time,
    /// while it does not hear another become active, too, says so once.
    pub async fn set_router_state(
        &mut self,
        router: RouterId,
        agent: AgentId,
        state: HaState,
    ) -> Result<(), DbError> {
        let took_over = match state {
            HaState::Active => {
                "(SELECT MAX(o.took_over) + 1 FROM router_agents o WHERE o.router_id = router_agents.router_id)"
            }
            HaState::Standby | HaState::Unknown => "0",
        };
        let sql = format!(
            "UPDATE router_agents SET state = $1, took_over = {took_over} WHERE router_id = $2 AND agent_id = $3"
        );
        self.later(&sql, vec![state.as_str().into(), router.to_string().into(), agent.to_string().into()])
            .await
    }

    /// A router's floating IPs of another status, with their addresses.
    pub async fn floatingips_but(
        &mut self,
        router: RouterId,
        status: &str,
    ) -> Result<Vec<(String, IpAddr)>, DbError> {
        let sql = "SELECT id, floating_ip_address FROM floatingips WHERE router_id = $1 AND status <> $2 ORDER BY id";
        let mut out = Vec::new();
        self.each(sql, &[router.to_string().into(), status.into()], |row| {
            out.extend(row.text(1).parse().ok().map(|ip| (row.text(0).to_owned(), ip)));
        })
        .await?;
        Ok(out)
    }

    pub async fn set_floatingip_status(&mut self, id: &str, status: &str, now: &str) -> Result<(), DbError> {
        let sql = "UPDATE floatingips SET status = $1, revision_number = revision_number + 1, updated_at = $2 \
                   WHERE id = $3 AND status <> $1";
        self.later(sql, vec![status.into(), now.into(), id.into()]).await
    }

    /// Floating IPs that left a router, and whose status it owes a word.
    pub async fn floatingips_left(&mut self, router: RouterId) -> Result<Vec<String>, DbError> {
        let sql = "SELECT id FROM floatingips WHERE last_router_id = $1 AND router_id IS NULL ORDER BY id";
        self.texts(sql, &[router.to_string().into()]).await
    }

    pub async fn forget_last_router(&mut self, id: &str) -> Result<(), DbError> {
        self.later("UPDATE floatingips SET last_router_id = NULL WHERE id = $1", vec![id.into()]).await
    }

    /// True when some host says that it has the router in place.
    pub async fn router_is_up(&mut self, router: RouterId) -> Result<bool, DbError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM router_hosts WHERE router_id = $1 AND load = 'loaded')";
        Ok(self.number(sql, &[router.to_string().into()]).await? > 0)
    }

    /// The distributed interfaces of some routers.
    pub async fn interfaces_of(&mut self, routers: &[RouterId]) -> Result<Vec<String>, DbError> {
        let mut out = Vec::new();
        for chunk in routers.chunks(CHUNK) {
            let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
            let params: Vec<Param<'_>> = chunk.iter().map(|id| id.to_string().into()).collect();
            let sql = format!(
                "SELECT rp.port_id FROM router_ports rp JOIN routers r ON r.id = rp.router_id \
                 WHERE rp.router_id IN ({}) AND rp.kind = 'interface' AND r.distributed = TRUE ORDER BY rp.port_id",
                marks.join(", ")
            );
            out.extend(self.texts(&sql, &params).await?);
        }
        Ok(out)
    }

    /// The interfaces of a distributed router, which no host speaks for alone.
    pub async fn distributed_interfaces(&mut self, router: RouterId) -> Result<Vec<Port>, DbError> {
        let condition = "id IN (SELECT port_id FROM router_ports WHERE router_id = $1 AND kind = 'interface') \
                         AND vif_type = 'distributed' ORDER BY id";
        self.find(&PORT, condition, &[router.to_string().into()]).await
    }
}

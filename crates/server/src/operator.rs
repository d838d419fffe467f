//! What operators see of routers that the API has no place for: per host what was decided, what the
//! host said that it made of it, and why. Read from the database, whoever serves.

use cloud::l3::plan;
use db::{Db, DbError};
use model::RouterId;
use model::desired::Centralized;
use model::lazy::Load;
use serde::Serialize;

/// Routers read at a time.
const PAGE: u32 = 100;

/// A router as an operator sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouterShown {
    pub id: String,
    pub name: String,
    pub project_id: String,
    pub distributed: bool,
    pub ha: bool,
    /// What of it needs a network node, counted exactly.
    pub counts: Centralized,
    pub hosts: Vec<HostShown>,
}

/// A router on one host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostShown {
    pub host: String,
    /// Of its L3 agent.
    pub agent_mode: String,
    /// Its agent carries the centralized traffic.
    pub central: bool,
    /// Its own ports use the router.
    pub serves: bool,
    /// As it is decided: `lazy` or `loaded`, and what forces the latter.
    pub decided: String,
    pub decided_reason: Option<String>,
    /// As the host said; `None` until it does.
    pub load: Option<String>,
    pub reason: Option<String>,
    pub failure: Option<String>,
    /// `active`, `standby` or `unknown`, where the agent carries it.
    pub state: Option<String>,
}

/// One router; `None` when there is none of the id.
pub async fn router(db: &Db, id: RouterId) -> Result<Option<RouterShown>, DbError> {
    Ok(shown(db, &[id]).await?.pop())
}

/// All routers, by id.
pub async fn routers(db: &Db) -> Result<Vec<RouterShown>, DbError> {
    let mut out: Vec<RouterShown> = Vec::new();
    loop {
        let after = out.last().map(|router| router.id.clone()).unwrap_or_default();
        let mut tx = db.read().await?;
        let ids = tx.router_ids(&after, PAGE).await?;
        drop(tx);
        if ids.is_empty() {
            return Ok(out);
        }
        let page = shown(db, &ids).await?;
        // Routers that went meanwhile must not end it, nor make it begin again.
        if page.is_empty() {
            return Ok(out);
        }
        out.extend(page);
    }
}

async fn shown(db: &Db, ids: &[RouterId]) -> Result<Vec<RouterShown>, DbError> {
    let mut tx = db.read().await?;
    let mut out = Vec::new();
    for (id, facts) in tx.router_facts(ids).await? {
        let said = tx.router_said(id).await?;
        let mut hosts = Vec::new();
        for (host, share) in plan::shares(&facts) {
            let said = said.iter().find(|said| said.host == host);
            let agent = facts.agents.iter().find(|agent| agent.host == host);
            let (decided, reason) = match share.load {
                Load::Lazy => ("lazy", None),
                Load::Loaded(reason) => ("loaded", Some(reason.as_str().to_owned())),
            };
            hosts.push(HostShown {
                agent_mode: share.part.mode.to_string(),
                central: share.told.central,
                serves: share.told.serves,
                decided: decided.into(),
                decided_reason: reason,
                load: said.and_then(|said| said.load.clone()),
                reason: said.and_then(|said| said.reason.clone()),
                failure: said.and_then(|said| said.failure.clone()),
                state: agent.map(|agent| agent.state.as_str().to_owned()),
                host,
            });
        }
        let name = facts.row.rest.get("name").and_then(|name| name.as_str()).unwrap_or_default();
        out.push(RouterShown {
            id: id.to_string(),
            name: name.to_owned(),
            project_id: facts.row.project_id.clone(),
            distributed: facts.row.distributed,
            ha: facts.row.ha,
            counts: facts.counts,
            hosts,
        });
    }
    Ok(out)
}

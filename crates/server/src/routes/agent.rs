//! Agents: what an operator changes about them.

use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::agent::{AGENT, Agent};
use serde::Deserialize;

use crate::app::App;
use crate::error::Fault;

#[derive(Debug, Deserialize)]
pub struct AgentUpdate {
    admin_state_up: Option<bool>,
    #[serde(default, deserialize_with = "model::api::body::said")]
    description: Option<Option<String>>,
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Agent, Fault> {
    let found = tx.get(&AGENT, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &AGENT, id: id.to_owned() }.into())
}

pub async fn update(tx: &mut Tx<'_>, id: &str, change: AgentUpdate, stamp: &Stamp) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let mut after = before.clone();
    after.admin_state_up = change.admin_state_up.unwrap_or(after.admin_state_up);
    after.description = change.description.unwrap_or(after.description);
    tx.update(&AGENT, id, &before, &after, &stamp.now).await?;
    Ok(())
}

/// An agent that still reports comes back with its next heartbeat.
pub async fn delete(app: &App, tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let agent = load(tx, id).await?;
    for network in tx.networks_served(agent.id).await? {
        app.nudge_dhcp(network);
    }
    tx.delete(&AGENT, agent.id).await?;
    Ok(())
}

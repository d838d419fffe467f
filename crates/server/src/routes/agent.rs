//! Agents: what goes with one that is deleted.

use cloud::bind::L2_TOPIC;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::Touch;
use model::api::agent::{AGENT, Agent};
use model::report::L3_TOPIC;

use crate::error::Fault;
use crate::routes::l3_agent;

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Agent, Fault> {
    let found = tx.get(&AGENT, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &AGENT, id: id.to_owned() }.into())
}

/// An agent that still reports comes back with its next heartbeat.
pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let agent = load(tx, id).await?;
    for network in tx.networks_served(agent.id).await? {
        tx.mark(&[Touch::Service { host: agent.host.clone(), network }]);
    }
    if agent.topic == L3_TOPIC {
        tx.routers_of_host_due(&agent.host, stamp.now_us).await?;
    }
    l3_agent::agent_goes(tx, stamp, agent.id).await?;
    tx.delete(&AGENT, agent.id).await?;
    if agent.topic == L2_TOPIC {
        tx.mark_host(&agent.host);
    }
    Ok(())
}

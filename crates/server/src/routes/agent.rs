//! Agents: what goes with one that is deleted.

use cloud::Refusal;
use cloud::bind::L2_TOPIC;
use db::Tx;
use model::Touch;
use model::api::agent::{AGENT, Agent};

use crate::app::App;
use crate::error::Fault;

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Agent, Fault> {
    let found = tx.get(&AGENT, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &AGENT, id: id.to_owned() }.into())
}

/// An agent that still reports comes back with its next heartbeat.
pub async fn delete(app: &App, tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let agent = load(tx, id).await?;
    for network in tx.networks_served(agent.id).await? {
        tx.mark(&[Touch::Service { host: agent.host.clone(), network }]).await?;
        app.nudge_dhcp(network);
    }
    tx.delete(&AGENT, agent.id).await?;
    if agent.topic == L2_TOPIC {
        host_differs(tx, &agent.host).await?;
    }
    Ok(())
}

/// A host that came, went, or can do other things than before: every host of its networks looks at
/// its ports again.
pub async fn host_differs(tx: &mut Tx<'_>, host: &str) -> Result<(), Fault> {
    let mut touches = Vec::new();
    for network in tx.networks_of_host(host).await? {
        for host in tx.network_hosts(network).await? {
            touches.push(Touch::Membership { host, network });
        }
    }
    Ok(tx.mark(&touches).await?)
}

//! Heartbeats: which hosts live, and what they can do.

use cloud::bind::{BINDING_FAILED, L2_TOPIC};
use db::Tx;
use model::api::agent::{AGENT, Agent};
use model::api::port::{PORT, Port};
use model::report::{AgentState, Heartbeat, L2Configuration};
use model::{AgentId, NetworkId, Touch};

use crate::app::{App, agent_time};
use crate::error::Fault;
use crate::routes::port;

/// Ports bound again in one transaction at most.
const REBOUND: usize = 500;

pub async fn store(app: App, beat: Heartbeat) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let mut stamp = app.stamp();
    let known = tx.agents_of_host(&beat.host).await?;
    let mut rebind = false;
    for state in beat.agents {
        let before = known.iter().find(|agent| agent.agent_type == state.agent_type);
        let after = agent(&beat.host, before, state, stamp.now_us, || AgentId(stamp.uuid()));
        match before {
            None => tx.insert(&AGENT, &after).await?,
            Some(before) => drop(tx.update(&AGENT, before.id, before, &after, &stamp.now).await?),
        }
        let revived = before.is_none_or(|before| before.heartbeat_us <= app.alive_since_us());
        if after.topic == L2_TOPIC {
            let (old, new) = (before.map(configuration), configuration(&after));
            let moved = old.as_ref().is_some_and(|old| old.tunneling_ip != new.tunneling_ip);
            if moved {
                tunnel_end_moved(&mut tx, &beat.host).await?;
            }
            rebind |= revived || old.is_none_or(|old| can(&old) != can(&new));
        } else if revived {
            for network in tx.dhcp_misfits(app.alive_since_us()).await? {
                app.nudge_dhcp(network);
            }
        }
    }
    if rebind {
        bind_failed_ports(&app, &mut tx, &beat.host).await?;
    }
    Ok(app.commit(tx).await?)
}

fn agent(
    host: &str,
    before: Option<&Agent>,
    state: AgentState,
    now_us: i64,
    id: impl FnOnce() -> AgentId,
) -> Agent {
    Agent {
        id: before.map_or_else(id, |agent| agent.id),
        agent_type: state.agent_type,
        binary: state.binary,
        topic: state.topic,
        host: host.to_owned(),
        admin_state_up: before.is_none_or(|agent| agent.admin_state_up),
        created_at: before.map_or_else(|| agent_time(now_us), |agent| agent.created_at.clone()),
        started_at: agent_time(state.started_at_us),
        heartbeat_timestamp: agent_time(now_us),
        configurations: state.configurations,
        description: before.and_then(|agent| agent.description.clone()),
        resources_synced: None,
        availability_zone: state.availability_zone,
        heartbeat_us: now_us,
        started_us: state.started_at_us,
    }
}

fn configuration(agent: &Agent) -> L2Configuration {
    serde_json::from_value(agent.configurations.clone()).unwrap_or_default()
}

/// What decides whether a host can carry a port.
fn can(configuration: &L2Configuration) -> L2Configuration {
    L2Configuration { failures: vec![], ..configuration.clone() }
}

/// Every other host of its networks must send to the new address.
async fn tunnel_end_moved(tx: &mut Tx<'_>, host: &str) -> Result<(), Fault> {
    let sql = "SELECT network_id FROM network_hosts WHERE host = $1 ORDER BY network_id";
    let mut touches = Vec::new();
    for id in tx.texts(sql, &[host.into()]).await? {
        let Ok(network) = id.parse::<NetworkId>() else { continue };
        for host in tx.network_hosts(network).await? {
            touches.push(Touch::Membership { host, network });
        }
    }
    Ok(tx.mark(&touches).await?)
}

/// A host that could not carry ports may be able to after all.
async fn bind_failed_ports(app: &App, tx: &mut Tx<'_>, host: &str) -> Result<(), Fault> {
    let condition = format!("host = $1 AND vif_type = '{BINDING_FAILED}' ORDER BY id LIMIT {REBOUND}");
    let failed: Vec<Port> = tx.find(&PORT, &condition, &[host.into()]).await?;
    let stamp = app.stamp();
    for before in &failed {
        port::bind_again(app, tx, &stamp, before).await?;
    }
    Ok(())
}

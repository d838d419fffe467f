//! Heartbeats: which hosts live, and what they can do.

use cloud::Refusal;
use cloud::bind::L2_TOPIC;
use db::Tx;
use model::AgentId;
use model::api::agent::{AGENT, Agent};
use model::report::{AgentState, Heartbeat, L2Configuration, ROLES};

use crate::app::{App, agent_time};
use crate::error::Fault;
use crate::routes;

/// Ports read at a time.
const PAGE: u32 = 500;

pub async fn store(app: App, beat: Heartbeat) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let mut stamp = app.stamp();
    let known = tx.agents_of_host(&beat.host).await?;
    let new =
        beat.agents.iter().filter(|state| known.iter().all(|agent| agent.agent_type != state.agent_type));
    if beat.agents.len() > ROLES || new.count() + known.len() > 2 * ROLES {
        return Err(Fault::Refused(Refusal::Request(format!("a host has at most {ROLES} roles"))));
    }
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
            let differs = old.is_none_or(|old| can(&old) != can(&new));
            if differs {
                routes::agent::host_differs(&mut tx, &beat.host).await?;
            }
            rebind |= revived || differs;
        } else if revived {
            app.sweep_dhcp();
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

/// A host that could not carry ports may be able to after all.
async fn bind_failed_ports(app: &App, tx: &mut Tx<'_>, host: &str) -> Result<(), Fault> {
    let stamp = app.stamp();
    let mut after = String::new();
    loop {
        let failed = tx.failed_ports(host, &after, PAGE).await?;
        let Some(last) = failed.last() else { break };
        after = last.id.to_string();
        for before in &failed {
            routes::port::bind_again(app, tx, &stamp, before).await?;
        }
    }
    Ok(())
}

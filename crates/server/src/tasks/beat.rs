//! Heartbeats: which hosts live, and what they can do.

use std::collections::BTreeSet;

use cloud::Refusal;
use cloud::bind::L2_TOPIC;
use cloud::l3::listen;
use model::AgentId;
use model::api::agent::{AGENT, Agent};
use model::api::port::{PORT, Port};
use model::report::{AgentState, Heartbeat, L2Configuration, L3_TOPIC, ROLES};

use crate::app::{App, agent_time};
use crate::error::Fault;
use crate::{retry, routes};

/// Ports read at a time.
const PAGE: u32 = 50;

/// What a heartbeat tells that was not so before.
#[derive(Default)]
struct Told {
    /// The host may carry ports that it could not.
    carries_more: bool,
    serves_again: bool,
    /// It may carry routers that nobody carried.
    routes_again: bool,
}

pub async fn store(app: App, beat: Heartbeat) -> Result<(), Fault> {
    let told = retry::whole(|| store_once(&app, &beat)).await?;
    super::meter::store(&app, &beat.host, &beat.meters).await?;
    if told.serves_again {
        app.sweep_dhcp();
    }
    if told.routes_again {
        app.sweep_routers();
    }
    // Also when this server first hears of the host: another may have ended before it came to this.
    if told.carries_more || !app.has_rebound(&beat.host) {
        app.set_rebound(&beat.host, false);
        bind_failed_ports(&app, &beat.host).await?;
        app.set_rebound(&beat.host, true);
    }
    Ok(())
}

async fn store_once(app: &App, beat: &Heartbeat) -> Result<Told, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock_host(&beat.host).await?;
    let mut stamp = app.stamp();
    let known = tx.agents_of_host(&beat.host).await?;
    let new =
        beat.agents.iter().filter(|state| known.iter().all(|agent| agent.agent_type != state.agent_type));
    if beat.agents.len() > ROLES || new.count() + known.len() > 2 * ROLES {
        return Err(Fault::Refused(Refusal::Request(format!("a host has at most {ROLES} roles"))));
    }
    let mut told = Told::default();
    for state in beat.agents.iter().cloned() {
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
                tx.mark_host(&beat.host);
            }
            told.carries_more |= revived || differs;
        } else if after.topic == L3_TOPIC {
            let differs = before.map(listen::configuration) != Some(listen::configuration(&after));
            if differs || revived {
                tx.routers_of_host_due(&beat.host, stamp.now_us).await?;
                told.routes_again = true;
            }
        } else {
            told.serves_again |= revived;
        }
    }
    app.commit(tx).await?;
    Ok(told)
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

/// A host that could not carry ports may be able to after all. A transaction per page: it locks
/// networks before it looks at the host, as everyone does who binds ports.
async fn bind_failed_ports(app: &App, host: &str) -> Result<(), Fault> {
    let mut after = String::new();
    while let Some(last) = retry::whole(|| bind_page(app, host, &after)).await? {
        after = last;
    }
    Ok(())
}

/// The last of the ports that it looked at, `None` when there were none.
async fn bind_page(app: &App, host: &str, after: &str) -> Result<Option<String>, Fault> {
    let mut tx = app.db().begin().await?;
    let stamp = app.stamp();
    let failed = tx.failed_ports(host, after, PAGE).await?;
    let Some(last) = failed.last() else { return Ok(None) };
    let networks: BTreeSet<String> = failed.iter().map(|port| port.network_id.to_string()).collect();
    tx.lock_networks(&networks.into_iter().collect::<Vec<_>>()).await?;
    tx.lock_ports(&failed.iter().map(|port| port.id.to_string()).collect::<Vec<_>>()).await?;
    for port in &failed {
        let locked = tx.get::<Port>(&PORT, port.id).await?;
        // Others may have moved or deleted it before the lock.
        if let Some(before) = locked.filter(|locked| locked.host == host && locked.vif_type == port.vif_type)
        {
            routes::port::bind_again(app, &mut tx, &stamp, &before).await?;
        }
    }
    app.commit(tx).await?;
    Ok(Some(last.id.to_string()))
}

//! Which agents serve which networks' DHCP: operators look, give and take. What they said stays
//! (`cloud::dhcp`); for the rest `tasks/dhcp.rs` cares.

use axum::http::{Method, StatusCode};
use cloud::{Refusal, dhcp};
use model::api::agent::AGENT;
use model::api::network::NETWORK;
use model::{AgentId, NetworkId, Touch};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;
use crate::routes::l3_agent::{asked, load_agent, shown};
use crate::routes::network;

/// `/v2.0/agents/{id}/dhcp-networks`, and below it a network's id.
pub async fn networks(app: &App, call: &Call, agent: &str, network: Option<&str>) -> Result<Answer, Fault> {
    let guard = Guard::of(app, call);
    match (&call.method, network) {
        (&Method::GET, None) => {
            guard.may("get_dhcp-networks", "")?;
            list(app, &guard, agent).await
        }
        (&Method::POST, None) => {
            let network = asked(call, "network_id")?;
            guard.may("create_dhcp-network", "")?;
            retry::whole(|| add(app, agent, &network)).await
        }
        (&Method::DELETE, Some(network)) => {
            guard.may("delete_dhcp-network", "")?;
            retry::whole(|| remove(app, agent, network)).await
        }
        _ => Err(Fault::NoSuchUrl),
    }
}

async fn list(app: &App, guard: &Guard<'_>, agent: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    let agent = load_agent(&mut tx, agent).await?;
    let ids = tx.networks_served(agent.id).await?;
    let ids = ids.iter().map(|id| Value::from(id.to_string())).collect();
    let networks = shown(&mut tx, guard, &NETWORK, ids).await?;
    Ok(Answer::ok(&json!({ "networks": networks })))
}

async fn add(app: &App, agent: &str, network: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&NETWORK, network).await?;
    tx.lock(&AGENT, agent).await?;
    let agent = load_agent(&mut tx, agent).await?;
    let network = network::load(&mut tx, network).await?.id;
    let serving: Vec<AgentId> = tx.dhcp_agents_of(network).await?.iter().map(|agent| agent.id).collect();
    dhcp::check_add(network, &agent, &serving)?;
    tx.place_dhcp(network, agent.id).await?;
    tx.mark(&[Touch::Service { host: agent.host, network }]);
    app.commit(tx).await?;
    app.nudge_dhcp(network);
    Ok(Answer::json(StatusCode::CREATED, &Value::Null))
}

async fn remove(app: &App, agent: &str, network: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&NETWORK, network).await?;
    tx.lock(&AGENT, agent).await?;
    let agent = load_agent(&mut tx, agent).await?;
    let serves = tx.networks_served(agent.id).await?;
    let found = network.parse().ok().filter(|network: &NetworkId| serves.contains(network));
    let Some(network) = found else {
        return Err(Refusal::NetworkNotServed { network: network.to_owned(), agent: agent.id }.into());
    };
    tx.take_dhcp(network, agent.id).await?;
    tx.mark(&[Touch::Service { host: agent.host, network }]);
    app.commit(tx).await?;
    app.nudge_dhcp(network);
    Ok(Answer::empty())
}

/// `/v2.0/networks/{id}/dhcp-agents`: none where there is no such network, as the reference answers.
pub async fn agents(app: &App, call: &Call, network: &str) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::NoSuchUrl);
    }
    let guard = Guard::of(app, call);
    guard.may("get_dhcp-agents", "")?;
    let mut tx = app.db().read().await?;
    let serving = match network.parse::<NetworkId>() {
        Ok(network) => tx.dhcp_agents_of(network).await?,
        Err(_) => vec![],
    };
    let ids = serving.iter().map(|agent| Value::from(agent.id.to_string())).collect();
    let agents = shown(&mut tx, &guard, &AGENT, ids).await?;
    Ok(Answer::ok(&json!({ "agents": agents })))
}

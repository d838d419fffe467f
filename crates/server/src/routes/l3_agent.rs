//! Which agents carry which routers: operators look, give and take.

use axum::http::{Method, StatusCode};
use cloud::l3::schedule;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::AgentId;
use model::api::Invalid;
use model::api::agent::{AGENT, Agent};
use model::api::query::{Filter, Query};
use model::api::router::ROUTER;
use model::api::table::Resource;
use model::report::HaState;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;
use crate::routes::router;

/// `/v2.0/agents/{id}/l3-routers`, and below it a router's id.
pub async fn routers(app: &App, call: &Call, agent: &str, router: Option<&str>) -> Result<Answer, Fault> {
    let guard = Guard::of(app, call);
    match (&call.method, router) {
        (&Method::GET, None) => {
            guard.may("get_l3-routers", "")?;
            list(app, &guard, agent).await
        }
        (&Method::POST, None) => {
            let router = asked(call, "router_id")?;
            guard.may("create_l3-router", "")?;
            retry::whole(|| add(app, agent, &router)).await
        }
        (&Method::DELETE, Some(router)) => {
            guard.may("delete_l3-router", "")?;
            retry::whole(|| remove(app, agent, router)).await
        }
        _ => Err(Fault::NoSuchUrl),
    }
}

/// The id that a body names by `key`.
pub fn asked(call: &Call, key: &str) -> Result<String, Fault> {
    if call.body.is_empty() {
        return Err(Fault::NoBody);
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|error| Fault::NotJsonForExtension(error.to_string()))?;
    let id = body.get(key).and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Invalid::request(format!("The body must be an object with the key '{key}'.")).into())
}

pub async fn load_agent(tx: &mut Tx<'_>, id: &str) -> Result<Agent, Fault> {
    let found = tx.get(&AGENT, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &AGENT, id: id.to_owned() }.into())
}

async fn list(app: &App, guard: &Guard<'_>, agent: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    let agent = load_agent(&mut tx, agent).await?;
    let ids = tx.routers_of_agent(agent.id).await?;
    let ids = ids.iter().map(|id| Value::from(id.to_string())).collect();
    let routers = shown(&mut tx, guard, &ROUTER, ids).await?;
    Ok(Answer::ok(&json!({ "routers": routers })))
}

/// Resources by their ids, as the caller is shown them.
pub async fn shown(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    table: &'static Resource,
    ids: Vec<Value>,
) -> Result<Vec<Map<String, Value>>, Fault> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let query = Query { filters: vec![Filter::In { attr: "id", values: ids }], ..Query::default() };
    let page = tx.list(table, &query, &guard.answers(table), b"[".to_vec()).await?.unwrap_or_default();
    let json = [page.json.as_slice(), b"]"].concat();
    Ok(serde_json::from_slice(&json).expect("the database's door writes JSON"))
}

async fn add(app: &App, agent: &str, router: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&ROUTER, router).await?;
    tx.lock(&AGENT, agent).await?;
    let router = router::load(&mut tx, router).await?;
    let agent = load_agent(&mut tx, agent).await?;
    let current: Vec<AgentId> =
        tx.router_agents(router.id).await?.into_iter().map(|(agent, _)| agent.id).collect();
    if schedule::check_add(&router, &agent, &current)? {
        tx.bind_router(router.id, agent.id).await?;
        tx.set_router_taken(router.id, false).await?;
        tx.router_due(router.id, app.stamp().now_us).await?;
    }
    app.commit(tx).await?;
    Ok(Answer::json(StatusCode::CREATED, &Value::Null))
}

async fn remove(app: &App, agent: &str, router: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    let agent = load_agent(&mut tx, agent).await?;
    schedule::check_remove(&agent)?;
    tx.lock(&ROUTER, router).await?;
    let router = router::load(&mut tx, router).await?;
    if tx.router_agents(router.id).await?.iter().any(|(carrying, _)| carrying.id == agent.id) {
        tx.unbind_router(router.id, agent.id).await?;
        // Else it would be given to one again before the operator has said to which.
        tx.set_router_taken(router.id, true).await?;
    }
    tx.router_due(router.id, app.stamp().now_us).await?;
    app.commit(tx).await?;
    Ok(Answer::empty())
}

/// The routers of an agent that goes look for another.
pub async fn agent_goes(tx: &mut Tx<'_>, stamp: &Stamp, agent: AgentId) -> Result<(), Fault> {
    for router in tx.routers_of_agent(agent).await? {
        tx.unbind_router(router, agent).await?;
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

/// `/v2.0/routers/{id}/l3-agents`: each agent, and the state that the router is in there.
pub async fn agents(app: &App, call: &Call, router: &str) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::NoSuchUrl);
    }
    let guard = Guard::of(app, call);
    guard.may("get_l3-agents", "")?;
    let mut tx = app.db().read().await?;
    let router = router::load(&mut tx, router).await?;
    let carrying = tx.router_agents(router.id).await?;
    let alive = |agent: &Agent| agent.heartbeat_us > app.alive_since_us();
    let any_alive = carrying.iter().any(|(agent, _)| alive(agent));
    let ids = carrying.iter().map(|(agent, _)| Value::from(agent.id.to_string())).collect();
    let mut agents = shown(&mut tx, &guard, &AGENT, ids).await?;
    for shown in &mut agents {
        let found = carrying.iter().find(|(agent, _)| shown.get("id") == Some(&json!(agent.id)));
        let state =
            found.filter(|_| router.ha).map(|(agent, state)| ha_state(*state, alive(agent), any_alive));
        shown.insert("ha_state".into(), json!(state.map(HaState::as_str)));
    }
    Ok(Answer::ok(&json!({ "agents": agents })))
}

/// A dead agent that was active is so no more, as far as anyone can say.
fn ha_state(reported: HaState, alive: bool, any_alive: bool) -> HaState {
    match reported {
        HaState::Active if !any_alive => HaState::Unknown,
        HaState::Active if !alive => HaState::Standby,
        other => other,
    }
}

//! Bindings of a port to several hosts: one is active, others stand ready for a move.

use axum::http::{Method, StatusCode};
use cloud::Refusal;
use cloud::bind::{self, BINDING_FAILED, UNBOUND};
use db::Tx;
use model::api::port::{PORT, Port, PortUpdate};
use model::api::port_binding::{INACTIVE, PORT_BINDING, PortBinding, PortBindingCreate, PortBindingUpdate};
use model::api::query::{self, Filter};
use model::api::{Given, body};
use serde_json::{Map, Value, json};

use super::binding::bind_to;
use super::{load, update_with};
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;
use crate::routes::{network, parsed};

/// The most bindings of one port: each is a look at a host.
const MOST: usize = 16;

/// `/v2.0/ports/{id}/bindings...`
pub async fn dispatch(app: &App, call: &Call, port: &str, below: &[&str]) -> Result<Answer, Fault> {
    match (&call.method, below) {
        (&Method::GET, [] | [_]) => look(app, call, port, below.first().copied()).await,
        (&Method::POST, []) => {
            let item = body::items(&PORT_BINDING, parsed(call, &PORT_BINDING)?)?.items.remove(0);
            let given = body::create(&PORT_BINDING, item, &call.caller.project_id)?;
            let made = retry::whole(|| create(app, call, port, given.clone())).await?;
            Ok(Answer::json(StatusCode::CREATED, &json!({ "binding": shown(&made) })))
        }
        (&Method::PUT, [host]) => {
            let item = body::item(&PORT_BINDING, parsed(call, &PORT_BINDING)?)?;
            let given = body::update(&PORT_BINDING, item)?;
            let changed = retry::whole(|| update(app, call, port, host, given.clone())).await?;
            Ok(Answer::ok(&json!({ "binding": shown(&changed) })))
        }
        (&Method::DELETE, [host]) => {
            retry::whole(|| delete(app, call, port, host)).await?;
            Ok(Answer::empty())
        }
        (&Method::PUT, [host, "activate"]) => {
            let active = retry::whole(|| activate(app, call, port, host)).await?;
            Ok(Answer::ok(&Value::Object(shown(&active))))
        }
        (_, [] | [_] | [_, "activate"]) => Err(Fault::MethodNotAllowed),
        _ => Err(Fault::NoSuchUrl),
    }
}

fn shown(binding: &PortBinding) -> Map<String, Value> {
    let Value::Object(mut fields) = json!(binding) else { return Map::new() };
    fields.remove("port_id");
    fields
}

/// The port, and its bindings, the active one first; for a caller whom the rule lets.
async fn found(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    rule: &str,
    port: &str,
) -> Result<(Port, Vec<PortBinding>), Fault> {
    if let Err(refused) = guard.may(rule, "") {
        // Who sees no bindings is not told whether the port is there.
        guard.may("get_port_binding", "").map_err(|_| unknown_port(port))?;
        return Err(refused);
    }
    let port = load(tx, port).await?;
    if !["compute:", "manila:"].iter().any(|owner| port.device_owner.starts_with(owner)) {
        let message = format!("Port {} is of no instance or share, and is at one host only.", port.id);
        return Err(Refusal::Request(message).into());
    }
    let mut all = vec![PortBinding::active(&port)];
    all.extend(tx.bindings_of(port.id).await?);
    Ok((port, all))
}

fn unknown_port(port: &str) -> Fault {
    Refusal::NotFound { table: &PORT, id: port.to_owned() }.into()
}

fn unknown(host: &str) -> Fault {
    Refusal::NotFound { table: &PORT_BINDING, id: host.to_owned() }.into()
}

async fn look(app: &App, call: &Call, port: &str, host: Option<&str>) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    let (_, all) = found(&mut tx, &Guard::of(app, call), "get_port_binding", port).await?;
    if let Some(host) = host {
        let one = all.iter().find(|binding| binding.host == host).ok_or_else(|| unknown(host))?;
        return Ok(Answer::ok(&json!({ "binding": shown(one) })));
    }
    let query = query::parse(&PORT_BINDING, &call.query, None)?;
    let fits = |fields: &Map<String, Value>| {
        query.filters.iter().all(|filter| match filter {
            Filter::In { attr, values } => fields.get(*attr).is_some_and(|value| values.contains(value)),
            _ => true,
        })
    };
    let mut items: Vec<Map<String, Value>> = all.iter().map(shown).filter(fits).collect();
    for item in &mut items {
        item.retain(|name, _| query.fields.is_empty() || query.fields.contains(name));
    }
    Ok(Answer::ok(&json!({ "bindings": items })))
}

/// How a host would carry the port.
async fn tried(
    app: &App,
    tx: &mut Tx<'_>,
    port: &Port,
    host: &str,
    vnic_type: &str,
) -> Result<bind::Binding, Fault> {
    let network = network::load(tx, port.network_id).await?;
    let binding =
        bind_to(app, tx, host, bind::Asked { vnic_type, ..bind::Asked::of(port) }, &network).await?;
    if binding.vif_type == BINDING_FAILED {
        return Err(Refusal::BindingFailed { port: port.id, host: host.to_owned() }.into());
    }
    Ok(binding)
}

async fn create(app: &App, call: &Call, port: &str, given: Given) -> Result<PortBinding, Fault> {
    let new: PortBindingCreate = given.typed()?;
    let host = new.host.unwrap_or_default();
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, port).await?;
    let guard = Guard::of(app, call);
    guard.may("create_port_binding", "")?;
    let (port, all) = found(&mut tx, &guard, "create_port_binding", port).await?;
    if all.iter().any(|binding| binding.host == host) {
        return Err(Refusal::BindingExists { port: port.id, host }.into());
    }
    if all.len() >= MOST {
        return Err(Refusal::Request(format!("A port has at most {MOST} bindings.")).into());
    }
    let binding = tried(app, &mut tx, &port, &host, &new.vnic_type).await?;
    let made = PortBinding {
        port_id: port.id,
        host,
        vif_type: binding.vif_type.into(),
        vif_details: binding.vif_details,
        vnic_type: new.vnic_type,
        profile: new.profile.unwrap_or_default(),
        status: INACTIVE.into(),
    };
    tx.add_binding(&made).await?;
    app.commit(tx).await?;
    Ok(made)
}

async fn update(app: &App, call: &Call, port: &str, host: &str, given: Given) -> Result<PortBinding, Fault> {
    let change: PortBindingUpdate = given.typed()?;
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, port).await?;
    let (port, all) = found(&mut tx, &Guard::of(app, call), "get_port_binding", port).await?;
    let Some(before) = all.iter().find(|binding| binding.host == host) else { return Err(unknown(host)) };
    let mut after = before.clone();
    after.host = change.host.unwrap_or(after.host);
    after.vnic_type = change.vnic_type.unwrap_or(after.vnic_type);
    after.profile = change.profile.unwrap_or(after.profile);
    if after.host != host && all.iter().any(|binding| binding.host == after.host) {
        return Err(Refusal::BindingExists { port: port.id, host: after.host }.into());
    }
    let binding = tried(app, &mut tx, &port, &after.host, &after.vnic_type).await?;
    after.vif_type = binding.vif_type.into();
    after.vif_details = binding.vif_details;
    if before.status == INACTIVE {
        tx.drop_binding(port.id, host).await?;
        tx.add_binding(&after).await?;
    } else {
        move_to(app, &mut tx, port, &after).await?;
    }
    app.commit(tx).await?;
    Ok(after)
}

/// The port is where a binding says, from the commit on.
async fn move_to(app: &App, tx: &mut Tx<'_>, port: Port, to: &PortBinding) -> Result<(), Fault> {
    let change = PortUpdate {
        host: Some(Some(to.host.clone())),
        vnic_type: Some(to.vnic_type.clone()).filter(|vnic| *vnic != port.vnic_type),
        profile: Some(Some(to.profile.clone())),
        ..PortUpdate::default()
    };
    update_with(app, tx, &mut app.stamp(), port, change, &[]).await
}

async fn delete(app: &App, call: &Call, port: &str, host: &str) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, port).await?;
    let (port, all) = found(&mut tx, &Guard::of(app, call), "delete_port_binding", port).await?;
    let Some(gone) = all.iter().find(|binding| binding.host == host) else { return Err(unknown(host)) };
    if gone.status == INACTIVE {
        tx.drop_binding(port.id, host).await?;
    } else {
        let nowhere = PortBinding { host: String::new(), profile: Map::new(), ..gone.clone() };
        move_to(app, &mut tx, port, &nowhere).await?;
    }
    Ok(app.commit(tx).await?)
}

async fn activate(app: &App, call: &Call, port: &str, host: &str) -> Result<PortBinding, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&PORT, port).await?;
    let (port, all) = found(&mut tx, &Guard::of(app, call), "activate", port).await?;
    let Some(wanted) = all.iter().find(|binding| binding.host == host) else { return Err(unknown(host)) };
    if wanted.status != INACTIVE {
        return Err(Refusal::BindingActive { port: port.id, host: host.to_owned() }.into());
    }
    tried(app, &mut tx, &port, host, &wanted.vnic_type).await?;
    let id = port.id.to_string();
    tx.drop_binding(port.id, host).await?;
    // Where it was, it may come back to; it is carried there no longer.
    if !all[0].host.is_empty() {
        let left = PortBinding {
            vif_type: UNBOUND.into(),
            vif_details: json!({}),
            status: INACTIVE.into(),
            ..all[0].clone()
        };
        tx.add_binding(&left).await?;
    }
    move_to(app, &mut tx, port, wanted).await?;
    let after = load(&mut tx, &id).await?;
    app.commit(tx).await?;
    Ok(PortBinding::active(&after))
}

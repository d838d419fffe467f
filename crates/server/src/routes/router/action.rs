//! What can be done to a router besides changing its attributes: `PUT /v2.0/routers/{id}/ACTION`.

use axum::http::{Method, StatusCode};
use cloud::l3::listen;
use cloud::router::routes;
use model::api::router::{InterfaceAsk, ROUTER};
use model::api::validate::MAX_LIST;
use model::api::{Invalid, body};
use model::desired::HostRoute;
use serde_json::{Value, json};

use super::{interface, set_routes, store, whole};
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::routes::wrapped;
use crate::{notification, retry};

/// Whether an action adds or removes.
#[derive(Clone, Copy)]
pub enum Way {
    Add,
    Remove,
}

#[derive(Clone, Copy)]
enum Action {
    Interface(Way),
    Routes(Way),
}

const ACTIONS: [(&str, Action); 4] = [
    ("add_router_interface", Action::Interface(Way::Add)),
    ("remove_router_interface", Action::Interface(Way::Remove)),
    ("add_extraroutes", Action::Routes(Way::Add)),
    ("remove_extraroutes", Action::Routes(Way::Remove)),
];

pub async fn dispatch(app: &App, call: &Call, id: &str, name: &str) -> Result<Answer, Fault> {
    let action = ACTIONS.into_iter().find(|(known, _)| *known == name).map(|(_, action)| action);
    let action = action.ok_or(Fault::NoSuchUrl)?;
    if call.method != Method::PUT {
        return Err(Fault::MethodNotAllowed);
    }
    let body = match call.body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&call.body)
            .map_err(|error| Fault::NotJsonForExtension(error.to_string()))?,
    };
    match action {
        Action::Interface(way) => {
            let answer = retry::whole(|| interfaces(app, call, id, (name, way), &body)).await?;
            Ok(Answer::ok(&answer))
        }
        Action::Routes(way) => {
            let item = retry::whole(|| extra_routes(app, call, id, (name, way), &body)).await?;
            Ok(wrapped(StatusCode::OK, ROUTER.singular, &item))
        }
    }
}

async fn interfaces(
    app: &App,
    call: &Call,
    id: &str,
    act: (&str, Way),
    body: &Value,
) -> Result<Value, Fault> {
    let mut tx = app.db().begin().await?;
    let guard = Guard::of(app, call);
    let answer = interface::change(app, &mut tx, &guard, id, act, InterfaceAsk::of(body)).await?;
    let told = cloud::notification::interface(matches!(act.1, Way::Add), answer.clone());
    notification::note(app, call, &mut tx, vec![told]).await?;
    app.commit(tx).await?;
    Ok(answer)
}

async fn extra_routes(
    app: &App,
    call: &Call,
    id: &str,
    (name, way): (&str, Way),
    body: &Value,
) -> Result<Vec<u8>, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&ROUTER, id).await?;
    let guard = Guard::of(app, call);
    guard.act(&mut tx, &ROUTER, id, name).await?;
    let mut whole = whole(&mut tx, id).await?;
    let before = whole.router.clone();
    let asked = asked_routes(body)?;
    let old = before.routes.clone();
    let new = match way {
        Way::Add => routes::added(old, asked),
        Way::Remove => routes::removed(old, &asked),
    };
    set_routes(app, &mut tx, &mut whole, new).await?;
    let stamp = app.stamp();
    let after = store(&mut tx, &stamp, &before, whole.router).await?;
    if listen::is_of_router(&before, &after) {
        tx.router_due(after.id, stamp.now_us).await?;
    }
    let item = tx.show(&ROUTER, id, &[], &guard.answers(&ROUTER)).await?.unwrap_or_default();
    app.commit(tx).await?;
    Ok(item)
}

/// The routes of `{"router": {"routes": [...]}}`, checked as in a PUT; the same twice is the same once.
fn asked_routes(body: &Value) -> Result<Vec<HostRoute>, Fault> {
    let routes = body.get(ROUTER.singular).and_then(|router| router.get("routes"));
    let Some(Value::Array(routes)) = routes else {
        return Err(Invalid::request("The body must be {\"router\": {\"routes\": [...]}}.").into());
    };
    let mut once: Vec<&Value> = Vec::new();
    for route in routes.iter().take(MAX_LIST + 1) {
        if !once.contains(&route) {
            once.push(route);
        }
    }
    let mut given = body::update(&ROUTER, json!({ "routes": once }))?;
    let routes = given.0.remove("routes").unwrap_or_default();
    serde_json::from_value(routes).map_err(|error| Invalid::request(format!("{error}.")).into())
}

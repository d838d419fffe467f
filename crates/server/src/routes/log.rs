//! Logs: facts in, decision, rows out; and what can be logged.

use axum::http::Method;
use cloud::log::{self, Facts, LogRefusal};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::Given;
use model::api::log::{LOG, LOGGABLE_RESOURCE, Log, LogCreate, TYPES};
use model::api::query;
use model::api::security_group::SECURITY_GROUP;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::routes::{plain, port};

fn refused(refusal: LogRefusal) -> Fault {
    Refusal::from(refusal).into()
}

/// `GET /v2.0/log/loggable-resources`
pub fn loggable(app: &App, call: &Call) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::MethodNotAllowed);
    }
    query::parse(&LOGGABLE_RESOURCE, &call.query, None)?;
    let guard = Guard::of(app, call);
    let may = guard.may("get_loggable_resource", guard.caller_project()).is_ok();
    let listed: Vec<Value> = TYPES.iter().filter(|_| may).map(|kind| json!({ "type": kind })).collect();
    Ok(Answer::ok(&json!({ LOGGABLE_RESOURCE.plural: listed })))
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: LogCreate,
) -> Result<String, Fault> {
    log::check_type(&new.resource_type).map_err(refused)?;
    let has_group = match new.resource_id {
        Some(group) => tx.finds(&SECURITY_GROUP, &group.to_string(), guard.project()).await?,
        None => false,
    };
    let target = match new.target_id {
        Some(id) => port::visible(tx, guard, &id.to_string()).await?,
        None => None,
    };
    // Whose network it is sees the port, and does not hear what it sends.
    let target = target.filter(|port| guard.is_admin() || port.project_id == new.project_id);
    let others = usize::try_from(tx.logs_of(&new.project_id).await?).unwrap_or(usize::MAX);
    let facts = Facts { has_group, target: target.as_ref(), others };
    let made = log::create(new, facts, stamp).map_err(refused)?;
    tx.insert(&LOG, &made).await?;
    if made.enabled {
        tx.mark(&[log::touch(&made)]);
    }
    Ok(made.id.to_string())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Log, Fault> {
    let found = tx.get(&LOG, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &LOG, id: id.to_owned() }.into())
}

pub async fn update(tx: &mut Tx<'_>, stamp: &Stamp, id: &str, given: Given) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    plain::update(tx, stamp, &LOG, id, given).await?;
    if load(tx, id).await?.enabled != before.enabled {
        tx.mark(&[log::touch(&before)]);
    }
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    tx.delete(&LOG, id).await?;
    if before.enabled {
        tx.mark(&[log::touch(&before)]);
    }
    Ok(())
}

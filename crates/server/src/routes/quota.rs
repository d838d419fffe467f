//! Quotas: limits of projects, what is used, and whether there is room for more.

use std::collections::BTreeMap;

use axum::http::Method;
use cloud::Refusal;
use cloud::quota::{self, Limits};
use db::Tx;
use model::api::Given;
use model::api::quota::{QuotaChange, UNLIMITED, limited};
use model::api::table::Resource;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

/// `/v2.0/quotas`, and what is below it.
pub async fn dispatch(app: &App, call: &Call, below: &[&str]) -> Result<Answer, Fault> {
    let guard = Guard::of(app, call);
    let own = call.caller.project_id.as_str();
    match (&call.method, below) {
        (&Method::GET, []) => list(app, &guard, own).await,
        (&Method::POST, []) => Err(Fault::QuotasAreThere),
        (&Method::GET, [name @ ("tenant" | "project")]) => {
            Ok(Answer::ok(&json!({ *name: { (format!("{name}_id")): own } })))
        }
        (&Method::GET, [project]) => {
            others(&guard, own, project)?;
            Ok(answer(shown(&limits(app, &guard, project).await?)))
        }
        (&Method::GET, [project, "default"]) => {
            others(&guard, own, project)?;
            Ok(answer(shown(&app.settings().quotas.with(BTreeMap::new()))))
        }
        (&Method::GET, [project, "details"]) => details(app, &guard, own, project).await,
        (&Method::PUT, [project]) => update(app, call, &guard, project).await,
        (&Method::DELETE, [project]) => delete(app, &guard, project).await,
        (_, [] | [_]) => Err(Fault::MethodNotAllowed),
        _ => Err(Fault::NoSuchUrl),
    }
}

/// Those of other projects are for whom the policy names.
fn others(guard: &Guard<'_>, own: &str, project: &str) -> Result<(), Fault> {
    if project == own { Ok(()) } else { guard.may("get_quota", own) }
}

fn answer(quota: Map<String, Value>) -> Answer {
    Answer::ok(&json!({ "quota": quota }))
}

fn shown(limits: &Limits) -> Map<String, Value> {
    limits.0.iter().map(|(name, limit)| (name.clone(), json!(limit))).collect()
}

/// Who does not find other projects' rows is told what every project begins with.
async fn limits(app: &App, guard: &Guard<'_>, project: &str) -> Result<Limits, Fault> {
    let own = match guard.project() {
        Some(mine) if mine != project => BTreeMap::new(),
        _ => app.db().read().await?.limits_of(project).await?,
    };
    Ok(app.settings().quotas.with(own))
}

async fn list(app: &App, guard: &Guard<'_>, own: &str) -> Result<Answer, Fault> {
    guard.may("get_quota", own)?;
    let mut all = app.db().read().await?.all_limits().await?;
    all.retain(|project, _| guard.project().is_none_or(|mine| mine == project));
    let one = |(project, own): (String, _)| {
        let mut quota = shown(&app.settings().quotas.with(own));
        quota.insert("project_id".into(), project.clone().into());
        quota.insert("tenant_id".into(), project.into());
        Value::Object(quota)
    };
    Ok(Answer::ok(&json!({ "quotas": all.into_iter().map(one).collect::<Vec<_>>() })))
}

async fn details(app: &App, guard: &Guard<'_>, own: &str, project: &str) -> Result<Answer, Fault> {
    if project != own && !guard.is_admin() {
        return Err(Fault::AdminRequired);
    }
    let mut tx = app.db().read().await?;
    let limits = app.settings().quotas.with(tx.limits_of(project).await?);
    let mut quota = Map::new();
    for (table, _) in limited() {
        let limit = limits.of(table).unwrap_or(UNLIMITED);
        let used = tx.used(table, project).await?;
        // A request counts and creates in one transaction: nothing is ever only reserved.
        quota.insert(table.singular.into(), json!({ "limit": limit, "used": used, "reserved": 0 }));
    }
    Ok(answer(quota))
}

async fn update(app: &App, call: &Call, guard: &Guard<'_>, project: &str) -> Result<Answer, Fault> {
    let body =
        serde_json::from_slice(&call.body).map_err(|error| Fault::NotJsonForExtension(error.to_string()))?;
    guard.may("update_quota", project)?;
    let change = QuotaChange::parse(body)?;
    retry::whole(|| update_once(app, &change, project)).await
}

async fn update_once(app: &App, change: &QuotaChange, project: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    for (table, _) in limited() {
        let Some(limit) = change.limits.get(table.singular) else { continue };
        let (_, used) = tx.room(table, project).await?;
        if !change.force {
            quota::check_limit(table, *limit, used)?;
        }
        tx.set_limit(project, table.singular, *limit).await?;
    }
    let limits = app.settings().quotas.with(tx.limits_of(project).await?);
    app.commit(tx).await?;
    Ok(answer(shown(&limits)))
}

async fn delete(app: &App, guard: &Guard<'_>, project: &str) -> Result<Answer, Fault> {
    guard.may("delete_quota", project)?;
    retry::whole(|| delete_once(app, project)).await
}

async fn delete_once(app: &App, project: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    if !tx.forget_limits(project).await? {
        return Err(Refusal::QuotaNotFound(project.to_owned()).into());
    }
    app.commit(tx).await?;
    Ok(Answer::empty())
}

/// Is there room for what a request creates, in the transaction that creates it?
pub async fn check(
    app: &App,
    tx: &mut Tx<'_>,
    table: &'static Resource,
    given: &[Given],
) -> Result<(), Fault> {
    if table.quota.is_none() {
        return Ok(());
    }
    let mut more: BTreeMap<&str, usize> = BTreeMap::new();
    for item in given {
        let project = item.0.get("project_id").and_then(Value::as_str).unwrap_or_default();
        *more.entry(project).or_default() += 1;
    }
    for (project, more) in more {
        check_room(app, tx, table, project, more).await?;
    }
    Ok(())
}

/// Is there room for some more of a resource?
pub async fn check_room(
    app: &App,
    tx: &mut Tx<'_>,
    table: &'static Resource,
    project: &str,
    more: usize,
) -> Result<(), Fault> {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    let (own, used) = tx.room(table, project).await?;
    let own = own.map(|limit| (table.singular.to_owned(), limit));
    if let Some(limit) = app.settings().quotas.with(own.into_iter().collect()).of(table) {
        quota::check(table, limit, used, more)?;
    }
    Ok(())
}

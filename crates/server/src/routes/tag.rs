//! Tags of a resource: listed, looked for, added, replaced, taken.

use axum::http::{Method, StatusCode};
use cloud::Refusal;
use cloud::tag::{self, Change, Tags};
use db::Tx;
use model::api::table::Resource;
use model::api::tag::{collection, one, parse};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

type Row = Map<String, Value>;

/// `/v2.0/OF/{id}/tags`, and below it a tag.
pub async fn dispatch(
    app: &App,
    call: &Call,
    of: &str,
    id: &str,
    tag: Option<&str>,
) -> Result<Answer, Fault> {
    let table = collection(of).ok_or(Fault::NoSuchUrl)?;
    let tag = tag.map(|tag| one(decoded(tag))).transpose()?;
    let turn = |verb, change| change_tags(app, call, table, id, verb, change);
    match (&call.method, tag) {
        (&Method::GET, None) => Ok(Answer::ok(&json!({ "tags": read(app, call, table, id).await? }))),
        (&Method::GET, Some(tag)) if read(app, call, table, id).await?.contains(&tag) => Ok(Answer::empty()),
        (&Method::GET, Some(tag)) => Err(Refusal::TagNotFound(tag).into()),
        (&Method::POST, None) => {
            let tags = said(call)?;
            turn("create", Change::Add(tags.iter().cloned().collect())).await?;
            Ok(Answer::ok(&json!({ "tags": tags })))
        }
        (&Method::PUT, None) => {
            let tags = said(call)?;
            turn("update", Change::Replace(tags.iter().cloned().collect())).await?;
            Ok(Answer::ok(&json!({ "tags": tags })))
        }
        (&Method::PUT, Some(tag)) => {
            turn("update", Change::Add(Tags::from([tag]))).await?;
            Ok(Answer::json(StatusCode::CREATED, &Value::Null))
        }
        (&Method::DELETE, None) => turn("delete", Change::Replace(Tags::new())).await,
        (&Method::DELETE, Some(tag)) => turn("delete", Change::Take(tag)).await,
        (_, Some(tag)) => Err(Refusal::TagNotFound(tag).into()),
        _ => Err(Fault::NoSuchUrl),
    }
}

/// Who finds a resource is told that its tags are not for him, whether or not the resource is.
async fn check(
    guard: &Guard<'_>,
    tx: &mut Tx<'_>,
    table: &'static Resource,
    id: &str,
    rule: &str,
) -> Result<(), Fault> {
    guard.act(tx, table, id, rule).await.map_err(|fault| match fault {
        Fault::NotForYou => Fault::Forbidden(rule.to_owned()),
        other => other,
    })
}

/// A part of a URL as it was meant; a plus is a plus.
fn decoded(part: &str) -> String {
    let part = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(part.as_bytes()).map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

/// The tags that a body names.
fn said(call: &Call) -> Result<Vec<String>, Fault> {
    if call.body.is_empty() {
        return Err(Fault::NoBody);
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|error| Fault::NotJsonForExtension(error.to_string()))?;
    Ok(parse(&body)?)
}

async fn load(tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Result<(Row, Tags), Fault> {
    let found: Option<Row> = tx.get(table, id).await?;
    let row = found.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() })?;
    let tags = row.get("tags").and_then(Value::as_array).into_iter().flatten();
    let tags = tags.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok((row, tags))
}

async fn read(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<Tags, Fault> {
    let mut tx = app.db().read().await?;
    let rule = format!("get_{}:tags", table.rule_name());
    check(&Guard::of(app, call), &mut tx, table, id, &rule).await?;
    Ok(load(&mut tx, table, id).await?.1)
}

async fn change_tags(
    app: &App,
    call: &Call,
    table: &'static Resource,
    id: &str,
    verb: &str,
    change: Change,
) -> Result<Answer, Fault> {
    let rule = format!("{verb}_{}:tags", table.rule_name());
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(table, id).await?;
        check(&Guard::of(app, call), &mut tx, table, id, &rule).await?;
        let (before, had) = load(&mut tx, table, id).await?;
        let tags = tag::change(&had, &change)?;
        let mut after = before.clone();
        if tags != had {
            after.insert("tags".into(), json!(tags));
        }
        tx.update(table, id, &before, &after, &app.stamp().now).await?;
        app.commit(tx).await?;
        Ok(Answer::empty())
    })
    .await
}

//! Rules of QoS policies: facts in, decision, rows out.

use axum::http::Method;
use cloud::qos::User;
use cloud::{Refusal, Stamp, qos};
use db::Tx;
use model::QosRuleId;
use model::api::Given;
use model::api::qos::{
    BANDWIDTH_LIMIT_RULE, DSCP_MARKING_RULE, MINIMUM_BANDWIDTH_RULE, MINIMUM_PACKET_RATE_RULE, POLICY,
    Policy, QosRule,
};
use model::api::table::Resource;
use serde_json::{Map, Value, json};

use super::load;
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};

type Fields = Map<String, Value>;

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    table: &'static Resource,
    given: Given,
) -> Result<String, Fault> {
    let policy = given.0.get("qos_policy_id").and_then(Value::as_str).unwrap_or_default();
    let before = load(tx, policy).await?;
    let rule = qos::rule(table, QosRuleId(stamp.uuid()), before.id, given.typed()?)?;
    let after = qos::with(&before, rule.clone(), &users(tx, &before).await?)?;
    tx.insert(table, &row(&rule, stamp)).await?;
    save(tx, stamp, &before, &after).await?;
    Ok(rule.id.to_string())
}

fn row(rule: &QosRule, stamp: &Stamp) -> Value {
    let mut row = json!(rule);
    row["created_us"] = stamp.now_us.into();
    row
}

async fn users(tx: &mut Tx<'_>, policy: &Policy) -> Result<Vec<User>, Fault> {
    let used = tx.qos_policy_users(policy.id).await?;
    let users = [User::Port, User::Outside].into_iter().zip(used);
    Ok(users.filter(|(_, used)| *used).map(|(user, _)| user).collect())
}

async fn save(tx: &mut Tx<'_>, stamp: &Stamp, before: &Policy, after: &Policy) -> Result<(), Fault> {
    tx.update(&POLICY, before.id, before, after, &stamp.now).await?;
    let touches = tx.touched_by_qos(before.id).await?;
    tx.mark(&touches);
    for router in tx.routers_of_qos(before.id).await? {
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

/// The rule's row, and the policy that it belongs to.
async fn found(tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Result<(Fields, Policy), Fault> {
    let row: Option<Fields> = tx.get(table, id).await?;
    let row = row.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() })?;
    let policy = row.get("qos_policy_id").and_then(Value::as_str).unwrap_or_default();
    let policy = load(tx, policy).await?;
    Ok((row, policy))
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    table: &'static Resource,
    id: &str,
    given: Given,
) -> Result<(), Fault> {
    let (before_row, before) = found(tx, table, id).await?;
    let mut after_row = before_row.clone();
    after_row.extend(given.typed::<Fields>()?);
    let rule = QosRuleId(id.parse().map_err(|_| Refusal::NotFound { table, id: id.to_owned() })?);
    let rule = qos::rule(table, rule, before.id, after_row.clone())?;
    let after = qos::with(&before, rule, &users(tx, &before).await?)?;
    tx.update(table, id, &before_row, &after_row, &stamp.now).await?;
    save(tx, stamp, &before, &after).await
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, table: &'static Resource, id: &str) -> Result<(), Fault> {
    let (_, before) = found(tx, table, id).await?;
    tx.delete(table, id).await?;
    let rule = QosRuleId(id.parse().map_err(|_| Refusal::NotFound { table, id: id.to_owned() })?);
    save(tx, stamp, &before, &qos::without(&before, rule)).await
}

/// `/v2.0/qos/alias-KIND-rules/{id}`: a rule without its policy in the URL.
pub async fn alias(app: &App, call: &Call, alias: &str, id: &str) -> Result<Answer, Fault> {
    let table = match alias {
        "alias-bandwidth-limit-rules" => &BANDWIDTH_LIMIT_RULE,
        "alias-dscp-marking-rules" => &DSCP_MARKING_RULE,
        "alias-minimum-bandwidth-rules" => &MINIMUM_BANDWIDTH_RULE,
        "alias-minimum-packet-rate-rules" => &MINIMUM_PACKET_RATE_RULE,
        _ => return Err(Fault::NoSuchUrl),
    };
    if call.method == Method::POST {
        return Err(Fault::MethodNotAllowed);
    }
    let mut tx = app.db().read().await?;
    let policy = tx.policy_of_rule(table.plural, id).await?;
    let verb = match call.method {
        Method::GET => "get",
        Method::DELETE => "delete",
        _ => "update",
    };
    if policy.is_some() {
        let rule = format!("{verb}_alias_{}", table.singular);
        Guard::of(app, call).act(&mut tx, table, id, &rule).await?;
    }
    drop(tx);
    let policy = policy.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() })?;
    let (long, short) = (table.singular, format!("alias_{}", table.singular));
    let body = match serde_json::from_slice::<Map<String, Value>>(&call.body) {
        // What is said by its long name is not of this URL.
        Ok(mut said) => {
            said.remove(long);
            if let Some(item) = said.remove(&short) {
                said.insert(long.into(), item);
            }
            Value::Object(said).to_string().into()
        }
        Err(_) => call.body.clone(),
    };
    let whole = Call {
        method: call.method.clone(),
        path: format!("/v2.0/{}/{policy}/{}/{id}", POLICY.path, table.path),
        query: call.query.clone(),
        base: call.base.clone(),
        caller: call.caller.clone(),
        request_id: call.request_id.clone(),
        if_match: call.if_match,
        body,
    };
    let mut answer = crate::routes::member(app, &whole, table, id).await?;
    if let Ok(mut shown) = serde_json::from_slice::<Map<String, Value>>(&answer.json)
        && let Some(item) = shown.remove(long)
    {
        answer.json = json!({ short: item }).to_string().into_bytes();
    }
    Ok(answer)
}

//! QoS policies: facts in, decision, rows out.
//!
//! ```text
//! rule   the rules of a policy, also by their short URL        rule_type   which there are
//! ```

pub mod rule;
pub mod rule_type;

use cloud::qos::User;
use cloud::{Refusal, Stamp, qos};
use db::Tx;
use model::QosPolicyId;
use model::api::Given;
use model::api::qos::{POLICY, Policy, PolicyCreate, PolicyUpdate, RULES};
use model::api::rbac_policy::{AS_SHARED, EVERYONE, ObjectType, RbacPolicyCreate};
use serde_json::Value;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::routes::rbac_policy;

/// `/v2.0/qos/...`
pub async fn dispatch(app: &App, call: &Call, below: &[&str]) -> Result<Answer, Fault> {
    let rules = |path: &str| super::table_below(POLICY.path, path);
    match below {
        ["policies"] => super::collection(app, call, &POLICY).await,
        ["policies", id] => super::member(app, call, &POLICY, id).await,
        ["policies", _, path] => super::collection(app, call, rules(path)?).await,
        ["policies", _, path, id] => super::member(app, call, rules(path)?, id).await,
        ["rule-types"] => rule_type::dispatch(app, call, None),
        ["rule-types", kind] => rule_type::dispatch(app, call, Some(kind)),
        [alias, id] => rule::alias(app, call, alias, id).await,
        _ => Err(Fault::NoSuchUrl),
    }
}

/// True of what is below a policy, by its singular.
pub fn is_rule(name: &str) -> bool {
    RULES.iter().any(|table| table.singular == name)
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: PolicyCreate,
) -> Result<String, Fault> {
    let shared = new.shared;
    let default = tx.default_qos_policy(&new.project_id).await?;
    let policy = qos::create(new, default, stamp)?;
    tx.insert(&POLICY, &policy).await?;
    tx.set_default_qos_policy(&policy).await?;
    if shared {
        share(tx, stamp, guard, &policy).await?;
    }
    Ok(policy.id.to_string())
}

async fn share(tx: &mut Tx<'_>, stamp: &mut Stamp, guard: &Guard<'_>, policy: &Policy) -> Result<(), Fault> {
    let object_id = policy.id.to_string();
    if tx.same_policy(&object_id, AS_SHARED, EVERYONE).await?.is_some() {
        return Ok(());
    }
    let new = RbacPolicyCreate {
        project_id: policy.project_id.clone(),
        object_type: ObjectType::QosPolicy,
        object_id,
        action: AS_SHARED.into(),
        target_tenant: EVERYONE.into(),
    };
    rbac_policy::create(tx, stamp, guard, new).await.map(drop)
}

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<Policy, Fault> {
    let found = tx.get(&POLICY, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &POLICY, id: id.to_string() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    id: &str,
    change: PolicyUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let mut after = before.clone();
    after.is_default = change.is_default.unwrap_or(after.is_default);
    after.rest.extend(change.rest);
    qos::check_default(&after, tx.default_qos_policy(&after.project_id).await?)?;
    if after.is_default != before.is_default {
        tx.set_default_qos_policy(&after).await?;
    }
    match change.shared {
        Some(true) => share(tx, stamp, guard, &after).await?,
        Some(false) => {
            if let Some(policy) = tx.same_policy(id, AS_SHARED, EVERYONE).await? {
                rbac_policy::delete(tx, stamp, &policy).await?;
            }
        }
        None => {}
    }
    tx.update(&POLICY, before.id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let policy = load(tx, id).await?;
    if let Some((what, user)) = tx.qos_policy_use(policy.id).await? {
        return Err(Refusal::QosPolicyInUse { policy: policy.id, what, user }.into());
    }
    tx.forget_policies(id).await?;
    tx.delete(&POLICY, policy.id).await?;
    Ok(())
}

/// A project's default policy, to be put on a network of it: nothing if it is gone or the default no more,
/// an error if hosts do not carry it.
pub async fn relied_on_default(tx: &mut Tx<'_>, default: QosPolicyId) -> Result<Option<QosPolicyId>, Fault> {
    tx.share_qos_policy(&default.to_string()).await?;
    let found: Option<Policy> = tx.get(&POLICY, default).await?;
    let Some(policy) = found.filter(|policy| policy.is_default) else { return Ok(None) };
    qos::check_carried(&policy, User::Port)?;
    Ok(Some(default))
}

/// What a port or network is to have must be there, shared with the caller, and something that hosts do.
pub async fn check_asked(tx: &mut Tx<'_>, guard: &Guard<'_>, given: &Given) -> Result<(), Fault> {
    let Some(id) = given.0.get("qos_policy_id").and_then(Value::as_str) else { return Ok(()) };
    let asked = id.parse::<QosPolicyId>().map_or(id.to_owned(), |id| id.to_string());
    check_use(tx, guard, &asked, User::Port).await
}

/// The same of a floating IP or a gateway.
pub async fn check_outside(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    policy: Option<QosPolicyId>,
) -> Result<(), Fault> {
    match policy {
        Some(policy) => check_use(tx, guard, &policy.to_string(), User::Outside).await,
        None => Ok(()),
    }
}

async fn check_use(tx: &mut Tx<'_>, guard: &Guard<'_>, policy: &str, user: User) -> Result<(), Fault> {
    tx.share_qos_policy(policy).await?;
    if !tx.finds(&POLICY, policy, guard.project()).await? {
        return Err(Refusal::QosPolicyNotFound(policy.to_owned()).into());
    }
    Ok(qos::check_carried(&load(tx, policy).await?, user)?)
}

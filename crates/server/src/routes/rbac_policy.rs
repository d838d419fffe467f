//! RBAC policies: facts in, decision, rows out.

use std::collections::BTreeSet;

use cloud::{Refusal, Stamp, rbac_policy};
use db::Tx;
use model::api::address_group::{ADDRESS_GROUP, AddressGroup};
use model::api::rbac_policy::{RBAC_POLICY, RbacPolicy, RbacPolicyCreate, RbacPolicyUpdate};
use model::api::security_group::{SECURITY_GROUP, SecurityGroup};

use crate::error::Fault;
use crate::guard::Guard;

/// The project of what is shared.
async fn owner(tx: &mut Tx<'_>, object_type: &str, id: &str) -> Result<String, Fault> {
    let of_group = |group: SecurityGroup| group.project_id;
    let of_addresses = |group: AddressGroup| group.project_id;
    let table = if object_type == "security_group" { &SECURITY_GROUP } else { &ADDRESS_GROUP };
    // Who shares it and who gets it wait for each other.
    tx.lock(table, id).await?;
    let found = match object_type {
        "security_group" => tx.get(table, id).await?.map(of_group),
        _ => tx.get(table, id).await?.map(of_addresses),
    };
    found.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() }.into())
}

/// Projects that use what a policy shares.
async fn users(tx: &mut Tx<'_>, policy: &RbacPolicy) -> Result<BTreeSet<String>, Fault> {
    Ok(match policy.object_type.as_str() {
        "security_group" => tx.projects_with_group(&policy.object_id).await?,
        _ => tx.projects_with_addresses(&policy.object_id).await?,
    })
}

/// Whose things the caller may share; `None` for everybody's. Who finds everything may not share it.
fn sharer<'a>(guard: &Guard<'a>) -> Option<&'a str> {
    (!guard.is_admin()).then(|| guard.caller_project())
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: RbacPolicyCreate,
) -> Result<String, Fault> {
    let owner = match owner(tx, &new.object_type, &new.object_id).await {
        // Whose it is not is not told whether it is there.
        Err(Fault::Refused(Refusal::NotFound { .. })) if !guard.is_admin() => String::new(),
        owner => owner?,
    };
    let policy = rbac_policy::create(new, &owner, sharer(guard), stamp)?;
    if tx.same_policy(&policy.object_id, &policy.action, &policy.target_tenant).await?.is_some() {
        return Err(Refusal::DuplicateSharing.into());
    }
    tx.insert(&RBAC_POLICY, &policy).await?;
    Ok(policy.id.to_string())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<RbacPolicy, Fault> {
    let found = tx.get(&RBAC_POLICY, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &RBAC_POLICY, id: id.to_owned() }.into())
}

/// Refuses to end what others rely on.
async fn check_end(tx: &mut Tx<'_>, policy: &RbacPolicy, owner: &str) -> Result<(), Fault> {
    let users = users(tx, policy).await?;
    let others = tx.other_targets(&policy.object_id, policy.id).await?;
    Ok(rbac_policy::check_end(policy, owner, &users, &others)?)
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    id: &str,
    change: RbacPolicyUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let owner = owner(tx, &before.object_type, &before.object_id).await?;
    rbac_policy::check_owner(&owner, sharer(guard))?;
    let Some(target) = change.target_tenant.filter(|target| *target != before.target_tenant) else {
        return Ok(());
    };
    if target != model::api::rbac_policy::EVERYONE {
        check_end(tx, &before, &owner).await?;
    }
    if tx.same_policy(&before.object_id, &before.action, &target).await?.is_some() {
        return Err(Refusal::DuplicateSharing.into());
    }
    let after = RbacPolicy { target_tenant: target, ..before.clone() };
    tx.update(&RBAC_POLICY, before.id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let policy = load(tx, id).await?;
    let owner = owner(tx, &policy.object_type, &policy.object_id).await?;
    check_end(tx, &policy, &owner).await?;
    tx.delete(&RBAC_POLICY, policy.id).await?;
    Ok(())
}

//! RBAC policies: facts in, decision, rows out.

use cloud::{Refusal, Stamp, rbac_policy};
use db::Tx;
use model::api::network::{NETWORK, Network};
use model::api::rbac_policy::{
    AS_EXTERNAL, EVERYONE, ObjectType, RBAC_POLICY, RbacPolicy, RbacPolicyCreate, RbacPolicyUpdate,
};

use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::{network, subnetpool};

/// The project of what is shared, which is locked: who shares it and who uses it wait for each other.
async fn owner(tx: &mut Tx<'_>, of: ObjectType, id: &str) -> Result<String, Fault> {
    let found = tx.owner_of(of, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: of.table(), id: id.to_owned() }.into())
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
    rbac_policy::check_action(&new)?;
    let owner = match owner(tx, new.object_type, &new.object_id).await {
        // Whose it is not is not told whether it is there.
        Err(Fault::Refused(Refusal::NotFound { .. })) if !guard.is_admin() => String::new(),
        Err(Fault::Refused(Refusal::NotFound { table, id })) if table.singular == NETWORK.singular => {
            return Err(Refusal::Input(format!("There is no network {id} to share.")).into());
        }
        owner => owner?,
    };
    let policy = rbac_policy::create(new, &owner, sharer(guard), stamp)?;
    check_pool(tx, &policy).await?;
    if tx.same_policy(&policy.object_id, &policy.action, &policy.target_tenant).await?.is_some() {
        return Err(Refusal::DuplicateSharing.into());
    }
    tx.insert(&RBAC_POLICY, &policy).await?;
    told(tx, stamp, &policy).await?;
    Ok(policy.id.to_string())
}

/// What `shared` says of a thing when it is set.
pub async fn share_with_everyone(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    of: ObjectType,
    object: &str,
    action: &str,
    project: &str,
) -> Result<(), Fault> {
    let policy = rbac_policy::with_everyone(of, object, action, project, stamp);
    Ok(tx.insert(&RBAC_POLICY, &policy).await?)
}

/// A pool is found by those who have its address scope.
async fn check_pool(tx: &mut Tx<'_>, policy: &RbacPolicy) -> Result<(), Fault> {
    if policy.object_type != ObjectType::Subnetpool {
        return Ok(());
    }
    let Some(scope) = subnetpool::load(tx, &policy.object_id).await?.address_scope_id else { return Ok(()) };
    if tx.is_shared_with(&scope, &policy.target_tenant).await? {
        return Ok(());
    }
    Err(Refusal::ScopeNotShared { target: policy.target_tenant.clone(), scope }.into())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<RbacPolicy, Fault> {
    let found = tx.get(&RBAC_POLICY, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &RBAC_POLICY, id: id.to_owned() }.into())
}

/// Refuses to end what others rely on.
async fn check_end(
    tx: &mut Tx<'_>,
    policy: &RbacPolicy,
    owner: &str,
    instead: Option<&str>,
) -> Result<(), Fault> {
    let users = tx.projects_with(policy).await?;
    let mut others = tx.other_targets(policy).await?;
    if policy.object_type == ObjectType::Network {
        rbac_policy::check_default(policy, &network::load(tx, &policy.object_id).await?)?;
        // The reference lets nobody off who uses it, though everybody may then.
        let instead = instead.filter(|target| policy.action == AS_EXTERNAL && *target != EVERYONE);
        others.extend(instead.map(str::to_owned));
    }
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
    let owner = owner(tx, before.object_type, &before.object_id).await?;
    rbac_policy::check_owner(&owner, sharer(guard))?;
    let Some(target) = change.target_tenant.filter(|target| *target != before.target_tenant) else {
        return Ok(());
    };
    // Who has a network is not asked whom it is shared with instead.
    if target != EVERYONE || before.object_type == ObjectType::Network {
        check_end(tx, &before, &owner, Some(&target)).await?;
    }
    if tx.same_policy(&before.object_id, &before.action, &target).await?.is_some() {
        return Err(Refusal::DuplicateSharing.into());
    }
    let after = RbacPolicy { target_tenant: target, ..before.clone() };
    tx.update(&RBAC_POLICY, before.id, &before, &after, &stamp.now).await?;
    told(tx, stamp, &before).await
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let policy = load(tx, id).await?;
    let owner = owner(tx, policy.object_type, &policy.object_id).await?;
    check_end(tx, &policy, &owner, None).await?;
    tx.delete(&RBAC_POLICY, policy.id).await?;
    told(tx, stamp, &policy).await
}

/// The repository hears who sees software; a network is what its policies make it.
async fn told(tx: &mut Tx<'_>, stamp: &Stamp, policy: &RbacPolicy) -> Result<(), Fault> {
    match policy.object_type {
        ObjectType::SoftwarePackage => Ok(tx.software_package_due(&policy.object_id).await?),
        ObjectType::Network => settle_network(tx, stamp, policy).await,
        _ => Ok(()),
    }
}

/// A network is external as long as some policy says so, and known to be everybody's if one says that.
async fn settle_network(tx: &mut Tx<'_>, stamp: &Stamp, policy: &RbacPolicy) -> Result<(), Fault> {
    let before = network::load(tx, &policy.object_id).await?;
    let after = match policy.action.as_str() {
        AS_EXTERNAL => match tx.is_shared_for(&policy.object_id, AS_EXTERNAL, None).await? {
            true => Network { external: true, ..before.clone() },
            false => rbac_policy::no_way_out(&before, tx.leads_out(before.id).await?)?,
        },
        action => {
            let with_everyone = tx.is_shared_for(&policy.object_id, action, Some(EVERYONE)).await?;
            Network { with_everyone, ..before.clone() }
        }
    };
    tx.bump(&NETWORK, before.id, &stamp.now).await?;
    if after.external != before.external {
        tx.bump(&NETWORK, before.id, &stamp.now).await?;
    }
    Ok(tx.repeat_sharing(&after).await?)
}

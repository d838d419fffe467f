//! RBAC policies: what may be shared, and when sharing may end.

use std::collections::BTreeSet;

use model::RbacPolicyId;
use model::api::network::Network;
use model::api::rbac_policy::{AS_EXTERNAL, EVERYONE, ObjectType, RbacPolicy, RbacPolicyCreate};
use serde_json::Map;

use crate::{Refusal, Stamp};

/// Makes a policy of a request whose action was checked; `owner` is the project of what it shares.
pub fn create(
    new: RbacPolicyCreate,
    owner: &str,
    by: Option<&str>,
    stamp: &mut Stamp,
) -> Result<RbacPolicy, Refusal> {
    check_owner(owner, by)?;
    let mut rest = Map::new();
    rest.insert("created_us".into(), stamp.now_us.into());
    Ok(RbacPolicy {
        id: RbacPolicyId(stamp.uuid()),
        project_id: new.project_id,
        object_type: new.object_type,
        object_id: new.object_id,
        action: new.action,
        target_tenant: new.target_tenant,
        rest,
    })
}

/// Can what a request is about be shared for that?
pub fn check_action(new: &RbacPolicyCreate) -> Result<(), Refusal> {
    let object_type = new.object_type;
    if object_type.actions().contains(&new.action.as_str()) {
        return Ok(());
    }
    let action = new.action.clone();
    Err(Refusal::NoSuchSharing { action, object_type: object_type.table().singular })
}

/// Shares a thing with everybody for this, for the project that it belongs to.
pub fn with_everyone(
    object_type: ObjectType,
    object_id: &str,
    action: &str,
    project_id: &str,
    stamp: &mut Stamp,
) -> RbacPolicy {
    let mut rest = Map::new();
    rest.insert("created_us".into(), stamp.now_us.into());
    RbacPolicy {
        id: RbacPolicyId(stamp.uuid()),
        project_id: project_id.to_owned(),
        object_type,
        object_id: object_id.to_owned(),
        action: action.to_owned(),
        target_tenant: EVERYONE.to_owned(),
        rest,
    }
}

/// Only the owner shares, and administrators, whose project is `None`.
pub fn check_owner(owner: &str, by: Option<&str>) -> Result<(), Refusal> {
    match by {
        Some(project) if project != owner => {
            Err(Refusal::Input("Only administrators share what belongs to other projects.".into()))
        }
        _ => Ok(()),
    }
}

/// May a policy stop to share? `users`: projects that use what it shares; `others`: the targets of
/// other policies that share it for the same.
pub fn check_end(
    policy: &RbacPolicy,
    owner: &str,
    users: &BTreeSet<String>,
    others: &BTreeSet<String>,
) -> Result<(), Refusal> {
    let target = policy.target_tenant.as_str();
    // A way out is one by a policy, for the network's own project, too.
    let owner = Some(owner).filter(|_| policy.action != AS_EXTERNAL);
    let left_out = |user: &&String| owner != Some(user.as_str()) && !others.contains(*user);
    let in_use = match target {
        _ if owner == Some(target) || others.contains(EVERYONE) => false,
        EVERYONE => users.iter().any(|user| left_out(&user)),
        target => users.contains(target),
    };
    if in_use {
        return Err(Refusal::SharingInUse { object: policy.object_id.clone(), target: target.to_owned() });
    }
    Ok(())
}

/// What a network is of which this was the last policy that made it external.
pub fn no_way_out(network: &Network, leads_out: bool) -> Result<Network, Refusal> {
    if leads_out {
        return Err(Refusal::ExternalNetworkInUse(network.id));
    }
    Ok(Network { external: false, ..network.clone() })
}

/// The default external network is everybody's.
pub fn check_default(policy: &RbacPolicy, network: &Network) -> Result<(), Refusal> {
    if network.is_default && policy.action == AS_EXTERNAL && policy.target_tenant == EVERYONE {
        return Err(Refusal::SharingInUse { object: policy.object_id.clone(), target: EVERYONE.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::api::rbac_policy::{AS_SHARED, ObjectType};

    use super::*;

    #[test]
    fn sharing_ends_when_nobody_relies_on_it() {
        let policy = |target: &str| RbacPolicy {
            id: RbacPolicyId(uuid::Uuid::nil()),
            project_id: "o".into(),
            object_type: ObjectType::SecurityGroup,
            object_id: "g".into(),
            action: AS_SHARED.into(),
            target_tenant: target.into(),
            rest: Map::new(),
        };
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        for (target, users, others, good) in [
            ("a", &["a"][..], &[][..], false),
            ("a", &["b"], &[], true),
            ("a", &["a"], &["*"], true),
            ("*", &["a"], &[], false),
            ("*", &["a"], &["a"], true),
            ("*", &["o"], &[], true),
            ("o", &["o"], &[], true),
        ] {
            let end = check_end(&policy(target), "o", &set(users), &set(others));
            assert_eq!(end.is_ok(), good, "{target} {users:?} {others:?}");
        }
    }
}

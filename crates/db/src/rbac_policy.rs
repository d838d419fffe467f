//! RBAC policies: what else shares a thing, and which projects use it.

use std::collections::BTreeSet;

use model::api::rbac_policy::{AS_EXTERNAL, ObjectType, RbacPolicy};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// The same policy, if it is there.
    pub async fn same_policy(
        &mut self,
        object: &str,
        action: &str,
        target: &str,
    ) -> Result<Option<String>, DbError> {
        let sql = "SELECT id FROM rbac_policies WHERE object_id = $1 AND action = $2 AND target_tenant = $3";
        Ok(self.texts(sql, &[object.into(), action.into(), target.into()]).await?.pop())
    }

    /// With whom a thing is shared by other policies, for the same.
    pub async fn other_targets(&mut self, policy: &RbacPolicy) -> Result<BTreeSet<String>, DbError> {
        let sql = "SELECT target_tenant FROM rbac_policies WHERE object_id = $1 AND id <> $2 AND action = $3";
        let (object, action) = (policy.object_id.as_str(), policy.action.as_str());
        let params = [object.into(), policy.id.to_string().into(), action.into()];
        Ok(self.texts(sql, &params).await?.into_iter().collect())
    }

    /// The project that a thing belongs to.
    pub async fn owner_of(&mut self, of: ObjectType, id: &str) -> Result<Option<String>, DbError> {
        let sql = format!("SELECT project_id FROM {} WHERE id = $1", of.table().plural);
        Ok(self.texts(&sql, &[id.into()]).await?.pop())
    }

    /// Projects that use a thing, as the reference counts it: ports have a security group, rules are
    /// about an address group. It counts no rules about a security group, and takes a rule's own project
    /// for that of the group that the rule is of.
    pub async fn projects_with(&mut self, policy: &RbacPolicy) -> Result<BTreeSet<String>, DbError> {
        let sql = match policy.object_type {
            ObjectType::SecurityGroup => {
                "SELECT DISTINCT p.project_id FROM port_groups pg JOIN ports p ON p.id = pg.port_id \
                 WHERE pg.group_id = $1"
            }
            ObjectType::SoftwarePackage => {
                "SELECT DISTINCT o.project_id FROM software_versions v \
                 JOIN software_order_versions ov ON ov.version_id = v.id \
                 JOIN software_orders o ON o.id = ov.order_id \
                 JOIN software_order_targets t ON t.order_id = o.id \
                 WHERE v.package_id = $1 AND t.state IN ('pending', 'downloading', 'installing') \
                 AND NOT (t.cancelled AND t.state = 'pending')"
            }
            ObjectType::Network if policy.action == AS_EXTERNAL => {
                "SELECT DISTINCT project_id FROM routers WHERE gw_network_id = $1"
            }
            ObjectType::Network => {
                "SELECT DISTINCT project_id FROM ports WHERE network_id = $1 AND project_id <> ''"
            }
            ObjectType::AddressScope => {
                "SELECT DISTINCT project_id FROM subnetpools WHERE address_scope_id = $1"
            }
            ObjectType::Subnetpool => "SELECT DISTINCT project_id FROM subnets WHERE subnetpool_id = $1",
            ObjectType::QosPolicy => {
                "SELECT project_id FROM networks WHERE qos_policy_id = $1 \
                 UNION SELECT project_id FROM ports WHERE qos_policy_id = $1 \
                 UNION SELECT project_id FROM floatingips WHERE qos_policy_id = $1 \
                 UNION SELECT project_id FROM routers WHERE gw_qos_policy_id = $1"
            }
            ObjectType::AddressGroup => {
                "SELECT DISTINCT project_id FROM security_group_rules WHERE remote_address_group_id = $1"
            }
        };
        Ok(self.texts(sql, &[policy.object_id.as_str().into()]).await?.into_iter().collect())
    }

    /// Is a thing shared for this, by a policy with this target if one is given?
    pub async fn is_shared_for(
        &mut self,
        object: &str,
        action: &str,
        target: Option<&str>,
    ) -> Result<bool, DbError> {
        let who = if target.is_some() { " AND target_tenant = $3" } else { "" };
        let sql = format!("SELECT COUNT(*) FROM rbac_policies WHERE object_id = $1 AND action = $2{who}");
        let mut params = vec![object.into(), action.into()];
        params.extend(target.map(Into::into));
        Ok(self.number(&sql, &params).await? > 0)
    }

    /// Shares a thing for this with nobody but who has a policy of its own; with no one at all if `whole`.
    pub async fn unshare(&mut self, object: &str, action: &str, whole: bool) -> Result<(), DbError> {
        let who = if whole { "" } else { " AND target_tenant = '*'" };
        let sql = format!("DELETE FROM rbac_policies WHERE object_id = $1 AND action = $2{who}");
        self.later(&sql, vec![object.into(), action.to_owned().into()]).await
    }

    /// A thing goes, and what shares it with it.
    pub async fn forget_policies(&mut self, object: &str) -> Result<(), DbError> {
        self.later("DELETE FROM rbac_policies WHERE object_id = $1", vec![object.into()]).await
    }
}

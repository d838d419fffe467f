//! RBAC policies, by which a project shares what it has with others: the table, and the typed policy.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::RbacPolicyId;
use crate::api::address_group::ADDRESS_GROUP;
use crate::api::address_scope::ADDRESS_SCOPE;
use crate::api::convert::Convert;
use crate::api::network::NETWORK;
use crate::api::qos::POLICY;
use crate::api::security_group::SECURITY_GROUP;
use crate::api::software_package::SOFTWARE_PACKAGE;
use crate::api::subnetpool::SUBNETPOOL;
use crate::api::table::{Attr, Default, Ops, Resource, Source, int, text};
use crate::api::validate::Check;

pub const RBAC_POLICY: Resource = Resource {
    singular: "rbac_policy",
    plural: "rbac_policies",
    path: "rbac-policies",
    parent: None,
    not_found: "RbacPolicyNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "rbac_policies.project_id = {project}",
    quota: Some(10),
    attrs: ATTRS,
};

/// The target that is every project.
pub const EVERYONE: &str = "*";
/// To be used as the own one; all that networks, groups, pools and the like are shared for but one.
pub const AS_SHARED: &str = "access_as_shared";
/// To be a way out of routers, and where floating IPs are from: networks only.
pub const AS_EXTERNAL: &str = "access_as_external";

const ATTRS: &[Attr] = &[
    text("id").check(Check::Uuid).shown().filter().default(Default::Unset),
    text("object_type").convert(Convert::ObjectType).post().shown().filter().enforced(),
    text("object_id").check(Check::Uuid).post().shown().filter().enforced(),
    text("target_tenant").check(Check::TargetProject).post().put().shown().filter().enforced(),
    text("tenant_id")
        .from(Source::Same("project_id"))
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .shown()
        .filter()
        .target(),
    text("action").check(Check::Text(255)).post().shown().filter().enforced(),
    text("project_id").default(Default::Unset).check(Check::Text(255)).post().shown().filter().target(),
    int("created_us").default(Default::Unset),
];

/// What can be shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectType {
    AddressGroup,
    AddressScope,
    Network,
    QosPolicy,
    SecurityGroup,
    SoftwarePackage,
    Subnetpool,
}

impl ObjectType {
    pub const ALL: [ObjectType; 7] = [
        ObjectType::AddressGroup,
        ObjectType::AddressScope,
        ObjectType::Network,
        ObjectType::QosPolicy,
        ObjectType::SecurityGroup,
        ObjectType::SoftwarePackage,
        ObjectType::Subnetpool,
    ];

    /// What it can be shared for.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            ObjectType::Network => &[AS_EXTERNAL, AS_SHARED],
            _ => &[AS_SHARED],
        }
    }

    pub fn table(self) -> &'static Resource {
        match self {
            ObjectType::AddressGroup => &ADDRESS_GROUP,
            ObjectType::AddressScope => &ADDRESS_SCOPE,
            ObjectType::Network => &NETWORK,
            ObjectType::QosPolicy => &POLICY,
            ObjectType::SecurityGroup => &SECURITY_GROUP,
            ObjectType::SoftwarePackage => &SOFTWARE_PACKAGE,
            ObjectType::Subnetpool => &SUBNETPOOL,
        }
    }
}

/// An RBAC policy as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RbacPolicy {
    pub id: RbacPolicyId,
    pub project_id: String,
    pub object_type: ObjectType,
    pub object_id: String,
    pub action: String,
    pub target_tenant: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct RbacPolicyCreate {
    pub project_id: String,
    pub object_type: ObjectType,
    pub object_id: String,
    pub action: String,
    pub target_tenant: String,
}

/// What a PUT changes.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct RbacPolicyUpdate {
    pub target_tenant: Option<String>,
}

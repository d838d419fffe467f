//! Security groups: the table, and the typed group of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::SecurityGroupId;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NOT_TAGS, NOT_TAGS_ANY, Ops, PROJECT_ID, REVISION_NUMBER,
    Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::Check;

pub const SECURITY_GROUP: Resource = Resource {
    singular: "security_group",
    plural: "security_groups",
    path: "security-groups",
    parent: None,
    not_found: "SecurityGroupNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("security_groups", "security_groups.id"),
    quota: Some(10),
    attrs: ATTRS,
};

/// What the group of each project is called that ports get if they name none.
pub const DEFAULT: &str = "default";

const SHARED: &str = shared!("security_groups.id");
const RULES: &str = "(SELECT {json_list {json_whole 'id', r.id, 'project_id', r.project_id, \
    'tenant_id', r.project_id, 'security_group_id', r.security_group_id, 'direction', r.direction, \
    'ethertype', r.ethertype, 'protocol', r.protocol, 'port_range_min', r.port_range_min, \
    'port_range_max', r.port_range_max, 'remote_ip_prefix', r.remote_ip_prefix, \
    'normalized_cidr', r.normalized_cidr, 'remote_group_id', r.remote_group_id, \
    'remote_address_group_id', r.remote_address_group_id, 'description', r.description, \
    'belongs_to_default_sg', {json_bool security_groups.is_default}, 'revision_number', r.revision_number, \
    'created_at', r.created_at, 'updated_at', r.updated_at}} FROM \
    (SELECT * FROM security_group_rules WHERE security_group_rules.security_group_id = security_groups.id \
     ORDER BY created_us, id) r)";

const ATTRS: &[Attr] = &[
    ID,
    text("name")
        .default(Default::Text(""))
        .check(Check::NameNotDefault(255))
        .post()
        .put()
        .shown()
        .filter()
        .sort(),
    TENANT_ID,
    json("security_group_rules").from(Source::Sql(RULES)).default(Default::Unset).shown(),
    boolean("stateful")
        .default(Default::Bool(true))
        .post()
        .put()
        .shown()
        .filter()
        .via("stateful-security-group"),
    boolean("shared")
        .from(Source::Sql(SHARED))
        .default(Default::Unset)
        .shown()
        .filter()
        .target()
        .via("security-groups-shared-filtering"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    PROJECT_ID,
    boolean("is_default").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A security group as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: SecurityGroupId,
    pub project_id: String,
    pub name: String,
    pub stateful: bool,
    /// Its project's own, which ports get if they name none.
    pub is_default: bool,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SecurityGroupCreate {
    pub project_id: String,
    pub name: String,
    pub stateful: bool,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, std::default::Default, Deserialize)]
pub struct SecurityGroupUpdate {
    pub name: Option<String>,
    pub stateful: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

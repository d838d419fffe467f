//! Rules of security groups: the table, and the typed rule of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::convert::Convert;
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, Ops, PROJECT_ID, REVISION_NUMBER, Resource, Source,
    TENANT_ID, UPDATED_AT, boolean, int, text,
};
use crate::api::validate::Check;
use crate::desired::{Direction, Ethertype};
use crate::{AddressGroupId, SecurityGroupId, SecurityGroupRuleId};

pub const SECURITY_GROUP_RULE: Resource = Resource {
    singular: "security_group_rule",
    plural: "security_group_rules",
    path: "security-group-rules",
    parent: None,
    not_found: "SecurityGroupRuleNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: false, delete: true },
    seen_by: "security_group_rules.security_group_id IN \
         (SELECT g.id FROM security_groups g WHERE g.project_id = {project})",
    quota: Some(100),
    attrs: ATTRS,
};

const OF_DEFAULT: &str = "EXISTS (SELECT 1 FROM default_security_groups d \
    WHERE d.group_id = security_group_rules.security_group_id)";

pub(super) const DIRECTION: Attr =
    text("direction").check(Check::Values(&[Some("ingress"), Some("egress")])).post().shown().filter().sort();
pub(super) const ETHERTYPE: Attr = text("ethertype")
    .default(Default::Text("IPv4"))
    .convert(Convert::Ethertype)
    .post()
    .shown()
    .filter()
    .sort();
pub(super) const PROTOCOL: Attr =
    text("protocol").default(Default::Null).convert(Convert::RuleProtocol).post().shown().filter().sort();
pub(super) const PORT_RANGE_MIN: Attr =
    int("port_range_min").default(Default::Null).convert(Convert::PortNumber).post().shown().filter().sort();
pub(super) const PORT_RANGE_MAX: Attr =
    int("port_range_max").default(Default::Null).convert(Convert::PortNumber).post().shown().filter().sort();
pub(super) const REMOTE_IP_PREFIX: Attr =
    text("remote_ip_prefix").default(Default::Null).convert(Convert::Prefix).post().shown().filter().sort();
pub(super) const REMOTE_GROUP_ID: Attr =
    text("remote_group_id").default(Default::Null).post().shown().filter().sort();
pub(super) const REMOTE_ADDRESS_GROUP_ID: Attr = text("remote_address_group_id")
    .default(Default::Null)
    .post()
    .shown()
    .filter()
    .sort()
    .via("security-groups-remote-address-group");

const ATTRS: &[Attr] = &[
    ID,
    text("security_group_id").check(Check::Text(36)).post().shown().filter().sort().target(),
    REMOTE_GROUP_ID,
    DIRECTION,
    PROTOCOL,
    PORT_RANGE_MIN,
    PORT_RANGE_MAX,
    ETHERTYPE,
    REMOTE_IP_PREFIX,
    TENANT_ID,
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    text("normalized_cidr")
        .default(Default::Unset)
        .shown()
        .filter()
        .sort()
        .via("security-groups-normalized-cidr"),
    REMOTE_ADDRESS_GROUP_ID,
    boolean("belongs_to_default_sg")
        .from(Source::Sql(OF_DEFAULT))
        .default(Default::Unset)
        .convert(Convert::BooleanOrNull)
        .shown()
        .filter()
        .via("security-groups-rules-belongs-to-default-sg"),
    PROJECT_ID,
    text("canonical").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// What a rule or a template of one allows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Allowed {
    pub direction: Direction,
    pub ethertype: Ethertype,
    pub protocol: Option<String>,
    pub port_range_min: Option<u16>,
    pub port_range_max: Option<u16>,
    pub remote_ip_prefix: Option<String>,
    pub remote_group_id: Option<String>,
    pub remote_address_group_id: Option<String>,
}

/// A rule as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    pub id: SecurityGroupRuleId,
    pub project_id: String,
    pub security_group_id: SecurityGroupId,
    pub direction: Direction,
    pub ethertype: Ethertype,
    pub protocol: Option<String>,
    pub port_range_min: Option<u16>,
    pub port_range_max: Option<u16>,
    pub remote_ip_prefix: Option<String>,
    pub normalized_cidr: Option<String>,
    pub remote_group_id: Option<SecurityGroupId>,
    pub remote_address_group_id: Option<AddressGroupId>,
    /// What it allows, written in one way only.
    pub canonical: String,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SecurityGroupRuleCreate {
    pub project_id: String,
    pub security_group_id: String,
    #[serde(flatten)]
    pub allowed: Allowed,
    pub description: String,
}

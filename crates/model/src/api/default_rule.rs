//! Rules that security groups begin with: the table, and the typed template of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::security_group_rule as rule;
use crate::api::security_group_rule::Allowed;
use crate::api::table::{Attr, Default, ID, Ops, Resource, Source, boolean, int, text};
use crate::api::validate::Check;

pub const DEFAULT_RULE: Resource = Resource {
    singular: "default_security_group_rule",
    plural: "default_security_group_rules",
    path: "default-security-group-rules",
    parent: None,
    not_found: "DefaultSecurityGroupRuleNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: false, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

/// As a remote group: the group that the rule will be of.
pub const PARENT: &str = "PARENT";

const ATTRS: &[Attr] = &[
    ID,
    // Of the request; templates are nobody's.
    text("tenant_id").from(Source::Same("project_id")).default(Default::Unset).check(Check::Text(255)).post(),
    text("description")
        .default(Default::Text(""))
        .check(Check::Text(1024))
        .post()
        .shown()
        .filter()
        .via("standard-attr-description"),
    rule::REMOTE_GROUP_ID,
    rule::REMOTE_ADDRESS_GROUP_ID,
    rule::DIRECTION,
    rule::PROTOCOL,
    rule::PORT_RANGE_MIN,
    rule::PORT_RANGE_MAX,
    rule::ETHERTYPE,
    rule::REMOTE_IP_PREFIX,
    boolean("used_in_default_sg").post().shown().filter(),
    boolean("used_in_non_default_sg").post().shown().filter(),
    text("project_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    int("created_us").default(Default::Unset),
];

/// A template as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DefaultRule {
    pub id: Uuid,
    #[serde(flatten)]
    pub allowed: Allowed,
    pub used_in_default_sg: bool,
    pub used_in_non_default_sg: bool,
    pub description: String,
    pub created_us: i64,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct DefaultRuleCreate {
    #[serde(flatten)]
    pub allowed: Allowed,
    pub used_in_default_sg: bool,
    pub used_in_non_default_sg: bool,
    pub description: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

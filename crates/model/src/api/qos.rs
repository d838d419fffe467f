//! QoS policies and the rules below them: the tables, and the typed policy of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops, PROJECT_ID, Parent,
    REVISION_NUMBER, Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::Check;
use crate::{QosPolicyId, QosRuleId};

pub const POLICY: Resource = Resource {
    singular: "policy",
    plural: "policies",
    path: "qos/policies",
    parent: None,
    not_found: "QosPolicyNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("policies", "policies.id"),
    quota: None,
    attrs: ATTRS,
};

const SHARED: &str = shared!("policies.id");

const ATTRS: &[Attr] = &[
    ID.via("qos"),
    NAME.via("qos"),
    boolean("shared")
        .from(Source::Sql(SHARED))
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .filter()
        .target()
        .via("qos"),
    TENANT_ID,
    // What the tables of rules hold, once more: hosts and answers need them together.
    json("rules").default(Default::Unset).shown().via("qos"),
    boolean("is_default").default(Default::Bool(false)).post().put().shown().filter().via("qos-default"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    PROJECT_ID,
    int("created_us").default(Default::Unset),
];

const DIRECTIONS: &[Option<&str>] = &[Some("ingress"), Some("egress")];
pub const MARKS: &[i64] =
    &[0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56];
const KBPS: Check = Check::Range(0, i32::MAX as i64);

const fn rules(singular: &'static str, plural: &'static str, attrs: &'static [Attr]) -> Resource {
    rules_at(plural, singular, plural, attrs)
}

const fn rules_at(
    path: &'static str,
    singular: &'static str,
    plural: &'static str,
    attrs: &'static [Attr],
) -> Resource {
    Resource {
        singular,
        plural,
        path,
        parent: Some(Parent { table: &POLICY, column: "qos_policy_id" }),
        not_found: "QosRuleNotFound",
        core: false,
        bulk: false,
        ops: Ops { create: true, update: true, delete: true },
        // Who finds the policy, finds its rules.
        seen_by: "",
        quota: None,
        attrs,
    }
}

pub const BANDWIDTH_LIMIT_RULE: Resource =
    rules("bandwidth_limit_rule", "bandwidth_limit_rules", BANDWIDTH_LIMIT);
pub const DSCP_MARKING_RULE: Resource = rules("dscp_marking_rule", "dscp_marking_rules", DSCP_MARKING);
pub const MINIMUM_BANDWIDTH_RULE: Resource =
    rules("minimum_bandwidth_rule", "minimum_bandwidth_rules", MINIMUM_BANDWIDTH);

pub const PACKET_RATE_LIMIT_RULE: Resource =
    rules("packet_rate_limit_rule", "packet_rate_limit_rules", PACKET_RATE_LIMIT);
pub const MINIMUM_PACKET_RATE_RULE: Resource = rules_at(
    "minimum-packet-rate-rules",
    "minimum_packet_rate_rule",
    "minimum_packet_rate_rules",
    MINIMUM_PACKET_RATE,
);

/// All kinds of rules.
pub const RULES: [&Resource; 5] = [
    &BANDWIDTH_LIMIT_RULE,
    &DSCP_MARKING_RULE,
    &MINIMUM_BANDWIDTH_RULE,
    &PACKET_RATE_LIMIT_RULE,
    &MINIMUM_PACKET_RATE_RULE,
];

const POLICY_ID: Attr = text("qos_policy_id").default(Default::Unset);
const CREATED_US: Attr = int("created_us").default(Default::Unset);
const DIRECTION: Attr =
    text("direction").default(Default::Text("egress")).check(Check::Values(DIRECTIONS)).post().put().shown();

const BANDWIDTH_LIMIT: &[Attr] = &[
    ID.via("qos"),
    int("max_kbps").check(KBPS).post().put().shown().filter().sort().via("qos"),
    int("max_burst_kbps")
        .default(Default::Int(0))
        .check(KBPS)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("qos"),
    DIRECTION.via("qos-bw-limit-direction"),
    POLICY_ID,
    CREATED_US,
];

const DSCP_MARKING: &[Attr] = &[
    ID.via("qos"),
    int("dscp_mark").check(Check::Numbers(MARKS)).post().put().shown().filter().sort().via("qos"),
    POLICY_ID,
    CREATED_US,
];

const MINIMUM_BANDWIDTH: &[Attr] = &[
    ID.via("qos"),
    int("min_kbps").check(KBPS).post().put().shown().filter().sort().via("qos"),
    DIRECTION.filter().sort().via("qos"),
    POLICY_ID,
    CREATED_US,
];

const PACKET_RATE_LIMIT: &[Attr] = &[
    ID.via("qos-pps"),
    int("max_kpps").check(KBPS).post().put().shown().filter().sort().via("qos-pps"),
    int("max_burst_kpps")
        .default(Default::Int(0))
        .check(KBPS)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("qos-pps"),
    DIRECTION.filter().sort().via("qos-pps"),
    POLICY_ID,
    CREATED_US,
];

const WAYS: &[Option<&str>] = &[Some("any"), Some("ingress"), Some("egress")];
const MINIMUM_PACKET_RATE: &[Attr] = &[
    ID.via("qos-pps-minimum"),
    int("min_kpps").check(KBPS).post().put().shown().filter().sort().via("qos-pps-minimum"),
    DIRECTION.check(Check::Values(WAYS)).filter().sort().via("qos-pps-minimum"),
    POLICY_ID,
    CREATED_US,
];

/// Listed and shown only, of what hosts can do.
pub const RULE_TYPE: Resource = Resource {
    singular: "rule_type",
    plural: "rule_types",
    path: "qos/rule-types",
    parent: None,
    not_found: "QosRuleNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: false },
    seen_by: "",
    quota: None,
    attrs: RULE_TYPES,
};

const RULE_TYPES: &[Attr] = &[
    text("type").default(Default::Unset).shown().via("qos"),
    json("drivers").default(Default::Unset).shown().via("qos-rule-type-details"),
    boolean("all_rules").default(Default::Unset).filter().via("qos-rule-type-filter"),
    boolean("all_supported").default(Default::Unset).filter().via("qos-rule-type-filter"),
];

/// A QoS policy as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Policy {
    pub id: QosPolicyId,
    pub project_id: String,
    /// Networks of its project that name none have it.
    pub is_default: bool,
    pub rules: Vec<QosRule>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One rule of a policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QosRule {
    pub id: QosRuleId,
    pub qos_policy_id: QosPolicyId,
    #[serde(flatten)]
    pub what: What,
}

/// What a rule asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// At most so much. A limit of 0 is none; of a burst of 0 the host chooses a fitting one.
    BandwidthLimit {
        max_kbps: u32,
        max_burst_kbps: u32,
        direction: Direction,
    },
    DscpMarking {
        dscp_mark: u8,
    },
    /// At least so much.
    MinimumBandwidth {
        min_kbps: u32,
        direction: Direction,
    },
    /// At most so many thousand packets a second, as with bytes.
    PacketRateLimit {
        max_kpps: u32,
        max_burst_kpps: u32,
        direction: Direction,
    },
    MinimumPacketRate {
        min_kpps: u32,
        direction: Direction,
    },
}

/// As an instance sees it: egress is what it sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Ingress,
    Egress,
    /// Both together.
    Any,
}

impl Direction {
    /// Something is of both.
    pub fn meets(self, other: Direction) -> bool {
        self == other || self == Direction::Any || other == Direction::Any
    }
}

impl What {
    /// The collection that rules of its kind are in.
    pub fn table(self) -> &'static Resource {
        match self {
            What::BandwidthLimit { .. } => &BANDWIDTH_LIMIT_RULE,
            What::DscpMarking { .. } => &DSCP_MARKING_RULE,
            What::MinimumBandwidth { .. } => &MINIMUM_BANDWIDTH_RULE,
            What::PacketRateLimit { .. } => &PACKET_RATE_LIMIT_RULE,
            What::MinimumPacketRate { .. } => &MINIMUM_PACKET_RATE_RULE,
        }
    }

    /// Where it holds; marks are set on what is sent.
    pub fn direction(self) -> Direction {
        match self {
            What::BandwidthLimit { direction, .. }
            | What::MinimumBandwidth { direction, .. }
            | What::PacketRateLimit { direction, .. }
            | What::MinimumPacketRate { direction, .. } => direction,
            What::DscpMarking { .. } => Direction::Egress,
        }
    }
}

/// What a POST of a policy asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PolicyCreate {
    pub project_id: String,
    pub shared: bool,
    pub is_default: bool,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PolicyUpdate {
    pub shared: Option<bool>,
    pub is_default: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

//! Metering: labels under which a project's traffic to the outside is counted, and the rules that say which.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::MeteringLabelId;
use crate::api::convert::Convert;
use crate::api::table::{
    Attr, Default, ID, Ops, PROJECT_ID, Resource, Source, TENANT_ID, boolean, int, text,
};
use crate::api::validate::Check;
use crate::desired::Direction;

pub const METERING_LABEL: Resource = Resource {
    singular: "metering_label",
    plural: "metering_labels",
    path: "metering/metering-labels",
    parent: None,
    not_found: "MeteringLabelNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: false, delete: true },
    seen_by: "metering_labels.project_id = {project}",
    quota: None,
    attrs: OF_LABELS,
};

pub const METERING_LABEL_RULE: Resource = Resource {
    singular: "metering_label_rule",
    plural: "metering_label_rules",
    path: "metering/metering-label-rules",
    parent: None,
    not_found: "MeteringLabelRuleNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: false, delete: true },
    seen_by: "metering_label_rules.project_id = {project}",
    quota: None,
    attrs: OF_RULES,
};

const DIRECTIONS: &[Option<&str>] = &[Some("ingress"), Some("egress")];
const FILTERS: &str = "metering_source_and_destination_fields";

const OF_LABELS: &[Attr] = &[
    ID.via("metering"),
    text("name")
        .default(Default::Text(""))
        .check(Check::Name(255))
        .post()
        .shown()
        .filter()
        .sort()
        .via("metering"),
    text("description")
        .default(Default::Text(""))
        .check(Check::Text(1024))
        .post()
        .shown()
        .filter()
        .sort()
        .via("metering"),
    TENANT_ID.via("metering"),
    PROJECT_ID.via("metering"),
    // Counts for the routers of all projects.
    boolean("shared").default(Default::Bool(false)).post().shown().filter().sort().via("metering"),
    int("created_us").default(Default::Unset),
];

const OF_RULES: &[Attr] = &[
    ID.via("metering"),
    text("metering_label_id").check(Check::Uuid).post().shown().filter().sort().target().via("metering"),
    text("direction").check(Check::Values(DIRECTIONS)).post().shown().filter().sort().via("metering"),
    // What it is about is not counted.
    boolean("excluded").default(Default::Bool(false)).post().shown().filter().sort().via("metering"),
    prefix("remote_ip_prefix").via("metering"),
    prefix("source_ip_prefix").via(FILTERS),
    prefix("destination_ip_prefix").via(FILTERS),
    // Its label's; nobody is shown it.
    text("project_id").default(Default::Unset).check(Check::Text(255)).post().target().via("metering"),
    text("tenant_id")
        .from(Source::Same("project_id"))
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .target()
        .via("metering"),
    int("created_us").default(Default::Unset),
];

const fn prefix(name: &'static str) -> Attr {
    text(name).default(Default::Null).convert(Convert::Prefix).post().shown().filter().sort()
}

/// A label as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MeteringLabel {
    pub id: MeteringLabelId,
    pub project_id: String,
    pub name: String,
    pub description: String,
    pub shared: bool,
    pub created_us: i64,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct MeteringLabelCreate {
    pub project_id: String,
    pub name: String,
    pub description: String,
    pub shared: bool,
}

/// A rule as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MeteringLabelRule {
    pub id: String,
    pub metering_label_id: MeteringLabelId,
    pub project_id: String,
    pub direction: Direction,
    pub excluded: bool,
    pub remote_ip_prefix: Option<IpNet>,
    pub source_ip_prefix: Option<IpNet>,
    pub destination_ip_prefix: Option<IpNet>,
    pub created_us: i64,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct MeteringLabelRuleCreate {
    pub metering_label_id: MeteringLabelId,
    pub direction: Direction,
    pub excluded: bool,
    pub remote_ip_prefix: Option<IpNet>,
    pub source_ip_prefix: Option<IpNet>,
    pub destination_ip_prefix: Option<IpNet>,
}

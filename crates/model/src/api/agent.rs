//! Agents: the roles of hosts, as they report themselves.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::AgentId;
use crate::api::convert::Convert;
use crate::api::table::{Attr, Default, ID, Ops, Resource, Source, boolean, int, json, text};
use crate::api::validate::Check;

pub const AGENT: Resource = Resource {
    singular: "agent",
    plural: "agents",
    path: "agents",
    parent: None,
    not_found: "AgentNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const ATTRS: &[Attr] = &[
    ID.via("agent"),
    text("agent_type")
        .default(Default::Unset)
        .convert(Convert::AgentType)
        .shown()
        .filter()
        .sort()
        .via("agent"),
    text("binary").default(Default::Unset).shown().filter().sort().via("agent"),
    text("topic").default(Default::Unset).shown().filter().sort().via("agent"),
    text("host").default(Default::Unset).shown().filter().sort().via("agent"),
    boolean("admin_state_up").default(Default::Unset).put().shown().filter().sort().via("agent"),
    text("created_at").default(Default::Unset).shown().sort().via("agent"),
    text("started_at").default(Default::Unset).shown().sort().via("agent"),
    text("heartbeat_timestamp").default(Default::Unset).shown().sort().via("agent"),
    boolean("alive")
        .from(Source::Sql("(heartbeat_us > {alive_since})"))
        .default(Default::Unset)
        .shown()
        .filter()
        .sort()
        .via("agent"),
    json("configurations").default(Default::Unset).shown().via("agent"),
    text("description")
        .default(Default::Unset)
        .check(Check::TextOrNull(255))
        .put()
        .shown()
        .filter()
        .sort()
        .via("agent"),
    boolean("resources_synced").default(Default::Unset).shown().via("agent-resources-synced"),
    text("availability_zone").default(Default::Unset).shown().filter().via("availability_zone"),
    int("heartbeat_us").default(Default::Unset),
    int("started_us").default(Default::Unset),
];

/// An agent as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Agent {
    pub id: AgentId,
    pub agent_type: String,
    pub binary: String,
    pub topic: String,
    pub host: String,
    pub admin_state_up: bool,
    pub created_at: String,
    pub started_at: String,
    pub heartbeat_timestamp: String,
    pub configurations: Value,
    pub description: Option<String>,
    pub resources_synced: Option<bool>,
    pub availability_zone: Option<String>,
    pub heartbeat_us: i64,
    pub started_us: i64,
}

//! Logs: of which ports hosts tell what their security groups let pass and hold back; the tables, and the typed
//! log of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, Ops, PROJECT_ID, REVISION_NUMBER, Resource, TENANT_ID,
    UPDATED_AT, boolean, int, text,
};
use crate::api::validate::Check;
use crate::{LogId, PortId, SecurityGroupId};

pub const LOG: Resource = Resource {
    singular: "log",
    plural: "logs",
    path: "log/logs",
    parent: None,
    not_found: "LogResourceNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "logs.project_id = {project}",
    quota: None,
    attrs: OF_LOGS,
};

/// Listed only: what can be logged.
pub const LOGGABLE_RESOURCE: Resource = Resource {
    singular: "loggable_resource",
    plural: "loggable_resources",
    path: "log/loggable-resources",
    parent: None,
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: false },
    seen_by: "",
    quota: None,
    attrs: OF_LOGGABLE,
};

/// What can be logged.
pub const TYPES: [&str; 1] = ["security_group"];

const ALIAS: &str = "logging";
const EVENTS: &[Option<&str>] = &[Some("ACCEPT"), Some("DROP"), Some("ALL")];

const OF_LOGS: &[Attr] = &[
    ID.via(ALIAS),
    PROJECT_ID.via(ALIAS),
    TENANT_ID,
    NAME.via(ALIAS),
    text("resource_type").check(Check::Text(255)).post().shown().filter().sort().target().via(ALIAS),
    text("resource_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    text("target_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    text("event")
        .default(Default::Text("ALL"))
        .check(Check::Values(EVENTS))
        .post()
        .shown()
        .filter()
        .via(ALIAS),
    boolean("enabled").default(Default::Bool(true)).post().put().shown().filter().sort().via(ALIAS),
    DESCRIPTION,
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

const OF_LOGGABLE: &[Attr] = &[text("type").default(Default::Unset).shown().via(ALIAS)];

/// What is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Event {
    Accept,
    Drop,
    All,
}

/// A log as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Log {
    pub id: LogId,
    pub project_id: String,
    pub resource_type: String,
    /// The security group whose ports are told of; `None` for any.
    pub resource_id: Option<SecurityGroupId>,
    /// The port that is told of; `None` for those of the group, or of the project.
    pub target_id: Option<PortId>,
    pub event: Event,
    pub enabled: bool,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct LogCreate {
    pub project_id: String,
    pub resource_type: String,
    pub resource_id: Option<SecurityGroupId>,
    pub target_id: Option<PortId>,
    pub event: Event,
    pub enabled: bool,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

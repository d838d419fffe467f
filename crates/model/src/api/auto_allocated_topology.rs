//! A network with a way out that a project gets by asking for it.

use serde::{Deserialize, Serialize};

use crate::api::table::{Attr, Default, Ops, Resource, Source, text};
use crate::api::validate::Check;

/// Made when it is read first; told by its project.
pub const AUTO_ALLOCATED_TOPOLOGY: Resource = Resource {
    singular: "auto_allocated_topology",
    plural: "auto_allocated_topologies",
    path: "auto-allocated-topology",
    parent: None,
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const VIA: &str = "auto-allocated-topology";
const ATTRS: &[Attr] = &[
    // The network's.
    text("id").default(Default::Unset).check(Check::Uuid).shown().via(VIA),
    text("tenant_id").from(Source::Same("project_id")).default(Default::Unset).shown().via(VIA),
    text("project_id").default(Default::Unset).shown().via(VIA),
];

/// What a project was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AutoAllocatedTopology {
    pub network_id: String,
    /// `None` when somebody deleted it.
    pub router_id: Option<String>,
}

/// What such topologies are made with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ground {
    /// The default external network.
    pub external: Option<String>,
    /// IP version and id of the default subnet pools.
    pub pools: Vec<(i64, String)>,
}

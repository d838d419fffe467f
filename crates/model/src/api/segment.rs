//! Segments of networks: the table, and the typed segment of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::network::ProviderSegment;
use crate::api::table::{
    Attr, CREATED_AT, Default, ID, Ops, REVISION_NUMBER, Resource, Source, UPDATED_AT, int, text,
};
use crate::api::validate::Check;
use crate::{NetworkId, SegmentId};

pub const SEGMENT: Resource = Resource {
    singular: "segment",
    plural: "segments",
    path: "segments",
    parent: None,
    not_found: "SegmentNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const ATTRS: &[Attr] = &[
    ID.via("segment"),
    text("network_id").check(Check::Uuid).post().shown().filter().sort().via("segment"),
    text("physical_network")
        .default(Default::Unset)
        .check(Check::Text(64))
        .post()
        .shown()
        .filter()
        .sort()
        .via("segment"),
    text("network_type").check(Check::Text(32)).post().shown().filter().sort().via("segment"),
    int("segmentation_id").default(Default::Unset).post().shown().sort().via("segment"),
    text("name")
        .default(Default::Unset)
        .check(Check::NameOrNull(255))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("segment"),
    text("description")
        .default(Default::Text(""))
        .check(Check::Text(255))
        .post()
        .put()
        .shown()
        .filter()
        .via("standard-attr-description"),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    // Of the request; nobody is shown it.
    text("project_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    text("tenant_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    int("position").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A segment as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Segment {
    pub id: SegmentId,
    pub network_id: NetworkId,
    pub name: Option<String>,
    pub description: Option<String>,
    pub network_type: String,
    pub physical_network: Option<String>,
    pub segmentation_id: Option<i64>,
    /// Hosts carry the first that they can.
    pub position: i64,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Segment {
    /// The same as its network knows it.
    pub fn provider(&self) -> ProviderSegment {
        ProviderSegment {
            network_type: self.network_type.clone(),
            physical_network: self.physical_network.clone(),
            segmentation_id: self.segmentation_id,
        }
    }
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SegmentCreate {
    pub network_id: NetworkId,
    pub network_type: String,
    pub physical_network: Option<String>,
    pub segmentation_id: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SegmentUpdate {
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub name: Option<Option<String>>,
    pub description: Option<String>,
}

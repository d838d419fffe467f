//! Ranges that segments are chosen from: the table, and the typed range of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::NetworkSegmentRangeId;
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops, REVISION_NUMBER, Resource,
    ShownIf, Source, TAGS, TAGS_ANY, UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::Check;

pub const NETWORK_SEGMENT_RANGE: Resource = Resource {
    singular: "network_segment_range",
    plural: "network_segment_ranges",
    path: "network-segment-ranges",
    parent: None,
    not_found: "NetworkSegmentRangeNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const ALIAS: &str = "network-segment-range";
const TYPES: &[Option<&str>] = &[Some("vlan"), Some("vxlan"), Some("gre"), Some("geneve")];
/// Which id is whose.
const USED: &str = "(SELECT {json_map CAST(a.segmentation_id AS TEXT), n.project_id} \
    FROM segment_allocations a JOIN networks n ON n.id = a.network_id \
    WHERE a.network_type = network_segment_ranges.network_type \
    AND a.physical_network = network_segment_ranges.physical_network \
    AND a.segmentation_id BETWEEN network_segment_ranges.minimum AND network_segment_ranges.maximum)";
/// The free ones among the first 1024 ids: a range may have millions.
const AVAILABLE: &str = "(SELECT {json_list f.id} FROM (WITH RECURSIVE ids(id) AS \
    (SELECT network_segment_ranges.minimum UNION ALL SELECT ids.id + 1 FROM ids \
     WHERE ids.id < network_segment_ranges.maximum AND ids.id < network_segment_ranges.minimum + 1023) \
    SELECT ids.id AS id FROM ids WHERE NOT EXISTS (SELECT 1 FROM segment_allocations a \
    WHERE a.network_type = network_segment_ranges.network_type \
    AND a.physical_network = network_segment_ranges.physical_network AND a.segmentation_id = ids.id) \
    ORDER BY ids.id) f)";

const ATTRS: &[Attr] = &[
    ID.via(ALIAS),
    NAME.via(ALIAS),
    boolean("default").column("is_default").default(Default::Unset).shown().via(ALIAS),
    boolean("shared").default(Default::Bool(true)).post().shown().via(ALIAS),
    text("project_id")
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .shown()
        .shown_if(ShownIf::Known)
        .filter()
        .sort()
        .target()
        .via(ALIAS),
    // Of the request and of filters; nobody is shown it.
    text("tenant_id")
        .from(Source::Same("project_id"))
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .filter(),
    text("network_type")
        .default(Default::Unset)
        .check(Check::Values(TYPES))
        .post()
        .shown()
        .filter()
        .via(ALIAS),
    text("physical_network")
        .default(Default::Unset)
        .check(Check::Text(64))
        .post()
        .shown()
        .filter()
        .via(ALIAS),
    int("minimum").check(Check::Range(1, u32::MAX as i64)).post().put().shown().via(ALIAS),
    int("maximum").check(Check::Range(1, u32::MAX as i64)).post().put().shown().via(ALIAS),
    json("used").from(Source::Sql(USED)).default(Default::Unset).shown().via(ALIAS),
    json("available").from(Source::Sql(AVAILABLE)).default(Default::Unset).shown().via(ALIAS),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    int("created_us").default(Default::Unset),
];

/// A range as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NetworkSegmentRange {
    pub id: NetworkSegmentRangeId,
    pub name: String,
    /// Of the configuration: nobody changes it by the API.
    pub default: bool,
    pub shared: bool,
    /// Whose alone it is; `None` of one that is shared.
    pub project_id: Option<String>,
    pub network_type: String,
    /// Empty for tunnels.
    pub physical_network: String,
    pub minimum: i64,
    pub maximum: i64,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct NetworkSegmentRangeCreate {
    pub name: String,
    pub shared: bool,
    pub project_id: String,
    pub network_type: Option<String>,
    pub physical_network: Option<String>,
    pub minimum: i64,
    pub maximum: i64,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct NetworkSegmentRangeUpdate {
    pub name: Option<String>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

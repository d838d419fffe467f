//! Networks: the table, and the typed network of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::NetworkId;
use crate::api::convert::Convert;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    ADMIN_STATE_UP, Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops,
    PROJECT_ID, REVISION_NUMBER, Resource, ShownIf, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean,
    int, json, text,
};
use crate::api::validate::Check;

pub const NETWORK: Resource = Resource {
    singular: "network",
    plural: "networks",
    path: "networks",
    parent: None,
    not_found: "NetworkNotFound",
    core: true,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("networks", "networks.id"),
    quota: Some(100),
    attrs: ATTRS,
};

/// Whether the network is shared with who reads: its own project is not asked about.
const SHARED: &str = shared!("networks.id", "access_as_shared");
const SUBNET_IDS: &str = "(SELECT {json_list s.id} FROM \
    (SELECT id FROM subnets WHERE subnets.network_id = networks.id ORDER BY created_us, id) s)";
const ZONES: &str = "(SELECT {json_list z.zone} FROM \
    (SELECT DISTINCT a.availability_zone AS zone FROM dhcp_bindings b JOIN agents a ON a.id = b.agent_id \
     WHERE b.network_id = networks.id AND a.availability_zone IS NOT NULL ORDER BY zone) z)";
/// The address scope of the pool that the network's subnets of a family are from: they share one.
const SCOPE_4: &str = "(SELECT MIN(p.address_scope_id) FROM subnets s JOIN subnetpools p ON p.id = s.subnetpool_id \
    WHERE s.network_id = networks.id AND s.ip_version = 4)";
const SCOPE_6: &str = "(SELECT MIN(p.address_scope_id) FROM subnets s JOIN subnetpools p ON p.id = s.subnetpool_id \
    WHERE s.network_id = networks.id AND s.ip_version = 6)";
/// False when the network's first subnet lives on one segment only.
const L2_ADJACENCY: &str = "NOT EXISTS (SELECT 1 FROM subnets WHERE subnets.network_id = networks.id \
    AND subnets.segment_id IS NOT NULL)";

const ATTRS: &[Attr] = &[
    ID,
    NAME,
    json("subnets").from(Source::Sql(SUBNET_IDS)).default(Default::EmptyList).shown(),
    ADMIN_STATE_UP,
    text("status").default(Default::Unset).shown().filter().sort(),
    TENANT_ID,
    boolean("shared")
        .from(Source::Sql(SHARED))
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .filter()
        .target()
        .enforced(),
    text("ipv4_address_scope")
        .from(Source::Sql(SCOPE_4))
        .default(Default::Unset)
        .shown()
        .via("address-scope"),
    text("ipv6_address_scope")
        .from(Source::Sql(SCOPE_6))
        .default(Default::Unset)
        .shown()
        .via("address-scope"),
    boolean("router:external")
        .column("router_external")
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .filter()
        .target()
        .enforced()
        .via("external-net"),
    boolean("l2_adjacency")
        .from(Source::Sql(L2_ADJACENCY))
        .default(Default::Unset)
        .shown()
        .via("l2_adjacency"),
    json("segments")
        .default(Default::Unset)
        .check(Check::Segments)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::True("multi_segment"))
        .enforced()
        .via("multi-provider"),
    int("mtu")
        .default(Default::Int(0))
        .check(Check::NonNegative)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .enforced()
        .via("net-mtu-writable"),
    json("availability_zones")
        .from(Source::Sql(ZONES))
        .default(Default::Unset)
        .shown()
        .via("network_availability_zone"),
    json("availability_zone_hints")
        .default(Default::EmptyList)
        .check(Check::ZoneHints)
        .post()
        .shown()
        .sort()
        .via("network_availability_zone"),
    boolean("ha").default(Default::Bool(false)).post().via("network_ha"),
    boolean("port_security_enabled")
        .default(Default::Bool(true))
        .post()
        .put()
        .shown()
        .enforced()
        .via("port-security"),
    text("provider:network_type")
        .column("network_type")
        .default(Default::Unset)
        .check(Check::Text(32))
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::False("multi_segment"))
        .filter()
        .enforced()
        .via("provider"),
    text("provider:physical_network")
        .column("physical_network")
        .default(Default::Unset)
        .check(Check::Text(64))
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::False("multi_segment"))
        .filter()
        .enforced()
        .via("provider"),
    int("provider:segmentation_id")
        .column("segmentation_id")
        .default(Default::Unset)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::False("multi_segment"))
        .filter()
        .enforced()
        .via("provider"),
    text("qos_policy_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("qos"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    boolean("is_default")
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::True("router_external"))
        .filter()
        .target()
        .enforced()
        .via("auto-allocated-topology"),
    text("dns_domain")
        .default(Default::Text(""))
        .convert(Convert::LowerCase)
        .check(Check::DnsDomain(255))
        .post()
        .put()
        .shown()
        .via("dns-integration"),
    DESCRIPTION,
    PROJECT_ID,
    boolean("multi_segment").default(Default::Unset),
    int("created_us").default(Default::Unset),
    boolean("with_everyone").column("shared").default(Default::Unset),
    // Stay empty: subnets tell the scopes.
    text("empty_scope_4").column("ipv4_address_scope").default(Default::Unset),
    text("empty_scope_6").column("ipv6_address_scope").default(Default::Unset),
];

/// A network as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Network {
    pub id: NetworkId,
    pub project_id: String,
    /// Shared with every project. RBAC policies say so; this repeats the one for everybody.
    pub with_everyone: bool,
    #[serde(rename = "router:external")]
    pub external: bool,
    pub is_default: bool,
    pub status: String,
    pub mtu: i64,
    pub port_security_enabled: bool,
    /// Every segment, at least one.
    pub segments: Vec<ProviderSegment>,
    pub multi_segment: bool,
    /// Of the only segment; `None` when there are several.
    #[serde(rename = "provider:network_type")]
    pub network_type: Option<String>,
    #[serde(rename = "provider:physical_network")]
    pub physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
    pub availability_zone_hints: Vec<String>,
    pub dns_domain: String,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One segment as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProviderSegment {
    #[serde(rename = "provider:network_type")]
    pub network_type: String,
    #[serde(rename = "provider:physical_network")]
    pub physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct NetworkCreate {
    pub project_id: String,
    pub shared: bool,
    #[serde(rename = "router:external")]
    pub external: bool,
    pub is_default: bool,
    pub mtu: i64,
    pub port_security_enabled: bool,
    pub segments: Option<Vec<SegmentAsk>>,
    #[serde(rename = "provider:network_type")]
    pub network_type: Option<String>,
    #[serde(rename = "provider:physical_network")]
    pub physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
    pub availability_zone_hints: Vec<String>,
    pub dns_domain: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One segment of a request: what is left out is for the server to choose.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SegmentAsk {
    #[serde(rename = "provider:network_type")]
    pub network_type: Option<String>,
    #[serde(rename = "provider:physical_network")]
    pub physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct NetworkUpdate {
    pub shared: Option<bool>,
    #[serde(rename = "router:external")]
    pub external: Option<bool>,
    pub is_default: Option<bool>,
    pub mtu: Option<i64>,
    pub port_security_enabled: Option<bool>,
    pub segments: Option<Value>,
    #[serde(rename = "provider:network_type")]
    pub network_type: Option<String>,
    #[serde(rename = "provider:physical_network")]
    pub physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
    pub dns_domain: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

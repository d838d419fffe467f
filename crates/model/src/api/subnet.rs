//! Subnets: the table, and the typed subnet of the decisions.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::convert::Convert;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops, PROJECT_ID,
    REVISION_NUMBER, Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::Check;
use crate::desired::{HostRoute, Ipv6Mode};
use crate::{NetworkId, SubnetId};

pub const SUBNET: Resource = Resource {
    singular: "subnet",
    plural: "subnets",
    path: "subnets",
    parent: None,
    not_found: "SubnetNotFound",
    core: true,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("subnets", "subnets.network_id"),
    quota: Some(100),
    attrs: ATTRS,
};

const SHARED: &str = shared!("subnets.network_id", "access_as_shared");
const EXTERNAL: &str = "(SELECT n.router_external FROM networks n WHERE n.id = subnets.network_id)";
const IPV6_MODES: &[Option<&str>] = &[Some("dhcpv6-stateful"), Some("dhcpv6-stateless"), Some("slaac"), None];

const ATTRS: &[Attr] = &[
    ID,
    NAME,
    int("ip_version").check(Check::IpVersion).post().shown().filter().sort(),
    text("network_id").check(Check::Uuid).post().shown().filter().sort().target(),
    text("subnetpool_id")
        .default(Default::Unset)
        .check(Check::SubnetPoolIdOrNull)
        .post()
        .shown()
        .filter()
        .sort(),
    int("prefixlen").from(Source::None).default(Default::Unset).check(Check::NonNegative).post(),
    text("cidr")
        .default(Default::Unset)
        .convert(Convert::Cidr)
        .check(Check::CidrOrNull)
        .post()
        .shown()
        .filter()
        .sort(),
    text("gateway_ip")
        .default(Default::Unset)
        .convert(Convert::Ip)
        .check(Check::IpOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort(),
    json("allocation_pools")
        .default(Default::Unset)
        .convert(Convert::Pools)
        .check(Check::Pools)
        .post()
        .put()
        .shown(),
    json("dns_nameservers")
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::NameServers)
        .post()
        .put()
        .shown(),
    json("host_routes")
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::HostRoutes)
        .post()
        .put()
        .shown(),
    TENANT_ID,
    boolean("enable_dhcp").default(Default::Bool(true)).post().put().shown().filter().sort(),
    text("ipv6_ra_mode")
        .default(Default::Unset)
        .check(Check::Values(IPV6_MODES))
        .post()
        .shown()
        .filter()
        .sort(),
    text("ipv6_address_mode")
        .default(Default::Unset)
        .check(Check::Values(IPV6_MODES))
        .post()
        .shown()
        .filter()
        .sort(),
    boolean("shared").from(Source::Sql(SHARED)).default(Default::Unset).filter().target().enforced(),
    REVISION_NUMBER,
    boolean("router:external")
        .from(Source::Sql(EXTERNAL))
        .default(Default::Unset)
        .shown()
        .filter()
        .target()
        .enforced()
        .via("subnet-external-network"),
    json("service_types")
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::ServiceTypes)
        .post()
        .put()
        .shown()
        .via("subnet-service-types"),
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    boolean("use_default_subnetpool")
        .from(Source::None)
        .default(Default::Bool(false))
        .post()
        .via("default-subnetpools"),
    boolean("dns_publish_fixed_ip")
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .via("subnet-dns-publish-fixed-ip"),
    DESCRIPTION,
    text("segment_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("subnet-segmentid-writable"),
    PROJECT_ID,
    int("created_us").default(Default::Unset),
];

/// A subnet as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub project_id: String,
    pub network_id: NetworkId,
    pub ip_version: i64,
    pub cidr: IpNet,
    pub gateway_ip: Option<IpAddr>,
    pub allocation_pools: Vec<Pool>,
    pub dns_nameservers: Vec<IpAddr>,
    pub host_routes: Vec<HostRoute>,
    pub enable_dhcp: bool,
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    pub ipv6_address_mode: Option<Ipv6Mode>,
    pub service_types: Vec<String>,
    pub subnetpool_id: Option<String>,
    pub segment_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Subnet {
    /// Instances make their own address from the prefix (SLAAC and stateless DHCPv6).
    pub fn is_auto_address(&self) -> bool {
        matches!(self.ipv6_address_mode, Some(Ipv6Mode::Slaac | Ipv6Mode::Dhcpv6Stateless))
    }
}

/// A range of addresses for automatic choice, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Pool {
    pub start: IpAddr,
    pub end: IpAddr,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SubnetCreate {
    pub project_id: String,
    pub network_id: NetworkId,
    pub ip_version: i64,
    pub subnetpool_id: Option<String>,
    pub prefixlen: Option<i64>,
    pub cidr: Option<String>,
    /// Outer `None`: not said; inner `None`: no gateway.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub gateway_ip: Option<Option<IpAddr>>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub allocation_pools: Option<Option<Vec<Pool>>>,
    pub dns_nameservers: Option<Vec<IpAddr>>,
    pub host_routes: Option<Vec<HostRoute>>,
    pub enable_dhcp: bool,
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    pub ipv6_address_mode: Option<Ipv6Mode>,
    pub service_types: Option<Vec<String>>,
    pub use_default_subnetpool: bool,
    pub segment_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SubnetUpdate {
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub gateway_ip: Option<Option<IpAddr>>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub allocation_pools: Option<Option<Vec<Pool>>>,
    pub dns_nameservers: Option<Vec<IpAddr>>,
    pub host_routes: Option<Vec<HostRoute>>,
    pub enable_dhcp: Option<bool>,
    pub service_types: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub segment_id: Option<Option<String>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

//! NDP proxies: addresses behind a router that it answers for outside; the table, and the typed proxy of the
//! decisions.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, NAME, Ops, REVISION_NUMBER, Resource, Source, UPDATED_AT, int,
    text,
};
use crate::api::validate::Check;
use crate::{NdpProxyId, PortId, RouterId};

pub const NDP_PROXY: Resource = Resource {
    singular: "ndp_proxy",
    plural: "ndp_proxies",
    path: "ndp-proxies",
    parent: None,
    not_found: "NDPProxyNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "ndp_proxies.project_id = {project}",
    quota: None,
    attrs: ATTRS,
};

const ALIAS: &str = "l3-ndp-proxy";

const ATTRS: &[Attr] = &[
    text("id").check(Check::Uuid).shown().sort().default(Default::Unset).via(ALIAS),
    NAME.via(ALIAS),
    text("tenant_id")
        .from(Source::Same("project_id"))
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .shown()
        .sort()
        .target()
        .via(ALIAS),
    text("project_id")
        .default(Default::Unset)
        .check(Check::Text(255))
        .post()
        .shown()
        .sort()
        .target()
        .via(ALIAS),
    text("router_id").check(Check::Uuid).post().shown().sort().via(ALIAS),
    text("port_id").check(Check::Uuid).post().shown().sort().via(ALIAS),
    text("ip_address").default(Default::Null).check(Check::IpOrNull).post().shown().sort().via(ALIAS),
    DESCRIPTION,
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

/// An NDP proxy as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NdpProxy {
    pub id: NdpProxyId,
    pub project_id: String,
    pub router_id: RouterId,
    pub port_id: PortId,
    /// Of the port, when the proxy was made.
    pub ip_address: Ipv6Addr,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct NdpProxyCreate {
    pub project_id: String,
    pub router_id: RouterId,
    pub port_id: PortId,
    pub ip_address: Option<IpAddr>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

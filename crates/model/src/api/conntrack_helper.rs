//! Conntrack helpers of a router: the table, and the typed helper of the decisions.

use serde::{Deserialize, Serialize};

use crate::RouterId;
use crate::api::convert::Convert;
use crate::api::router::ROUTER;
use crate::api::table::{Attr, Default, ID, Ops, Parent, Resource, Source, int, text};
use crate::api::validate::Check;

pub const CONNTRACK_HELPER: Resource = Resource {
    singular: "conntrack_helper",
    plural: "conntrack_helpers",
    path: "conntrack_helpers",
    parent: Some(Parent { table: &ROUTER, column: "router_id" }),
    not_found: "ConntrackHelperNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    // Whose the router is, sees it.
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const PROTOCOLS: &[Option<&str>] =
    &[Some("dccp"), Some("icmp"), Some("ipv6-icmp"), Some("sctp"), Some("tcp"), Some("udp")];

const ATTRS: &[Attr] = &[
    ID.via("l3-conntrack-helper"),
    text("protocol")
        .convert(Convert::Protocol)
        .check(Check::Values(PROTOCOLS))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("l3-conntrack-helper"),
    int("port").check(Check::Range(1, 65535)).post().put().shown().filter().sort().via("l3-conntrack-helper"),
    text("helper")
        .convert(Convert::Text)
        .check(Check::Text(64))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("l3-conntrack-helper"),
    // Of the request; nobody is shown it.
    text("project_id").default(Default::Unset).check(Check::Text(255)).post().via("l3-conntrack-helper"),
    text("tenant_id").from(Source::Same("project_id")).default(Default::Unset).check(Check::Text(255)).post(),
    text("router_id").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A helper of a router as it is stored: which program of the kernel follows connections to a port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConntrackHelper {
    pub id: String,
    pub project_id: String,
    pub router_id: RouterId,
    pub protocol: String,
    pub port: u16,
    pub helper: String,
    pub created_us: i64,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ConntrackHelperCreate {
    pub project_id: String,
    pub router_id: RouterId,
    pub protocol: String,
    pub port: u16,
    pub helper: String,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ConntrackHelperUpdate {
    pub protocol: Option<String>,
    pub port: Option<u16>,
    pub helper: Option<String>,
}

//! Floating IPs: the table, and the typed floating IP of the decisions.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::convert::Convert;
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NOT_TAGS, NOT_TAGS_ANY, Ops, PROJECT_ID, REVISION_NUMBER,
    Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, int, json, text,
};
use crate::api::validate::Check;
use crate::{FloatingIpId, NetworkId, PortId, QosPolicyId, RouterId, SubnetId};

pub const FLOATINGIP: Resource = Resource {
    singular: "floatingip",
    plural: "floatingips",
    path: "floatingips",
    parent: None,
    not_found: "FloatingIPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "floatingips.project_id = {project}",
    quota: Some(50),
    attrs: ATTRS,
};

/// What the status of a floating IP can be; hosts report it.
pub const ACTIVE: &str = "ACTIVE";
pub const DOWN: &str = "DOWN";

const PORT_DETAILS: &str = "(SELECT CAST({json_object 'name', p.name, 'network_id', p.network_id, \
    'mac_address', p.mac_address, 'admin_state_up', {json_bool p.admin_state_up}, 'status', p.status, \
    'device_id', p.device_id, 'device_owner', p.device_owner} AS TEXT) FROM ports p WHERE p.id = floatingips.port_id)";
const PORT_FORWARDINGS: &str = "(SELECT {json_list {json_object 'protocol', f.protocol, \
    'internal_ip_address', f.internal_ip_address, 'internal_port', f.internal_port, \
    'external_port', f.external_port, 'internal_port_id', f.internal_port_id, 'id', f.id}} FROM \
    (SELECT id, protocol, internal_ip_address, internal_port_id, \
     CASE WHEN internal_first = internal_last THEN internal_first END AS internal_port, \
     CASE WHEN external_first = external_last THEN external_first END AS external_port \
     FROM port_forwardings WHERE floatingip_id = floatingips.id ORDER BY created_us, id) f)";

const ATTRS: &[Attr] = &[
    ID,
    text("floating_ip_address")
        .default(Default::Null)
        .check(Check::IpOrNull)
        .post()
        .shown()
        .filter()
        .sort()
        .enforced()
        .via("router"),
    text("subnet_id").from(Source::None).default(Default::Null).check(Check::UuidOrNull).post().via("router"),
    text("floating_network_id").check(Check::Uuid).post().shown().filter().sort().via("router"),
    text("router_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .enforced()
        .via("floating-ip-router-writable"),
    text("port_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .target()
        .via("router"),
    text("fixed_ip_address")
        .default(Default::Null)
        .check(Check::IpOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("router"),
    TENANT_ID,
    text("status").default(Default::Unset).shown().filter().sort().via("router"),
    text("qos_policy_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("qos-fip"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    text("dns_name")
        .default(Default::Text(""))
        .convert(Convert::LowerCase)
        .check(Check::DnsHost(255))
        .post()
        .shown()
        .via("dns-integration"),
    text("dns_domain")
        .default(Default::Text(""))
        .convert(Convert::LowerCase)
        .check(Check::DnsDomain(255))
        .post()
        .shown()
        .via("dns-integration"),
    json("port_details")
        .from(Source::Sql(PORT_DETAILS))
        .default(Default::Unset)
        .shown()
        .via("fip-port-details"),
    json("port_forwardings")
        .from(Source::Sql(PORT_FORWARDINGS))
        .default(Default::Unset)
        .shown()
        .via("expose-port-forwarding-in-fip"),
    DESCRIPTION,
    PROJECT_ID,
    // Its own port, on the external network.
    text("floating_port_id").default(Default::Unset),
    text("last_router_id").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A floating IP as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FloatingIp {
    pub id: FloatingIpId,
    pub project_id: String,
    pub floating_network_id: NetworkId,
    pub floating_ip_address: IpAddr,
    /// The port that holds the address on the external network.
    pub floating_port_id: PortId,
    /// The router that carries it: of its port, or of its forwardings.
    pub router_id: Option<RouterId>,
    /// The router that carried it before the last change, and reports that it does no more.
    pub last_router_id: Option<RouterId>,
    pub port_id: Option<PortId>,
    pub fixed_ip_address: Option<Ipv4Addr>,
    pub status: String,
    pub qos_policy_id: Option<QosPolicyId>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct FloatingIpCreate {
    pub project_id: String,
    pub floating_network_id: NetworkId,
    pub floating_ip_address: Option<IpAddr>,
    pub subnet_id: Option<SubnetId>,
    pub router_id: Option<RouterId>,
    pub port_id: Option<PortId>,
    pub fixed_ip_address: Option<IpAddr>,
    pub qos_policy_id: Option<QosPolicyId>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct FloatingIpUpdate {
    /// Inner `None`: of no port any more.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub port_id: Option<Option<PortId>>,
    pub fixed_ip_address: Option<IpAddr>,
    pub router_id: Option<RouterId>,
    /// Inner `None`: of none any more.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub qos_policy_id: Option<Option<QosPolicyId>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

//! Ports: the table, and the typed port of the decisions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wire::Mac;

use crate::api::convert::Convert;
use crate::api::port_binding::VNIC_TYPES;
use crate::api::table::{
    ADMIN_STATE_UP, Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops,
    PROJECT_ID, REVISION_NUMBER, Resource, Source, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json, text,
};
use crate::api::trunk::TRUNK_DETAILS;
use crate::api::validate::Check;
use crate::{NetworkId, PortId, QosPolicyId, SecurityGroupId, SubnetId};

pub const PORT: Resource = Resource {
    singular: "port",
    plural: "ports",
    path: "ports",
    parent: None,
    not_found: "PortNotFound",
    core: true,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "ports.project_id = {project} OR ports.network_id {among SELECT n.id FROM networks n \
         WHERE n.project_id = {project}}",
    quota: Some(500),
    attrs: ATTRS,
};

const NUMA: &[Option<&str>] = &[Some("required"), Some("preferred"), Some("legacy"), Some("socket"), None];

const ATTRS: &[Attr] = &[
    ID,
    NAME,
    text("network_id").check(Check::Uuid).post().shown().filter().sort().target(),
    ADMIN_STATE_UP,
    text("mac_address")
        .default(Default::Unset)
        .convert(Convert::Mac)
        .check(Check::MacOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .enforced(),
    json("fixed_ips").default(Default::Unset).check(Check::FixedIps).post().put().shown().filter().enforced(),
    text("device_id")
        .default(Default::Text(""))
        .check(Check::Text(255))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .enforced(),
    text("device_owner")
        .default(Default::Text(""))
        .check(Check::Text(255))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .enforced(),
    TENANT_ID,
    text("status").default(Default::Unset).shown().filter().sort(),
    json("allowed_address_pairs")
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::AddressPairs)
        .post()
        .put()
        .shown()
        .enforced()
        .via("allowed-address-pairs"),
    text("data_plane_status")
        .default(Default::Unset)
        .check(Check::Values(&[None, Some("ACTIVE"), Some("DOWN")]))
        .put()
        .shown()
        .enforced()
        .via("data-plane-status"),
    json("extra_dhcp_opts")
        .default(Default::Null)
        .check(Check::DhcpOptions)
        .post()
        .put()
        .shown()
        .via("extra_dhcp_opt"),
    text("ip_allocation").default(Default::Unset).shown().filter().sort().via("ip_allocation"),
    text("device_profile")
        .default(Default::Null)
        .check(Check::TextOrNull(255))
        .post()
        .shown()
        .via("port-device-profile"),
    text("hardware_offload_type")
        .default(Default::Unset)
        .convert(Convert::Text)
        .check(Check::Values(&[Some("switchdev")]))
        .post()
        .shown()
        .enforced()
        .via("port-hardware-offload-type"),
    json("hints")
        .default(Default::Null)
        .check(Check::Hints)
        .post()
        .put()
        .shown()
        .enforced()
        .via("port-hints"),
    text("numa_affinity_policy")
        .default(Default::Null)
        .check(Check::Values(NUMA))
        .post()
        .put()
        .shown()
        .via("port-numa-affinity-policy"),
    json("resource_request").default(Default::Unset).shown().via("port-resource-request"),
    text("binding:vif_type").column("vif_type").default(Default::Unset).shown().enforced().via("binding"),
    json("binding:vif_details")
        .column("vif_details")
        .default(Default::Unset)
        .shown()
        .enforced()
        .via("binding"),
    text("binding:vnic_type")
        .column("vnic_type")
        .default(Default::Text("normal"))
        .check(Check::Values(VNIC_TYPES))
        .post()
        .put()
        .shown()
        .enforced()
        .via("binding"),
    text("binding:host_id")
        .column("host")
        .default(Default::Unset)
        .check(Check::TextOrNull(255))
        .post()
        .put()
        .shown()
        .filter()
        .enforced()
        .via("binding"),
    json("binding:profile")
        .column("profile")
        .default(Default::Unset)
        .check(Check::DictOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("binding"),
    boolean("port_security_enabled")
        .default(Default::Unset)
        .post()
        .put()
        .shown()
        .enforced()
        .via("port-security"),
    text("qos_policy_id")
        .default(Default::Null)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("qos"),
    text("qos_network_policy_id").default(Default::Null).shown().via("qos-port-network-policy"),
    REVISION_NUMBER,
    // Ports alone take tags in POST.
    json("tags")
        .default(Default::EmptyList)
        .check(Check::UniqueTexts(255))
        .post()
        .shown()
        .filter()
        .via("standard-attr-tag"),
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    boolean("propagate_uplink_status")
        .default(Default::Bool(true))
        .post()
        .put()
        .shown()
        .via("uplink-status-propagation-updatable"),
    text("dns_name")
        .default(Default::Text(""))
        .convert(Convert::LowerCase)
        .check(Check::DnsHost(255))
        .post()
        .put()
        .shown()
        .via("dns-integration"),
    json("dns_assignment").default(Default::Unset).shown().via("dns-integration"),
    text("dns_domain")
        .default(Default::Text(""))
        .convert(Convert::LowerCase)
        .check(Check::DnsDomain(255))
        .post()
        .put()
        .shown()
        .via("dns-domain-ports"),
    boolean("trusted").default(Default::Unset).post().put().shown().enforced().via("port-trusted-vif"),
    DESCRIPTION,
    json("security_groups")
        .from(Source::Sql("COALESCE(ports.group_ids, '[]')"))
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::UuidList)
        .post()
        .put()
        .shown()
        .filter()
        .via("security-group"),
    TRUNK_DETAILS,
    PROJECT_ID,
    // What hosts reported; the status is made from these.
    boolean("l2_ready").default(Default::Unset),
    boolean("dhcp_ready").default(Default::Unset),
    text("failure").default(Default::Unset),
    json("group_ids").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A port as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Port {
    pub id: PortId,
    pub project_id: String,
    pub network_id: NetworkId,
    pub admin_state_up: bool,
    pub mac_address: Mac,
    pub fixed_ips: Vec<FixedIp>,
    pub device_id: String,
    pub device_owner: String,
    pub status: String,
    pub allowed_address_pairs: Vec<AddressPair>,
    pub extra_dhcp_opts: Vec<DhcpOpt>,
    pub ip_allocation: String,
    #[serde(rename = "binding:vif_type")]
    pub vif_type: String,
    #[serde(rename = "binding:vif_details")]
    pub vif_details: Value,
    #[serde(rename = "binding:vnic_type")]
    pub vnic_type: String,
    #[serde(rename = "binding:host_id")]
    pub host: String,
    #[serde(rename = "binding:profile")]
    pub profile: Map<String, Value>,
    pub port_security_enabled: bool,
    pub dns_name: String,
    pub dns_domain: String,
    pub dns_assignment: Vec<DnsAssignment>,
    /// Its security groups; `None` of a port from before there were any: nothing is held back.
    pub group_ids: Option<BTreeSet<SecurityGroupId>>,
    /// The L2 agent of the bound host has wired it.
    pub l2_ready: bool,
    /// The DHCP agent of its network answers for it.
    pub dhcp_ready: bool,
    /// Why its host could not wire it.
    pub failure: Option<String>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Port {
    /// The QoS policy that holds for it: its own before its network's, which ports of the network's
    /// services do without.
    pub fn qos_policy(&self) -> Option<QosPolicyId> {
        let said = |name: &str| self.rest.get(name).and_then(Value::as_str).and_then(|id| id.parse().ok());
        let serves = ["network:", "neutron:"].iter().any(|owner| self.device_owner.starts_with(owner));
        said("qos_policy_id").or_else(|| said("qos_network_policy_id").filter(|_| !serves))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FixedIp {
    pub subnet_id: SubnetId,
    pub ip_address: IpAddr,
}

/// One entry of a request's `fixed_ips`: a subnet, an address, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FixedIpAsk {
    pub subnet_id: Option<SubnetId>,
    pub ip_address: Option<IpAddr>,
    /// In an update: take the automatic address of this subnet away.
    #[serde(default)]
    pub delete_subnet: bool,
}

/// An address that an instance may use besides its own; kept as the user wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddressPair {
    pub mac_address: Mac,
    pub ip_address: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct AddressPairAsk {
    pub mac_address: Option<Mac>,
    pub ip_address: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DhcpOpt {
    pub opt_name: String,
    pub opt_value: String,
    pub ip_version: i64,
}

/// One entry of a request's `extra_dhcp_opts`; a null value removes the option.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct DhcpOptAsk {
    pub opt_name: String,
    pub opt_value: Option<String>,
    pub ip_version: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DnsAssignment {
    pub ip_address: IpAddr,
    pub hostname: String,
    pub fqdn: String,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PortCreate {
    pub project_id: String,
    pub network_id: NetworkId,
    pub admin_state_up: bool,
    pub mac_address: Option<Mac>,
    pub fixed_ips: Option<Vec<FixedIpAsk>>,
    pub device_id: String,
    pub device_owner: String,
    pub allowed_address_pairs: Option<Vec<AddressPairAsk>>,
    pub extra_dhcp_opts: Option<Vec<DhcpOptAsk>>,
    #[serde(rename = "binding:vnic_type")]
    pub vnic_type: String,
    #[serde(rename = "binding:host_id")]
    pub host: Option<String>,
    #[serde(rename = "binding:profile")]
    pub profile: Option<Map<String, Value>>,
    pub port_security_enabled: Option<bool>,
    pub dns_name: String,
    pub dns_domain: String,
    pub security_groups: Option<BTreeSet<SecurityGroupId>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct PortUpdate {
    pub admin_state_up: Option<bool>,
    /// Inner `None`: make a new one.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub mac_address: Option<Option<Mac>>,
    pub fixed_ips: Option<Vec<FixedIpAsk>>,
    pub device_id: Option<String>,
    pub device_owner: Option<String>,
    pub allowed_address_pairs: Option<Vec<AddressPairAsk>>,
    pub extra_dhcp_opts: Option<Vec<DhcpOptAsk>>,
    #[serde(rename = "binding:vnic_type")]
    pub vnic_type: Option<String>,
    #[serde(default, rename = "binding:host_id", deserialize_with = "crate::api::body::said")]
    pub host: Option<Option<String>>,
    #[serde(default, rename = "binding:profile", deserialize_with = "crate::api::body::said")]
    pub profile: Option<Option<Map<String, Value>>>,
    pub port_security_enabled: Option<bool>,
    pub dns_name: Option<String>,
    pub dns_domain: Option<String>,
    pub security_groups: Option<BTreeSet<SecurityGroupId>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

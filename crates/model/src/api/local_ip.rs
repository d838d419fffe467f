//! Local IPs: addresses that are another port's on each host; the tables, and the typed resources of the
//! decisions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, Ops, PROJECT_ID, Parent, REVISION_NUMBER, Resource,
    Source, TENANT_ID, UPDATED_AT, int, text,
};
use crate::api::validate::Check;
use crate::{LocalIpId, NetworkId, PortId};

pub const LOCAL_IP: Resource = Resource {
    singular: "local_ip",
    plural: "local_ips",
    path: "local-ips",
    parent: None,
    not_found: "LocalIPNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "local_ips.project_id = {project}",
    quota: None,
    attrs: LOCAL_IP_ATTRS,
};

const ALIAS: &str = "local_ip";
const MODES: &[Option<&str>] = &[Some("translate"), Some("passthrough")];

const LOCAL_IP_ATTRS: &[Attr] = &[
    ID.via(ALIAS),
    NAME.via(ALIAS),
    DESCRIPTION,
    PROJECT_ID.via(ALIAS),
    TENANT_ID,
    text("local_port_id")
        .default(Default::Unset)
        .check(Check::Uuid)
        .post()
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    text("network_id").default(Default::Unset).check(Check::Uuid).post().shown().filter().sort().via(ALIAS),
    text("local_ip_address")
        .default(Default::Unset)
        .check(Check::IpOrNull)
        .post()
        .shown()
        .filter()
        .sort()
        .enforced()
        .via(ALIAS),
    text("ip_mode")
        .default(Default::Text("translate"))
        .check(Check::Values(MODES))
        .post()
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

/// Which ports stand for a local IP. What is below it is named by its port.
pub const PORT_ASSOCIATION: Resource = Resource {
    singular: "port_association",
    plural: "port_associations",
    path: "port_associations",
    parent: Some(Parent { table: &LOCAL_IP, column: "local_ip_id" }),
    not_found: "LocalIPAssociationNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: false, delete: true },
    // Whose the local IP is, sees it.
    seen_by: "",
    quota: None,
    attrs: ASSOCIATION_ATTRS,
};

const ASSOCIATION_ATTRS: &[Attr] = &[
    // Both ids, see [`association_id`]; nobody is shown it.
    text("id").default(Default::Unset),
    text("local_ip_id").default(Default::Unset).shown().via(ALIAS),
    text("local_ip_address")
        .from(Source::Sql(
            "(SELECT l.local_ip_address FROM local_ips l WHERE l.id = port_associations.local_ip_id)",
        ))
        .default(Default::Unset)
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    text("fixed_port_id").check(Check::Uuid).post().shown().filter().sort().via(ALIAS),
    text("fixed_ip").default(Default::Null).check(Check::IpOrNull).post().shown().filter().sort().via(ALIAS),
    text("host")
        .from(Source::Sql("(SELECT p.host FROM ports p WHERE p.id = port_associations.fixed_port_id)"))
        .default(Default::Unset)
        .shown()
        .filter()
        .sort()
        .via(ALIAS),
    // Of the request; nobody is shown it.
    text("project_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post().via(ALIAS),
    text("tenant_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    int("created_us").default(Default::Unset),
];

/// What an association is stored by.
pub fn association_id(local_ip: &str, port: &str) -> String {
    format!("{local_ip}:{port}")
}

/// What becomes of what is sent to a local IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpMode {
    /// It is sent to the port's own address.
    Translate,
    /// The port knows the address itself.
    Passthrough,
}

/// A local IP as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LocalIp {
    pub id: LocalIpId,
    pub project_id: String,
    /// The port that has the address.
    pub local_port_id: PortId,
    pub network_id: NetworkId,
    pub local_ip_address: IpAddr,
    pub ip_mode: IpMode,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct LocalIpCreate {
    pub project_id: String,
    #[serde(default)]
    pub local_port_id: Option<PortId>,
    #[serde(default)]
    pub network_id: Option<NetworkId>,
    #[serde(default)]
    pub local_ip_address: Option<IpAddr>,
    pub ip_mode: IpMode,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A port that stands for a local IP, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PortAssociation {
    pub id: String,
    pub local_ip_id: LocalIpId,
    pub fixed_port_id: PortId,
    /// Of the port, when they were associated.
    pub fixed_ip: IpAddr,
    pub created_us: i64,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct PortAssociationCreate {
    pub local_ip_id: String,
    pub fixed_port_id: PortId,
    #[serde(default)]
    pub fixed_ip: Option<IpAddr>,
}

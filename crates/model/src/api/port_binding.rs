//! Bindings of a port to hosts: that by which it is there, and those that stand ready for a move.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::PortId;
use crate::api::port::{PORT, Port};
use crate::api::table::{Attr, Default, Ops, Parent, Resource, Source, json, text};
use crate::api::validate::Check;

pub const PORT_BINDING: Resource = Resource {
    singular: "binding",
    plural: "bindings",
    path: "bindings",
    parent: Some(Parent { table: &PORT, column: "port_id" }),
    not_found: "PortBindingNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

pub(super) const VNIC_TYPES: &[Option<&str>] = &[
    Some("normal"),
    Some("direct"),
    Some("macvtap"),
    Some("baremetal"),
    Some("direct-physical"),
    Some("virtio-forwarder"),
    Some("smart-nic"),
    Some("vdpa"),
    Some("accelerator-direct"),
    Some("accelerator-direct-physical"),
    Some("remote-managed"),
];

const ATTRS: &[Attr] = &[
    text("host").check(Check::TextOrNull(255)).post().put().shown().filter(),
    text("vif_type").default(Default::Unset).shown().filter(),
    json("vif_details").default(Default::Unset).shown(),
    text("vnic_type")
        .default(Default::Text("normal"))
        .check(Check::Values(VNIC_TYPES))
        .post()
        .put()
        .shown()
        .filter(),
    json("profile").default(Default::Unset).check(Check::DictOrNull).post().put().shown(),
    text("status").default(Default::Unset).shown().filter(),
    text("project_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    text("tenant_id").from(Source::None).default(Default::Unset).check(Check::Text(255)).post(),
    text("port_id").default(Default::Unset),
];

/// Of the binding by which a port is at its host.
pub const ACTIVE: &str = "ACTIVE";
/// Of one that a port may be moved to.
pub const INACTIVE: &str = "INACTIVE";

/// A binding that stands ready, as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PortBinding {
    pub port_id: PortId,
    pub host: String,
    pub vif_type: String,
    pub vif_details: Value,
    pub vnic_type: String,
    pub profile: Map<String, Value>,
    pub status: String,
}

impl PortBinding {
    /// The one by which a port is where it is.
    pub fn active(port: &Port) -> PortBinding {
        PortBinding {
            port_id: port.id,
            host: port.host.clone(),
            vif_type: port.vif_type.clone(),
            vif_details: port.vif_details.clone(),
            vnic_type: port.vnic_type.clone(),
            profile: port.profile.clone(),
            status: ACTIVE.into(),
        }
    }
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PortBindingCreate {
    pub host: Option<String>,
    pub vnic_type: String,
    pub profile: Option<Map<String, Value>>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PortBindingUpdate {
    pub host: Option<String>,
    pub vnic_type: Option<String>,
    pub profile: Option<Map<String, Value>>,
}

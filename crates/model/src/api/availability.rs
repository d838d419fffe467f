//! What is read of the cloud as a whole: how full networks are, and its availability zones.

use crate::api::table::{Attr, Default, Ops, Resource, Source, int, json, text};

const NOTHING: Ops = Ops { create: false, update: false, delete: false };

/// By network, for administrators.
pub const NETWORK_IP_AVAILABILITY: Resource = Resource {
    singular: "network_ip_availability",
    plural: "network_ip_availabilities",
    path: "network-ip-availabilities",
    parent: None,
    not_found: "NetworkNotFound",
    core: false,
    bulk: false,
    ops: NOTHING,
    seen_by: "",
    quota: None,
    attrs: OF_NETWORKS,
};

/// Zones are those that agents say they are in.
pub const AVAILABILITY_ZONE: Resource = Resource {
    singular: "availability_zone",
    plural: "availability_zones",
    path: "availability_zones",
    parent: None,
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: NOTHING,
    seen_by: "",
    quota: None,
    attrs: OF_ZONES,
};

const fn shown(name: &'static str) -> Attr {
    text(name).default(Default::Unset).shown()
}

const OF_NETWORKS: &[Attr] = &[
    shown("network_id").filter().sort().via("network-ip-availability"),
    shown("network_name").filter().via("network-ip-availability"),
    shown("tenant_id").from(Source::Same("project_id")).filter().via("network-ip-availability"),
    int("total_ips").default(Default::Unset).shown().via("network-ip-availability"),
    int("used_ips").default(Default::Unset).shown().via("network-ip-availability"),
    json("subnet_ip_availability").default(Default::Unset).shown().via("network-ip-availability"),
    json("ip_availability_details").default(Default::Unset).shown().via("network-ip-availability-details"),
    int("ip_version").default(Default::Unset).filter().via("network-ip-availability"),
    shown("project_id").filter().via("network-ip-availability"),
];

const OF_ZONES: &[Attr] = &[
    shown("name").filter().via("availability_zone"),
    shown("resource").filter().via("availability_zone"),
    shown("state").filter().via("availability_zone"),
];

//! Where floating IPs come from: the IPv4 subnets of external networks. Everybody sees them as theirs.

use crate::api::table::{Attr, Default, Ops, Resource, Source, text};

/// Listed only, of a view of the subnets.
pub const FLOATINGIP_POOL: Resource = Resource {
    singular: "floatingip_pool",
    plural: "floatingip_pools",
    path: "floatingip-pools",
    parent: None,
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: false },
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const ATTRS: &[Attr] = &[
    text("subnet_id").default(Default::Unset).shown().via("floatingip-pools"),
    text("subnet_name").default(Default::Unset).shown().via("floatingip-pools"),
    text("network_id").default(Default::Unset).shown().via("floatingip-pools"),
    text("cidr").default(Default::Unset).shown().via("floatingip-pools"),
    // Of the caller, whoever asks.
    text("project_id").from(Source::None).default(Default::Unset).shown().via("floatingip-pools"),
    text("tenant_id").from(Source::None).default(Default::Unset).shown().via("floatingip-pools"),
];

//! What users say: one declarative table per resource.
//!
//! ```text
//! table       the shape of a table: attributes with all that drives them
//! network, subnet, port, port_binding, router, flavor, conntrack_helper, floatingip, port_forwarding, ndp_proxy, local_ip, agent, metering, log,
//! security_group, security_group_rule, default_rule, address_group, rbac_policy,
//! segment, network_segment_range, qos, trunk, software_package, software_version, software_order
//!             the tables, and the typed resource that decisions use
//! protocol    IP protocols by name
//! convert, validate                the words of the tables, one function each
//! body        request body -> checked attributes        query   query string -> filters, order, page
//! quota       limits of projects              tag     tags of resources
//! extensions  the alias list                            openapi the document, made from the tables
//! ```
//! A table drives parsing, validation, defaults, visibility, filters, sorting, SQL columns,
//! policy targets and the OpenAPI document. A resource without rules of its own is a table
//! and a migration.

pub mod address_group;
pub mod address_scope;
pub mod agent;
pub mod auto_allocated_topology;
pub mod availability;
pub mod body;
pub mod conntrack_helper;
pub mod convert;
pub mod default_rule;
pub mod extensions;
pub mod flavor;
pub mod floatingip;
pub mod floatingip_pool;
pub mod local_ip;
pub mod log;
pub mod metering;
pub mod ndp_proxy;
pub mod network;
pub mod network_segment_range;
pub mod openapi;
pub mod port;
pub mod port_binding;
pub mod port_forwarding;
pub mod protocol;
pub mod qos;
pub mod query;
pub mod quota;
pub mod rbac_policy;
pub mod router;
pub mod security_group;
pub mod security_group_rule;
pub mod segment;
mod sharing;
pub mod software_order;
pub mod software_package;
pub mod software_version;
pub mod subnet;
pub mod subnetpool;
pub mod table;
pub mod tag;
pub mod trunk;
pub mod validate;

pub use body::Given;
pub use table::{Attr, Resource};

/// Every collection that is served, in the order of the documentation.
pub const RESOURCES: [&Resource; 35] = [
    &network::NETWORK,
    &subnet::SUBNET,
    &subnetpool::SUBNETPOOL,
    &address_scope::ADDRESS_SCOPE,
    &port::PORT,
    &router::ROUTER,
    &flavor::FLAVOR,
    &flavor::SERVICE_PROFILE,
    &conntrack_helper::CONNTRACK_HELPER,
    &floatingip::FLOATINGIP,
    &port_forwarding::PORT_FORWARDING,
    &ndp_proxy::NDP_PROXY,
    &local_ip::LOCAL_IP,
    &local_ip::PORT_ASSOCIATION,
    &metering::METERING_LABEL,
    &metering::METERING_LABEL_RULE,
    &security_group::SECURITY_GROUP,
    &security_group_rule::SECURITY_GROUP_RULE,
    &default_rule::DEFAULT_RULE,
    &address_group::ADDRESS_GROUP,
    &rbac_policy::RBAC_POLICY,
    &segment::SEGMENT,
    &network_segment_range::NETWORK_SEGMENT_RANGE,
    &qos::POLICY,
    &qos::BANDWIDTH_LIMIT_RULE,
    &qos::DSCP_MARKING_RULE,
    &qos::MINIMUM_BANDWIDTH_RULE,
    &qos::PACKET_RATE_LIMIT_RULE,
    &qos::MINIMUM_PACKET_RATE_RULE,
    &trunk::TRUNK,
    &log::LOG,
    &agent::AGENT,
    &software_package::SOFTWARE_PACKAGE,
    &software_version::SOFTWARE_VERSION,
    &software_order::SOFTWARE_ORDER,
];

/// What is read and never written: answered by handlers of their own.
pub const VIEWS: [&Resource; 8] = [
    &auto_allocated_topology::AUTO_ALLOCATED_TOPOLOGY,
    &floatingip_pool::FLOATINGIP_POOL,
    &flavor::FLAVORS_PROFILE,
    &flavor::NEXT_PROVIDER,
    &flavor::SERVICE_PROVIDER,
    &log::LOGGABLE_RESOURCE,
    &availability::NETWORK_IP_AVAILABILITY,
    &availability::AVAILABILITY_ZONE,
];

/// Why a request cannot be understood. The user is told; nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    pub kind: InvalidKind,
    pub message: String,
}

/// Which of the reference's error types an [`Invalid`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKind {
    /// A converter refused the value.
    Input,
    /// A validator refused the value, or the body or query has the wrong shape.
    Request,
    /// Paging arguments that are not numbers.
    Page,
    /// `allowed_address_pairs` has its own types.
    AddressPairsExhausted,
    DuplicateAddressPair,
    AddressPairMissingIp,
    /// And so have the attributes of rules, and the name that default groups have.
    RuleProtocol,
    RuleEthertype,
    RulePort,
    RulePrefix,
    NamedDefault,
    /// And so have the type of a flavor, and `service_types`.
    ServicePlugin,
    ServiceTypeNotText,
    ServiceType,
}

impl Invalid {
    pub fn input(message: impl Into<String>) -> Invalid {
        Invalid { kind: InvalidKind::Input, message: message.into() }
    }

    pub fn request(message: impl Into<String>) -> Invalid {
        Invalid { kind: InvalidKind::Request, message: message.into() }
    }
}

//! Decisions for the whole cloud. Pure: facts come in as arguments, what to store goes out.
//!
//! ```text
//! network, subnet, port, router, floatingip, port_forwarding   create, update and delete of one resource
//! security_group, security_group_rule, address_group, rbac_policy, conntrack_helper, ndp_proxy, local_ip, log  the same
//! ipam/     gateways, pools, which addresses a port gets        segment/  network types, ids, MTU
//! l3/       which changes concern routers, what hosts should have of them
//! bind      can a host carry a port                             status    what a port's status is
//! dhcp      which agents serve a network                        dns       names of addresses
//! caller    who asks                              policy/   who may: rules, their language, defaults
//! view/     facts -> one host's desired state, and whom a change touches
//! instance  what Nova has to hear of ports   notification  what others are told of changes
//! standard  what every resource has          rules     the operator's settings
//! qos       policies of quality of service
//! quota     how many a project may have      tag        which tags a resource has
//! stamp     time and randomness of one request
//! ```

pub mod address_group;
pub mod address_scope;
pub mod auto_allocated_topology;
pub mod bind;
mod caller;
pub mod conntrack_helper;
pub mod dhcp;
mod dns;
pub mod flavor;
pub mod floatingip;
pub mod instance;
pub mod ipam;
pub mod l3;
pub mod local_ip;
pub mod log;
pub mod meter;
pub mod metering;
pub mod ndp_proxy;
pub mod network;
pub mod notification;
pub mod policy;
pub mod port;
pub mod port_forwarding;
pub mod qos;
pub mod quota;
pub mod rbac_policy;
mod refusal;
pub mod router;
pub mod rules;
pub mod security_group;
pub mod security_group_rule;
pub mod segment;
pub mod software_order;
pub mod software_package;
pub mod software_version;
mod stamp;
pub mod standard;
pub mod status;
pub mod subnet;
pub mod subnetpool;
pub mod tag;
pub mod trunk;
pub mod view;

pub use caller::{Caller, Reach};
pub use refusal::Refusal;
pub use rules::Rules;
pub use stamp::Stamp;

/// Owners of ports that go with their network.
pub const AUTO_DELETE_OWNERS: [&str; 3] =
    ["network:dhcp", "network:distributed", "network:floatingip_agent_gateway"];
/// Owners of router interfaces, whose addresses are not chosen like an instance's.
pub const ROUTER_INTERFACE_OWNERS: [&str; 4] = [
    "network:router_interface",
    "network:ha_router_replicated_interface",
    "network:router_interface_distributed",
    "network:router_centralized_snat",
];

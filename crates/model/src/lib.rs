//! The words every floor shares.
//!
//! ```text
//! api/      what users say: one table per resource, and the typed resource
//! desired   what one host is asked to be: whole parts with a revision
//! report    what a host says back
//! lazy      does a router take its place on a host
//! l3        a router and what is around it, as rows say
//! touch     whom a change touches
//! conversation  of programs of one host: greeting, refusals
//! sync      the messages between server and agent      subject   where they travel
//! purge/    connections that shall go: jobs, and the messages about them
//! vswitch   what a virtual switch is asked to be, told of its machine, and shows
//! gateway   what a host's two gateways are told: networks, who is in them
//! software  install orders: what an instance is to install, and says of it
//! instance  what Nova is told of instances' ports
//! lenient   reading messages of other releases
//! ids       identifiers
//! ```
//! Nothing here waits or does, and but for `lazy`, which both sides must decide alike, nothing decides.

pub mod api;
pub mod conversation;
pub mod desired;
pub mod gateway;
mod ids;
pub mod instance;
pub mod l3;
pub mod lazy;
mod lenient;
pub mod meter;
pub mod purge;
pub mod report;
pub mod software;
pub mod subject;
pub mod sync;
mod touch;
pub mod vhostuser;
pub mod vswitch;

pub use ids::{
    AddressGroupId, AddressScopeId, AgentId, FloatingIpId, LocalIpId, LogId, MeteringLabelId, NdpProxyId,
    NetworkId, NetworkSegmentRangeId, PortForwardingId, PortId, QosPolicyId, QosRuleId, RbacPolicyId,
    RouterId, SecurityGroupId, SecurityGroupRuleId, SegmentId, SoftwareOrderId, SoftwarePackageId,
    SoftwareVersionId, SubnetId, SubnetpoolId, TrunkId,
};
pub use lenient::Skipped;
pub use touch::Touch;

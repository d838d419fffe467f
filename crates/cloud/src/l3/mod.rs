//! Routers: which changes concern them, and what hosts should have of them.
//!
//! ```text
//! listen     a change -> the routers that must be settled
//! schedule   which agents carry a router's centralized traffic
//! plan       a router's rows -> its share on each host, where its ports are bound, whom that touches
//! ha         the network in which the hosts of a project's routers hear of each other
//! ```

#[cfg(test)]
pub(crate) mod fixture;
pub mod ha;
pub mod listen;
pub mod plan;
pub mod schedule;

/// The owner of a host's own port in an external network, by which it carries floating IPs.
pub const AGENT_GATEWAY: &str = "network:floatingip_agent_gateway";

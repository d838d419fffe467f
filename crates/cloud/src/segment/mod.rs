//! Network types: which exist, which ids they take, how large their frames may be.
//!
//! ```text
//! ask    a request's provider attributes -> what is wanted     mtu   bytes that fit
//! of     segments of a network, subnets on them                range   where ids are chosen from
//! routes between subnets on different segments
//! ```

mod ask;
mod mtu;
pub mod of;
pub mod range;
pub mod routes;

pub use ask::{Choice, Wanted, asked, tenant_choices, wanted};
pub use mtu::{largest, largest_of};

/// The types of a segment.
pub const TYPES: [&str; 6] = ["flat", "geneve", "gre", "local", "vlan", "vxlan"];

/// Carried in packets of the underlay.
pub fn is_tunnel(network_type: &str) -> bool {
    matches!(network_type, "vxlan" | "geneve" | "gre")
}

//! From facts to one host's desired state, and from a change to whom it touches.
//!
//! ```text
//! part    rows -> parts of one host        touch   before and after -> (host, part)
//! router  a router's rows -> its part of one host
//! group   security groups, members, address groups -> their parts, and whom they touch
//! ```

pub mod group;
mod part;
pub mod router;
mod touch;

pub use part::{Facts, lease, network, part, port, remote};
pub use touch::{PortFacts, carries_tunnels, of_port};

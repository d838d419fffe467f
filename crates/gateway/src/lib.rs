//! The two gateways of a host, by which instances reach the software repository and what they may know of
//! themselves, without a route between their networks and the management network.
//!
//! ```text
//! instance --TCP--> tenant/      one process, a listening socket inside each network's namespace
//!                     | head/    judges: who asks, what, one length, one path
//!                     v link/    a unix socket: what was judged, and the connection's descriptor
//!                   management/  writes the answer to that descriptor: repository, orders, metadata
//!
//! control    what either is told, over a socket of its own        settings   what an operator says
//! bucket     so much in a time
//! ```
//! Only the tenant's gateway reads what an instance sends; only the other reaches the management network.

mod bucket;
mod control;
mod error;
pub mod head;
pub mod link;
pub mod management;
mod settings;
pub mod tenant;

pub use error::GatewayError;
pub use settings::{Management, Settings, Tenant};

/// Telling and asking a gateway.
pub type Conversation = kernel::conversation::Conversation<model::gateway::Request>;

/// Moves this process, which has one thread yet, to a namespace.
pub fn enter(namespace: &std::path::Path) -> Result<(), GatewayError> {
    kernel::netns::enter(namespace).map_err(GatewayError::io("enter the namespace", namespace))
}

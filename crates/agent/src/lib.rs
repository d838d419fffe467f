//! The agent of a host: makes the host as the server wants it, and says what became of it.
//!
//! ```text
//! bus <--> link --heard--> run     link      what is heard of the server and told to it
//!                          |  ^    sync      asks, and keeps the newest of every part
//! kernel events -----------┘  |    report    outcomes until acknowledged
//! timer (sweep) --------------┘    heartbeat "this host lives, and can"
//!                                  reconcile observe, diff, apply, pretend
//!                                  purges    connections to be forgotten, handed to ctpurge
//!                                  packet_log  what is told of logged ports
//!                                  dhcp      one task that answers for all networks
//!                                  gateways  are told who is in which network
//!                                  advertise one that advertises for all routers
//! ctpurge: a process of its own, that forgets connections
//! ```
//! Start, restart, a lost message and a repair run the same path. Stopping leaves the wiring as
//! it is: a data plane survives its controller.

mod advertise;
mod backoff;
mod config;
pub mod ctpurge;
mod dhcp;
mod filter;
mod gateways;
mod heartbeat;
mod link;
mod meter;
mod packet_log;
mod purges;
mod reconcile;
mod report;
mod run;
mod sync;
mod watch;

pub use config::{Config, Role};
pub use gateways::Settings as GatewaySettings;
pub use link::{Heard, Link};
pub use run::run;
pub use sync::{Fetched, Since, Store, Taken};

/// Why an agent could not work; what it cannot do for one part is reported instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Kernel(#[from] kernel::KernelError),
    #[error(transparent)]
    Bus(#[from] bus::BusError),
}

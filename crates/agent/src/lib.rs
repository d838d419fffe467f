//! The agent of a host: makes the host as the server wants it, and says what became of it.
//!
//! ```text
//! bus --wake--> run --sync--> server       sync     asks, and keeps the newest of every part
//!                |  ^                      reconcile  observe, diff, apply, pretend
//! kernel events -┘  └- timer (sweep)       report   outcomes until acknowledged; heartbeats
//!                                          dhcp     one task that answers for all networks
//! ```
//! Start, restart, a lost message and a repair run the same path. Stopping leaves the wiring as
//! it is: a data plane survives its controller.

mod backoff;
mod config;
mod dhcp;
mod filter;
mod heartbeat;
mod reconcile;
mod report;
mod run;
mod sync;
mod watch;

pub use config::{Config, Role};
pub use run::run;
pub use sync::{Fetched, Store, Taken, fetch};

/// Why an agent could not work; what it cannot do for one part is reported instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Kernel(#[from] kernel::KernelError),
}

//! Connections that shall be forgotten: the language of jobs, and the messages that carry them.
//!
//! ```text
//! job       what shall go, where and why       message   what is asked of ctpurge, and its answers
//! addresses sets of addresses and prefixes     state     what became of a job; counters
//! pairs     removed addresses and their peers  check     what is wrong with a job
//! tuple     one direction of a connection
//! ```
//! The language names no table: the kernel's is purged by it, and any other that tracks connections
//! by zone and tuple can be. What a job asks for is idempotent: forgetting twice is forgetting once.

mod addresses;
mod check;
mod job;
mod message;
mod pairs;
mod state;
mod tuple;

pub use addresses::Addresses;
pub use check::{MAX_ADDRESSES, MAX_TUPLES, Wrong};
pub use job::{Job, JobId, Place, Reason, Tuples, What};
pub use message::{Answer, MAX_FRAME_BYTES, MAX_JOBS_PER_REQUEST, Request};
pub use pairs::{Began, Pairs, Peers, Ports, Service};
pub use state::{Abilities, Costs, Counters, JobShown, Outcome, Progress, State, Stats};
pub use tuple::{Icmp, Tuple};

#[cfg(test)]
mod tests;

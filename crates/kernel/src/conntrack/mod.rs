//! Tables of tracked connections, by ctnetlink: walked without being held, deleted from in batches.
//!
//! ```text
//! table   a namespace's table: walk, delete by tuple, flush a zone, count, insert
//! entry   parses what a dump shows; never panics, whatever the bytes
//! request messages to the kernel
//! answer  what the kernel says on a socket
//! probe   which filters this kernel gets right, seen on decoys in a namespace of its own
//! ```
//! What the kernel gets wrong is not asked of it: no filter by tuple (with IPv6 it is inverted, ports
//! and zones of a tuple are ignored), and no flush by family (with version 0 of the message it
//! flushes all). The zone's own attribute and the family of a dump are used where the probe saw them work.

mod answer;
mod entry;
mod error;
mod probe;
mod request;
mod table;

#[cfg(test)]
mod netns;

pub use entry::{Found, Malformed, parse};
pub use error::ConntrackError;
pub use probe::probe;
pub use request::Insert;
pub use table::{Conntrack, Filter, Visit, Walked};

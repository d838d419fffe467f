//! Namespaces of ours from inside: all acts of one, and all that is seen of one, in one entry.
//!
//! ```text
//! apply     acts, in order, many per system call     observe   links, addresses, routes, settings
//! ```

mod apply;
mod observe;

pub(crate) use apply::{Done, apply};
pub(crate) use observe::{is_ours, observe};

//! What the two gateways say to each other over their unix socket.
//!
//! ```text
//! tenant --Ask: conn, who, what; the first of a connection brings its descriptor--> management
//!        --Left: conn: nobody writes to it any more-->
//!        <--Done: conn, status, bytes written--
//! ```
//! The tenant's gateway alone reads a connection. Until it hears Done it writes nothing to it; the other writes.

mod message;

pub use message::{Ask, Conn, Done, Malformed, ToManagement, Who, read_done, read_to_management, write_left};

/// The longest message: a head that was written anew, a body, and who asks.
pub const MAX_MESSAGE: usize = crate::head::MAX_HEAD + crate::head::MAX_BODY + 4096;

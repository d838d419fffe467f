//! HTTP/1.1 to one address, a connection for each request. What comes is bounded whatever it is.
//!
//! ```text
//! address  a gateway by its number      head  status and lines of an answer, by httparse
//! client   requests and time limits     body  where an answer ends
//! ```
//! One connection each, because a long poll, reports and downloads share nothing but the address, and a
//! connection that is left open is one more thing that can be stale.

mod address;
mod body;
mod client;
mod head;

pub use address::{Address, NoAddress};
pub use body::Body;
pub use client::{Answer, Broken, Gateway};
pub use head::{BadHead, Framing, Head, read_head};

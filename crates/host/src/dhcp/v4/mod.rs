//! DHCPv4 (RFC 2131).
//!
//! ```text
//! reply.rs    what is answered to which message
//! told.rs     the options of an answer
//! message.rs  reading what tenants send, writing what they get
//! ```

mod message;
mod reply;
mod told;

pub(super) use reply::answer;

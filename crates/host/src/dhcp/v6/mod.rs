//! DHCPv6 (RFC 8415).
//!
//! ```text
//! reply.rs    what is answered to which message
//! ia.rs       which addresses go into which identity association
//! told.rs     the other options of an answer
//! message.rs  reading what tenants send
//! ```

mod ia;
mod message;
mod reply;
mod told;

pub(super) use reply::answer;

//! Netlink: messages as bytes, and sockets that carry many of them per system call.
//!
//! ```text
//! message   builds a request, walks attributes      socket   sends batches, reads answers and dumps
//! ```
//! Only framing lives here; what attributes mean is for `link`, `fdb`, `addr` and `nft`. A crate
//! would give typed messages for routing netlink and none for nftables, one request in flight
//! at a time; a burst of a thousand ports wants them by the hundred per send.

pub(crate) mod message;
pub(crate) mod socket;

pub(crate) use message::{Message, attributes};
pub(crate) use socket::Socket;

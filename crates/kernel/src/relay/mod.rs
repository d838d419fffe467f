//! Bytes from one stream to another, through the kernel; and streams handed from one process to another.
//!
//! ```text
//! watched   a descriptor that the runtime waits on, for one of its two directions
//! stream    a TCP stream as a bare descriptor: taken, read, written, and how much was ever written to it
//! pipe      bytes that pass without being copied to this process
//! packets   messages over a unix socket, whole, each with one descriptor at most; who is at its other end
//! ```

mod packets;
mod pipe;
mod stream;
mod watched;

pub use packets::{Listener, Packets, Received};
pub use pipe::Pipe;
pub use stream::{accept, end_writing, listen, peek, receive, send, sent_ever, set_no_delay};
pub use watched::Watched;

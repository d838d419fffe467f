//! Descriptors that the async runtime waits on.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Hands a descriptor to the runtime in whose context this is called.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, is the same descriptor at every call, and stays so until it is
    // dropped; it is moved in here, and nobody takes it out again.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}

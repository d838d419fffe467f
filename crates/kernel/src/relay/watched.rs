//! A descriptor that the runtime waits on, for one of its two directions.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits for one direction only: who writes much would else wake whoever only reads, and the other way round.
#[derive(Debug)]
pub struct Watched {
    fd: AsyncFd<Arc<OwnedFd>>,
    interest: Interest,
}

impl Watched {
    /// Must be called within a runtime. The descriptor must not block.
    pub fn for_reading(fd: Arc<OwnedFd>) -> io::Result<Watched> {
        Watched::new(fd, Interest::READABLE)
    }

    /// As [`Watched::for_reading`].
    pub fn for_writing(fd: Arc<OwnedFd>) -> io::Result<Watched> {
        Watched::new(fd, Interest::WRITABLE)
    }

    fn new(fd: Arc<OwnedFd>, interest: Interest) -> io::Result<Watched> {
        // SAFETY: an OwnedFd within an Arc is open, is the same descriptor at every call, and stays so until
        // the Arc that is moved in here is dropped; nobody takes it out again.
        let fd = unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)?;
        Ok(Watched { fd, interest })
    }

    /// Tries until it would not block any longer.
    pub async fn when_ready<T>(&self, mut act: impl FnMut(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        self.fd.async_io(self.interest, |fd| act(fd.as_fd())).await
    }

    pub fn descriptor(&self) -> &Arc<OwnedFd> {
        self.fd.get_ref()
    }
}

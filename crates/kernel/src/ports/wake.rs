//! Waiting for any of many descriptors, and being woken by another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

const EVENTS: usize = 64;
/// Told by its number alone; no port has it.
const WOKEN: u64 = u64::MAX;

/// Waits for many descriptors, each known by a number.
pub struct Poller {
    epoll: Epoll,
    woken: Arc<EventFd>,
    events: Vec<EpollEvent>,
}

/// Ends the wait of a [`Poller`].
#[derive(Clone)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    pub fn wake(&self) {
        // It fails only when it was woken 2^64 times and nobody looked.
        let _ = self.0.write(1);
    }
}

impl Poller {
    pub fn new() -> io::Result<Poller> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let woken = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&woken, EpollEvent::new(EpollFlags::EPOLLIN, WOKEN))?;
        Ok(Poller { epoll, woken: Arc::new(woken), events: vec![EpollEvent::empty(); EVENTS] })
    }

    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.woken))
    }

    /// Waits for a descriptor until it is removed; the caller keeps it open as long.
    pub fn add(&self, fd: &impl AsFd, number: u16) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number.into()))?)
    }

    pub fn remove(&self, fd: &impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Numbers of descriptors that have something, and whether somebody woke us; waits no longer than it is
    /// told, and for ever without a limit.
    pub fn wait(&mut self, limit: Option<Duration>, mut ready: impl FnMut(u16)) -> io::Result<bool> {
        let timeout = match limit {
            None => EpollTimeout::NONE,
            // Rounded up: who wakes too early looks at the clock over and over.
            Some(limit) => {
                let ms = limit.as_micros().div_ceil(1000).min(60_000) as u16;
                EpollTimeout::from(ms)
            }
        };
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        let mut woken = false;
        for event in &self.events[..count] {
            match event.data() {
                WOKEN => {
                    woken = true;
                    let _ = self.woken.read();
                }
                number => ready(number as u16),
            }
        }
        Ok(woken)
    }
}

/// Waits until either has something to read, or the time is over; true when the second has.
pub(crate) fn either(one: BorrowedFd<'_>, other: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let mut both = [PollFd::new(one, PollFlags::POLLIN), PollFd::new(other, PollFlags::POLLIN)];
    let limit = PollTimeout::from(limit.as_millis().min(60_000) as u16);
    match poll(&mut both, limit) {
        Ok(_) | Err(Errno::EINTR) => Ok(both[1].any() == Some(true)),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether it has something to read within a time.
pub(crate) fn soon(fd: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let limit = PollTimeout::from(limit.as_millis().min(1000) as u16);
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], limit) {
        Ok(count) => Ok(count > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

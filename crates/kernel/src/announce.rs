//! Frames that tell neighbours of an address, sent again when nobody waits for them.
//!
//! One frame may be lost, and who listens may have been busy. The first goes out in the turn of
//! its act; a thread of its own sends the others, through a socket that was opened in the
//! namespace.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::packet::send_to;

/// How long after the first the others go.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(2000)];

/// Frames of one namespace.
pub(crate) struct Announcement {
    fd: OwnedFd,
    frames: Vec<(u32, Vec<u8>)>,
}

impl Announcement {
    /// Opens in the namespace of the calling thread.
    pub fn open() -> io::Result<Announcement> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Without a protocol it hears nothing.
        let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        Ok(Announcement { fd, frames: Vec::new() })
    }

    /// Sends frames by a device, and keeps them for later.
    pub fn add(&mut self, device: u32, frames: Vec<Vec<u8>>) -> io::Result<()> {
        self.add_for(device, Some(device), frames)
    }

    /// Sends frames by one device, and keeps them to be sent by another later.
    pub fn add_for(&mut self, device: u32, later: Option<u32>, frames: Vec<Vec<u8>>) -> io::Result<()> {
        for frame in frames {
            send_to(self.fd.as_raw_fd(), device, &frame)?;
            self.frames.extend(later.map(|later| (later, frame)));
        }
        Ok(())
    }

    fn repeat(&self) {
        for (device, frame) in &self.frames {
            match send_to(self.fd.as_raw_fd(), *device, frame) {
                // The device went meanwhile, and its address with it.
                Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => {}
                Err(error) => tracing::debug!(%error, "address not announced again"),
                Ok(()) => {}
            }
        }
    }
}

/// The thread that sends again; it ends with the handle.
pub(crate) struct Announcer {
    inbox: mpsc::Sender<Announcement>,
}

impl Announcer {
    pub fn start() -> io::Result<Announcer> {
        let (inbox, received) = mpsc::channel();
        std::thread::Builder::new().name("announce".into()).spawn(move || run(&received))?;
        Ok(Announcer { inbox })
    }

    pub fn repeat(&self, announcement: Announcement) {
        // The thread ends only together with the handle.
        let _ = self.inbox.send(announcement);
    }
}

fn run(inbox: &mpsc::Receiver<Announcement>) {
    let mut due: Vec<(Instant, usize, Announcement)> = Vec::new();
    loop {
        let now = Instant::now();
        let next = due.iter().map(|(at, ..)| at.saturating_duration_since(now)).min();
        let received = match next {
            Some(wait) => inbox.recv_timeout(wait),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(announcement) => due.push((Instant::now() + AGAIN[0], 0, announcement)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        let (ready, later) = due.into_iter().partition(|(at, ..)| *at <= now);
        due = later;
        for (at, round, announcement) in ready {
            announcement.repeat();
            if let Some(next) = AGAIN.get(round + 1) {
                due.push((at + (*next - AGAIN[round]), round + 1, announcement));
            }
        }
    }
}

//! Links that come, change and go.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, SockProtocol, recv};
use tokio::io::unix::AsyncFd;

use crate::link;
use crate::netlink::socket::{self, messages};

const GROUP_LINK: u32 = 1;

/// What happened in the namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A link is there, made or changed.
    Link {
        device: String,
        index: u32,
        up: bool,
        master: Option<u32>,
    },
    Gone {
        device: String,
    },
    /// More happened than could be told: look at everything.
    Lost,
}

/// Events of one namespace, in order.
pub struct Events {
    fd: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
    /// Names by index: a link that is renamed is gone under its old one.
    names: BTreeMap<u32, String>,
}

/// Opens the socket in the namespace of the calling thread.
pub(crate) fn open() -> io::Result<OwnedFd> {
    socket::open(SockProtocol::NetlinkRoute, GROUP_LINK)
}

impl Events {
    /// `names` are those of the links that are there.
    pub(crate) fn new(fd: OwnedFd, names: BTreeMap<u32, String>) -> io::Result<Events> {
        Ok(Events { fd: crate::wait::register(fd)?, buffer: vec![0; 64 << 10], names })
    }

    /// Waits for events, and takes all that are there.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        while events.is_empty() {
            let mut guard = self.fd.readable().await?;
            loop {
                match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                    Ok(length) => parse(&self.buffer[..length], &mut self.names, &mut events),
                    Err(Errno::EAGAIN) => {
                        guard.clear_ready();
                        break;
                    }
                    Err(Errno::EINTR) => {}
                    Err(Errno::ENOBUFS) => events.push(Event::Lost),
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(events)
    }
}

fn parse(bytes: &[u8], names: &mut BTreeMap<u32, String>, events: &mut Vec<Event>) {
    for (header, payload) in messages(bytes) {
        let Some(told) = link::parse(payload) else { continue };
        let device = told.name;
        match header.kind {
            libc::RTM_NEWLINK => {
                let (index, up, master) = (told.index, told.up, told.master);
                match names.insert(index, device.clone()) {
                    Some(old) if old != device => events.push(Event::Gone { device: old }),
                    _ => {}
                }
                events.push(Event::Link { device, index, up, master });
            }
            libc::RTM_DELLINK => {
                // A port that leaves its bridge is told of in the same words.
                if payload.first() == Some(&0) {
                    names.remove(&told.index);
                }
                events.push(Event::Gone { device });
            }
            _ => {}
        }
    }
}

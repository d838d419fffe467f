//! Netlink as plain as it can be: requests written one behind the other, sent at once, and their
//! acknowledgements counted.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, bail};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};

const HEADER: usize = 16;
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Requests to be sent at once.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where the last request begins.
    last: usize,
    asked: usize,
}

impl Batch {
    /// Begins a request with the fixed struct of its kind.
    pub fn request(mut self, kind: u16, flags: i32, fixed: &[u8]) -> Batch {
        self.last = self.bytes.len();
        let flags = (flags | libc::NLM_F_REQUEST) as u16;
        self.asked += usize::from(flags & libc::NLM_F_ACK as u16 != 0);
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend([0; 8]);
        self.bytes.extend(fixed);
        self.measure()
    }

    pub fn attr(mut self, kind: u16, value: &[u8]) -> Batch {
        self.bytes.extend(((4 + value.len()) as u16).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.measure()
    }

    pub fn text(self, kind: u16, value: &str) -> Batch {
        self.attr(kind, format!("{value}\0").as_bytes())
    }

    pub fn be(self, kind: u16, value: u32) -> Batch {
        self.attr(kind, &value.to_be_bytes())
    }

    pub fn number(self, kind: u16, value: u32) -> Batch {
        self.attr(kind, &value.to_ne_bytes())
    }

    pub fn nest(mut self, kind: u16, fill: impl FnOnce(Batch) -> Batch) -> Batch {
        const NESTED: u16 = 0x8000;
        let start = self.bytes.len();
        self = fill(self.attr(kind | NESTED, &[]));
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    pub fn raw(mut self, bytes: &[u8]) -> Batch {
        self.bytes.extend(bytes);
        self.measure()
    }

    fn measure(mut self) -> Batch {
        let length = (self.bytes.len() - self.last) as u32;
        self.bytes[self.last..self.last + 4].copy_from_slice(&length.to_ne_bytes());
        self
    }
}

/// A socket in the namespace of the thread that opened it.
pub struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    pub fn open(protocol: SockProtocol) -> anyhow::Result<Socket> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER_BYTES)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Socket { fd, buffer: vec![0; 32 << 10] })
    }

    /// Sends everything, and waits for what was asked to be acknowledged.
    pub fn send(&mut self, what: &str, batch: Batch) -> anyhow::Result<()> {
        send(self.fd.as_raw_fd(), &batch.bytes, MsgFlags::empty()).context(what.to_owned())?;
        let mut open = batch.asked;
        while open > 0 {
            let length = recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty())?;
            let mut rest = &self.buffer[..length];
            while let Some(head) = rest.first_chunk::<{ HEADER + 4 }>() {
                let number =
                    |at: usize| i32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
                let kind = u16::from_ne_bytes([head[4], head[5]]);
                if i32::from(kind) == libc::NLMSG_ERROR {
                    open -= 1;
                    if number(HEADER) != 0 {
                        bail!("{what}: {}", std::io::Error::from_raw_os_error(-number(HEADER)));
                    }
                }
                rest = rest.get((number(0) as usize).next_multiple_of(4)..).unwrap_or_default();
            }
        }
        Ok(())
    }
}

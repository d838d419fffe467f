//! Packets that rules tell of (NFLOG, `nfnetlink_log`).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use host::secgroup::LOG_GROUP;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockProtocol, recv, setsockopt, sockopt};
use tokio::io::unix::AsyncFd;

use crate::KernelError;
use crate::netlink::message::text_of;
use crate::netlink::socket::messages;
use crate::netlink::{Message, Socket, attributes};

const SUBSYSTEM: u16 = 4;
const PACKET: u16 = SUBSYSTEM << 8;
const CONFIGURE: u16 = SUBSYSTEM << 8 | 1;
/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;

const COMMAND: u16 = 1;
const BIND: u8 = 1;
const MODE: u16 = 2;
const COPY_PACKET: u8 = 2;
/// Of each packet: enough for its headers.
const COPIED_BYTES: u32 = 128;

const PAYLOAD: u16 = 9;
const PREFIX: u16 = 10;

/// What comes while nobody reads is lost, and said to be.
const BUFFER_BYTES: usize = 256 << 10;

/// A packet that a rule told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedPacket {
    /// What the rule says with it.
    pub prefix: String,
    /// From the network header on; maybe not all.
    pub bytes: Vec<u8>,
}

/// Packets of one namespace, in order.
pub struct PacketLog {
    fd: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
}

/// Asks for them, in the namespace of the calling thread. One at a time may.
pub(crate) fn open() -> Result<OwnedFd, KernelError> {
    let act = || "hear of logged packets".to_owned();
    let broken = KernelError::io("hear of logged packets");
    let mut socket = Socket::open(SockProtocol::NetlinkNetFilter).map_err(broken)?;
    let group = LOG_GROUP.to_be_bytes();
    let configure = || Message::new(CONFIGURE, 0, &[0, 0, group[0], group[1]]);
    let mut mode = COPIED_BYTES.to_be_bytes().to_vec();
    mode.extend([COPY_PACKET, 0]);
    for message in [configure().attr(COMMAND, &[BIND]), configure().attr(MODE, &mode)] {
        socket.request_one(message).map_err(|refusal| KernelError::Refused { act: act(), refusal })?;
    }
    Ok(socket.into_fd())
}

impl PacketLog {
    pub(crate) fn new(fd: OwnedFd) -> io::Result<PacketLog> {
        let _ = setsockopt(&fd, sockopt::RcvBuf, &BUFFER_BYTES);
        Ok(PacketLog { fd: crate::wait::register(fd)?, buffer: vec![0; 64 << 10] })
    }

    /// Waits for packets, and takes those that are there; `true` when some were lost before.
    pub async fn next(&mut self) -> io::Result<(Vec<LoggedPacket>, bool)> {
        let (mut packets, mut lost) = (Vec::new(), false);
        while packets.is_empty() && !lost {
            let mut guard = self.fd.readable().await?;
            match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => parse(&self.buffer[..length], &mut packets),
                Err(Errno::EAGAIN) => guard.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => lost = true,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok((packets, lost))
    }
}

fn parse(bytes: &[u8], packets: &mut Vec<LoggedPacket>) {
    for (_, payload) in messages(bytes).filter(|(header, _)| header.kind == PACKET) {
        let (mut prefix, mut bytes) = (String::new(), Vec::new());
        for (kind, value) in attributes(payload.get(NFGENMSG..).unwrap_or_default()) {
            match kind {
                PREFIX => prefix = text_of(value),
                PAYLOAD => bytes = value.to_vec(),
                _ => {}
            }
        }
        packets.push(LoggedPacket { prefix, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_with_what_is_said_of_them() {
        let one = |prefix: &str| {
            Message::new(PACKET, 0, &[7, 0, 0, 0])
                .attr_str(PREFIX, prefix)
                .attr(PAYLOAD, &[0x45, 1, 2])
                .finish(0, 0)
        };
        let mut bytes = one("first");
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(one("second"));
        bytes.extend(Message::new(CONFIGURE, 0, &[0; 4]).finish(0, 0));
        let mut packets = Vec::new();
        parse(&bytes, &mut packets);
        let packet = |prefix: &str| LoggedPacket { prefix: prefix.into(), bytes: vec![0x45, 1, 2] };
        assert_eq!(packets, [packet("first"), packet("second")]);
        for length in 0..bytes.len() {
            parse(&bytes[..length], &mut Vec::new());
        }
    }
}

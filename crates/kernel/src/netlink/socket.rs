//! A blocking netlink socket. It stays in the namespace it was opened in.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::message::{HEADER, Message, attributes, text_of, u32_of};

/// Messages per send: their acknowledgements must fit into the receive buffer.
const BATCH: usize = 128;
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Kinds of the messages around a transaction.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// A dump that other changes keep interrupting is given up after this many tries.
const DUMP_TRIES: u32 = 20;
/// The kernel answers at once; this only keeps a defect from hanging the thread for good.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the kernel refused, and its explanation where it gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: Errno,
    pub message: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{} ({message})", self.errno.desc()),
            None => f.write_str(self.errno.desc()),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal { errno, message: None }
    }
}

/// Kind and payload of one message of an answer.
pub(crate) type Answer = (u16, Vec<u8>);

pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens in the namespace of the calling thread.
    pub fn open(protocol: SockProtocol) -> io::Result<Socket> {
        let fd = open(protocol, 0)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::from(timeval(PATIENCE)))?;
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
            set_netlink_option(&fd, option)?;
        }
        Ok(Socket { fd, sequence: 0, buffer: vec![0; 64 << 10] })
    }

    /// What was asked for goes on coming by it.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Sends requests, many per system call, and returns their answers in the same order.
    pub fn request(&mut self, messages: Vec<Message>) -> Vec<Result<Vec<Answer>, Refusal>> {
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let first = self.sequence.wrapping_add(1);
            let mut bytes = Vec::new();
            let mut count = 0;
            for message in messages.by_ref().take(BATCH) {
                self.sequence = self.sequence.wrapping_add(1);
                bytes.extend(message.finish(self.sequence, libc::NLM_F_REQUEST | libc::NLM_F_ACK));
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                count += 1;
            }
            outcomes.extend(self.exchange(&bytes, first, count));
        }
        outcomes
    }

    pub fn request_one(&mut self, message: Message) -> Result<Vec<Answer>, Refusal> {
        self.request(vec![message]).pop().unwrap_or(Err(Refusal::from(Errno::EIO)))
    }

    /// Sends requests as one transaction, which happens whole or not at all. The refused ones come
    /// back by their places; a transaction that failed as a whole is charged to the first.
    pub fn transact(
        &mut self,
        bracket: impl Fn(u16) -> Message,
        requests: Vec<Message>,
    ) -> Vec<(usize, Refusal)> {
        let count = requests.len();
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        let all = std::iter::once(bracket(BATCH_BEGIN)).chain(requests);
        for (at, message) in all.chain([bracket(BATCH_END)]).enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            // The last is acknowledged for all: the kernel answers once it has taken or dropped them.
            let flags = libc::NLM_F_REQUEST | if at == count { libc::NLM_F_ACK } else { 0 };
            bytes.extend(message.finish(self.sequence, flags));
        }
        let mut refused = Vec::new();
        if let Err(errno) = send(self.fd.as_raw_fd(), &bytes, MsgFlags::empty()) {
            return vec![(0, Refusal::from(errno))];
        }
        loop {
            let length = match self.receive() {
                Ok(length) => length,
                Err(errno) => return vec![(0, Refusal::from(errno))],
            };
            for (header, payload) in messages(&self.buffer[..length]) {
                let at = header.sequence.wrapping_sub(first) as usize;
                if at > count || i32::from(header.kind) != libc::NLMSG_ERROR {
                    continue;
                }
                let refusal = refusal(header.flags, payload);
                let is_last = at == count || at == 0 && refusal.is_some();
                refused.extend(refusal.map(|refusal| (at.saturating_sub(1), refusal)));
                if is_last {
                    return refused;
                }
            }
        }
    }

    /// Reads all of a table; starts again when it changed while being read.
    pub fn dump(&mut self, message: impl Fn() -> Message) -> Result<Vec<Answer>, Refusal> {
        for _ in 0..DUMP_TRIES {
            self.sequence = self.sequence.wrapping_add(1);
            let flags = libc::NLM_F_REQUEST | libc::NLM_F_DUMP;
            let bytes = message().finish(self.sequence, flags);
            send(self.fd.as_raw_fd(), &bytes, MsgFlags::empty())?;
            match self.read_dump() {
                Ok(Some(answers)) => return Ok(answers),
                Ok(None) => continue,
                Err(refusal) if refusal.errno == Errno::EINTR => continue,
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::from(Errno::EINTR))
    }

    /// `None` when the table changed under the dump.
    fn read_dump(&mut self) -> Result<Option<Vec<Answer>>, Refusal> {
        const DUMP_INTR: u16 = 0x10;
        let mut answers = Vec::new();
        let mut torn = false;
        loop {
            let length = self.receive()?;
            for (header, payload) in messages(&self.buffer[..length]) {
                if header.sequence != self.sequence {
                    continue;
                }
                torn |= header.flags & DUMP_INTR != 0;
                match i32::from(header.kind) {
                    libc::NLMSG_DONE => {
                        let errno = -(u32_of(payload) as i32);
                        if errno > 0 {
                            return Err(Refusal::from(Errno::from_raw(errno)));
                        }
                        return Ok((!torn).then_some(answers));
                    }
                    libc::NLMSG_ERROR => {
                        return Err(refusal(header.flags, payload).unwrap_or(Refusal::from(Errno::EIO)));
                    }
                    _ => answers.push((header.kind, payload.to_vec())),
                }
            }
        }
    }

    fn exchange(&mut self, bytes: &[u8], first: u32, count: usize) -> Vec<Result<Vec<Answer>, Refusal>> {
        let mut outcomes: Vec<Result<Vec<Answer>, Refusal>> = Vec::new();
        outcomes.resize_with(count, || Ok(Vec::new()));
        let mut open = count;
        if let Err(errno) = send(self.fd.as_raw_fd(), bytes, MsgFlags::empty()) {
            return (0..count).map(|_| Err(Refusal::from(errno))).collect();
        }
        while open > 0 {
            let length = match self.receive() {
                Ok(length) => length,
                // Answers are lost: nobody knows what became of the rest.
                Err(errno) => {
                    tracing::warn!(%errno, "netlink answers lost");
                    outcomes.iter_mut().for_each(|o| *o = Err(Refusal::from(errno)));
                    return outcomes;
                }
            };
            for (header, payload) in messages(&self.buffer[..length]) {
                let at = header.sequence.wrapping_sub(first) as usize;
                let Some(outcome) = outcomes.get_mut(at) else { continue };
                if i32::from(header.kind) == libc::NLMSG_ERROR {
                    open -= 1;
                    if let Some(refusal) = refusal(header.flags, payload) {
                        *outcome = Err(refusal);
                    }
                } else if let Ok(answers) = outcome {
                    answers.push((header.kind, payload.to_vec()));
                }
            }
        }
        outcomes
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        loop {
            match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                other => return other,
            }
        }
    }
}

/// A netlink socket bound to multicast groups (a bit each).
pub(crate) fn open(protocol: SockProtocol, groups: u32) -> io::Result<OwnedFd> {
    let flags =
        if groups == 0 { SockFlag::SOCK_CLOEXEC } else { SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK };
    let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    // Beyond the system's limit only with CAP_NET_ADMIN in the first user namespace.
    let _ = setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES);
    let _ = setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER_BYTES);
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(fd)
}

pub(crate) struct Header {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
}

/// Walks the messages of one datagram.
pub(crate) fn messages(bytes: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.first_chunk::<HEADER>()?;
        let length = u32_of(head) as usize;
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        let header = Header {
            kind: u16::from_ne_bytes([head[4], head[5]]),
            flags: u16::from_ne_bytes([head[6], head[7]]),
            sequence: u32_of(&head[8..12]),
        };
        Some((header, payload))
    })
}

/// `None` for an acknowledgement.
fn refusal(flags: u16, payload: &[u8]) -> Option<Refusal> {
    const ACK_TLVS: u16 = 0x200;
    const MESSAGE: u16 = 1;
    let errno = -(u32_of(payload) as i32);
    if errno == 0 {
        return None;
    }
    let explained = (flags & ACK_TLVS != 0).then(|| payload.get(4 + HEADER..)).flatten();
    let message = explained
        .and_then(|tlvs| attributes(tlvs).find(|(kind, _)| *kind == MESSAGE).map(|(_, text)| text_of(text)));
    Some(Refusal { errno: Errno::from_raw(errno), message })
}

const NETLINK_GET_STRICT_CHK: i32 = 12;

pub(crate) fn set_netlink_option(fd: &OwnedFd, option: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for the borrow's length, and the option's value is an int
    // that lives across the call, with its own size given.
    let outcome = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            std::ptr::from_ref(&on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn timeval(duration: Duration) -> libc::timeval {
    libc::timeval { tv_sec: duration.as_secs() as libc::time_t, tv_usec: 0 }
}

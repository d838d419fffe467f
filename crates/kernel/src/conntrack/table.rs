//! The table of one namespace.
//!
//! Two sockets: one shows, the other deletes, so that entries go while the walk is under way and
//! nothing of the table is held but what one read brings.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use model::purge::Tuple;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, SockProtocol, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::ConntrackError;
use super::answer::{drain, errno_of, lost, receive, refused};
use super::entry::{self, Found};
use super::request::{self, Insert};
use crate::netlink::message::u32_of;
use crate::netlink::socket::{messages, open};
use crate::netlink::{Message, attributes};
use crate::netns;

/// Deletions per system call; the kernel says of each that failed, and of the last in any case.
const BATCH: usize = 64;
/// The kernel fills at most 32 KiB per read of a dump.
const BUFFER_BYTES: usize = 32 << 10;
/// A walk that other changes keep tearing is given up after so many.
const TRIES: u32 = 8;
/// The kernel answers at once; this only keeps a defect from hanging the thread for good.
const PATIENCE_S: i64 = 30;
const ENTRIES: u16 = 1;
const BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";

/// Who looks at entries as they are shown.
pub trait Visit {
    /// True: the entry goes.
    fn judge(&mut self, found: &Found) -> bool;
    /// What became of entries that go, in the order in which they were judged; `gone` went by itself.
    fn settled(&mut self, _gone: bool) {}
    /// Between two reads. False ends the walk.
    fn go_on(&mut self, _walked: &Walked) -> bool {
        true
    }
}

/// What a walk or a deletion came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Walked {
    pub shown: u64,
    pub deleted: u64,
    pub gone: u64,
    /// Entries and messages that could not be read.
    pub malformed: u64,
    /// Walks begun again.
    pub again: u64,
}

/// What the kernel leaves out of a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub zone: Option<u16>,
    pub ipv4: Option<bool>,
}

/// A namespace's table, open.
pub struct Conntrack {
    shows: OwnedFd,
    acts: OwnedFd,
    buffer: Vec<u8>,
    answers: Vec<u8>,
    /// Deletions that wait to be sent.
    batch: Vec<u8>,
    waiting: usize,
    sequence: u32,
    /// Makes of what is said what a kernel would hear that does not know all of it.
    #[cfg(test)]
    pub(super) deaf: Option<fn(Vec<u8>) -> Vec<u8>>,
}

impl Conntrack {
    /// Opens the table of a namespace; of the calling thread's with `None`.
    pub fn open(namespace: Option<&Path>) -> Result<Conntrack, ConntrackError> {
        match namespace {
            None => Conntrack::open_here(),
            Some(path) => netns::id(path)
                .and_then(|_| netns::within(path, Conntrack::open_here))
                .unwrap_or_else(|source| Err(ConntrackError::Namespace { path: path.to_owned(), source })),
        }
    }

    pub(super) fn open_here() -> Result<Conntrack, ConntrackError> {
        let socket = || -> io::Result<OwnedFd> {
            let fd = open(SockProtocol::NetlinkNetFilter, 0)?;
            let patience = libc::timeval { tv_sec: PATIENCE_S, tv_usec: 0 };
            setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::from(patience))?;
            crate::netlink::socket::set_netlink_option(&fd, libc::NETLINK_CAP_ACK)?;
            Ok(fd)
        };
        Ok(Conntrack {
            shows: socket().map_err(ConntrackError::Open)?,
            acts: socket().map_err(ConntrackError::Open)?,
            buffer: vec![0; BUFFER_BYTES],
            answers: vec![0; BUFFER_BYTES],
            batch: Vec::new(),
            waiting: 0,
            sequence: 0,
            #[cfg(test)]
            deaf: None,
        })
    }

    /// The socket that deletes.
    #[cfg(test)]
    pub(super) fn acts(&self) -> &OwnedFd {
        &self.acts
    }

    fn say(&self, to: &OwnedFd, bytes: &[u8]) -> nix::Result<()> {
        #[cfg(test)]
        let heard = self.deaf.map(|deaf| deaf(bytes.to_vec()));
        #[cfg(test)]
        let bytes = heard.as_deref().unwrap_or(bytes);
        loop {
            match send(to.as_raw_fd(), bytes, MsgFlags::empty()) {
                // A signal came first, and nothing was sent.
                Err(Errno::EINTR) => continue,
                other => return other.map(drop),
            }
        }
    }

    /// Entries of the namespace.
    pub fn entries(&mut self) -> Result<u64, ConntrackError> {
        const ACT: &str = "count the entries";
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = request::stats().finish(self.sequence, libc::NLM_F_REQUEST);
        self.say(&self.acts, &bytes).map_err(|errno| refused(ACT, errno))?;
        loop {
            let len = receive(&self.acts, &mut self.answers, ACT)?;
            for (header, payload) in messages(&self.answers[..len]) {
                if header.sequence != self.sequence {
                    continue;
                }
                if let Some(errno) = errno_of(&header, payload) {
                    return Err(refused(ACT, errno));
                }
                let body = payload.get(entry::NFGENMSG..).unwrap_or_default();
                let count = attributes(body).find(|(kind, _)| *kind == ENTRIES);
                let number = count.and_then(|(_, value)| value.first_chunk()).map(|b| u32::from_be_bytes(*b));
                return Ok(number.unwrap_or(0).into());
            }
        }
    }

    /// Shows everything that the filter leaves, once, and deletes what the visitor wants gone. A walk under
    /// which the table changed its shape is begun again.
    pub fn walk(&mut self, filter: Filter, visit: &mut impl Visit) -> Result<Walked, ConntrackError> {
        let mut walked = Walked::default();
        for _ in 0..TRIES {
            let buckets = fs::read(BUCKETS).ok();
            // Entries move between buckets of another number, and may do so past the walk.
            let whole = self.walk_once(filter, visit, &mut walked)? && buckets == fs::read(BUCKETS).ok();
            if whole {
                return Ok(walked);
            }
            walked.again += 1;
        }
        Err(ConntrackError::Torn { tries: TRIES })
    }

    /// False when the walk may have missed something.
    fn walk_once(
        &mut self,
        filter: Filter,
        visit: &mut impl Visit,
        walked: &mut Walked,
    ) -> Result<bool, ConntrackError> {
        const ACT: &str = "walk the table";
        const TORN: u16 = 0x10;
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let bytes = request::dump(filter.zone, filter.ipv4).finish(sequence, libc::NLM_F_REQUEST);
        self.say(&self.shows, &bytes).map_err(|errno| refused(ACT, errno))?;
        let mut torn = false;
        loop {
            // Taken for the time of reading, as deletions need the rest of this.
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = receive(&self.shows, &mut buffer, ACT);
            let outcome = read.and_then(|len| {
                let mut ended = None;
                for (header, payload) in messages(&buffer[..len]) {
                    if header.sequence != sequence {
                        continue;
                    }
                    torn |= header.flags & TORN != 0;
                    match i32::from(header.kind) {
                        libc::NLMSG_DONE | libc::NLMSG_ERROR => {
                            ended = Some(match errno_of(&header, payload) {
                                None => Ok(()),
                                Some(Errno::EINTR) => {
                                    torn = true;
                                    Ok(())
                                }
                                Some(errno) => Err(refused(ACT, errno)),
                            });
                        }
                        _ => self.see(payload, visit, walked)?,
                    }
                }
                ended.transpose()
            });
            self.buffer = buffer;
            if outcome?.is_some() {
                self.settle(visit, walked)?;
                return Ok(!torn);
            }
            if !visit.go_on(walked) {
                return Err(ConntrackError::Stopped);
            }
        }
    }

    fn see(
        &mut self,
        payload: &[u8],
        visit: &mut impl Visit,
        walked: &mut Walked,
    ) -> Result<(), ConntrackError> {
        match entry::parse(payload) {
            Ok(found) => {
                walked.shown += 1;
                if visit.judge(&found) {
                    self.push(|others| request::delete_found(others, &found), visit, walked)?;
                }
            }
            Err(why) => {
                walked.malformed += 1;
                tracing::debug!(%why, "an entry of connection tracking that cannot be read");
            }
        }
        Ok(())
    }

    /// Deletes connections by their tuples, without a walk.
    pub fn delete(
        &mut self,
        zone: u16,
        tuples: impl Iterator<Item = Tuple>,
        visit: &mut impl Visit,
    ) -> Result<Walked, ConntrackError> {
        let mut walked = Walked::default();
        for tuple in tuples {
            self.push(|others| request::delete_known(others, zone, &tuple), visit, &mut walked)?;
            if self.waiting == 0 && !visit.go_on(&walked) {
                return Err(ConntrackError::Stopped);
            }
        }
        self.settle(visit, &mut walked)?;
        Ok(walked)
    }

    /// Lets the kernel delete all of a zone. Only for a kernel that the probe found to do it right.
    pub fn flush_zone(&mut self, zone: u16) -> Result<(), ConntrackError> {
        self.ask(request::flush_zone(zone), "flush a zone")
    }

    /// Makes entries; what is there stays, and says so.
    pub fn insert(&mut self, inserts: &[Insert]) -> Result<(), ConntrackError> {
        struct Nobody;
        impl Visit for Nobody {
            fn judge(&mut self, _: &Found) -> bool {
                false
            }
        }
        let mut walked = Walked::default();
        for insert in inserts {
            self.push(|others| request::insert(others, insert), &mut Nobody, &mut walked)?;
        }
        self.settle(&mut Nobody, &mut walked)
    }

    /// Adds what is built behind those that wait.
    pub(super) fn push(
        &mut self,
        build: impl FnOnce(Vec<u8>) -> Message,
        visit: &mut impl Visit,
        walked: &mut Walked,
    ) -> Result<(), ConntrackError> {
        self.sequence = self.sequence.wrapping_add(1);
        self.waiting += 1;
        let is_last = self.waiting == BATCH;
        let flags = libc::NLM_F_REQUEST | if is_last { libc::NLM_F_ACK } else { 0 };
        self.batch = build(std::mem::take(&mut self.batch)).finish(self.sequence, flags);
        if is_last { self.exchange(visit, walked) } else { Ok(()) }
    }

    /// Sends what waits.
    pub(super) fn settle(
        &mut self,
        visit: &mut impl Visit,
        walked: &mut Walked,
    ) -> Result<(), ConntrackError> {
        if self.waiting == 0 {
            return Ok(());
        }
        let mut at = 0;
        let mut last = 0;
        while let Some(head) = self.batch.get(at..at + 4) {
            last = at;
            at += (u32_of(head) as usize).next_multiple_of(4).max(4);
        }
        let flags = u16::from_ne_bytes([self.batch[last + 6], self.batch[last + 7]]) | libc::NLM_F_ACK as u16;
        self.batch[last + 6..last + 8].copy_from_slice(&flags.to_ne_bytes());
        self.exchange(visit, walked)
    }

    fn exchange(&mut self, visit: &mut impl Visit, walked: &mut Walked) -> Result<(), ConntrackError> {
        const ACT: &str = "change entries";
        let (count, batch) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.batch));
        let sent = self.say(&self.acts, &batch);
        self.batch = batch;
        self.batch.clear();
        sent.map_err(|errno| lost(ACT, errno))?;
        let first = self.sequence.wrapping_sub(count as u32 - 1);
        let mut gone = [0u64; BATCH / 64];
        let mut broken = None;
        let mut open = true;
        while open {
            let len = receive(&self.acts, &mut self.answers, ACT).inspect_err(|_| drain(&self.acts))?;
            for (header, payload) in messages(&self.answers[..len]) {
                let at = header.sequence.wrapping_sub(first) as usize;
                if at >= count || i32::from(header.kind) != libc::NLMSG_ERROR {
                    continue;
                }
                match errno_of(&header, payload) {
                    None => {}
                    Some(Errno::ENOENT) => gone[at / 64] |= 1 << (at % 64),
                    Some(errno) => broken = broken.or(Some(errno)),
                }
                open &= at + 1 != count;
            }
        }
        if let Some(errno) = broken {
            return Err(refused(ACT, errno));
        }
        for at in 0..count {
            let gone = gone[at / 64] >> (at % 64) & 1 == 1;
            *(if gone { &mut walked.gone } else { &mut walked.deleted }) += 1;
            visit.settled(gone);
        }
        Ok(())
    }

    fn ask(&mut self, message: Message, act: &'static str) -> Result<(), ConntrackError> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = message.finish(self.sequence, libc::NLM_F_REQUEST | libc::NLM_F_ACK);
        self.say(&self.acts, &bytes).map_err(|errno| lost(act, errno))?;
        loop {
            let len = receive(&self.acts, &mut self.answers, act)?;
            let mut answers = messages(&self.answers[..len]);
            if let Some((header, payload)) = answers.find(|(header, _)| header.sequence == self.sequence) {
                return errno_of(&header, payload).map_or(Ok(()), |errno| Err(refused(act, errno)));
            }
        }
    }
}

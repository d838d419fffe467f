//! The least that a purge can cost: one dump, a look into a hash set per entry, deletions by the hundred
//! without an answer. No jobs, no journal, no NAT, no pace, one family.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};

use crate::process::thread_cpu;

const HEADER: usize = 20;
const DUMP: u16 = 0x300;
const REQUEST: u16 = 1;
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
const BATCH: usize = 256;

pub struct Floor {
    pub cpu: Duration,
    pub wall: Duration,
    pub deleted: u64,
    /// Of its data: the pairs, what is read, what is sent.
    pub bytes: usize,
}

/// Multiplies: the keys are our own.
#[derive(Default)]
pub struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, key: u64) {
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Pairs of addresses, the removed one in the upper half.
pub type Pairs = HashSet<u64, BuildHasherDefault<Quick>>;

/// Deletes all entries between the pairs, in the namespace of the calling thread.
pub fn purge(pairs: &Pairs) -> anyhow::Result<Floor> {
    let (shows, acts) = (open()?, open()?);
    let (cpu, begun) = (thread_cpu(), Instant::now());
    send(shows.as_raw_fd(), &request(GET, DUMP, &[]), MsgFlags::empty())?;
    let mut buffer = vec![0; 64 << 10];
    let (mut batch, mut waiting, mut deleted) = (Vec::new(), 0, 0);
    'dump: loop {
        let len = recv(shows.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..len];
        while let Some(head) = rest.first_chunk::<6>() {
            let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
            if [2, 3].contains(&u16::from_ne_bytes([head[4], head[5]])) {
                break 'dump;
            }
            let body = rest.get(HEADER..len).context("a message that is whole")?;
            if let Some(deletion) = deletion(body, pairs) {
                batch.extend(deletion);
                (waiting, deleted) = (waiting + 1, deleted + 1);
                if waiting == BATCH {
                    send(acts.as_raw_fd(), &batch, MsgFlags::empty())?;
                    batch.clear();
                    waiting = 0;
                }
            }
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }
    if waiting > 0 {
        send(acts.as_raw_fd(), &batch, MsgFlags::empty())?;
    }
    let bytes = pairs.capacity() * (size_of::<u64>() + 1) + buffer.len() + batch.capacity();
    Ok(Floor { cpu: thread_cpu().saturating_sub(cpu), wall: begun.elapsed(), deleted, bytes })
}

fn open() -> anyhow::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )?;
    setsockopt(&fd, sockopt::SndBufForce, &(8 << 20))?;
    setsockopt(&fd, sockopt::RcvBufForce, &(8 << 20))?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(fd)
}

fn request(kind: u16, flags: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    for (kind, value) in attributes {
        bytes.extend(((value.len() + 4) as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let len = bytes.len() as u32;
    bytes[..4].copy_from_slice(&len.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&(REQUEST | flags).to_ne_bytes());
    bytes[16] = 2;
    bytes
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([head[2], head[3]]) & 0x3fff, value))
    })
}

/// What deletes the entry, if one of the pairs is its.
fn deletion(body: &[u8], pairs: &Pairs) -> Option<Vec<u8>> {
    let (mut original, mut zone, mut id): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    for (kind, value) in attributes(body) {
        match kind {
            1 => original = value,
            12 => id = value,
            18 => zone = value,
            _ => {}
        }
    }
    let mut ends = [0u64; 2];
    for (kind, value) in attributes(attributes(original).next()?.1) {
        let address = u64::from(u32::from_be_bytes(*value.first_chunk()?));
        *ends.get_mut(usize::from(kind) - 1)? = address;
    }
    let [source, destination] = ends;
    let goes = pairs.contains(&(destination << 32 | source)) || pairs.contains(&(source << 32 | destination));
    goes.then(|| {
        let mut named = vec![(1 | 0x8000, original), (12, id)];
        if !zone.is_empty() {
            named.push((18, zone));
        }
        request(DELETE, 0, &named)
    })
}

//! All frames of a device, and frames to it, past everything else that the kernel would do with them.
//!
//! Small frames come through a ring that the kernel shares with us, without a system call. Of one that is
//! longer than a slot the ring holds the beginning, and the socket's queue the whole.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, setsockopt, socket, sockopt};

use super::batch::{BATCH, Batch, told_first};
use super::driver::driver;
use super::{LONGEST_FRAME, Lost, Room, VnetHeader};
use crate::bpf::Program;
use crate::netns;
use crate::packet::{Instruction, attach, bind, bind_to_send};

const SLOT: usize = 2048;
/// So many slots ahead of the one whose turn it is.
const AHEAD: usize = 3;
const BLOCK: usize = 64 << 10;
/// What frames longer than a slot may take while they wait.
const QUEUE_BYTES: usize = 32 << 20;
const TAG: usize = 4;

const VERSION_2: libc::c_int = 1;
const COPIED: u32 = 1 << 1;
const TAGGED: u32 = 1 << 4;
const TAG_KIND: u32 = 1 << 6;
/// `struct tpacket2_hdr`.
const AT_STATUS: usize = 0;
const AT_LEN: usize = 4;
const AT_SNAPLEN: usize = 8;
const AT_MAC: usize = 12;
const AT_TCI: usize = 24;
const AT_TPID: usize = 26;

/// An open device.
pub struct PacketPort {
    fd: OwnedFd,
    /// Sends. Who waits at a socket is woken for each frame that has left by it, so nobody waits at this one.
    sender: OwnedFd,
    ring: Ring,
    out: Batch,
    lost: Lost,
    index: u32,
}

impl PacketPort {
    /// Opens a device in a namespace, with room for so many frames. With a filter only what it takes arrives,
    /// and of that what is for this machine; without one, everything.
    pub fn open(
        namespace: &Path,
        device: &str,
        filter: Option<&[Instruction]>,
        slots: usize,
    ) -> io::Result<PacketPort> {
        netns::within(namespace, || open(device, filter, slots))?
    }

    /// Lets another filter judge, from the next frame on.
    pub fn set_filter(&self, filter: &[Instruction]) -> io::Result<()> {
        attach(&self.fd, filter)
    }

    /// Lets a program judge, from the next frame on.
    pub fn set_program(&self, program: &Program) -> io::Result<()> {
        program.filter(&self.fd)
    }

    /// Frames of an instance that lie in one after a tunnel was taken off leave by it in one: its other end is a namespace,
    /// not a machine.
    pub fn is_veth(&self, device: &str) -> bool {
        driver(&self.fd, device).is_ok_and(|driver| driver == "veth")
    }

    /// The device's number in its namespace.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Takes frames that are there, no more than so many.
    pub fn receive(&mut self, most: usize, room: &mut impl Room) -> io::Result<usize> {
        for count in 0..most {
            let Some(slot) = self.ring.first() else { return Ok(count) };
            match slot.status & COPIED {
                0 if slot.is_whole() => slot.copy_to(room),
                0 => self.lost.received += 1,
                _ => self.receive_long(slot.tag(), slot.length, room),
            }
            self.ring.give_back();
        }
        Ok(most)
    }

    /// One that did not fit into its slot.
    fn receive_long(&mut self, tag: Option<[u8; TAG]>, length: usize, room: &mut impl Room) {
        let mut head = [0u8; VnetHeader::LEN];
        let before = if tag.is_some() { TAG } else { 0 };
        let space = room.room(length.min(LONGEST_FRAME - before) + before);
        let mut parts = [
            libc::iovec { iov_base: head.as_mut_ptr().cast(), iov_len: head.len() },
            libc::iovec { iov_base: space[before..].as_mut_ptr().cast(), iov_len: space.len() - before },
        ];
        // SAFETY: msghdr is plain integers and pointers, for which zero is a value.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len();
        let take = || {
            // SAFETY: the descriptor is open; the message's two parts are memory that we alone hold and that
            // lives across the call, with their own sizes given.
            Errno::result(unsafe { libc::recvmsg(self.fd.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) })
        };
        match told_first(take) {
            Ok(got) if got as usize > VnetHeader::LEN + 12 && message.msg_flags & libc::MSG_TRUNC == 0 => {
                let got = got as usize - VnetHeader::LEN;
                let head = VnetHeader::parse(&head);
                match tag {
                    None => room.filled(head, got),
                    Some(tag) => {
                        space.copy_within(before..before + 12, 0);
                        space[12..12 + TAG].copy_from_slice(&tag);
                        room.filled(head.behind(TAG as u16), got + TAG);
                    }
                }
            }
            _ => self.lost.received += 1,
        }
    }

    /// What befell the device since it was asked for last. Until then the kernel says that there is something,
    /// though there is no frame.
    pub fn take_error(&self) -> Option<io::Error> {
        let error = getsockopt(&self.fd, sockopt::SocketError).unwrap_or_default();
        (error != 0).then(|| io::Error::from_raw_os_error(error))
    }

    /// Sends frames in order. What the device does not take is lost, and counted.
    pub fn send<'a>(&mut self, frames: impl Iterator<Item = (VnetHeader, &'a [u8])>) {
        self.send_slices(frames.map(|(head, frame)| (head, std::iter::once(frame))));
    }

    /// The same of frames that lie in several places, each in fewer than a thousand.
    pub fn send_slices<'a, I>(&mut self, mut frames: impl Iterator<Item = (VnetHeader, I)>)
    where
        I: Iterator<Item = &'a [u8]>,
    {
        loop {
            let count = self.out.fill(&mut frames);
            self.lost.sent += self.out.flush(&self.sender, count);
            if count < BATCH {
                return;
            }
        }
    }

    /// Counts anew what the kernel had no room for, and tells all that was lost.
    pub fn lost(&mut self) -> Lost {
        let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of_val(&stats) as libc::socklen_t;
        // SAFETY: the descriptor is open; the kernel writes at most `length` bytes, the size of the struct it
        // is given, and both live across the call.
        let outcome = unsafe {
            let (stats, length) = (ptr::from_mut(&mut stats).cast(), &raw mut length);
            libc::getsockopt(self.fd.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, stats, length)
        };
        if outcome == 0 {
            self.lost.received += u64::from(stats.tp_drops);
        }
        self.lost
    }
}

impl AsFd for PacketPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open(device: &str, filter: Option<&[Instruction]>, slots: usize) -> io::Result<PacketPort> {
    let index = if_nametoindex(device)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    // Without a protocol nothing arrives before all is in place and the device chosen.
    let [fd, sender] = [(); 2].map(|()| socket(AddressFamily::Packet, SockType::Raw, flags, None));
    let (fd, sender) = (fd?, sender?);
    // Beyond the system's limit only with CAP_NET_ADMIN in the first user namespace.
    let _ = setsockopt(&fd, sockopt::RcvBufForce, &QUEUE_BYTES);
    let _ = setsockopt(&sender, sockopt::SndBufForce, &QUEUE_BYTES);
    for option in [PACKET_VNET_HDR, PACKET_QDISC_BYPASS] {
        set(&sender, option, &1)?;
    }
    bind_to_send(&sender, index)?;
    set(&fd, libc::PACKET_VERSION, &VERSION_2)?;
    for option in [PACKET_VNET_HDR, PACKET_COPY_THRESH, PACKET_IGNORE_OUTGOING] {
        set(&fd, option, &1)?;
    }
    if let Some(filter) = filter {
        attach(&fd, filter)?;
    }
    let ring = Ring::new(&fd, slots)?;
    bind(&fd, index)?;
    if filter.is_none() {
        take_all(&fd, index)?;
    }
    Ok(PacketPort { fd, sender, ring, out: Batch::new(), lost: Lost::default(), index })
}

fn take_all(fd: &OwnedFd, index: u32) -> io::Result<()> {
    // SAFETY: packet_mreq is plain integers and an array of them, for which zero is a value.
    let mut all: libc::packet_mreq = unsafe { std::mem::zeroed() };
    all.mr_ifindex = index as libc::c_int;
    all.mr_type = libc::PACKET_MR_PROMISC as libc::c_ushort;
    set(fd, libc::PACKET_ADD_MEMBERSHIP, &all)
}

const PACKET_COPY_THRESH: libc::c_int = 7;
const PACKET_VNET_HDR: libc::c_int = 15;
const PACKET_QDISC_BYPASS: libc::c_int = 20;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

fn set<T>(fd: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open; the value is a plain struct or int that lives across the call, with its
    // own size given.
    let outcome = unsafe {
        let (value, length) = (ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t);
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, option, value, length)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Slots shared with the kernel; each belongs to one side at a time, as its status says.
struct Ring {
    memory: NonNull<u8>,
    bytes: usize,
    slots: usize,
    at: usize,
}

// SAFETY: the mapping belongs to this value alone and is no thread's own.
unsafe impl Send for Ring {}

/// A slot that is ours until it is given back.
#[derive(Clone, Copy)]
struct Slot<'a> {
    status: u32,
    length: usize,
    head: VnetHeader,
    /// As much of the frame as there is.
    frame: &'a [u8],
    tci: u16,
    tpid: u16,
}

impl Ring {
    fn new(fd: &OwnedFd, slots: usize) -> io::Result<Ring> {
        let blocks = (slots * SLOT).div_ceil(BLOCK).max(1);
        let (bytes, slots) = (blocks * BLOCK, blocks * BLOCK / SLOT);
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as libc::c_uint,
            tp_block_nr: blocks as libc::c_uint,
            tp_frame_size: SLOT as libc::c_uint,
            tp_frame_nr: slots as libc::c_uint,
        };
        set(fd, libc::PACKET_RX_RING, &request)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: asks for fresh memory of the ring's own size, at a place that the kernel chooses.
        let memory =
            unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).expect("memory is never at zero");
        Ok(Ring { memory, bytes, slots, at: 0 })
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: `at` is below `slots`, so the slot is within the mapping, which lives as long as the borrow;
        // slots are aligned to 2,048 bytes; both sides write the status as one word.
        unsafe { AtomicU32::from_ptr(self.memory.as_ptr().add(self.at * SLOT + AT_STATUS).cast()) }
    }

    /// The slot whose turn it is, if the kernel has filled it.
    #[inline]
    fn first(&self) -> Option<Slot<'_>> {
        let status = self.status().load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        self.expect();
        // SAFETY: the slot is within the mapping, which lives as long as the borrow, and the kernel does not
        // write to it until its status is given back, which takes the ring for oneself.
        let slot = unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(self.at * SLOT), SLOT) };
        let short = |at: usize| u16::from_ne_bytes([slot[at], slot[at + 1]]);
        let long = |at: usize| u32::from_ne_bytes([slot[at], slot[at + 1], slot[at + 2], slot[at + 3]]);
        let from = usize::from(short(AT_MAC)).clamp(VnetHeader::LEN, SLOT);
        let to = (from + long(AT_SNAPLEN) as usize).min(SLOT);
        let head =
            slot[from - VnetHeader::LEN..from].first_chunk().map_or_else(Default::default, VnetHeader::parse);
        let (tci, tpid) = (short(AT_TCI), short(AT_TPID));
        Some(Slot { status, length: long(AT_LEN) as usize, head, frame: &slot[from..to], tci, tpid })
    }

    /// Where one slot is filled the ones behind it mostly are: their first bytes are on their way while this one is
    /// worked on.
    #[inline]
    fn expect(&self) {
        let at = (self.at + AHEAD) % self.slots * SLOT;
        #[cfg(target_arch = "x86_64")]
        for line in 0..3 {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: three lines of a slot within the mapping; a prefetch reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.memory.as_ptr().add(at + line * 64).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }

    #[inline]
    fn give_back(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.at = if self.at + 1 == self.slots { 0 } else { self.at + 1 };
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size, and nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}

impl Slot<'_> {
    fn is_whole(&self) -> bool {
        self.frame.len() == self.length && self.length > 12
    }

    /// The tag that the kernel keeps beside the frame.
    fn tag(&self) -> Option<[u8; TAG]> {
        const VLAN: u16 = 0x8100;
        if self.status & TAGGED == 0 {
            return None;
        }
        let tpid = if self.status & TAG_KIND != 0 { self.tpid } else { VLAN };
        let ([a, b], [c, d]) = (tpid.to_be_bytes(), self.tci.to_be_bytes());
        Some([a, b, c, d])
    }

    #[inline]
    fn copy_to(&self, room: &mut impl Room) {
        let (frame, length) = (self.frame, self.frame.len());
        match self.tag() {
            None => {
                room.room(length)[..length].copy_from_slice(frame);
                room.filled(self.head, length);
            }
            Some(tag) => {
                let space = room.room(length + TAG);
                space[..12].copy_from_slice(&frame[..12]);
                space[12..12 + TAG].copy_from_slice(&tag);
                space[12 + TAG..length + TAG].copy_from_slice(&frame[12..]);
                room.filled(self.head.behind(TAG as u16), length + TAG);
            }
        }
    }
}

//! A network card whose rings lie in memory that is shared with the host (vhost-user), seen from the instance's side:
//! what a virtual machine monitor and an instance's driver do together.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use anyhow::Context;
use kernel::ports::VnetHeader;
use nix::sys::memfd::{MFdFlags, memfd_create};
use vhost::vhost_user::message::{VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserDirtyLogRegion, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// Descriptors of a ring, each of one buffer.
const SIZE: u16 = 64;
const HEAD: usize = VnetHeader::LEN + 2;
const BUFFER: u64 = 0x11000;
/// The two rings, then the buffers of both.
const RING: u64 = 0x10000;
const BUFFERS: u64 = 2 * RING;
const MEMORY: u64 = BUFFERS + 2 * SIZE as u64 * BUFFER;
const AVAILABLE: u64 = 0x4000;
const USED: u64 = 0x8000;
/// Of a descriptor: the host writes.
const WRITE: u16 = 2;
const PAGE: u64 = 4096;
/// Finer ways of laying and of telling, which this driver does not have.
const INDIRECT: u64 = 1 << 28;
const EVENT_IDX: u64 = 1 << 29;

/// One of the two rings, and the buffers that its descriptors name.
struct Ring {
    at: u64,
    buffers: u64,
    flags: u16,
    /// Buffers that were laid into it, and that came back, since it began.
    laid: u16,
    seen: u16,
}

/// The rings by their numbers.
const IN: usize = 0;
const OUT: usize = 1;

/// The card. It outlives connections, as a machine does the restart of its host's programs.
pub struct Card {
    memory: GuestMemoryMmap,
    file: File,
    rings: [Ring; 2],
    /// Buffers to send by.
    free: Vec<u16>,
    link: Option<Link>,
}

struct Link {
    frontend: Frontend,
    kicks: [EventFd; 2],
    /// Of both rings, which are looked at together.
    call: EventFd,
}

impl Card {
    pub fn new() -> anyhow::Result<Card> {
        let file = shared(MEMORY)?;
        let whole = (GuestAddress(0), MEMORY as usize, Some(FileOffset::new(file.try_clone()?, 0)));
        let memory = GuestMemoryMmap::from_ranges_with_files([whole])?;
        let ring = |number: u64, flags| Ring {
            at: number * RING,
            buffers: BUFFERS + number * u64::from(SIZE) * BUFFER,
            flags,
            laid: 0,
            seen: 0,
        };
        let mut card =
            Card { memory, file, rings: [ring(0, WRITE), ring(1, 0)], free: (0..SIZE).collect(), link: None };
        for number in 0..SIZE {
            card.lay(IN, number, BUFFER as u32)?;
        }
        Ok(card)
    }

    /// Shares the memory with whoever came, and lets the rings go on where they were left.
    pub fn connect(&mut self, stream: UnixStream) -> anyhow::Result<()> {
        let mut frontend = Frontend::from_stream(stream, 2);
        frontend.set_owner()?;
        let offered = frontend.get_features()?;
        let known = VhostUserProtocolFeatures::REPLY_ACK | VhostUserProtocolFeatures::LOG_SHMFD;
        let protocol = frontend.get_protocol_features()?;
        frontend.set_protocol_features(protocol & known)?;
        frontend.set_features(offered & !(INDIRECT | EVENT_IDX | VhostUserVirtioFeatures::LOG_ALL.bits()))?;
        let base = self.memory.get_host_address(GuestAddress(0))? as u64;
        let region = VhostUserMemoryRegionInfo {
            guest_phys_addr: 0,
            memory_size: MEMORY,
            userspace_addr: base,
            mmap_offset: 0,
            mmap_handle: self.file.as_raw_fd(),
        };
        frontend.set_mem_table(&[region])?;
        let event = || EventFd::new(EFD_NONBLOCK);
        let (kicks, call) = ([event()?, event()?], event()?);
        for (number, ring) in self.rings.iter().enumerate() {
            let config = VringConfigData {
                queue_max_size: SIZE,
                queue_size: SIZE,
                flags: 0,
                desc_table_addr: base + ring.at,
                used_ring_addr: base + ring.at + USED,
                avail_ring_addr: base + ring.at + AVAILABLE,
                log_addr: None,
            };
            frontend.set_vring_num(number, SIZE)?;
            frontend.set_vring_base(number, self.used(ring)?)?;
            frontend.set_vring_addr(number, &config)?;
            frontend.set_vring_call(number, &call)?;
            frontend.set_vring_kick(number, &kicks[number])?;
            frontend.set_vring_enable(number, true)?;
        }
        self.link = Some(Link { frontend, kicks, call });
        Ok(())
    }

    /// Readable when frames or buffers came.
    pub fn told(&self) -> Option<&EventFd> {
        self.link.as_ref().map(|link| &link.call)
    }

    /// A frame can be sent.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Sends a frame, for which there is room.
    pub fn send(&mut self, head: &VnetHeader, frame: &[u8]) -> anyhow::Result<()> {
        let number = self.free.pop().context("all buffers are on their way")?;
        let at = self.rings[OUT].buffer(number);
        let mut bytes = [0; HEAD];
        bytes[..VnetHeader::LEN].copy_from_slice(&head.emit());
        self.memory.write_slice(&bytes, GuestAddress(at))?;
        self.memory.write_slice(frame, GuestAddress(at + HEAD as u64))?;
        self.lay(OUT, number, (HEAD + frame.len()) as u32)
    }

    /// Frames that came. Buffers that came back can be sent by again.
    pub fn receive(&mut self, mut take: impl FnMut(&VnetHeader, &[u8])) -> anyhow::Result<()> {
        if let Some(link) = &self.link {
            let _ = link.call.read();
        }
        while let Some((number, _)) = self.next(OUT)? {
            self.free.push(number);
        }
        let mut room = vec![0; BUFFER as usize];
        while let Some((number, length)) = self.next(IN)? {
            let bytes = room.get_mut(..length as usize).context("more than there was room for")?;
            self.memory.read_slice(bytes, GuestAddress(self.rings[IN].buffer(number)))?;
            let (head, frame) = bytes.split_at_checked(HEAD).context("less than a header")?;
            take(&VnetHeader::parse(head.first_chunk().context("less than a header")?), frame);
            self.lay(IN, number, BUFFER as u32)?;
        }
        Ok(())
    }

    /// Has the host note what it writes, as before a move to another host: a bit for each page of the memory.
    pub fn log(&mut self) -> anyhow::Result<File> {
        let size = MEMORY.div_ceil(8 * PAGE).next_multiple_of(PAGE);
        let file = shared(size)?;
        let region =
            VhostUserDirtyLogRegion { mmap_size: size, mmap_offset: 0, mmap_handle: file.as_raw_fd() };
        self.link()?.frontend.set_log_base(0, Some(region))?;
        Ok(file)
    }

    /// Takes both rings back from the host, which answers when it has let go of them.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for number in [IN, OUT] {
            self.link()?.frontend.get_vring_base(number)?;
        }
        Ok(())
    }

    /// Lays what no driver would into the ring to send by, and lets the host look at it.
    pub fn spoil(&mut self, address: u64, length: u32, flags: u16, next: u16) -> anyhow::Result<()> {
        let number = self.free.pop().context("all buffers are on their way")?;
        self.describe(OUT, number, address, length, flags, next)?;
        self.publish(OUT, number)
    }

    fn link(&self) -> anyhow::Result<&Link> {
        self.link.as_ref().context("nobody is connected")
    }

    fn lay(&mut self, ring: usize, number: u16, length: u32) -> anyhow::Result<()> {
        let (address, flags) = (self.rings[ring].buffer(number), self.rings[ring].flags);
        self.describe(ring, number, address, length, flags, 0)?;
        self.publish(ring, number)
    }

    fn describe(
        &self,
        ring: usize,
        number: u16,
        address: u64,
        length: u32,
        flags: u16,
        next: u16,
    ) -> anyhow::Result<()> {
        let at = self.rings[ring].at + u64::from(number) * 16;
        self.memory.write_obj(address, GuestAddress(at))?;
        self.memory.write_obj(length, GuestAddress(at + 8))?;
        self.memory.write_obj(flags, GuestAddress(at + 12))?;
        self.memory.write_obj(next, GuestAddress(at + 14))?;
        Ok(())
    }

    fn publish(&mut self, number: usize, descriptor: u16) -> anyhow::Result<()> {
        let ring = &mut self.rings[number];
        let at = ring.at + AVAILABLE;
        self.memory.write_obj(descriptor, GuestAddress(at + 4 + u64::from(ring.laid % SIZE) * 2))?;
        ring.laid = ring.laid.wrapping_add(1);
        self.memory.store(ring.laid, GuestAddress(at + 2), Ordering::Release)?;
        if let Some(link) = &self.link {
            link.kicks[number].write(1)?;
        }
        Ok(())
    }

    fn used(&self, ring: &Ring) -> anyhow::Result<u16> {
        Ok(self.memory.load(GuestAddress(ring.at + USED + 2), Ordering::Acquire)?)
    }

    /// The descriptor that came back next, and the bytes that were written to its buffer.
    fn next(&mut self, number: usize) -> anyhow::Result<Option<(u16, u32)>> {
        let ring = &self.rings[number];
        if ring.seen == self.used(ring)? {
            return Ok(None);
        }
        let at = ring.at + USED + 4 + u64::from(ring.seen % SIZE) * 8;
        let [descriptor, length] = self.memory.read_obj::<[u32; 2]>(GuestAddress(at))?;
        self.rings[number].seen = self.rings[number].seen.wrapping_add(1);
        Ok(Some((descriptor as u16 % SIZE, length)))
    }
}

impl Ring {
    fn buffer(&self, number: u16) -> u64 {
        self.buffers + u64::from(number) * BUFFER
    }
}

fn shared(bytes: u64) -> anyhow::Result<File> {
    let file = File::from(memfd_create(c"card", MFdFlags::MFD_CLOEXEC)?);
    file.set_len(bytes)?;
    Ok(file)
}

//! Frames of one instance: out of the memory that it shares, into its device, and back.
//!
//! The instance may write whatever it likes into that memory at any time. What is read of it is copied first and
//! bounded by what a frame can be; the kernel judges the rest, as it does of a tap.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use kernel::ports::{LONGEST_FRAME, Offloads, Room, Tap, VnetHeader};
use nix::sys::eventfd::{EfdFlags, EventFd};
use vhost::vhost_user::message::{VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost_user_backend::bitmap::BitmapMmapRegion;
use vhost_user_backend::{
    ShutdownHandle, VhostUserBackend, VhostUserBackendMut, VringEpollHandler, VringRwLock, VringState, VringT,
};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN,
    VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4,
    VIRTIO_NET_F_HOST_TSO6,
};
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_queue::{DescriptorChain, QueueT};
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic, GuestMemoryLoadGuard, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

/// Memory of an instance; what is written there is marked while it moves to another host.
pub(crate) type Memory = GuestMemoryAtomic<GuestMemoryMmap<BitmapMmapRegion>>;
type Loaded = GuestMemoryLoadGuard<GuestMemoryMmap<BitmapMmapRegion>>;
type Vring = VringRwLock<Memory>;

/// Queues, by the instance's side of them.
const RECEIVES: usize = 0;
const SENDS: usize = 1;
const QUEUES: usize = 2;
const QUEUE_SIZE: usize = 1024;
/// Events beside those of the queues, whose numbers and the next one are taken.
const DEVICE: u64 = QUEUES as u64 + 1;
const AGAIN: u64 = QUEUES as u64 + 2;
/// Frames that go one way before the other has its turn.
const BURST: usize = 64;
/// Turns before whoever else waits for this thread is heard.
const TURNS: usize = 64;

const HEAD: usize = VnetHeader::LEN;
/// With a count of buffers, which is one.
const HEAD_1: usize = VnetHeader::LEN + 2;

const FEATURES: &[u32] = &[
    VIRTIO_F_VERSION_1,
    VIRTIO_RING_F_EVENT_IDX,
    VIRTIO_RING_F_INDIRECT_DESC,
    VIRTIO_NET_F_CSUM,
    VIRTIO_NET_F_HOST_TSO4,
    VIRTIO_NET_F_HOST_TSO6,
    VIRTIO_NET_F_HOST_ECN,
    VIRTIO_NET_F_GUEST_CSUM,
    VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6,
    VIRTIO_NET_F_GUEST_ECN,
    VIRTIO_NET_F_GUEST_ANNOUNCE,
];

/// One instance's port.
pub(crate) struct Port {
    memory: Memory,
    /// There as long as the connection is.
    joined: Option<Joined>,
    takes: Offloads,
    head: usize,
    /// Of the instance, on its way to the device.
    frame: Box<[u8]>,
    /// Of the device, for which the instance had no room yet.
    held: Held,
    again: EventFd,
    lost: u64,
}

struct Joined {
    tap: Tap,
    connection: ShutdownHandle,
}

impl Port {
    pub fn new(memory: Memory) -> io::Result<Port> {
        Ok(Port {
            memory,
            joined: None,
            takes: Offloads::default(),
            head: HEAD_1,
            frame: vec![0; LONGEST_FRAME].into(),
            held: Held { frame: vec![0; LONGEST_FRAME].into(), filled: None },
            again: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            lost: 0,
        })
    }

    /// Gives the instance its device, until the connection ends.
    pub fn join<B: VhostUserBackend>(
        &mut self,
        tap: Tap,
        connection: ShutdownHandle,
        events: &VringEpollHandler<B>,
    ) -> io::Result<()> {
        tap.set_offloads(self.takes)?;
        let listen = |fd: BorrowedFd<'_>, how, number| events.register_listener(fd.as_raw_fd(), how, number);
        // A frame that the instance has no room for is not told of again and again.
        listen(tap.as_fd(), EventSet::IN | EventSet::EDGE_TRIGGERED, DEVICE)?;
        listen(self.again.as_fd(), EventSet::IN, AGAIN)?;
        self.joined = Some(Joined { tap, connection });
        // What came before it was listened to.
        self.again.write(1)?;
        Ok(())
    }

    /// Frames that were too long, too short, or refused by the device.
    pub fn lost(&self) -> u64 {
        self.lost
            + self.joined.as_ref().map_or(0, |joined| joined.tap.lost().sent + joined.tap.lost().received)
    }

    /// Frames that the instance sent, a burst at most; how many there were.
    fn from_instance(&mut self, ring: &mut VringState<Memory>) -> usize {
        let memory = self.memory.memory();
        let mut count = 0;
        while count < BURST {
            let Some(chain) = next(ring, &memory) else { break };
            count += 1;
            let used = chain.head_index();
            if self.send(chain, &memory).is_none() {
                self.lost += 1;
            }
            give_back(ring, &memory, used, 0);
        }
        tell(ring, count);
        count
    }

    fn send(&mut self, chain: DescriptorChain<Loaded>, memory: &Loaded) -> Option<()> {
        let joined = self.joined.as_mut()?;
        let mut reader = chain.reader(memory).ok()?;
        let length =
            reader.available_bytes().checked_sub(self.head).filter(|length| *length <= LONGEST_FRAME)?;
        let (mut head, frame) = ([0; HEAD_1], &mut self.frame[..length]);
        reader.read_exact(&mut head[..self.head]).ok()?;
        reader.read_exact(frame).ok()?;
        joined.tap.send(&VnetHeader::parse(head.first_chunk()?), frame);
        Some(())
    }

    /// Frames of the device, a burst at most; how many there were.
    fn to_instance(&mut self, ring: &mut VringState<Memory>) -> usize {
        let memory = self.memory.memory();
        let mut count = 0;
        while count < BURST {
            let Some(joined) = &mut self.joined else { break };
            if self.held.filled.is_none() && joined.tap.receive(1, &mut self.held).is_err() {
                // Somebody removed the device; the monitor is joined to a new one.
                joined.connection.shutdown();
                break;
            }
            let Some((header, length)) = self.held.filled else { break };
            let Some(chain) = next(ring, &memory) else { break };
            count += 1;
            let used = chain.head_index();
            let written = write(chain, &memory, &header, self.head, &self.held.frame[..length]);
            self.held.filled = None;
            self.lost += u64::from(written.is_none());
            give_back(ring, &memory, used, written.unwrap_or(0));
        }
        tell(ring, count);
        count
    }
}

/// What the instance has laid into a ring next. When there is nothing it will tell of what comes.
fn next(ring: &mut VringState<Memory>, memory: &Loaded) -> Option<DescriptorChain<Loaded>> {
    let queue = ring.get_queue_mut();
    if let Some(chain) = queue.pop_descriptor_chain(memory.clone()) {
        return Some(chain);
    }
    match queue.enable_notification(&**memory) {
        // It came meanwhile.
        Ok(true) => queue.pop_descriptor_chain(memory.clone()),
        _ => None,
    }
}

fn give_back(ring: &mut VringState<Memory>, memory: &Loaded, used: u16, written: u32) {
    // It fails for a ring that is not in the memory: the instance harms itself.
    let _ = ring.get_queue_mut().add_used(&**memory, used, written);
}

/// Tells the instance of what was given back, if it wants to know.
fn tell(ring: &mut VringState<Memory>, count: usize) {
    if count > 0 && ring.needs_notification().unwrap_or(true) {
        let _ = ring.signal_used_queue();
    }
}

fn write(
    chain: DescriptorChain<Loaded>,
    memory: &Loaded,
    header: &VnetHeader,
    head: usize,
    frame: &[u8],
) -> Option<u32> {
    let mut writer = chain.writer(memory).ok()?;
    if writer.available_bytes() < head + frame.len() {
        return None;
    }
    let mut bytes = [0; HEAD_1];
    bytes[..HEAD].copy_from_slice(&header.emit());
    bytes[HEAD..].copy_from_slice(&1u16.to_le_bytes());
    writer.write_all(&bytes[..head]).ok()?;
    writer.write_all(frame).ok()?;
    u32::try_from(head + frame.len()).ok()
}

/// A frame of the device.
struct Held {
    frame: Box<[u8]>,
    filled: Option<(VnetHeader, usize)>,
}

impl Room for Held {
    fn room(&mut self, _bytes: usize) -> &mut [u8] {
        &mut self.frame
    }

    fn filled(&mut self, head: VnetHeader, bytes: usize) {
        self.filled = Some((head, bytes));
    }
}

impl VhostUserBackendMut for Port {
    type Bitmap = BitmapMmapRegion;
    type Vring = Vring;

    fn num_queues(&self) -> usize {
        QUEUES
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        let bits = FEATURES.iter().fold(0, |bits, feature| bits | 1 << feature);
        bits | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() | VhostUserVirtioFeatures::LOG_ALL.bits()
    }

    fn acked_features(&mut self, features: u64) {
        let has = |feature: u32| features & (1 << feature) != 0;
        self.head = if has(VIRTIO_F_VERSION_1) { HEAD_1 } else { HEAD };
        self.takes = Offloads {
            checksum: has(VIRTIO_NET_F_GUEST_CSUM),
            tso4: has(VIRTIO_NET_F_GUEST_TSO4),
            tso6: has(VIRTIO_NET_F_GUEST_TSO6),
            ecn: has(VIRTIO_NET_F_GUEST_ECN),
        };
        // What waits may be more than the instance takes now.
        self.held.filled = None;
        if let Some(joined) = &self.joined
            && let Err(error) = joined.tap.set_offloads(self.takes)
        {
            tracing::warn!(%error, "a device goes on handing over what its instance does not take");
        }
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::LOG_SHMFD
            | VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS
    }

    fn set_event_idx(&mut self, _enabled: bool) {}

    fn update_memory(&mut self, memory: Memory) -> io::Result<()> {
        self.memory = memory;
        Ok(())
    }

    fn exit_event(&self, _thread: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK | EventFlag::CLOEXEC).ok()
    }

    /// Whatever happened: both ways, until nothing moves.
    fn handle_event(&mut self, event: u16, _: EventSet, rings: &[Vring], _: usize) -> io::Result<()> {
        if u64::from(event) == AGAIN {
            let _ = self.again.read();
        }
        for _ in 0..TURNS {
            let mut moved = 0;
            for (number, ring) in rings.iter().enumerate() {
                let mut ring = ring.get_mut();
                if ring.is_enabled() && ring.get_queue().ready() {
                    moved += match number {
                        RECEIVES => self.to_instance(&mut ring),
                        SENDS => self.from_instance(&mut ring),
                        _ => 0,
                    };
                }
            }
            if moved == 0 {
                return Ok(());
            }
        }
        self.again.write(1)?;
        Ok(())
    }
}

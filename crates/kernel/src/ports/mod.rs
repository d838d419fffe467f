//! Frames of a virtual switch, in and out in batches.
//!
//! ```text
//! vnet     the header before each frame: what is left to do to it
//! packet   a device of somebody else's: a ring to receive
//! batch    one system call for many frames to send
//! driver   who drives a device
//! tap      a device of our own, which outlives us if it is to
//! wake     waiting for any of many, and being woken
//! silence  keeps the kernel from refusing what the switch takes
//! ```
//! Nothing here looks into a frame, but for the tag that the kernel keeps beside it.

mod batch;
mod driver;
mod packet;
mod silence;
mod tap;
mod vnet;
mod wake;

pub use packet::PacketPort;
pub use silence::Silence;
pub use tap::{Offloads, Tap};
pub use vnet::VnetHeader;
pub use wake::{Poller, Waker};
pub(crate) use wake::{either, soon};

/// The longest frame that the kernel gives: an IP packet, its Ethernet header and a tag.
pub const LONGEST_FRAME: usize = 65_535 + 14 + 4;

/// Where received frames are put: who receives says how long one is, or may be, and then that it is there.
pub trait Room {
    /// So many bytes, or more.
    fn room(&mut self, bytes: usize) -> &mut [u8];
    /// The room asked for last holds a frame of so many bytes.
    fn filled(&mut self, head: VnetHeader, bytes: usize);
}

/// Frames that a device did not take or that were lost before we looked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Lost {
    /// The kernel had no room to keep them for us.
    pub received: u64,
    /// The device was full, down, or refused them.
    pub sent: u64,
}

/// Whether this kernel cuts datagrams that lie in one frame (Linux 6.2 began to). One that does not refuses
/// such frames.
pub fn cuts_datagrams() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= (6, 2)
}

//! Frames of one instance: out of the memory that it shares, into its device, and back.
//!
//! The instance may write whatever it likes into that memory at any time. What is read of it is copied first and
//! bounded by what a frame can be; the kernel judges the rest, as it does of a tap.

use std::io::{self, Read, Write};

use kernel::ports::{LONGEST_FRAME, Offloads, Room, Tap, VnetHeader};
use virtio_queue::DescriptorChain;

use crate::ring::{Memory, Ring};

/// Frames that go one way before the other has its turn.
const BURST: usize = 64;
const HEAD: usize = VnetHeader::LEN;
/// With a count of buffers, which is one.
const HEAD_1: usize = VnetHeader::LEN + 2;

/// An instance's device, and what is on its way.
pub(crate) struct Port {
    pub tap: Tap,
    /// Bytes before each frame.
    head: usize,
    /// Of the instance, on its way to the device.
    frame: Box<[u8]>,
    /// Of the device, for which the instance may have had no room yet.
    held: Held,
    lost: u64,
}

impl Port {
    pub fn new(tap: Tap) -> Port {
        let room = || vec![0; LONGEST_FRAME].into_boxed_slice();
        Port { tap, head: HEAD_1, frame: room(), held: Held { frame: room(), filled: None }, lost: 0 }
    }

    /// What an instance's driver understands: headers of virtio 1, and frames that are not finished.
    pub fn agree(&mut self, virtio_1: bool, takes: Offloads) -> io::Result<()> {
        self.head = if virtio_1 { HEAD_1 } else { HEAD };
        // What waits may be more than it takes now.
        self.held.filled = None;
        self.tap.set_offloads(takes)
    }

    /// Frames that were too long, too short, or refused by the device.
    pub fn lost(&self) -> u64 {
        let tap = self.tap.lost();
        self.lost + tap.sent + tap.received
    }

    /// The instance has no room for a frame that is here.
    pub fn is_held(&self) -> bool {
        self.held.filled.is_some()
    }

    /// Frames that the instance sent, a burst at most; how many there were.
    pub fn send(&mut self, ring: &mut Ring, memory: &Memory) -> usize {
        let mut count = 0;
        while count < BURST {
            let Some(chain) = ring.next(memory) else { break };
            count += 1;
            let used = chain.head_index();
            self.lost += u64::from(self.send_one(chain, memory).is_none());
            ring.give_back(memory, used, 0);
        }
        if count > 0 {
            ring.tell(memory);
        }
        count
    }

    fn send_one(&mut self, chain: DescriptorChain<Memory>, memory: &Memory) -> Option<()> {
        let mut reader = chain.reader(memory).ok()?;
        let length = reader.available_bytes().checked_sub(self.head)?;
        let (mut head, frame) = ([0; HEAD_1], self.frame.get_mut(..length)?);
        reader.read_exact(&mut head[..self.head]).ok()?;
        reader.read_exact(frame).ok()?;
        self.tap.send(&VnetHeader::parse(head.first_chunk()?), frame);
        Some(())
    }

    /// Frames of the device, a burst at most; how many there were. An error says that the device is gone.
    pub fn receive(&mut self, ring: &mut Ring, memory: &Memory) -> io::Result<usize> {
        let mut count = 0;
        while count < BURST {
            if self.held.filled.is_none() {
                self.tap.receive(1, &mut self.held)?;
            }
            let Some((header, length)) = self.held.filled else { break };
            let Some(chain) = ring.next(memory) else { break };
            count += 1;
            let used = chain.head_index();
            let written = write(chain, memory, &header, self.head, &self.held.frame[..length]);
            self.held.filled = None;
            self.lost += u64::from(written.is_none());
            ring.give_back(memory, used, written.unwrap_or(0));
        }
        if count > 0 {
            ring.tell(memory);
        }
        Ok(count)
    }
}

fn write(
    chain: DescriptorChain<Memory>,
    memory: &Memory,
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

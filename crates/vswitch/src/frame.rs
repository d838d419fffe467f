//! A frame and the buffer it lies in. It moves through the switch; its bytes do not.

use crate::Offload;

/// A frame with room before it for outer headers.
#[derive(Debug, Default)]
pub struct Frame {
    buffer: Box<[u8]>,
    start: u32,
    end: u32,
    pub offload: Offload,
}

impl Frame {
    /// Room for the longest outer header there is.
    pub const HEADROOM: usize = 192;
    /// A frame of 64 KiB with its header.
    pub const MAX_LEN: usize = 65_535 + 18;

    /// An empty frame that `len` bytes fit into.
    pub fn with_room(len: usize) -> Frame {
        let buffer = vec![0; Frame::HEADROOM + len.min(Frame::MAX_LEN)].into_boxed_slice();
        let start = Frame::HEADROOM as u32;
        Frame { buffer, start, end: start, offload: Offload::default() }
    }

    /// A copy of some bytes; of too many the first [`Frame::MAX_LEN`].
    pub fn of(bytes: &[u8]) -> Frame {
        let bytes = &bytes[..bytes.len().min(Frame::MAX_LEN)];
        let mut frame = Frame::with_room(bytes.len());
        frame.room()[..bytes.len()].copy_from_slice(bytes);
        frame.fill(bytes.len());
        frame
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start as usize..self.end as usize]
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// What the buffer takes of memory.
    pub fn footprint(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets what is in it and gives the room for another frame; [`Frame::fill`] then says how long it is.
    pub fn room(&mut self) -> &mut [u8] {
        self.offload = Offload::default();
        self.start = Frame::HEADROOM.min(self.buffer.len()) as u32;
        self.end = self.start;
        &mut self.buffer[self.start as usize..]
    }

    /// Says that the first `len` bytes of the room are the frame; more than the room is the room.
    pub fn fill(&mut self, len: usize) {
        self.end = (self.start as usize).saturating_add(len).min(self.buffer.len()) as u32;
    }

    /// Makes it longer at its front and gives the added bytes; nothing if the room before it is too small.
    pub(crate) fn prepend(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = (self.start as usize).checked_sub(len)?;
        let old = std::mem::replace(&mut self.start, start as u32);
        Some(&mut self.buffer[start..old as usize])
    }

    /// Takes bytes off its front; all of them if they are fewer.
    pub(crate) fn strip(&mut self, len: usize) {
        self.start = self.start.saturating_add(len as u32).min(self.end);
    }

    /// Cuts it to `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start.saturating_add(len as u32));
    }

    /// What is left behind it.
    pub(crate) fn tailroom(&self) -> usize {
        self.buffer.len() - self.end as usize
    }

    /// Makes it longer at its end and gives the added bytes, which hold anything.
    pub(crate) fn extend(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = self.end as usize;
        let added = self.buffer.get_mut(end..end.checked_add(len)?)?;
        self.end += len as u32;
        Some(added)
    }

    /// Adds bytes at its end; false, and nothing done, if they do not fit.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.tailroom() {
            return false;
        }
        let end = self.end as usize;
        self.buffer[end..end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len() as u32;
        true
    }
}

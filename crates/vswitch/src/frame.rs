//! A frame and the buffer it lies in. It moves through the switch; its bytes do not.
//!
//! A large one that leaves may lie in two buffers: headers of its own, and between them pieces of the frame that it
//! was made of, as it was received. Whoever sends it takes it slice by slice.

use crate::Offload;

/// A frame with room before it for outer headers.
#[derive(Debug, Default)]
pub struct Frame {
    buffer: Box<[u8]>,
    start: u32,
    end: u32,
    pub offload: Offload,
    further: Option<Box<Further>>,
}

/// What of a frame lies elsewhere.
#[derive(Debug, Default)]
struct Further {
    body: Frame,
    pieces: Vec<Piece>,
    /// Bytes in all pieces.
    len: usize,
}

/// Behind so many bytes of its own, these bytes of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub own: u32,
    pub from: u32,
    pub to: u32,
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
        Frame { buffer, start, end: start, offload: Offload::default(), further: None }
    }

    /// A copy of some bytes; of too many the first [`Frame::MAX_LEN`].
    pub fn of(bytes: &[u8]) -> Frame {
        let bytes = &bytes[..bytes.len().min(Frame::MAX_LEN)];
        let mut frame = Frame::with_room(bytes.len());
        frame.room()[..bytes.len()].copy_from_slice(bytes);
        frame.fill(bytes.len());
        frame
    }

    /// Its own bytes: all of them, but for a large one that leaves.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start as usize..self.end as usize]
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize + self.further.as_ref().map_or(0, |further| further.len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All its bytes, in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (body, pieces) = match &self.further {
            None => (&[][..], &[][..]),
            Some(further) => (further.body.bytes(), &further.pieces[..]),
        };
        let mut own = self.bytes();
        let mut pieces = pieces.iter();
        let mut between: Option<&[u8]> = None;
        std::iter::from_fn(move || {
            if let Some(piece) = between.take() {
                return Some(piece);
            }
            match pieces.next() {
                Some(Piece { own: count, from, to }) => {
                    let (head, rest) = own.split_at((*count as usize).min(own.len()));
                    (own, between) = (rest, body.get(*from as usize..*to as usize));
                    Some(head)
                }
                None => Some(std::mem::take(&mut own)).filter(|rest| !rest.is_empty()),
            }
        })
    }

    /// A copy of all its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.slices().flatten().copied().collect()
    }

    /// The same in one buffer.
    pub fn gathered(mut self) -> Frame {
        if self.further.is_none() {
            return self;
        }
        let mut whole = Frame::of(&self.to_vec());
        whole.offload = std::mem::take(&mut self.offload);
        whole
    }

    /// Says that pieces of another frame belong to it.
    pub(crate) fn lay_between(&mut self, body: Frame, pieces: Vec<Piece>) {
        let len = pieces.iter().map(|piece| (piece.to - piece.from) as usize).sum();
        self.further = Some(Box::new(Further { body, pieces, len }));
    }

    /// Takes over pieces that another had.
    pub(crate) fn adopt(&mut self, other: &mut Frame) {
        self.further = other.further.take();
    }

    pub(crate) fn is_in_one(&self) -> bool {
        self.further.is_none()
    }

    /// The frame whose pieces it had.
    pub(crate) fn take_body(&mut self) -> Option<Frame> {
        self.further.take().map(|further| further.body)
    }

    /// What its buffers take of memory.
    pub fn footprint(&self) -> usize {
        self.buffer.len() + self.further.as_ref().map_or(0, |further| further.body.footprint())
    }

    /// Forgets what is in it and gives the room for another frame; [`Frame::fill`] then says how long it is.
    pub fn room(&mut self) -> &mut [u8] {
        self.offload = Offload::default();
        self.further = None;
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
        if let Some(first) = self.further.as_mut().and_then(|further| further.pieces.first_mut()) {
            first.own += len as u32;
        }
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

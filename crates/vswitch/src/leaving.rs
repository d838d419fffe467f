//! Frames that shall leave, in order, until whoever drives the switch takes them out.
//!
//! A frame that is moved here took its memory before; it always finds room. Copies and pieces take more, as much
//! as whoever sends likes: they are made only while there is room.

use std::collections::VecDeque;

use crate::{Frame, PortNo};

/// The queue, and the memory of its buffers.
#[derive(Debug)]
pub struct Leaving {
    frames: VecDeque<(PortNo, Frame)>,
    bytes: usize,
    most: usize,
}

impl Leaving {
    pub fn new(most: usize) -> Leaving {
        Leaving { frames: VecDeque::new(), bytes: 0, most }
    }

    pub fn push(&mut self, port: PortNo, frame: Frame) {
        self.bytes += frame.footprint();
        self.frames.push_back((port, frame));
    }

    pub fn pop(&mut self) -> Option<(PortNo, Frame)> {
        let (port, frame) = self.frames.pop_front()?;
        self.bytes -= frame.footprint();
        Some((port, frame))
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A copy or a piece may be made, with some bytes that come besides. With nothing here one always may.
    pub fn has_room(&self, coming: usize) -> bool {
        self.bytes + coming < self.most
    }

    /// What is taken out soon makes room for what comes.
    pub fn is_half_full(&self) -> bool {
        self.bytes > self.most / 2
    }

    pub fn retain(&mut self, stays: impl Fn(PortNo) -> bool) {
        self.frames.retain(|(port, _)| stays(*port));
        self.bytes = self.frames.iter().map(|(_, frame)| frame.footprint()).sum();
    }
}

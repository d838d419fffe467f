//! Frames that wait for a MAC: a queue for each neighbour, bounded one by one and in all.
//!
//! When there is no room in all, the longest queue loses its oldest frame: who waits for few is not harmed by who
//! waits for many.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::NeighbourNo;
use crate::fdb::{NetworkNo, TunnelNo};
use crate::{Frame, Limits, Tick};

/// An instance's frame on its way into a tunnel. Its network's number there is looked up when it leaves.
#[derive(Debug)]
pub struct Waiting {
    pub tunnel: TunnelNo,
    pub network: NetworkNo,
    pub frame: Frame,
    pub since: Tick,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Waiting>,
    bytes: usize,
}

/// All queues. Bytes are those of the buffers, not of the frames in them.
#[derive(Debug)]
pub struct WaitingRoom {
    queues: BTreeMap<NeighbourNo, Queue>,
    by_size: BTreeSet<(usize, NeighbourNo)>,
    bytes: usize,
    most_frames: usize,
    most_bytes: usize,
    most_in_all: usize,
}

impl WaitingRoom {
    pub fn new(limits: &Limits) -> WaitingRoom {
        WaitingRoom {
            queues: BTreeMap::new(),
            by_size: BTreeSet::new(),
            bytes: 0,
            most_frames: limits.neighbour_frames,
            most_bytes: limits.neighbour_bytes,
            most_in_all: limits.waiting_bytes,
        }
    }

    /// Puts a frame at the end of a queue and gives those that made room, with the neighbour they waited for.
    pub fn push(&mut self, no: NeighbourNo, waiting: Waiting) -> Vec<(NeighbourNo, Waiting)> {
        let mut out = Vec::new();
        let size = waiting.frame.footprint();
        while self.frames(no) > 0
            && (self.frames(no) >= self.most_frames || self.bytes_of(no) + size > self.most_bytes)
        {
            out.extend(self.pop(no).map(|waiting| (no, waiting)));
        }
        while self.bytes > 0 && self.bytes + size > self.most_in_all {
            let Some((_, longest)) = self.by_size.last().copied() else { break };
            out.extend(self.pop(longest).map(|waiting| (longest, waiting)));
        }
        if size > self.most_bytes.min(self.most_in_all) || self.most_frames == 0 {
            out.push((no, waiting));
            return out;
        }
        self.resize(no, |queue| {
            queue.bytes += size;
            queue.frames.push_back(waiting);
        });
        out
    }

    pub fn pop(&mut self, no: NeighbourNo) -> Option<Waiting> {
        self.resize(no, |queue| {
            let waiting = queue.frames.pop_front()?;
            queue.bytes -= waiting.frame.footprint();
            Some(waiting)
        })
    }

    /// Everything that waits for one.
    pub fn take(&mut self, no: NeighbourNo) -> VecDeque<Waiting> {
        self.resize(no, |queue| {
            queue.bytes = 0;
            std::mem::take(&mut queue.frames)
        })
    }

    fn resize<T>(&mut self, no: NeighbourNo, change: impl FnOnce(&mut Queue) -> T) -> T {
        let queue = self.queues.entry(no).or_default();
        let before = queue.bytes;
        let result = change(queue);
        let after = queue.bytes;
        if queue.frames.is_empty() {
            self.queues.remove(&no);
        }
        self.by_size.remove(&(before, no));
        if after > 0 {
            self.by_size.insert((after, no));
        }
        self.bytes = self.bytes - before + after;
        result
    }

    pub fn front(&self, no: NeighbourNo) -> Option<&Waiting> {
        self.queues.get(&no)?.frames.front()
    }

    pub fn peek(&self, no: NeighbourNo) -> impl Iterator<Item = &Waiting> {
        self.queues.get(&no).into_iter().flat_map(|queue| &queue.frames)
    }

    /// The neighbours that something waits for.
    pub fn queues(&self) -> Vec<NeighbourNo> {
        self.queues.keys().copied().collect()
    }

    pub fn frames(&self, no: NeighbourNo) -> usize {
        self.queues.get(&no).map_or(0, |queue| queue.frames.len())
    }

    pub fn bytes_of(&self, no: NeighbourNo) -> usize {
        self.queues.get(&no).map_or(0, |queue| queue.bytes)
    }

    pub fn frames_in_all(&self) -> usize {
        self.queues.values().map(|queue| queue.frames.len()).sum()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

//! Buffers that are used again, so that the way of a frame allocates nothing.

use crate::Frame;

/// What a small buffer takes: a frame of an ordinary link, and more.
const SMALL: usize = 2048 - Frame::HEADROOM;
const KEPT_SMALL: usize = 4096;
const KEPT_LARGE: usize = 256;

/// Buffers of two sizes, bounded in number.
#[derive(Debug, Default)]
pub struct Pool {
    small: Vec<Frame>,
    large: Vec<Frame>,
}

impl Pool {
    /// An empty frame that at least `len` bytes fit into, up to [`Frame::MAX_LEN`].
    pub fn take(&mut self, len: usize) -> Frame {
        let (kept, size) =
            if len <= SMALL { (&mut self.small, SMALL) } else { (&mut self.large, Frame::MAX_LEN) };
        let mut frame = kept.pop().unwrap_or_else(|| Frame::with_room(size));
        frame.room();
        frame
    }

    /// Gives a buffer back. What is of neither size is freed.
    pub fn recycle(&mut self, mut frame: Frame) {
        if let Some(body) = frame.take_body() {
            self.recycle(body);
        }
        let (kept, most) = match frame.footprint() - Frame::HEADROOM.min(frame.footprint()) {
            SMALL => (&mut self.small, KEPT_SMALL),
            Frame::MAX_LEN => (&mut self.large, KEPT_LARGE),
            _ => return,
        };
        if kept.len() < most {
            kept.push(frame);
        }
    }

    /// A copy with its offload.
    pub fn copy(&mut self, frame: &Frame) -> Frame {
        let mut copy = self.take(frame.len());
        copy.append(frame.bytes());
        copy.offload = frame.offload;
        copy
    }

    /// The same frame for keeping: in a buffer of its own size if the one it has is much larger.
    pub fn pack(&mut self, frame: Frame) -> Frame {
        if frame.footprint() <= 2 * (Frame::HEADROOM + frame.len()) {
            return frame;
        }
        let mut packed = Frame::of(frame.bytes());
        packed.offload = frame.offload;
        self.recycle(frame);
        packed
    }
}

//! What is left to do of a frame, or done already: the header that virtio puts before frames, parsed.
//!
//! Whoever drives the switch reads it of each frame that comes and writes it for each that goes.

/// Nothing to do and nothing known, by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    pub checksum: Checksum,
    /// The frame is several, laid in one.
    pub segments: Option<Segments>,
}

/// The checksum of the innermost transport header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// It is in the frame, or there is none; nobody looked at it.
    #[default]
    Unknown,
    /// Somebody found it right.
    Good,
    /// It is to be summed from `start` to the end and put `offset` behind `start`, where the sum of the
    /// pseudo-header is.
    Partial { start: u16, offset: u16 },
}

/// Headers once, and payload of several frames behind them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segments {
    pub kind: SegmentKind,
    /// Bytes of payload of each, but for the last.
    pub size: u16,
    /// All headers, as a hint: who needs it reads the headers.
    pub header_len: u16,
    /// TCP only: the first segment alone carries CWR.
    pub ecn: bool,
}

/// What the payload is cut by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentKind {
    Tcp4,
    Tcp6,
    /// Datagrams of UDP, each with a header of its own (virtio's `UDP_L4`).
    Udp,
}

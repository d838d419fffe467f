//! How programs and we write what we share: keys, places and the note from one program to the next.

/// A flow's key: what of a frame must be as it was, byte by byte as on the wire.
///
/// ```text
/// 0 device, in the machine's order | 4 outer source | 8 outer destination | 12 UDP port, or 0 | 14 zeros
/// 16 tunnel header, 8 bytes | 24 outer source MAC, 2 zeros | 32 inner destination MAC | 38 inner source MAC | 44 zeros
/// ```
/// Of a frame that an instance sends, all that is outer is zero.
pub(crate) mod key {
    pub const LEN: usize = 48;
    pub const DEVICE: usize = 0;
    pub const SOURCE: usize = 4;
    pub const DESTINATION: usize = 8;
    pub const PORT: usize = 12;
    pub const TUNNEL: usize = 16;
    pub const OUTER_MAC: usize = 24;
    pub const MACS: usize = 32;
}

/// What stands at a flow's place.
pub(crate) mod place {
    pub const LEN: usize = 136;
    /// Whether frames pass: see below.
    pub const STATE: usize = 0;
    /// The device that they leave by.
    pub const OUT: usize = 4;
    /// Bytes that are put before a frame or taken off it, but for its Ethernet header.
    pub const HEAD_LEN: usize = 8;
    /// The longest frame, with its Ethernet header, that may pass.
    pub const ROOM: usize = 12;
    /// For the kernel's `bpf_skb_adjust_room`.
    pub const FLAGS: usize = 16;
    /// Frames that went the slow path since the place is taken.
    pub const WENT: usize = 24;
    /// So many of them are known to have left.
    pub const LEFT: usize = 32;
    /// Frames and bytes that passed.
    pub const FRAMES: usize = 40;
    pub const BYTES: usize = 48;
    /// Of the outer header's words, without what differs.
    pub const SUM: usize = 56;
    /// The outer class: these bits of the inner one, and these besides.
    pub const CLASS_OF_INNER: usize = 60;
    pub const CLASS: usize = 64;
    /// What else differs: see below.
    pub const DIFFERS: usize = 68;
    pub const HEAD: usize = 72;
    /// Frames that were dropped.
    pub const OVERRUN: usize = 128;
}

pub(crate) const CLOSED: u32 = 0;
pub(crate) const OPEN: u32 = 1;
/// Frames are dropped.
pub(crate) const HELD: u32 = 2;

/// UDP's source port and length.
pub(crate) const DIFFERS_UDP: u32 = 1;
/// NVGRE's FlowID.
pub(crate) const DIFFERS_FLOW_ID: u32 = 2;

/// Outer IPv4 header, UDP and tunnel header, inner Ethernet; the same of GRE.
pub(crate) const UDP_HEAD_LEN: usize = 50;
pub(crate) const GRE_HEAD_LEN: usize = 42;

/// What a filter says to the program behind it.
pub(crate) mod note {
    pub const LEN: usize = 8;
    /// The place's number and 1, or nothing; see below.
    pub const PLACE: i16 = 0;
    /// Whose frame it is.
    pub const DEVICE: i16 = 4;
}

/// In a note: the frame takes the slow path.
pub(crate) const SLOW_PATH: i32 = i32::MIN;
/// A frame that a program could not change comes by the device again with this mark, and takes the slow path.
pub(crate) const AGAIN: i32 = 0x6e75_7476;

/// `struct __sk_buff`.
pub(crate) mod frame {
    pub const LEN: i16 = 0;
    pub const KIND: i16 = 4;
    pub const MARK: i16 = 8;
    pub const TAGGED: i16 = 20;
    pub const DEVICE: i16 = 40;
    pub const SEGMENTS: i16 = 164;
    pub const SEGMENT_LEN: i16 = 176;
}

//! Where headers and payload of a TCP or UDP frame are, with nothing in it that cutting would have to guess.

use wire::tcp;

use crate::inner::{Inner, L3};
use crate::{SegmentKind, Segments, Why};

/// Headers of one frame, checked to lie within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub l3: L3,
    pub l3_at: usize,
    pub l4_at: usize,
    pub protocol: u8,
    /// All headers.
    pub head: usize,
    /// Headers and payload, without padding of the link.
    pub end: usize,
}

pub const TCP: u8 = wire::ipv4::protocol::TCP;
pub const UDP: u8 = wire::ipv4::protocol::UDP;

impl Layout {
    /// None if it is something else than whole TCP or UDP.
    pub fn of(frame: &[u8], inner: &Inner) -> Option<Layout> {
        let (protocol, l4_at) = inner.l4(frame)?;
        let at = inner.l3_at;
        let word = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
        let end = match inner.l3 {
            L3::Ipv4 => at + word(at + 2),
            L3::Ipv6 => at + wire::Ipv6::LEN + word(at + 4),
            L3::Other => return None,
        };
        let segment = frame.get(l4_at..end)?;
        let header_len = match protocol {
            TCP => tcp::View::new(segment).ok()?.header_len(),
            UDP if segment.len() >= wire::Udp::LEN => wire::Udp::LEN,
            _ => return None,
        };
        Some(Layout { l3: inner.l3, l3_at: at, l4_at, protocol, head: l4_at + header_len, end })
    }

    /// The layout of a frame that says it is several, if it is what it says.
    pub fn of_segments(frame: &[u8], inner: &Inner, segments: &Segments) -> Result<Layout, Why> {
        let layout = Layout::of(frame, inner).ok_or(Why::BadOffload)?;
        let fits = match segments.kind {
            SegmentKind::Tcp4 => (layout.protocol, layout.l3) == (TCP, L3::Ipv4),
            SegmentKind::Tcp6 => (layout.protocol, layout.l3) == (TCP, L3::Ipv6),
            SegmentKind::Udp => layout.protocol == UDP,
        };
        if fits && segments.size > 0 && layout.end > layout.head { Ok(layout) } else { Err(Why::BadOffload) }
    }

    /// Where the checksum of the transport header is.
    pub fn sum_at(&self) -> usize {
        self.l4_at + if self.protocol == TCP { tcp::offset::CHECKSUM } else { 6 }
    }
}

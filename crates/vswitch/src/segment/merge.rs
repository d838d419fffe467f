//! Joining a run of TCP segments into one frame (what GRO does), so that an instance takes it in one piece.
//!
//! A run goes on while the next frame is the next segment of the same flow with the same headers. It ends with a
//! shorter segment, with PSH, and with anything else that is to leave: order never changes.

use wire::checksum::{self, Sum};
use wire::{Vni, tcp};

use super::Layout;
use super::layout::TCP;
use crate::fdb::TunnelNo;
use crate::frame::Piece;
use crate::inner::{Inner, L3};
use crate::{Checksum, Frame, Offload, Pool, PortNo, SegmentKind, Segments};

/// Segments in one frame, and bytes with headers, at most.
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65_535 + wire::Ethernet::LEN;

/// A frame held back because more of it may come.
#[derive(Debug)]
pub struct Run {
    pub port: PortNo,
    /// Which network of which tunnel it came out of.
    pub from: (TunnelNo, Vni),
    frame: Frame,
    layout: Layout,
    size: usize,
    segments: usize,
    next_sequence: u32,
    ended: bool,
    /// Payload that lies in a frame which is being taken apart, and is to be given by [`Run::lay`].
    pieces: Vec<Piece>,
    laid: usize,
}

/// A segment that may be part of a run: plain data, in one piece, unharmed.
fn candidate(bytes: &[u8], inner: &Inner, checked: bool) -> Option<Layout> {
    let layout = Layout::of(bytes, inner)?;
    let Layout { l3, l3_at, l4_at, protocol, head, end } = layout;
    if protocol != TCP || end == head {
        return None;
    }
    let flags = bytes[l4_at + tcp::offset::FLAGS];
    if flags & !(tcp::flag::PSH | tcp::flag::ECE) != tcp::flag::ACK {
        return None;
    }
    // With options of IP, and where the packet may be cut on its way, frames are left as they are.
    let plain = match l3 {
        L3::Ipv4 => {
            l4_at - l3_at == wire::Ipv4::LEN
                && bytes[l3_at + 6] & 0x40 != 0
                && checksum::of(&bytes[l3_at..l4_at]) == 0
        }
        L3::Ipv6 => true,
        L3::Other => false,
    };
    let intact = || pseudo(&layout, bytes, end - l4_at).with(&bytes[l4_at..end]).finish() == 0;
    (plain && (checked || intact())).then_some(layout)
}

fn pseudo(layout: &Layout, bytes: &[u8], len: usize) -> Sum {
    let at = layout.l3_at;
    let addresses = if layout.l3 == L3::Ipv4 { at + 12..at + 20 } else { at + 8..at + 40 };
    Sum::default().plus(u32::from(TCP)).plus(len as u32).with(&bytes[addresses])
}

fn sequence(bytes: &[u8], layout: &Layout) -> u32 {
    let at = layout.l4_at + tcp::offset::SEQUENCE;
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

impl Run {
    /// Begins a run with a frame, or gives the frame back.
    pub fn begin(port: PortNo, from: (TunnelNo, Vni), mut frame: Frame, inner: &Inner) -> Result<Run, Frame> {
        if frame.offload.segments.is_some() || matches!(frame.offload.checksum, Checksum::Partial { .. }) {
            return Err(frame);
        }
        let Some(layout) = candidate(frame.bytes(), inner, false) else { return Err(frame) };
        frame.truncate(layout.end);
        let size = layout.end - layout.head;
        let next_sequence = sequence(frame.bytes(), &layout).wrapping_add(size as u32);
        let ended = frame.bytes()[layout.l4_at + tcp::offset::FLAGS] & tcp::flag::PSH != 0;
        Ok(Run {
            port,
            from,
            frame,
            layout,
            size,
            segments: 1,
            next_sequence,
            ended,
            pieces: Vec::new(),
            laid: 0,
        })
    }

    /// Adds a frame if it is the next of the run; false, and nothing done, if not. `checked`: nothing can have harmed
    /// it, so its checksum need not be looked at. `lies_at`: its bytes are these of a frame that [`Run::lay`] gives
    /// over, and need not be copied.
    pub fn extend(
        &mut self,
        port: PortNo,
        bytes: &[u8],
        inner: &Inner,
        checked: bool,
        lies_at: Option<usize>,
        pool: &mut Pool,
    ) -> bool {
        if self.ended || port != self.port || self.segments >= MOST_SEGMENTS {
            return false;
        }
        // First what is cheap: most frames of other flows end here.
        let Some(layout) = Layout::of(bytes, inner) else { return false };
        let payload = layout.end - layout.head;
        let same_place = (layout.l3, layout.l3_at, layout.l4_at, layout.head)
            == (self.layout.l3, self.layout.l3_at, self.layout.l4_at, self.layout.head);
        if layout.protocol != TCP
            || !same_place
            || payload > self.size
            || self.frame.len() + self.laid + payload > MOST_BYTES
            || sequence(bytes, &layout) != self.next_sequence
            || !self.has_headers_of(bytes)
            || candidate(bytes, inner, checked).is_none()
        {
            return false;
        }
        match lies_at.filter(|_| self.frame.is_in_one()) {
            Some(at) => {
                let mut own = 0;
                if self.pieces.is_empty() {
                    own = self.frame.len() as u32;
                    self.pieces.reserve_exact(MOST_SEGMENTS);
                }
                let (from, to) = ((at + layout.head) as u32, (at + layout.end) as u32);
                self.pieces.push(Piece { own, from, to });
                self.laid += payload;
            }
            None => {
                self.grow(payload, pool);
                if !self.frame.append(&bytes[layout.head..layout.end]) {
                    return false;
                }
            }
        }
        let flags_at = layout.l4_at + tcp::offset::FLAGS;
        self.frame.bytes_mut()[flags_at] |= bytes[flags_at];
        self.segments += 1;
        self.next_sequence = self.next_sequence.wrapping_add(payload as u32);
        self.ended = payload < self.size || bytes[flags_at] & tcp::flag::PSH != 0;
        true
    }

    /// Equal but for lengths, identification, sequence number, PSH and checksums.
    fn has_headers_of(&self, bytes: &[u8]) -> bool {
        let (ours, at, l4) = (self.frame.bytes(), self.layout.l3_at, self.layout.l4_at);
        let same = |from: usize, to: usize| ours[from..to] == bytes[from..to];
        let l3 = match self.layout.l3 {
            L3::Ipv4 => same(0, at + 2) && same(at + 6, at + 10) && same(at + 12, at + 20),
            _ => same(0, at + 4) && same(at + 6, at + 40),
        };
        let flags = l4 + tcp::offset::FLAGS;
        let is_same_flags = (ours[flags] ^ bytes[flags]) & !tcp::flag::PSH == 0;
        l3 && same(l4, l4 + 4)
            && same(l4 + 8, flags)
            && is_same_flags
            && same(flags + 1, l4 + 16)
            && same(l4 + 18, self.layout.head)
    }

    /// Takes the frame over that pieces of it lie in; gives it back if there are none.
    pub fn lay(&mut self, body: Frame) -> Option<Frame> {
        if self.pieces.is_empty() {
            return Some(body);
        }
        self.laid = 0;
        self.frame.lay_between(body, std::mem::take(&mut self.pieces));
        None
    }

    /// Makes room for more, in a large buffer.
    fn grow(&mut self, more: usize, pool: &mut Pool) {
        if self.frame.tailroom() < more {
            let mut large = pool.take(Frame::MAX_LEN);
            large.append(self.frame.bytes());
            large.offload = self.frame.offload;
            large.adopt(&mut self.frame);
            pool.recycle(std::mem::replace(&mut self.frame, large));
        }
    }

    /// The frame to send. What was joined has its checksum left to be finished by whoever cuts it.
    pub fn end(mut self) -> (PortNo, Frame) {
        if self.segments == 1 {
            return (self.port, self.frame);
        }
        let Layout { l3, l3_at, l4_at, head, .. } = self.layout;
        let end = self.frame.len();
        let sum = pseudo(&self.layout, self.frame.bytes(), end - l4_at).folded();
        let bytes = self.frame.bytes_mut();
        if l3 == L3::Ipv4 {
            bytes[l3_at + 2..l3_at + 4].copy_from_slice(&((end - l3_at) as u16).to_be_bytes());
            bytes[l3_at + 10..l3_at + 12].fill(0);
            let sum = checksum::of(&bytes[l3_at..l4_at]);
            bytes[l3_at + 10..l3_at + 12].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[l3_at + 4..l3_at + 6].copy_from_slice(&((end - l4_at) as u16).to_be_bytes());
        }
        let sum_at = l4_at + tcp::offset::CHECKSUM;
        bytes[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        let kind = if l3 == L3::Ipv4 { SegmentKind::Tcp4 } else { SegmentKind::Tcp6 };
        self.frame.offload = Offload {
            checksum: Checksum::Partial { start: l4_at as u16, offset: tcp::offset::CHECKSUM as u16 },
            segments: Some(Segments { kind, size: self.size as u16, header_len: head as u16, ecn: false }),
        };
        (self.port, self.frame)
    }
}

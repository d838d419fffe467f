//! Cutting one frame into the several that it stands for (what TSO and USO leave to hardware).

use std::ops::Range;

use wire::checksum::Sum;
use wire::{checksum, tcp};

use super::Layout;
use super::layout::TCP;
use crate::inner::{Inner, L3};
use crate::{Segments, Why};

/// The frames that one frame stands for, one after another.
#[derive(Debug)]
pub struct Cut<'a> {
    frame: &'a [u8],
    layout: Layout,
    size: usize,
    ecn: bool,
    done: usize,
    nth: u16,
}

/// Begins; whoever asks writes each with [`Cut::next_into`].
pub fn cut<'a>(frame: &'a [u8], inner: &Inner, segments: &Segments) -> Result<Cut<'a>, Why> {
    let layout = Layout::of_segments(frame, inner, segments)?;
    Ok(Cut { frame, layout, size: usize::from(segments.size), ecn: segments.ecn, done: 0, nth: 0 })
}

impl Cut<'_> {
    /// The length of the longest: all have it but for the last.
    pub fn longest(&self) -> usize {
        self.layout.head + self.size.min(self.payload())
    }

    fn payload(&self) -> usize {
        self.layout.end - self.layout.head
    }

    pub fn next_len(&self) -> Option<usize> {
        let rest = self.payload() - self.done;
        (rest > 0).then(|| self.layout.head + rest.min(self.size))
    }

    /// Writes the next one, whose length [`Cut::next_len`] told, with its checksums.
    pub fn next_into(&mut self, out: &mut [u8]) {
        let (head, payload) = out.split_at_mut(self.layout.head);
        let from = self.next_head_into(head).start;
        payload.copy_from_slice(&self.frame[from..from + payload.len()]);
    }

    /// All headers of each.
    pub fn head_len(&self) -> usize {
        self.layout.head
    }

    /// Writes the headers of the next one, with its checksums, and says which bytes of the frame are its payload.
    pub fn next_head_into(&mut self, out: &mut [u8]) -> Range<usize> {
        let Layout { head, l3_at, l4_at, protocol, .. } = self.layout;
        let len = (self.payload() - self.done).min(self.size);
        out.copy_from_slice(&self.frame[..head]);
        let from = head + self.done;
        let payload = &self.frame[from..from + len];
        let l4_len = head + len - l4_at;
        let pseudo = self.addresses(out, l4_len);
        if protocol == TCP {
            let at = l4_at + tcp::offset::SEQUENCE;
            let sequence = self.frame[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
            out[at..at + 4].copy_from_slice(&sequence.wrapping_add(self.done as u32).to_be_bytes());
            let flags = &mut out[l4_at + tcp::offset::FLAGS];
            if self.done + len < self.payload() {
                *flags &= !(tcp::flag::FIN | tcp::flag::PSH);
            }
            if self.ecn && self.nth > 0 {
                *flags &= !tcp::flag::CWR;
            }
        } else {
            out[l4_at + 4..l4_at + 6].copy_from_slice(&(l4_len as u16).to_be_bytes());
        }
        let sum_at = self.layout.sum_at();
        out[sum_at..sum_at + 2].fill(0);
        // A header of TCP or UDP has an even length, so the payload's sum goes on from there.
        let sum = match pseudo.with(&out[l4_at..]).with(payload).finish() {
            0 => 0xffff,
            sum => sum,
        };
        out[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        debug_assert!(l3_at < l4_at);
        self.done += len;
        self.nth = self.nth.wrapping_add(1);
        from..from + len
    }

    /// Makes length, identification and header checksum right, and gives the pseudo-header's sum.
    fn addresses(&self, out: &mut [u8], l4_len: usize) -> Sum {
        let Layout { l3, l3_at, l4_at, protocol, .. } = self.layout;
        let rest = Sum::default().plus(u32::from(protocol)).plus(l4_len as u32);
        if l3 == L3::Ipv6 {
            out[l3_at + 4..l3_at + 6].copy_from_slice(&(l4_len as u16).to_be_bytes());
            return rest.with(&out[l3_at + 8..l3_at + 40]);
        }
        let total = (l4_at - l3_at + l4_len) as u16;
        let id = u16::from_be_bytes([out[l3_at + 4], out[l3_at + 5]]).wrapping_add(self.nth);
        out[l3_at + 2..l3_at + 4].copy_from_slice(&total.to_be_bytes());
        out[l3_at + 4..l3_at + 6].copy_from_slice(&id.to_be_bytes());
        out[l3_at + 10..l3_at + 12].fill(0);
        let sum = checksum::of(&out[l3_at..l4_at]);
        out[l3_at + 10..l3_at + 12].copy_from_slice(&sum.to_be_bytes());
        rest.with(&out[l3_at + 12..l3_at + 20])
    }
}

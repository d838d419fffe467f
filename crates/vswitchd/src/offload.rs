//! What is left to do to a frame: the kernel's header to the switch's words and back.

use kernel::ports::VnetHeader;
use vswitch::{Checksum, Frame, Offload, SegmentKind, Segments};

pub(crate) fn of_header(head: &VnetHeader) -> Offload {
    let checksum = if head.flags & VnetHeader::NEEDS_CHECKSUM != 0 {
        Checksum::Partial { start: head.checksum_start, offset: head.checksum_offset }
    } else if head.flags & VnetHeader::CHECKSUM_GOOD != 0 {
        Checksum::Good
    } else {
        Checksum::Unknown
    };
    let kind = match head.gso_type & !VnetHeader::ECN {
        VnetHeader::TCP4 => Some(SegmentKind::Tcp4),
        VnetHeader::TCP6 => Some(SegmentKind::Tcp6),
        VnetHeader::UDP => Some(SegmentKind::Udp),
        _ => None,
    };
    let ecn = head.gso_type & VnetHeader::ECN != 0;
    let segments = kind.map(|kind| Segments { kind, size: head.gso_size, header_len: head.header_len, ecn });
    Offload { checksum, segments }
}

pub(crate) fn header_of(frame: &Frame) -> VnetHeader {
    let mut head = VnetHeader::default();
    match frame.offload.checksum {
        Checksum::Unknown => {}
        Checksum::Good => head.flags = VnetHeader::CHECKSUM_GOOD,
        Checksum::Partial { start, offset } => {
            head.flags = VnetHeader::NEEDS_CHECKSUM;
            (head.checksum_start, head.checksum_offset) = (start, offset);
        }
    }
    if let Some(segments) = &frame.offload.segments {
        head.gso_type = match segments.kind {
            SegmentKind::Tcp4 => VnetHeader::TCP4,
            SegmentKind::Tcp6 => VnetHeader::TCP6,
            SegmentKind::Udp => VnetHeader::UDP,
        };
        if segments.ecn {
            head.gso_type |= VnetHeader::ECN;
        }
        (head.gso_size, head.header_len) = (segments.size, segments.header_len);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let plain = VnetHeader::default();
        let good = VnetHeader { flags: VnetHeader::CHECKSUM_GOOD, ..plain };
        let partial = VnetHeader {
            flags: VnetHeader::NEEDS_CHECKSUM,
            checksum_start: 34,
            checksum_offset: 16,
            ..VnetHeader::default()
        };
        let cut = |gso_type| VnetHeader { gso_type, gso_size: 1448, header_len: 66, ..partial };
        let kinds = [VnetHeader::TCP4, VnetHeader::TCP6, VnetHeader::UDP, VnetHeader::TCP4 | VnetHeader::ECN];
        for head in [plain, good, partial].into_iter().chain(kinds.map(cut)) {
            let mut frame = Frame::of(&[0; 60]);
            frame.offload = of_header(&head);
            assert_eq!(header_of(&frame), head);
        }
    }
}

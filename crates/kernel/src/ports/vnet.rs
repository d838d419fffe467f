//! `struct virtio_net_hdr`: what is left to do to a frame, in the byte order of this machine.

/// What is left to do to a frame before it is on a wire.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct VnetHeader {
    pub flags: u8,
    pub gso_type: u8,
    /// Bytes of headers, where it is to be cut.
    pub header_len: u16,
    /// Bytes of payload in each piece.
    pub gso_size: u16,
    /// From where on the checksum counts, and where behind that it is written.
    pub checksum_start: u16,
    pub checksum_offset: u16,
}

impl VnetHeader {
    pub const LEN: usize = 10;

    /// The checksum is to be finished.
    pub const NEEDS_CHECKSUM: u8 = 1;
    /// The checksum was found to be right.
    pub const CHECKSUM_GOOD: u8 = 2;

    pub const WHOLE: u8 = 0;
    pub const TCP4: u8 = 1;
    pub const TCP6: u8 = 4;
    pub const UDP: u8 = 5;
    /// Beside a kind: the first piece alone says that it saw congestion.
    pub const ECN: u8 = 0x80;

    pub fn parse(bytes: &[u8; VnetHeader::LEN]) -> VnetHeader {
        let number = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        VnetHeader {
            flags: bytes[0],
            gso_type: bytes[1],
            header_len: number(2),
            gso_size: number(4),
            checksum_start: number(6),
            checksum_offset: number(8),
        }
    }

    pub fn emit(&self) -> [u8; VnetHeader::LEN] {
        let mut bytes = [0; VnetHeader::LEN];
        (bytes[0], bytes[1]) = (self.flags, self.gso_type);
        let numbers = [self.header_len, self.gso_size, self.checksum_start, self.checksum_offset];
        for (at, number) in numbers.into_iter().enumerate() {
            bytes[2 + at * 2..4 + at * 2].copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }

    /// The same frame, longer by so many bytes before its network header.
    pub(super) fn behind(mut self, bytes: u16) -> VnetHeader {
        if self.flags & VnetHeader::NEEDS_CHECKSUM != 0 {
            self.checksum_start = self.checksum_start.saturating_add(bytes);
        }
        if self.header_len > 0 {
            self.header_len = self.header_len.saturating_add(bytes);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let head = VnetHeader {
            flags: VnetHeader::NEEDS_CHECKSUM,
            gso_type: VnetHeader::TCP4 | VnetHeader::ECN,
            header_len: 54,
            gso_size: 1448,
            checksum_start: 34,
            checksum_offset: 16,
        };
        assert_eq!(VnetHeader::parse(&head.emit()), head);
        let tagged = head.behind(4);
        assert_eq!((tagged.checksum_start, tagged.header_len, tagged.gso_size), (38, 58, 1448));
        assert_eq!(VnetHeader::default().behind(4), VnetHeader::default());
    }
}

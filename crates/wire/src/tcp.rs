//! TCP headers (RFC 9293 section 3.1), as far as cutting and joining segments needs them.

use crate::{Malformed, need, take};

/// Bits of the flags byte.
pub mod flag {
    pub const ACK: u8 = 0x10;
    pub const CWR: u8 = 0x80;
    pub const ECE: u8 = 0x40;
    pub const FIN: u8 = 0x01;
    pub const PSH: u8 = 0x08;
    pub const RST: u8 = 0x04;
    pub const SYN: u8 = 0x02;
    pub const URG: u8 = 0x20;
}

/// Where fields are, for who changes some of them in place.
pub mod offset {
    pub const CHECKSUM: usize = 16;
    pub const FLAGS: usize = 13;
    pub const SEQUENCE: usize = 4;
}

/// A segment of at least a whole header.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    header_len: usize,
}

impl<'a> View<'a> {
    pub const MIN_LEN: usize = 20;

    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, View::MIN_LEN)?;
        let header_len = usize::from(bytes[12] >> 4) * 4;
        if header_len < View::MIN_LEN {
            return Err(Malformed::Field("data offset"));
        }
        need(bytes, header_len)?;
        Ok(View { bytes, header_len })
    }

    pub fn src_port(self) -> u16 {
        u16::from_be_bytes(take(self.bytes, 0))
    }

    pub fn dst_port(self) -> u16 {
        u16::from_be_bytes(take(self.bytes, 2))
    }

    pub fn sequence(self) -> u32 {
        u32::from_be_bytes(take(self.bytes, offset::SEQUENCE))
    }

    pub fn acknowledgement(self) -> u32 {
        u32::from_be_bytes(take(self.bytes, 8))
    }

    pub fn flags(self) -> u8 {
        self.bytes[offset::FLAGS]
    }

    pub fn window(self) -> u16 {
        u16::from_be_bytes(take(self.bytes, 14))
    }

    /// Options, padding included.
    pub fn options(self) -> &'a [u8] {
        &self.bytes[View::MIN_LEN..self.header_len]
    }

    pub fn header_len(self) -> usize {
        self.header_len
    }

    pub fn payload(self) -> &'a [u8] {
        &self.bytes[self.header_len..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_rfc_puts_them() {
        let mut bytes = vec![0x12, 0x34, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, 0x18, 0xff, 0xfe, 0, 0, 0, 0];
        bytes.extend([1, 1, 1, 0]);
        bytes.extend(b"data");
        let view = View::new(&bytes).expect("valid");
        assert_eq!((view.src_port(), view.dst_port(), view.window()), (0x1234, 80, 0xfffe));
        assert_eq!((view.sequence(), view.acknowledgement()), (0x0102_0304, 0x0506_0708));
        assert_eq!(view.flags(), flag::PSH | flag::ACK);
        assert_eq!((view.options(), view.payload()), (&[1, 1, 1, 0][..], &b"data"[..]));
        bytes[12] = 0x40;
        assert_eq!(View::new(&bytes).err(), Some(Malformed::Field("data offset")));
        bytes[12] = 0xf0;
        assert_eq!(View::new(&bytes).err(), Some(Malformed::Short { need: 60, got: 28 }));
        assert_eq!(View::new(&bytes[..19]).err(), Some(Malformed::Short { need: 20, got: 19 }));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            if let Ok(view) = View::new(&bytes) {
                proptest::prop_assert_eq!(view.header_len() + view.payload().len(), bytes.len());
                proptest::prop_assert_eq!(View::MIN_LEN + view.options().len(), view.header_len());
            }
        }
    }
}

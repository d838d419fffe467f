//! Netlink messages: a header, a fixed struct, attributes.

/// Bytes of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;

/// A request being built, maybe behind others.
pub(crate) struct Message {
    bytes: Vec<u8>,
    /// Of this one, in the bytes.
    start: usize,
}

impl Message {
    /// A request of a kind, with the fixed struct that the kind calls for.
    pub fn new(kind: u16, flags: i32, fixed: &[u8]) -> Message {
        Message::behind(Vec::with_capacity(128), kind, flags, fixed)
    }

    /// The same, in the bytes that hold those before it.
    pub fn behind(mut bytes: Vec<u8>, kind: u16, flags: i32, fixed: &[u8]) -> Message {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        // Flags are 16 bits on the wire; libc types them as int.
        bytes.extend_from_slice(&(flags as u16).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        Message { bytes, start }
    }

    /// One that was built alone, behind others.
    pub fn behind_others(self, mut others: Vec<u8>) -> Message {
        let start = others.len();
        others.extend_from_slice(&self.bytes[self.start..]);
        Message { bytes: others, start }
    }

    pub fn attr(mut self, kind: u16, value: &[u8]) -> Message {
        self.push(kind, value);
        self
    }

    pub fn attr_u8(self, kind: u16, value: u8) -> Message {
        self.attr(kind, &[value])
    }

    pub fn attr_u32(self, kind: u16, value: u32) -> Message {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// nftables writes numbers in network order.
    pub fn attr_be32(self, kind: u16, value: u32) -> Message {
        self.attr(kind, &value.to_be_bytes())
    }

    /// Text with its closing zero.
    pub fn attr_str(self, kind: u16, value: &str) -> Message {
        let mut text = value.as_bytes().to_vec();
        text.push(0);
        self.attr(kind, &text)
    }

    /// An attribute that holds what `fill` adds.
    pub fn nest(mut self, kind: u16, fill: impl FnOnce(Message) -> Message) -> Message {
        const NESTED: u16 = 0x8000;
        let start = self.bytes.len();
        self.push(kind | NESTED, &[]);
        let mut filled = fill(self);
        let length = (filled.bytes.len() - start) as u16;
        filled.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        filled
    }

    /// Bytes between attributes: the fixed struct of a nested message.
    pub fn raw(mut self, bytes: &[u8]) -> Message {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The finished message, and those before it; the kernel repeats the number in its answers.
    pub fn finish(mut self, sequence: u32, extra_flags: i32) -> Vec<u8> {
        let own = &mut self.bytes[self.start..];
        let length = own.len() as u32;
        own[..4].copy_from_slice(&length.to_ne_bytes());
        let flags = u16::from_ne_bytes([own[6], own[7]]) | extra_flags as u16;
        own[6..8].copy_from_slice(&flags.to_ne_bytes());
        own[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }

    fn push(&mut self, kind: u16, value: &[u8]) {
        let length = (4 + value.len()) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Walks attributes; ends at the first that does not fit.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const KIND: u16 = 0x3fff;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let header = rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & KIND;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(crate) fn u32_of(value: &[u8]) -> u32 {
    value.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// Text without its closing zero.
pub(crate) fn text_of(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_walked() {
        let message = Message::new(16, 0, &[9; 4])
            .attr_str(3, "lo")
            .nest(18, |m| m.attr_str(1, "bridge").nest(2, |m| m.attr_u8(5, 7)))
            .attr_u32(4, 1500)
            .finish(77, 0x5);
        assert_eq!(message.len() as u32, u32_of(&message));
        assert_eq!(message[6], 5);
        let attrs: Vec<_> = attributes(&message[HEADER + 4..]).collect();
        assert_eq!(attrs.len(), 3);
        assert_eq!((attrs[0].0, text_of(attrs[0].1).as_str()), (3, "lo"));
        let inner: Vec<_> = attributes(attrs[1].1).collect();
        assert_eq!(text_of(inner[0].1), "bridge");
        assert_eq!(attributes(inner[1].1).next(), Some((5, &[7u8][..])));
        assert_eq!(u32_of(attrs[2].1), 1500);
    }

    #[test]
    fn one_behind_another_is_built_as_if_alone() {
        let build = |bytes| {
            let message = Message::behind(bytes, 7, 1, &[2, 0, 0, 0]).attr(1, &[1, 2, 3, 4, 5]);
            message.nest(2, |m| m.attr_u8(3, 9)).finish(5, 4)
        };
        let alone = build(Vec::new());
        assert_eq!(build(build(Vec::new())), [alone.clone(), alone].concat());
    }

    #[test]
    fn a_torn_attribute_ends_the_walk() {
        assert_eq!(attributes(&[8, 0, 1, 0, 1, 2, 3]).count(), 0);
        assert_eq!(attributes(&[2, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[5, 0, 1, 0, 9]).count(), 1);
    }
}

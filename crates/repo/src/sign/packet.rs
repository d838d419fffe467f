//! Packets: lengths, numbers, subpackets.

/// A packet of a tag, with a length of as many bytes as it needs.
pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xc0 | tag];
    bytes.extend(length(body.len()));
    bytes.extend(body);
    bytes
}

/// A subpacket of a signature; below 192 bytes, as all of ours are.
pub fn subpacket(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = length(body.len() + 1);
    bytes.push(kind);
    bytes.extend(body);
    bytes
}

/// With its length in two bytes before it.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("what we count this way is short");
    [&length.to_be_bytes(), bytes].concat()
}

/// A number: its length in bits, and its bytes without leading zeros.
pub fn number(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let first = bytes.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = u16::try_from(bytes.len() * 8 - first).expect("the numbers of our keys are short");
    [&bits.to_be_bytes(), bytes].concat()
}

fn length(len: usize) -> Vec<u8> {
    match len {
        0..192 => vec![len as u8],
        192..8384 => vec![((len - 192) >> 8) as u8 + 192, (len - 192) as u8],
        _ => [&[0xff], &u32::try_from(len).expect("packets are short").to_be_bytes()[..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers() {
        assert_eq!(length(191), [191]);
        assert_eq!(length(192), [192, 0]);
        assert_eq!(length(8383), [223, 255]);
        assert_eq!(length(8384), [255, 0, 0, 0x20, 0xc0]);
        assert_eq!(number(&[0, 0, 1, 255]), [0, 9, 1, 255]);
        assert_eq!(number(&[0, 0]), [0, 0]);
    }
}

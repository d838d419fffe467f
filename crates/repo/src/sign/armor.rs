//! ASCII armor.

use std::fmt::Write;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn armor(kind: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN PGP {kind}-----\n\n");
    for line in bytes.chunks(48) {
        text.push_str(&base64(line));
        text.push('\n');
    }
    let crc = crc24(bytes).to_be_bytes();
    let _ = write!(text, "={}\n-----END PGP {kind}-----\n", base64(&crc[1..])); // to a String
    text
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            match at <= group.len() {
                true => text.push(char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize])),
                false => text.push('='),
            }
        }
    }
    text
}

fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0x00b7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    crc & 0x00ff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_filled_up() {
        let all = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, text) in all {
            assert_eq!(base64(plain.as_bytes()), text);
        }
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }
}

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

/// The bytes of the first block of a kind; `None`: there is none, or it is damaged. Who wrote it need not be
/// trusted.
pub fn dearmor(kind: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN PGP {kind}-----"))?;
    let (block, _) = rest.split_once(&format!("-----END PGP {kind}-----"))?;
    let mut lines = block.lines().map(str::trim).skip(1).skip_while(|line| line.contains(": "));
    let mut bits = Bits::default();
    let mut sum = None;
    for line in lines.by_ref().filter(|line| !line.is_empty()) {
        if let Some(digits) = line.strip_prefix('=') {
            let mut check = Bits::default();
            check.take(digits)?;
            sum = Some(check.bytes);
            break;
        }
        bits.take(line)?;
    }
    let right = sum.is_none_or(|sum| sum == crc24(&bits.bytes).to_be_bytes()[1..]);
    (right && lines.all(str::is_empty)).then_some(bits.bytes)
}

/// Digits to bytes.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
    ended: bool,
}

impl Bits {
    fn take(&mut self, digits: &str) -> Option<()> {
        for digit in digits.bytes() {
            if digit == b'=' {
                self.ended = true;
                continue;
            }
            let value = ALPHABET.iter().position(|one| *one == digit).filter(|_| !self.ended)?;
            self.held = self.held << 6 | value as u32;
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                self.bytes.push((self.held >> self.count) as u8);
                self.held &= (1 << self.count) - 1;
            }
        }
        Some(())
    }
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

    #[test]
    fn what_is_armored_comes_back_and_what_is_damaged_does_not() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 2, 3, 47, 48, 49, 256] {
            let text = armor("SIGNATURE", &bytes[..len]);
            assert_eq!(dearmor("SIGNATURE", &text).as_deref(), Some(&bytes[..len]), "{text}");
            let noted = text.replacen("\n\n", "\nComment: x\n\n", 1).replace('\n', "\r\n");
            assert_eq!(dearmor("SIGNATURE", &noted).as_deref(), Some(&bytes[..len]), "{noted}");
        }
        let text = armor("SIGNATURE", &bytes);
        for damaged in [
            text.replace("AAEC", "AAED"),
            text.replace("AAEC", "A!EC"),
            text.replace("AAEC", "AA=C"),
            text.replace("END", "FIN"),
            text.replace("SIGNATURE", "MESSAGE"),
            String::new(),
        ] {
            assert_eq!(dearmor("SIGNATURE", &damaged), None, "{damaged}");
        }
    }
}

//! Debian's order: epoch, upstream version, revision; each in turns of other than digits, and digits.

use std::cmp::Ordering;

use super::{numbers, run};

/// Compares two versions as `dpkg --compare-versions` does.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    numbers(left.0, right.0).then_with(|| part(left.1, right.1)).then_with(|| part(left.2, right.2))
}

/// Epoch, version, revision.
fn split(text: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch.as_bytes(), version.as_bytes(), revision.as_bytes())
}

fn part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let ((word, rest), (other, others)) = (words(left), words(right));
        let longest = word.len().max(other.len());
        for at in 0..longest {
            let order = weight(word.get(at)).cmp(&weight(other.get(at)));
            if order.is_ne() {
                return order;
            }
        }
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let ((number, rest), (other, others)) = (run(rest, is_digit), run(others, is_digit));
        let order = numbers(number, other);
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest, others);
    }
    Ordering::Equal
}

fn words(text: &[u8]) -> (&[u8], &[u8]) {
    run(text, |byte| !byte.is_ascii_digit())
}

/// A tilde before the end, the end before letters, letters before all else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order() {
        let order = [
            "0.9", "1.0~~", "1.0~a", "1.0", "1.0-1", "1.0-1+b1", "1.0a", "1.0+1", "1.2", "1.10", "1:0.1",
            "2:0",
        ];
        for pair in order.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        for (left, right) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("", "")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}

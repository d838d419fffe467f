//! RPM's order: epoch, version, release; each in segments of digits or letters.

use std::cmp::Ordering;

use super::{numbers, run};

/// Compares two of `EPOCH:VERSION-RELEASE`.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    numbers(left.0, right.0).then_with(|| part(left.1, right.1)).then_with(|| part(left.2, right.2))
}

fn split(text: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.as_bytes(), version.as_bytes(), release.as_bytes())
}

/// Compares a version, or a release, alone.
fn part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    let is_between = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^';
    loop {
        (left, right) = (run(left, is_between).1, run(right, is_between).1);
        // A tilde is before everything, the end too; a caret after the end, before everything else.
        let end = (left.first(), right.first());
        match end {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (left, right) = (&left[1..], &right[1..]);
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (Some(_), None) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(first), Some(other)) => {
                // Numbers are newer than letters.
                let (is_digit, other_is) = (first.is_ascii_digit(), other.is_ascii_digit());
                if is_digit != other_is {
                    return is_digit.cmp(&other_is);
                }
                let same = |byte: u8| match is_digit {
                    true => byte.is_ascii_digit(),
                    false => byte.is_ascii_alphabetic(),
                };
                let ((word, rest), (other, others)) = (run(left, same), run(right, same));
                let order = if is_digit { numbers(word, other) } else { word.cmp(other) };
                if order.is_ne() {
                    return order;
                }
                (left, right) = (rest, others);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_rpm_has_them() {
        for (left, order, right) in [
            ("1.0-1", "=", "1.0-1"),
            ("1.0-1", "<", "2.0-1"),
            ("2.0.1-1", ">", "2.0-1"),
            ("5.5p1-1", "<", "5.5p10-1"),
            ("10xyz-1", "<", "10.1xyz-1"),
            ("xyz10-1", "<", "xyz10.1-1"),
            ("xyz.4-1", "<", "8-1"),
            ("1.0010-1", "=", "1.10-1"),
            ("2a-1", "<", "2.0-1"),
            ("1.0~rc1-1", "<", "1.0-1"),
            ("1.0~rc1-1", "<", "1.0~rc2-1"),
            ("1.0^git1-1", ">", "1.0-1"),
            ("1.0^git1-1", "<", "1.01-1"),
            ("1.0^20160101-1", "<", "1.0.1-1"),
            ("1.0~rc1^git1-1", ">", "1.0~rc1-1"),
            ("1:0.1-1", ">", "9-1"),
            ("a+-1", "=", "a_-1"),
        ] {
            let wanted = match order {
                "<" => Ordering::Less,
                ">" => Ordering::Greater,
                _ => Ordering::Equal,
            };
            assert_eq!(compare(left, right), wanted, "{left} {order} {right}");
            assert_eq!(compare(right, left), wanted.reverse(), "{right} against {left}");
        }
    }
}

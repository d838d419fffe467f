//! Which of two versions is newer, by Debian's and by RPM's rules.

mod deb;
mod rpm;

use std::cmp::Ordering;

use crate::Format;

pub use deb::compare as compare_deb;
pub use rpm::compare as compare_rpm;

/// By the rules of a format; archives follow Debian's.
pub fn compare(format: Format, left: &str, right: &str) -> Ordering {
    match format {
        Format::Deb | Format::Archive => compare_deb(left, right),
        Format::Rpm => compare_rpm(left, right),
    }
}

/// Compares digits as a number of any length; leading zeros count nothing.
fn numbers(left: &[u8], right: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().take_while(|digit| **digit == b'0').count();
    let (left, right) = (&left[strip(left)..], &right[strip(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// The longest beginning whose bytes all are such, and the rest.
fn run(text: &[u8], is: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| is(**byte)).count())
}

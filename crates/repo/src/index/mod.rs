//! The text of indexes. An index is a beginning, a text per package, and an end, so that parts of it can be
//! kept; what a package's text says depends on the package alone.

pub mod deb;
pub mod rpm;
pub mod sums;
mod xml;

use crate::Sha256;

/// A file as an index tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sum {
    pub sha256: Sha256,
    pub size: u64,
}

/// A package's file as an index tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// From the repository's root.
    pub path: &'a str,
    pub sum: Sum,
    /// When the file came, in seconds since 1970.
    pub since: u64,
}

/// As mail and HTTP write times, in a zone of one's choice of name for UTC.
pub fn date(at: u64, zone: &str) -> String {
    let at = i64::try_from(at).unwrap_or(i64::MAX).min(253_402_300_799);
    let time = time::OffsetDateTime::from_unix_timestamp(at).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (day, month) = (&format!("{}", time.weekday())[..3], &format!("{}", time.month())[..3]);
    format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} {zone}",
        time.day(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

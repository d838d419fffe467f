//! `SHA256SUMS`, as `sha256sum --check` reads it.

use crate::Sha256;

/// A line per file.
pub fn sums<'a>(files: impl Iterator<Item = (&'a str, Sha256)>) -> String {
    files.map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

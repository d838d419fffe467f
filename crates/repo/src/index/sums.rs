//! `SHA256SUMS`, as `sha256sum --check` reads it.

use crate::Sha256;

/// A line per file.
pub fn sums<'a>(files: impl Iterator<Item = (&'a str, Sha256)>) -> String {
    files.map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

/// The sum of a file, if the list has it.
pub fn sum_of(list: &str, file: &str) -> Option<Sha256> {
    let mut lines = list.lines().filter_map(|line| line.split_once("  "));
    lines.find(|(_, name)| *name == file)?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let all = [("a", Sha256([1; 32])), ("b c", Sha256([2; 32]))];
        let list = sums(all.into_iter());
        for (name, sum) in all {
            assert_eq!(sum_of(&list, name), Some(sum));
        }
        assert_eq!((sum_of(&list, "c"), sum_of("x  a\n", "a"), sum_of("", "a")), (None, None, None));
    }
}

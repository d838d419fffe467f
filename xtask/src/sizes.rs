//! Lines per file: look for the seam at 400, stop at 800.

use anyhow::Result;

use crate::source::{self, File};
use crate::{Outcome, Setting};

const SEAM: usize = 400;
const STOP: usize = 800;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

pub fn check(setting: &Setting) -> Result<Outcome> {
    let files = source::rust_files(&setting.root)?;
    for file in files.iter().filter(|file| (SEAM + 1..=STOP).contains(&lines(file))) {
        println!("hint: {} has {} lines: look for the seam", file.path, lines(file));
    }
    Ok(Outcome::of(faults(&files, LONGER)))
}

fn lines(file: &File) -> usize {
    file.text.lines().count()
}

fn faults(files: &[File], longer: &[(&str, &str)]) -> Vec<String> {
    let is_long = |path: &str| files.iter().any(|file| file.path == path && lines(file) > STOP);
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| lines(file) > STOP) {
        if !longer.iter().any(|(path, _)| *path == file.path) {
            faults.push(format!("{} has {} lines, {STOP} is the limit", file.path, lines(file)));
        }
    }
    for (path, _) in longer.iter().filter(|(path, _)| !is_long(path)) {
        faults.push(format!("{path} is listed in xtask/src/sizes.rs but is not over {STOP} lines"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_file(path: &str, lines: usize) -> File {
        File { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn over_the_limit_fails_unless_listed() {
        let files = [a_file("a.rs", 800), a_file("b.rs", 801), a_file("c.rs", 900)];
        assert_eq!(faults(&files, &[("c.rs", "a table")]), ["b.rs has 801 lines, 800 is the limit"]);
    }

    #[test]
    fn an_exception_nobody_needs_is_found() {
        let faults = faults(&[a_file("a.rs", 10)], &[("a.rs", "was long once")]);
        assert_eq!(faults, ["a.rs is listed in xtask/src/sizes.rs but is not over 800 lines"]);
    }
}

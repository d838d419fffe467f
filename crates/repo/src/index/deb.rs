//! `Packages` and `Release`.

use std::fmt::Write;

use super::{Place, Sum, date};
use crate::{Detail, Facts};

/// What the repository says of a file, whatever its control file says.
const OURS: &[&str] = &["Filename", "MD5sum", "SHA1", "SHA256", "SHA512", "Size", "Status"];

/// A package's paragraph of `Packages`, with the empty line that ends it.
pub fn paragraph(facts: &Facts, place: &Place<'_>) -> String {
    let Detail::Deb { control } = &facts.detail else { return String::new() };
    let mut text = String::new();
    for (name, value) in control {
        if !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            let blank = if value.starts_with('\n') || value.is_empty() { "" } else { " " };
            let _ = writeln!(text, "{name}:{blank}{value}"); // to a String
        }
    }
    let Place { path, sum, .. } = place;
    let _ = writeln!(text, "Filename: {path}\nSize: {}\nSHA256: {}\n", sum.size, sum.sha256);
    text
}

/// What `Release` says besides its files.
pub struct Release<'a> {
    pub origin: &'a str,
    pub suite: &'a str,
    pub description: &'a str,
    pub at: u64,
    pub architectures: &'a [&'a str],
    pub components: &'a [&'a str],
    /// By path below the suite.
    pub files: &'a [(String, Sum)],
}

pub fn release(of: &Release<'_>) -> String {
    let mut text = format!(
        "Origin: {origin}\nLabel: {origin}\nSuite: {suite}\nCodename: {suite}\nDate: {}\nArchitectures: {}\n\
         Components: {}\nAcquire-By-Hash: yes\nDescription: {}\nSHA256:\n",
        date(of.at, "UTC"),
        of.architectures.join(" "),
        of.components.join(" "),
        of.description,
        origin = of.origin,
        suite = of.suite,
    );
    for (path, sum) in of.files {
        let _ = writeln!(text, " {} {} {path}", sum.sha256, sum.size);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Sha256};

    #[test]
    fn a_paragraph_says_where_the_file_is_whatever_control_says() {
        let control = [
            ("Package", "a"),
            ("Version", "1:2"),
            ("filename", "../../etc/passwd"),
            ("SHA256", "0"),
            ("Conffiles", "\n /etc/a"),
            ("Description", "one\n two"),
        ];
        let facts = Facts {
            format: Format::Deb,
            name: "a".into(),
            version: "1:2".into(),
            architecture: "all".into(),
            summary: "one".into(),
            depends: vec![],
            detail: Detail::Deb {
                control: control.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            },
        };
        assert_eq!(facts.file_name(), "a_2_all.deb");
        let sum = Sum { sha256: Sha256([7; 32]), size: 9 };
        let text = paragraph(&facts, &Place { path: "pool/a.deb", sum, since: 0 });
        let sevens = "07".repeat(32);
        assert_eq!(
            text,
            format!(
                "Package: a\nVersion: 1:2\nConffiles:\n /etc/a\nDescription: one\n two\nFilename: pool/a.deb\n\
                 Size: 9\nSHA256: {sevens}\n\n"
            )
        );
    }

    #[test]
    fn a_release() {
        let files = [("main/binary-all/Packages".to_owned(), Sum { sha256: Sha256([1; 32]), size: 2 })];
        let text = release(&Release {
            origin: "o",
            suite: "stable",
            description: "d",
            at: 1_700_000_000,
            architectures: &["all", "amd64"],
            components: &["main"],
            files: &files,
        });
        let ones = "01".repeat(32);
        assert_eq!(
            text,
            format!(
                "Origin: o\nLabel: o\nSuite: stable\nCodename: stable\nDate: Tue, 14 Nov 2023 22:13:20 UTC\n\
                 Architectures: all amd64\nComponents: main\nAcquire-By-Hash: yes\nDescription: d\nSHA256:\n \
                 {ones} 2 main/binary-all/Packages\n"
            )
        );
    }
}

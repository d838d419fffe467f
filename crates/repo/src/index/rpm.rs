//! `repomd.xml`, and the three indexes that it tells of.

use std::fmt::Write;

use super::xml::Xml;
use super::{Place, Sum};
use crate::{Dependency, Detail, Facts, Rpm};

/// The indexes of an RPM repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Index {
    Primary,
    Filelists,
    Other,
}

impl Index {
    pub const ALL: [Index; 3] = [Index::Primary, Index::Filelists, Index::Other];

    pub fn name(self) -> &'static str {
        match self {
            Index::Primary => "primary",
            Index::Filelists => "filelists",
            Index::Other => "other",
        }
    }

    pub fn begin(self, packages: usize) -> String {
        let rest = match self {
            Index::Primary => {
                "metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
                 xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\""
            }
            Index::Filelists => "filelists xmlns=\"http://linux.duke.edu/metadata/filelists\"",
            Index::Other => "otherdata xmlns=\"http://linux.duke.edu/metadata/other\"",
        };
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{rest} packages=\"{packages}\">\n")
    }

    pub fn end(self) -> &'static str {
        match self {
            Index::Primary => "</metadata>\n",
            Index::Filelists => "</filelists>\n",
            Index::Other => "</otherdata>\n",
        }
    }

    /// What it says of a package.
    pub fn package(self, facts: &Facts, place: &Place<'_>) -> String {
        let Detail::Rpm(rpm) = &facts.detail else { return String::new() };
        match self {
            Index::Primary => primary(facts, rpm, place),
            Index::Filelists => {
                let mut text = short(facts, rpm, place);
                rpm.files.iter().for_each(|file| text.push_str(&line_of(file)));
                text + "</package>\n"
            }
            Index::Other => {
                let mut text = short(facts, rpm, place);
                for (time, author, change) in &rpm.changes {
                    let (author, change) = (Xml(author), Xml(change));
                    let _ = writeln!(
                        text,
                        "  <changelog author=\"{author}\" date=\"{time}\">{change}</changelog>"
                    );
                }
                text + "</package>\n"
            }
        }
    }
}

fn version(rpm: &Rpm) -> String {
    format!("<version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>", rpm.epoch, Xml(&rpm.version), Xml(&rpm.release))
}

fn short(facts: &Facts, rpm: &Rpm, place: &Place<'_>) -> String {
    format!(
        "<package pkgid=\"{}\" name=\"{}\" arch=\"{}\">\n  {}\n",
        place.sum.sha256,
        Xml(&facts.name),
        Xml(&facts.architecture),
        version(rpm)
    )
}

fn line_of(file: &crate::RpmFile) -> String {
    let kind = match (file.folder, file.ghost) {
        (true, _) => " type=\"dir\"",
        (false, true) => " type=\"ghost\"",
        (false, false) => "",
    };
    format!("  <file{kind}>{}</file>\n", Xml(&file.path))
}

fn primary(facts: &Facts, rpm: &Rpm, place: &Place<'_>) -> String {
    let mut text = format!(
        "<package type=\"rpm\">\n  <name>{name}</name>\n  <arch>{arch}</arch>\n  {version}\n  \
         <checksum type=\"sha256\" pkgid=\"YES\">{sum}</checksum>\n  <summary>{summary}</summary>\n  \
         <description>{description}</description>\n  <packager>{packager}</packager>\n  <url>{url}</url>\n  \
         <time file=\"{since}\" build=\"{built}\"/>\n  \
         <size package=\"{size}\" installed=\"{installed}\" archive=\"{archive}\"/>\n  \
         <location href=\"{path}\"/>\n  <format>\n    <rpm:license>{license}</rpm:license>\n    \
         <rpm:vendor>{vendor}</rpm:vendor>\n    <rpm:group>{group}</rpm:group>\n    \
         <rpm:buildhost>{host}</rpm:buildhost>\n    <rpm:sourcerpm>{source}</rpm:sourcerpm>\n    \
         <rpm:header-range start=\"{begin}\" end=\"{end}\"/>\n",
        name = Xml(&facts.name),
        arch = Xml(&facts.architecture),
        version = version(rpm),
        sum = place.sum.sha256,
        summary = Xml(&facts.summary),
        description = Xml(&rpm.description),
        packager = Xml(&rpm.packager),
        url = Xml(&rpm.url),
        since = place.since,
        built = rpm.built_at,
        size = place.sum.size,
        installed = rpm.installed_size,
        archive = rpm.archive_size,
        path = Xml(place.path),
        license = Xml(&rpm.license),
        vendor = Xml(&rpm.vendor),
        group = Xml(&rpm.group),
        host = Xml(&rpm.build_host),
        source = Xml(&rpm.source),
        begin = rpm.header.0,
        end = rpm.header.1,
    );
    for (name, list) in [
        ("provides", &rpm.provides),
        ("requires", &rpm.requires),
        ("conflicts", &rpm.conflicts),
        ("obsoletes", &rpm.obsoletes),
        ("suggests", &rpm.suggests),
        ("enhances", &rpm.enhances),
        ("recommends", &rpm.recommends),
        ("supplements", &rpm.supplements),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "    <rpm:{name}>");
            list.iter().for_each(|one| text.push_str(&entry(one)));
            let _ = writeln!(text, "    </rpm:{name}>");
        }
    }
    rpm.files.iter().filter(|file| is_primary(&file.path)).for_each(|file| text.push_str(&line_of(file)));
    text + "  </format>\n</package>\n"
}

/// What others depend on by path.
fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

fn entry(one: &Dependency) -> String {
    let mut text = format!("      <rpm:entry name=\"{}\"", Xml(&one.name));
    let sense = match one.flags & 14 {
        2 => "LT",
        4 => "GT",
        8 => "EQ",
        10 => "LE",
        12 => "GE",
        _ => "",
    };
    if !sense.is_empty() && !one.version.is_empty() {
        let (epoch, rest) = one.version.split_once(':').unwrap_or(("0", &one.version));
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, format!(" rel=\"{}\"", Xml(release))),
            None => (rest, String::new()),
        };
        let (epoch, version) = (Xml(epoch), Xml(version));
        let _ = write!(text, " flags=\"{sense}\" epoch=\"{epoch}\" ver=\"{version}\"{release}");
    }
    // Needed before, or by a script that runs before or after.
    if one.flags & (1 << 6 | 1 << 9 | 1 << 10) != 0 {
        text.push_str(" pre=\"1\"");
    }
    text + "/>\n"
}

/// An index as `repomd.xml` tells of it, unpacked and packed.
#[derive(Debug, Clone, Copy)]
pub struct Data {
    pub index: Index,
    pub plain: Sum,
    pub packed: Sum,
}

/// Where an index is: its sum is part of its name, so that none is ever replaced.
pub fn path(index: Index, packed: &Sum) -> String {
    format!("repodata/{}-{}.xml.gz", packed.sha256, index.name())
}

pub fn repomd(revision: u64, at: u64, all: &[Data]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>{revision}</revision>\n"
    );
    for Data { index, plain, packed } in all {
        let _ = write!(
            text,
            "  <data type=\"{}\">\n    <checksum type=\"sha256\">{}</checksum>\n    \
             <open-checksum type=\"sha256\">{}</open-checksum>\n    <location href=\"{}\"/>\n    \
             <timestamp>{at}</timestamp>\n    <size>{}</size>\n    <open-size>{}</open-size>\n  </data>\n",
            index.name(),
            packed.sha256,
            plain.sha256,
            path(*index, packed),
            packed.size,
            plain.size
        );
    }
    text + "</repomd>\n"
}

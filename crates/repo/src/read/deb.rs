//! A .deb: an `ar` file of `debian-binary`, `control.tar` and `data.tar`.

use std::io::{Cursor, Read};

use super::ar::Ar;
use super::unpack::Packing;
use super::{Malformed, checked};
use crate::control::{self, Fields};
use crate::facts::{Detail, Facts, Format, is_architecture, is_name, is_version};

/// The control archive, packed and unpacked; maintainer scripts and lists of sums are in it.
const MAX_ARCHIVE: u64 = 16 << 20;
const MAX_CONTROL: u64 = 256 << 10;

pub fn read(file: impl Read, size: u64) -> Result<Facts, Malformed> {
    let mut ar = Ar::open(file, size)?;
    let first = ar.next()?.ok_or(Malformed::Truncated)?;
    let mut format = String::new();
    if first.name != "debian-binary" || first.size > 64 {
        return Err(Malformed::Missing("debian-binary"));
    }
    ar.body(&first).read_to_string(&mut format)?;
    if !format.starts_with("2.") {
        return Err(Malformed::Packing("debian-binary"));
    }
    let mut control = None;
    while let Some(member) = ar.next()? {
        if let Some(ending) = member.name.strip_prefix("control.tar") {
            let packing = Packing::of_ending(ending).ok_or(Malformed::Packing("control.tar"))?;
            if member.size > MAX_ARCHIVE {
                return Err(Malformed::TooLarge("control.tar"));
            }
            let mut packed = Vec::new();
            ar.body(&member).read_to_end(&mut packed)?;
            control = Some(find_control(packing.unpack(Cursor::new(packed))?)?);
        } else if member.name.starts_with("data.tar") {
            return facts(control.ok_or(Malformed::Missing("control.tar"))?);
        } else if !member.name.starts_with('_') {
            return Err(Malformed::Missing("control.tar"));
        }
    }
    Err(Malformed::Missing("data.tar"))
}

fn find_control(archive: impl Read) -> Result<Fields, Malformed> {
    let mut archive = tar::Archive::new(archive.take(MAX_ARCHIVE));
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.path_bytes().strip_prefix(b"./").unwrap_or(&entry.path_bytes()) != b"control" {
            continue;
        }
        if entry.size() > MAX_CONTROL {
            return Err(Malformed::TooLarge("control file"));
        }
        let mut text = Vec::new();
        entry.take(MAX_CONTROL).read_to_end(&mut text)?;
        return Ok(control::parse(&text)?);
    }
    Err(Malformed::Missing("the control file"))
}

fn facts(control: Fields) -> Result<Facts, Malformed> {
    let get = |name: &'static str| control::get(&control, name).ok_or(Malformed::Missing(name));
    let name = checked("Package", is_name, get("Package")?)?;
    let version = checked("Version", is_version, get("Version")?)?;
    let architecture = checked("Architecture", is_architecture, get("Architecture")?)?;
    let line = |name: &str| control::get(&control, name).unwrap_or_default();
    let summary = line("Description").lines().next().unwrap_or_default().to_owned();
    let lists = [line("Pre-Depends"), line("Depends")];
    let depends = lists.iter().flat_map(|list| list.split(','));
    let depends = depends.map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "));
    let depends = depends.filter(|one| !one.is_empty()).collect();
    Ok(Facts {
        format: Format::Deb,
        name,
        version,
        architecture,
        summary,
        depends,
        detail: Detail::Deb { control },
    })
}

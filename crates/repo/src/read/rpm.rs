//! An .rpm: a lead, a header of signatures, the header, the payload. Only headers are read.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;

use super::{Malformed, checked};
use crate::facts::{Dependency, Detail, Facts, Format, Rpm, RpmFile, is_architecture, is_name, is_version};

pub const LEAD: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
const LEAD_LEN: u64 = 96;
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 1];

/// A header's list and its data.
const MAX_ENTRIES: u32 = 4096;
const MAX_DATA: u32 = 16 << 20;
const MAX_FILES: usize = 200_000;
const MAX_ITEMS: usize = 100_000;
/// Of all paths together: a folder's name is stored once, but told with each file.
const MAX_PATHS: usize = 32 << 20;
/// As many as the index tells of.
const MAX_CHANGES: usize = 10;

/// Of all texts that are made of a header, and of what stands around each: any number of its values may be the
/// same bytes.
const MAX_MADE: usize = 40 << 20;
const AROUND: usize = 24;

/// Less, greater, equal.
const SENSE: u32 = 14;

const HEADER: &str = "header";

pub fn read(mut file: impl Read, size: u64) -> Result<Facts, Malformed> {
    let mut lead = [0; LEAD_LEN as usize];
    file.read_exact(&mut lead)?;
    if lead[..4] != LEAD {
        return Err(Malformed::Unknown);
    }
    let signatures = Header::read(&mut file)?;
    let padding = signatures.len.next_multiple_of(8) - signatures.len;
    file.read_exact(&mut [0; 8][..padding as usize])?;
    let begin = LEAD_LEN + signatures.len + padding;
    let header = Header::read(&mut file)?;
    let end = begin + header.len;
    if end >= size {
        return Err(Malformed::Truncated);
    }
    let archive_size = signatures.number(271).or(signatures.number(1007)).or(header.number(1046));
    facts(&header, (begin, end), archive_size.unwrap_or_default())
}

fn facts(header: &Header, place: (u64, u64), archive_size: u64) -> Result<Facts, Malformed> {
    let text = |tag: u32| header.text(tag).unwrap_or_default();
    let need = |tag: u32, what: &'static str| header.text(tag).ok_or(Malformed::Missing(what));
    let name = checked("the name", is_name, &need(1000, "the name")?)?;
    let part = |text: &str| is_version(text) && !text.contains([':', '-']);
    let version = need(1001, "the version")?;
    let release = need(1002, "the release")?;
    if !part(&version) || !part(&release) {
        return Err(Malformed::Not(
            "the version",
            format!("{version:.40}-{release:.40}").escape_debug().collect(),
        ));
    }
    let source = text(1044);
    let architecture = match source.is_empty() {
        true => "src".to_owned(),
        false => checked("the architecture", is_architecture, &need(1022, "the architecture")?)?,
    };
    let epoch = header.number(1003).unwrap_or_default() as u32;
    let mut rpm = Rpm {
        epoch,
        description: text(1005),
        license: text(1014),
        vendor: text(1011),
        group: text(1016),
        packager: text(1015),
        url: text(1020),
        build_host: text(1007),
        source,
        built_at: header.number(1006).unwrap_or_default() as u32,
        installed_size: header.number(5009).or(header.number(1009)).unwrap_or_default(),
        archive_size,
        header: place,
        provides: dependencies(header, [1047, 1112, 1113])?,
        requires: dependencies(header, [1049, 1048, 1050])?,
        conflicts: dependencies(header, [1054, 1053, 1055])?,
        obsoletes: dependencies(header, [1090, 1114, 1115])?,
        recommends: dependencies(header, [5046, 5048, 5047])?,
        suggests: dependencies(header, [5049, 5051, 5050])?,
        supplements: dependencies(header, [5052, 5054, 5053])?,
        enhances: dependencies(header, [5055, 5057, 5056])?,
        files: files(header)?,
        changes: changes(header)?,
        version: version.clone(),
        release: release.clone(),
    };
    // What it needs of itself is never missing.
    let what = |one: &Dependency| (one.name.clone(), one.flags & SENSE, one.version.clone());
    let provided: BTreeSet<_> = rpm.provides.iter().map(what).collect();
    rpm.requires.retain(|need| !provided.contains(&what(need)));
    let whole =
        if epoch == 0 { format!("{version}-{release}") } else { format!("{epoch}:{version}-{release}") };
    let summary = text(1004).lines().next().unwrap_or_default().to_owned();
    // What is not text for want of place is no fact.
    header.is_within()?;
    Ok(Facts {
        format: Format::Rpm,
        name,
        version: checked("the version", is_version, &whole)?,
        architecture,
        summary,
        depends: rpm.requires.iter().map(|one| one.name.clone()).collect(),
        detail: Detail::Rpm(Box::new(rpm)),
    })
}

/// Names, flags and versions by their tags; each once, without what only says which RPM can read the file.
fn dependencies(header: &Header, [names, flags, versions]: [u32; 3]) -> Result<Vec<Dependency>, Malformed> {
    let (names, versions) = (header.texts(names, MAX_ITEMS)?, header.texts(versions, MAX_ITEMS)?);
    let flags = header.numbers(flags, MAX_ITEMS)?;
    let mut seen = BTreeSet::new();
    let all = names.into_iter().enumerate().filter(|(_, name)| !name.starts_with("rpmlib("));
    let all = all.map(|(at, name)| Dependency {
        name,
        flags: flags.get(at).copied().unwrap_or_default() as u32,
        version: versions.get(at).cloned().unwrap_or_default(),
    });
    Ok(all.filter(|one| seen.insert(one.clone())).collect())
}

fn files(header: &Header) -> Result<Vec<RpmFile>, Malformed> {
    let names = header.texts(1117, MAX_FILES)?;
    let folders = header.texts(1118, MAX_FILES)?;
    let places = header.numbers(1116, MAX_FILES)?;
    let modes = header.numbers(1030, MAX_FILES)?;
    let flags = header.numbers(1037, MAX_FILES)?;
    let mut bytes = 0;
    let mut all = Vec::with_capacity(names.len());
    for (at, name) in names.into_iter().enumerate() {
        let place = places.get(at).and_then(|place| usize::try_from(*place).ok());
        let folder = place.and_then(|place| folders.get(place)).ok_or(Malformed::Damaged(HEADER))?;
        bytes += folder.len() + name.len();
        if bytes > MAX_PATHS {
            return Err(Malformed::TooLarge("list of files"));
        }
        all.push(RpmFile {
            path: format!("{folder}{name}"),
            folder: modes.get(at).is_some_and(|mode| mode & 0o170_000 == 0o040_000),
            ghost: flags.get(at).is_some_and(|flags| flags & 64 != 0),
        });
    }
    Ok(all)
}

fn changes(header: &Header) -> Result<Vec<(u32, String, String)>, Malformed> {
    let times = header.numbers(1080, MAX_ITEMS)?;
    let (names, texts) = (header.texts(1081, MAX_ITEMS)?, header.texts(1082, MAX_ITEMS)?);
    let all = times.into_iter().zip(names).zip(texts).take(MAX_CHANGES);
    let mut all: Vec<_> = all.map(|((time, name), text)| (time as u32, name, text)).collect();
    all.reverse(); // the header has the newest first
    Ok(all)
}

/// Tagged values.
struct Header {
    /// In the file.
    len: u64,
    /// Tag, type, offset, count.
    list: Vec<[u32; 4]>,
    data: Vec<u8>,
    /// Bytes of texts that may still be made; none when more was asked for.
    left: Cell<Option<usize>>,
}

impl Header {
    fn read(file: &mut impl Read) -> Result<Header, Malformed> {
        let mut begin = [0; 16];
        file.read_exact(&mut begin)?;
        if begin[..4] != MAGIC {
            return Err(Malformed::Damaged(HEADER));
        }
        let (entries, size) = (u32_at(&begin, 8), u32_at(&begin, 12));
        if entries > MAX_ENTRIES || size > MAX_DATA {
            return Err(Malformed::TooLarge(HEADER));
        }
        let mut list = Vec::new();
        let mut entry = [0; 16];
        for _ in 0..entries {
            file.read_exact(&mut entry)?;
            list.push([0, 4, 8, 12].map(|at| u32_at(&entry, at)));
        }
        // Grows with what comes: what a header says of its size costs nothing.
        let mut data = Vec::new();
        if file.take(u64::from(size)).read_to_end(&mut data)? < size as usize {
            return Err(Malformed::Truncated);
        }
        Ok(Header {
            len: 16 + 16 * u64::from(entries) + u64::from(size),
            list,
            data,
            left: Cell::new(Some(MAX_MADE)),
        })
    }

    /// Type, data from the value on, and count.
    fn find(&self, tag: u32) -> Option<(u32, &[u8], usize)> {
        let [_, kind, offset, count] = self.list.iter().find(|entry| entry[0] == tag)?;
        Some((*kind, self.data.get(*offset as usize..)?, *count as usize))
    }

    /// The first text of a value, in whatever language comes first.
    fn text(&self, tag: u32) -> Option<String> {
        let (kind, data, _) = self.find(tag)?;
        [6, 8, 9].contains(&kind).then(|| self.text_of(data).map(|(text, _)| text)).flatten()
    }

    /// Text up to its zero, and what follows; none where there is no zero, or no place for it.
    fn text_of<'a>(&self, data: &'a [u8]) -> Option<(String, &'a [u8])> {
        let end = data.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(&data[..end]);
        self.left.set(self.left.get().and_then(|left| left.checked_sub(text.len() + AROUND)));
        self.left.get()?;
        Some((text.into_owned(), &data[end + 1..]))
    }

    fn is_within(&self) -> Result<(), Malformed> {
        self.left.get().map(drop).ok_or(Malformed::TooLarge(HEADER))
    }

    fn texts(&self, tag: u32, most: usize) -> Result<Vec<String>, Malformed> {
        let Some((8, mut data, count)) = self.find(tag) else { return Ok(Vec::new()) };
        if count > most {
            return Err(Malformed::TooLarge(HEADER));
        }
        let mut all = Vec::new();
        for _ in 0..count {
            let (text, rest) = self
                .text_of(data)
                .ok_or_else(|| self.is_within().err().unwrap_or(Malformed::Damaged(HEADER)))?;
            all.push(text);
            data = rest;
        }
        Ok(all)
    }

    fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag, 1 << 20).ok()?.first().copied()
    }

    fn numbers(&self, tag: u32, most: usize) -> Result<Vec<u64>, Malformed> {
        let Some((kind, data, count)) = self.find(tag) else { return Ok(Vec::new()) };
        let width = match kind {
            1 | 2 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Ok(Vec::new()),
        };
        if count > most {
            return Err(Malformed::TooLarge(HEADER));
        }
        let data = data.get(..count * width).ok_or(Malformed::Damaged(HEADER))?;
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(data.chunks_exact(width).map(number).collect())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

//! Tar files, whoever made them: nothing is written outside of the folder, and no more than is allowed.
//!
//! Links are made last, when no more files are written that could go through them; where they point is below
//! the folder, step by step.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use repo::Packing;
use tar::{Archive, Entry, EntryType};

const MAX_ENTRIES: usize = 1_000_000;
const MAX_PATH: usize = 4096;
const MAX_DEPTH: usize = 128;
/// Records that say more of the entry after them, such as a long name.
const MAX_RECORD: u64 = 64 << 10;
/// Free space that is left to others.
const SPARE: u64 = 64 << 20;

/// Where to, and how much at most.
pub struct Unpacking<'a> {
    pub into: &'a Path,
    pub most: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum NotUnpacked {
    #[error("it is no tar file, or is damaged ({0})")]
    Damaged(String),
    #[error("zip files are not unpacked here; use tar")]
    Zip,
    #[error("{0:?} leads out of the folder")]
    Outside(String),
    #[error("{0:?} is neither a file nor a folder nor a link")]
    Kind(String),
    #[error("{0:?} is there twice, or below a file")]
    Twice(String),
    #[error("it has more entries than are taken")]
    Entries,
    #[error("it becomes larger than {0} MiB")]
    TooLarge(u64),
    #[error("there is no room for it")]
    NoRoom,
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Io(PathBuf, #[source] io::Error),
}

/// What records before an entry say of it.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

struct Links {
    soft: Vec<(PathBuf, PathBuf)>,
    /// Modes of folders, which may forbid writing: last.
    modes: Vec<(PathBuf, u32)>,
    files: BTreeSet<PathBuf>,
}

pub fn unpack(mut file: File, to: &Unpacking<'_>) -> Result<(), NotUnpacked> {
    let mut head = Vec::new();
    let damaged = |error: io::Error| NotUnpacked::Damaged(error.to_string());
    file.by_ref().take(512).read_to_end(&mut head).map_err(damaged)?;
    if head.starts_with(b"PK") {
        return Err(NotUnpacked::Zip);
    }
    let packing = Packing::of(&head);
    let whole = io::Cursor::new(head).chain(BufReader::new(file));
    let plain = packing.unpack(whole).map_err(|why| NotUnpacked::Damaged(why.to_string()))?;
    let mut archive = Archive::new(plain);
    let entries = archive.entries().map_err(damaged)?.raw(true);
    let mut links = Links { soft: Vec::new(), modes: Vec::new(), files: BTreeSet::new() };
    let (mut said, mut left, mut count) = (Said::default(), to.most, 0);
    for entry in entries {
        let mut entry = entry.map_err(damaged)?;
        count += 1;
        if count > MAX_ENTRIES {
            return Err(NotUnpacked::Entries);
        }
        if !record(&mut entry, &mut said)? {
            let said = std::mem::take(&mut said);
            left = one(&mut entry, said, to, left, &mut links)?;
        }
    }
    finish(to.into, links)
}

/// Whether this is a record about the next entry.
fn record(entry: &mut Entry<'_, impl Read>, said: &mut Said) -> Result<bool, NotUnpacked> {
    let kind = entry.header().entry_type();
    let known =
        [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::XGlobalHeader];
    if !known.contains(&kind) {
        return Ok(false);
    }
    let damaged = |why: &str| NotUnpacked::Damaged(why.to_owned());
    if entry.size() > MAX_RECORD {
        return Err(damaged("a record is too long"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| NotUnpacked::Damaged(error.to_string()))?;
    let text = || bytes.strip_suffix(&[0]).unwrap_or(&bytes).to_vec();
    match kind {
        EntryType::GNULongName => said.path = Some(text()),
        EntryType::GNULongLink => said.link = Some(text()),
        EntryType::XHeader => {
            for line in tar::PaxExtensions::new(&bytes) {
                let line = line.map_err(|error| NotUnpacked::Damaged(error.to_string()))?;
                match line.key_bytes() {
                    b"path" => said.path = Some(line.value_bytes().to_vec()),
                    b"linkpath" => said.link = Some(line.value_bytes().to_vec()),
                    b"size" => return Err(damaged("a file of more than 8 GiB")),
                    key if key.starts_with(b"GNU.sparse") => return Err(damaged("a file with holes")),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Ok(true)
}

/// Unpacks an entry; how much is left to unpack.
fn one(
    entry: &mut Entry<'_, impl Read>,
    said: Said,
    to: &Unpacking<'_>,
    left: u64,
    links: &mut Links,
) -> Result<u64, NotUnpacked> {
    let name = said.path.unwrap_or_else(|| entry.path_bytes().into_owned());
    let inside = inside(&name).ok_or_else(|| NotUnpacked::Outside(shown(&name)))?;
    let path = to.into.join(&inside);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => NotUnpacked::Twice(shown(&name)),
        io::ErrorKind::StorageFull => NotUnpacked::NoRoom,
        _ => NotUnpacked::Io(path.clone(), error),
    };
    // Who may write to all, or run as another, is not for an archive to say.
    let mode = entry.header().mode().unwrap_or(0o644) & 0o755 | 0o600;
    let link = said.link.or_else(|| entry.link_name_bytes().map(|name| name.into_owned()));
    if let (Some(parent), false) = (path.parent(), inside.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match entry.header().entry_type() {
        EntryType::Directory => {
            fs::create_dir_all(&path).map_err(failed)?;
            links.modes.push((path, mode | 0o700));
            Ok(left)
        }
        EntryType::Regular | EntryType::Continuous => {
            let size = entry.size();
            let left = left.checked_sub(size).ok_or(NotUnpacked::TooLarge(to.most >> 20))?;
            let free = crate::fetch::free(to.into).map_err(failed)?;
            if free.saturating_sub(SPARE) < size {
                return Err(NotUnpacked::NoRoom);
            }
            let mut file = OpenOptions::new();
            let mut file = file.write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
            let copied =
                io::copy(&mut entry.by_ref().take(size), &mut file).map_err(|error| match error.kind() {
                    io::ErrorKind::StorageFull => NotUnpacked::NoRoom,
                    _ => NotUnpacked::Damaged(error.to_string()),
                })?;
            if copied != size {
                return Err(NotUnpacked::Damaged("it ends too early".to_owned()));
            }
            file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
            links.files.insert(inside);
            Ok(left)
        }
        EntryType::Link => {
            let to_inside = link.as_deref().and_then(self::inside).filter(|to| links.files.contains(to));
            let target = to_inside.ok_or_else(|| NotUnpacked::Outside(shown(&name)))?;
            fs::hard_link(to.into.join(target), &path).map_err(failed)?;
            links.files.insert(inside);
            Ok(left)
        }
        EntryType::Symlink => {
            let target = link.filter(|link| stays(&inside, link));
            let target = target.ok_or_else(|| NotUnpacked::Outside(shown(&name)))?;
            links.soft.push((path, PathBuf::from(std::ffi::OsStr::from_bytes(&target))));
            Ok(left)
        }
        _ => Err(NotUnpacked::Kind(shown(&name))),
    }
}

fn finish(into: &Path, links: Links) -> Result<(), NotUnpacked> {
    for (path, target) in links.soft {
        symlink(target, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => NotUnpacked::Twice(path.display().to_string()),
            _ => NotUnpacked::Io(path.clone(), error),
        })?;
    }
    for (path, mode) in links.modes {
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .map_err(|error| NotUnpacked::Io(path, error))?;
    }
    fs::set_permissions(into, Permissions::from_mode(0o755))
        .map_err(|error| NotUnpacked::Io(into.to_owned(), error))
}

/// A path below the folder; empty for the folder itself. `None`: it leads out of it.
fn inside(name: &[u8]) -> Option<PathBuf> {
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let fits = name.len() <= MAX_PATH && inside.components().count() <= MAX_DEPTH && !name.contains(&0);
    fits.then_some(inside)
}

/// Whether a link at a path stays below the folder. Up is only where it begins: `a/..` may be elsewhere than it
/// seems if `a` is a link itself.
fn stays(at: &Path, target: &[u8]) -> bool {
    let mut depth = at.components().count().saturating_sub(1);
    let mut down = false;
    let target = Path::new(std::ffi::OsStr::from_bytes(target));
    for component in target.components() {
        match component {
            Component::Normal(_) => down = true,
            Component::CurDir => {}
            Component::ParentDir if !down && depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    !target.as_os_str().is_empty() && target.as_os_str().len() <= MAX_PATH
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(80).collect()
}

#[cfg(test)]
mod tests;

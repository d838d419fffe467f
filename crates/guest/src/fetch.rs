//! A file from the repository: whole, right, and kept between tries and runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use repo::Sha256;
use repo::download::{Download, Take, Wrong};

use crate::http::{Broken, Gateway};
use crate::kept::settle;

const PART: usize = 256 << 10;
/// Less than so many bytes in so long is as nothing.
const LEAST: u64 = 16 << 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Free space that is left to others.
const SPARE: u64 = 64 << 20;

/// What is to come, and where it is to be.
pub struct Wanted<'a> {
    pub path: String,
    pub sum: Sha256,
    pub size: u64,
    pub file: &'a Path,
}

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the repository sends too slowly")]
    Slow,
    #[error("the repository answers with something else than the file")]
    Refused,
    #[error("what came is not what was ordered: {0}")]
    Wrong(#[from] Wrong),
    #[error("there is no room for {size} bytes below {folder} ({free} are free)")]
    NoRoom { size: u64, folder: String, free: u64 },
    #[error("cannot keep the file: {0}")]
    Disk(#[source] io::Error),
    #[error("it is not wanted any more")]
    Stopped,
}

impl Failed {
    /// Whether another try may do better.
    pub fn may_pass(&self) -> bool {
        matches!(self, Failed::Broken(_) | Failed::Slow)
    }
}

/// Brings a file, going on where an earlier try ended. `goes_on` is told how many bytes are there.
pub fn fetch(
    gateway: &Gateway,
    wanted: &Wanted<'_>,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Result<(), Failed> {
    let mut download = Download::new(wanted.sum, wanted.size);
    if take_up(wanted.file, &mut download).map_err(Failed::Disk)? {
        return Ok(());
    }
    let part = part_of(wanted.file);
    // Bytes of an earlier try may be damaged: then it comes anew, once.
    let mut is_anew = false;
    loop {
        is_anew |= download.offset() == 0;
        if !download.is_whole() {
            room(wanted, download.offset())?;
            more(gateway, wanted, &part, &mut download, &mut goes_on)?;
        }
        match download.clone().finish() {
            Ok(()) => break,
            Err(_) if !is_anew => {
                fs::remove_file(&part).map_err(Failed::Disk)?;
                download.restart();
            }
            Err(wrong) => {
                let _ = fs::remove_file(&part); // It is of no use, and the next try overwrites it.
                return Err(wrong.into());
            }
        }
    }
    keep(&part, wanted.file).map_err(Failed::Disk)
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// What is there of earlier tries; whether that is all of it, and right.
fn take_up(file: &Path, download: &mut Download) -> io::Result<bool> {
    let part = part_of(file);
    for path in [file, &part] {
        let mut from = match File::open(path) {
            Ok(from) => from,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; PART];
        loop {
            let read = from.read(&mut bytes)?;
            if read == 0 || download.take(&bytes[..read]).is_err() {
                break;
            }
        }
        if path == file && download.clone().finish().is_ok() {
            return Ok(true);
        }
        if path == file || from.metadata()?.len() != download.offset() {
            fs::remove_file(path)?;
            download.restart();
        }
    }
    Ok(false)
}

fn room(wanted: &Wanted<'_>, there: u64) -> Result<(), Failed> {
    let folder = wanted.file.parent().unwrap_or(Path::new("/"));
    let free = free(folder).map_err(Failed::Disk)?;
    if free.saturating_sub(SPARE) >= wanted.size - there {
        return Ok(());
    }
    Err(Failed::NoRoom { size: wanted.size, folder: folder.display().to_string(), free })
}

/// Bytes that are free where a folder is.
pub fn free(folder: &Path) -> io::Result<u64> {
    let space = nix::sys::statvfs::statvfs(folder).map_err(io::Error::from)?;
    Ok(space.blocks_available().saturating_mul(space.fragment_size()))
}

/// One request, and as much as comes of it.
fn more(
    gateway: &Gateway,
    wanted: &Wanted<'_>,
    part: &Path,
    download: &mut Download,
    goes_on: &mut impl FnMut(u64) -> bool,
) -> Result<(), Failed> {
    let mut answer = gateway.get(&wanted.path, &download.ask())?;
    match download.answer(answer.head.status, answer.head.content_range.as_deref()) {
        Take::Append => {}
        Take::Restart => download.restart(),
        Take::Refuse if answer.head.status < 300 => return Err(Failed::Refused),
        Take::Refuse => {
            return Err(match answer.small(64 << 10) {
                Ok(_) => Failed::Refused,
                Err(broken) => broken.into(),
            });
        }
    }
    let at = download.offset();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .and_then(|file| file.set_len(at).map(|()| file))
        .map_err(Failed::Disk)?;
    let mut bytes = vec![0; PART];
    let (mut window, mut before) = (Instant::now(), at);
    while !download.is_whole() {
        let read = answer.read(&mut bytes).map_err(|error| Failed::Broken(Broken::Io(error)))?;
        if read == 0 {
            return Err(Failed::Broken(Broken::Io(io::ErrorKind::UnexpectedEof.into())));
        }
        download.take(&bytes[..read])?;
        file.write_all(&bytes[..read]).map_err(Failed::Disk)?;
        if !goes_on(download.offset()) {
            return Err(Failed::Stopped);
        }
        if window.elapsed() > WINDOW {
            if download.offset() - before < LEAST {
                return Err(Failed::Slow);
            }
            (window, before) = (Instant::now(), download.offset());
        }
    }
    Ok(())
}

/// Gives a part its name, once its bytes are on the disk.
fn keep(part: &Path, file: &Path) -> io::Result<()> {
    // Of a file without bytes, there was no part.
    OpenOptions::new().create(true).append(true).open(part)?.sync_all()?;
    fs::rename(part, file)?;
    settle(file.parent().unwrap_or(Path::new("/")))
}

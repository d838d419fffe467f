//! Archives: unpacked beside their place, then put there in one step.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::unpack::{NotUnpacked, Unpacking, unpack};
use super::{Item, Unable, archive_folder, command};
use crate::Settings;
use crate::kept::{replace, settle};

/// Says of which file a folder is.
const MARK: &str = ".neutrino-sha256";

pub fn install(settings: &Settings, item: &Item) -> Result<(), Unable> {
    let _held = command::lock(settings)?;
    let folder = archive_folder(settings, item);
    let beside = beside(&folder);
    let failed = |error| NotUnpacked::Io(beside.clone(), error);
    let parent = folder.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(failed)?;
    clear(&beside).map_err(failed)?;
    let unpacked = (|| {
        fs::create_dir(&beside).map_err(failed)?;
        let file = File::open(&item.file).map_err(failed)?;
        unpack(file, &Unpacking { into: &beside, most: settings.max_unpacked_mib << 20 })?;
        replace(&beside.join(MARK), item.sum.to_string().as_bytes()).map_err(failed)?;
        // All of it is on the disk before it has its name.
        nix::unistd::syncfs(File::open(&beside).map_err(failed)?).map_err(|errno| failed(errno.into()))?;
        put(&beside, &folder).map_err(failed)
    })();
    // What was there before, or what came of a try that failed.
    let cleared = clear(&beside).map_err(failed);
    unpacked?;
    cleared?;
    settle(parent).map_err(failed)?;
    Ok(())
}

pub fn is_installed(settings: &Settings, item: &Item) -> bool {
    let mark = fs::read_to_string(archive_folder(settings, item).join(MARK));
    mark.is_ok_and(|text| text == item.sum.to_string())
}

/// A name that no version has.
fn beside(folder: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(folder.file_name().unwrap_or_default());
    name.push(".new");
    folder.with_file_name(name)
}

/// A folder gets its name; if another has it, they change places.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let rename = |flags| renameat2(AT_FDCWD, from, AT_FDCWD, to, flags).map_err(io::Error::from);
    match rename(RenameFlags::RENAME_NOREPLACE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => rename(RenameFlags::RENAME_EXCHANGE),
        other => other,
    }
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

//! The file that a restart begins with: what the switch is to be, whole, replaced at once or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::vswitch::Wanted;

use crate::VswitchdError;

const FILE: &str = "wanted.json";
const NEXT: &str = "wanted.json.next";

/// The folder, which nobody else uses as long as this is held.
pub(crate) struct Keep {
    dir: PathBuf,
    _lock: File,
}

impl Keep {
    pub fn open(dir: &Path) -> Result<Keep, VswitchdError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(VswitchdError::io("make the folder", dir))?;
        let path = dir.join("lock");
        let lock = private().open(&path).map_err(VswitchdError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Keep { dir: dir.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(VswitchdError::Occupied(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(VswitchdError::io("lock", &path)(source)),
        }
    }

    /// What was kept last; nothing if nothing ever was.
    pub fn load(&self) -> Result<Wanted, VswitchdError> {
        let path = self.dir.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Wanted::default()),
            Err(source) => return Err(VswitchdError::io("read", path)(source)),
        };
        serde_json::from_slice(&text).map_err(|source| VswitchdError::Unreadable { path, source })
    }

    /// On disk when this returns.
    pub fn save(&self, wanted: &Wanted) -> Result<(), VswitchdError> {
        let next = self.dir.join(NEXT);
        let write = || -> io::Result<()> {
            let mut file = private().truncate(true).open(&next)?;
            let mut text = serde_json::to_vec_pretty(wanted)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&next, self.dir.join(FILE))?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(VswitchdError::io("write", self.dir.join(FILE)))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use model::vswitch::Underlay;

    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_one_alone_keeps() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::open(dir.path()).unwrap();
        assert_eq!(keep.load().unwrap(), Wanted::default());
        let mut wanted = Wanted::default();
        wanted.underlays.insert("eth0".into(), Underlay::default());
        keep.save(&wanted).unwrap();
        assert!(matches!(Keep::open(dir.path()), Err(VswitchdError::Occupied(_))));
        drop(keep);
        // What was being written when the machine stopped counts for nothing.
        fs::write(dir.path().join(NEXT), "{\"ports\":").unwrap();
        let keep = Keep::open(dir.path()).unwrap();
        assert_eq!(keep.load().unwrap(), wanted);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(matches!(keep.load(), Err(VswitchdError::Unreadable { .. })));
    }
}

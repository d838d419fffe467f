//! The folder in which virtual machine monitors make their sockets.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};

use kernel::FolderWatch;
use model::vhostuser;
use nix::fcntl::{Flock, FlockArg};

use crate::VhostuserdError;

/// Files that are looked at; whoever may write here could make any number.
const FILES: usize = 16_384;

pub(crate) struct Folder {
    path: PathBuf,
    watch: FolderWatch,
    _alone: Flock<File>,
}

impl Folder {
    /// Opens it for this process alone, and makes it if it is not there: for root, until its operator says who else
    /// makes sockets.
    pub fn open(path: &Path) -> Result<Folder, VhostuserdError> {
        let failed = |act| move |source| VhostuserdError::Io { act, path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make"))?;
        let file = File::open(path).map_err(failed("open"))?;
        let alone = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| VhostuserdError::Occupied(path.to_owned()))?;
        let watch = FolderWatch::open(path).map_err(failed("watch"))?;
        Ok(Folder { path: path.to_owned(), watch, _alone: alone })
    }

    /// Sockets of instances, and the device of each.
    pub fn sockets(&self) -> Result<BTreeMap<String, String>, VhostuserdError> {
        let look = || {
            let mut all = BTreeMap::new();
            for entry in self.path.read_dir()?.take(FILES) {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let Some(device) = vhostuser::device(&name) else { continue };
                // It may be gone by now.
                if entry.file_type().is_ok_and(|kind| kind.is_socket()) {
                    all.insert(name, device);
                }
            }
            Ok(all)
        };
        look().map_err(|source| VhostuserdError::Io { act: "look into", path: self.path.clone(), source })
    }

    /// Waits until something may be there that was not.
    pub async fn changed(&self) -> Result<(), VhostuserdError> {
        self.watch.changed().await.map_err(|source| VhostuserdError::Io {
            act: "watch",
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sockets_of_instances_are_found_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("made");
        let folder = Folder::open(&path).expect("opens");
        assert!(matches!(Folder::open(&path), Err(VhostuserdError::Occupied(_))));
        assert!(folder.sockets().expect("looks").is_empty());
        std::fs::write(path.join("vhu00000000-00"), "").expect("writes");
        std::fs::create_dir(path.join("vhu00000000-01")).expect("makes");
        std::os::unix::fs::symlink(path.join("vhu00000000-03"), path.join("vhu00000000-02")).expect("links");
        let (_other, _socket) = ["other", "vhu00000000-03"]
            .map(|name| UnixListener::bind(path.join(name)).expect("binds"))
            .into();
        tokio::time::timeout(Duration::from_secs(5), folder.changed()).await.expect("in time").expect("told");
        let expected = BTreeMap::from([("vhu00000000-03".to_owned(), "tap00000000-03".to_owned())]);
        assert_eq!(folder.sockets().expect("looks"), expected);
    }
}

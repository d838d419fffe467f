//! Hearing that something changed in a folder (inotify).

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd;
use tokio::io::unix::AsyncFd;

use crate::wait;

/// Hears of files that come into a folder.
pub struct FolderWatch {
    fd: AsyncFd<OwnedFd>,
}

impl FolderWatch {
    pub fn open(folder: &Path) -> io::Result<FolderWatch> {
        let fd = watch(folder, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)?;
        Ok(FolderWatch { fd: wait::register(fd)? })
    }

    /// Waits until a file may be there that was not.
    pub async fn changed(&self) -> io::Result<()> {
        let mut ready = self.fd.readable().await?;
        // What came is seen by looking; here it is only taken away.
        while unistd::read(&self.fd, &mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {}
        ready.clear_ready();
        Ok(())
    }
}

/// Becomes readable when something of a kind happens in a folder.
pub(crate) fn watch(folder: &Path, what: AddWatchFlags) -> io::Result<OwnedFd> {
    let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    watch.add_watch(folder, what)?;
    Ok(watch.into())
}

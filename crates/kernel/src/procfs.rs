//! A `/proc` of this process alone, mounted nowhere.
//!
//! The kernel's cache of names has `sys/net/ipv4` of all namespaces in one place, as often as they were
//! looked up, and each look-up walks past them. Each mount of `/proc` has a cache of its own (since Linux
//! 5.8), so one that is replaced now and then stays quick however many namespaces there are.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Namespaces looked up in one: to make another costs about as much as walking past some hundred names.
const USES: usize = 64;

struct Used {
    root: Arc<OwnedFd>,
    times: usize,
}

/// The folder. What is below it shows what the namespaces of the calling thread have.
///
/// Where a kernel or a container does not allow to mount one, the one that everybody has.
pub fn current() -> std::io::Result<Arc<OwnedFd>> {
    static CURRENT: Mutex<Option<Used>> = Mutex::new(None);
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    let worn = current.take_if(|used| used.times >= USES);
    let used = match &mut *current {
        Some(used) => used,
        none => none.insert(Used { root: Arc::new(open()?), times: 0 }),
    };
    used.times += 1;
    let root = used.root.clone();
    drop(current);
    // Unmounted outside of the lock.
    drop(worn);
    Ok(root)
}

fn open() -> std::io::Result<OwnedFd> {
    match mount() {
        Ok(root) => Ok(root),
        Err(_) => Ok(File::open("/proc")?.into()),
    }
}

fn mount() -> io::Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{OFlag, openat};
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn settings_are_found_however_often_it_was_replaced() {
        for _ in 0..3 * USES {
            let root = current().expect("a /proc");
            let setting =
                openat(&*root, "sys/net/ipv4/ip_forward", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
            assert!(setting.is_ok(), "{setting:?}");
        }
    }
}

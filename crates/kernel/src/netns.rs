//! Network namespaces, kept by name as bind mounts in a directory, as `ip netns` does.
//!
//! Entering one changes a thread for good, so it is always a thread of our own that is thrown
//! away after; a worker of the async runtime never enters one, and nothing forks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::SockProtocol;
use nix::sys::statfs::{FsType, statfs};

use crate::link;
use crate::netlink::Socket;

const NSFS: FsType = FsType(0x6e73_6673);

/// Runs a closure on a thread of its own inside a namespace; what it opens stays there.
pub fn within<T: Send>(namespace: &Path, act: impl FnOnce() -> T + Send) -> io::Result<T> {
    on_thread(|| within_here(namespace, act))
}

/// As [`within`], on a thread that is thrown away.
pub(crate) fn within_here<T>(namespace: &Path, act: impl FnOnce() -> T) -> io::Result<T> {
    setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET)?;
    Ok(act())
}

/// Makes a namespace the home of a program that has one thread yet, for good; threads that it starts later
/// live there too.
pub fn enter(namespace: &Path) -> io::Result<()> {
    Ok(setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET)?)
}

/// Makes a namespace with its loopback up; one of that name that works is left as it is.
pub fn create(dir: &Path, name: &str) -> io::Result<()> {
    on_thread(|| create_here(dir, name, || Ok(()))).map(drop)
}

/// As [`create`], on a thread that is thrown away; `prepare` runs inside before anybody can see the namespace.
/// `None` when there is one of that name.
pub(crate) fn create_here<T>(
    dir: &Path,
    name: &str,
    prepare: impl FnOnce() -> io::Result<T>,
) -> io::Result<Option<T>> {
    fs::create_dir_all(dir)?;
    let path = dir.join(name);
    if id(&path).is_ok() {
        return Ok(None);
    }
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o444).open(&path)?;
    let made = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let prepared = prepare()?;
        let mut socket = Socket::open(SockProtocol::NetlinkRoute)?;
        let up = link::set_up("lo", true);
        socket.request_one(up).map_err(|refusal| io::Error::from(refusal.errno))?;
        let none: Option<&str> = None;
        mount(Some("/proc/thread-self/ns/net"), &path, none, MsFlags::MS_BIND, none)?;
        Ok(Some(prepared))
    };
    made().inspect_err(|_| drop(fs::remove_file(&path)))
}

/// Runs a closure on a thread of its own inside a fresh namespace without a name, which ends with the last
/// socket that was opened there.
pub(crate) fn within_fresh<T: Send>(act: impl FnOnce() -> T + Send) -> io::Result<T> {
    on_thread(move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Ok(act())
    })
}

/// Deletes a namespace by name; it ends when the last socket and process in it do.
pub fn delete(dir: &Path, name: &str) -> io::Result<()> {
    let path = dir.join(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Names in the directory; none when it does not exist.
pub fn list(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Tells a namespace from one made later under the same name; an error when none is there.
pub fn id(path: &Path) -> io::Result<u64> {
    if statfs(path)?.filesystem_type() != NSFS {
        return Err(io::Error::from(Errno::EINVAL));
    }
    Ok(fs::metadata(path)?.ino())
}

/// The namespace of the calling process.
pub fn own() -> PathBuf {
    PathBuf::from("/proc/self/ns/net")
}

/// Runs a closure on a thread that ends with it, and may enter namespaces.
pub(crate) fn on_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".into()).spawn_scoped(scope, act)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the namespace's thread panicked")))
    })
}

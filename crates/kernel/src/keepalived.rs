//! keepalived processes: started in a namespace, told anew, ended, and seen.
//!
//! ```text
//! STATE_DIR/ha/notify               where all of them say who becomes what
//! STATE_DIR/ha/ROUTER/instance.conf the instance, as `host` wrote it
//!                    /keepalived.conf  includes it       /pid  /vrrp.pid
//! ```
//! They outlive us: what is running is known by its pid file, its program and its configuration,
//! and adopted. They are not our children, and are ended by their pids alone.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use host::keepalived::Instance;
use host::observed::Keepalived;
use model::RouterId;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::AddWatchFlags;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo, read};
use uuid::Uuid;

use crate::{folder, netns};

const PROGRAM: &str = "keepalived";
/// It gives up its addresses and says so before it ends.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// The directory of all instances of a host.
#[derive(Clone, Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub fn new(state_dir: &Path) -> Dir {
        Dir(state_dir.join("ha"))
    }

    pub fn notify(&self) -> PathBuf {
        self.0.join("notify")
    }

    fn of(&self, router: RouterId) -> PathBuf {
        self.0.join(router.to_string())
    }

    /// Makes the directory and the pipe that all instances write to.
    pub fn prepare(&self) -> io::Result<()> {
        make_dir(&self.0)?;
        match mkfifo(&self.notify(), Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Routers that have or had an instance here.
    pub fn list(&self) -> io::Result<Vec<RouterId>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut routers = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| Uuid::parse_str(name).ok()).map(RouterId);
            // Only the spelling that we make is ours.
            routers.extend(id.filter(|id| *id.to_string() == *name));
        }
        Ok(routers)
    }

    pub fn observe(&self, routers: &[RouterId]) -> BTreeMap<RouterId, Keepalived> {
        let seen = routers.iter().filter_map(|router| {
            let dir = self.of(*router);
            dir.exists().then(|| {
                let text = fs::read_to_string(dir.join("instance.conf")).unwrap_or_default();
                let hash = host::names::content_hash(&text);
                (*router, Keepalived { hash, alive: alive(&dir).is_some() })
            })
        });
        seen.collect()
    }

    /// Starts an instance in a namespace; one that runs is told anew.
    pub fn start(&self, router: RouterId, netns: &Path, instance: &Instance) -> io::Result<Starting> {
        let dir = self.of(router);
        if alive(&dir).is_some() {
            self.reload(router, instance)?;
            return Ok(Starting { written: written(&dir)?, dir, until: Instant::now() });
        }
        self.prepare()?;
        make_dir(&dir)?;
        // A VRRP process whose parent died would speak beside the next one.
        if let Some(pid) = live(&dir, "vrrp.pid") {
            end(&[pid])?;
        }
        for name in ["pid", "vrrp.pid"] {
            remove(&dir.join(name))?;
        }
        self.write(&dir, instance)?;
        let written = written(&dir)?;
        let mut command = Command::new(PROGRAM);
        command.arg("--vrrp").arg("--use-file").arg(dir.join("keepalived.conf"));
        command.arg("--pid").arg(dir.join("pid")).arg("--vrrp_pid").arg(dir.join("vrrp.pid"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        // It leaves for the background by itself; what is waited for is who led it there.
        let status = netns::within(netns, || command.status())??;
        if !status.success() {
            return Err(io::Error::other(format!("{PROGRAM} ended: {status}")));
        }
        Ok(Starting { dir, written, until: Instant::now() + STARTS_WITHIN })
    }

    /// Tells an instance that runs; it keeps its state.
    pub fn reload(&self, router: RouterId, instance: &Instance) -> io::Result<()> {
        let dir = self.of(router);
        let pid = alive(&dir).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.write(&dir, instance)?;
        Ok(kill(pid, Signal::SIGHUP)?)
    }

    /// Ends instances and forgets them: all are told before one is waited for.
    pub fn stop(&self, routers: &[RouterId]) -> io::Result<()> {
        let dirs: Vec<PathBuf> = routers.iter().map(|router| self.of(*router)).collect();
        let pids = dirs.iter().flat_map(|dir| ["pid", "vrrp.pid"].map(|name| live(dir, name)));
        end(&pids.flatten().collect::<Vec<Pid>>())?;
        for dir in dirs {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&self, dir: &Path, instance: &Instance) -> io::Result<()> {
        let path = |path: &Path| path.display().to_string();
        let own = format!(
            "global_defs {{\n    router_id neutrino\n    dynamic_interfaces allow_if_changes\n    \
             vrrp_notify_fifo {}\n}}\ninclude {}\n",
            path(&self.notify()),
            path(&dir.join("instance.conf")),
        );
        replace(&dir.join("instance.conf"), instance.as_str())?;
        replace(&dir.join("keepalived.conf"), &own)
    }
}

/// An instance that was begun.
pub(crate) struct Starting {
    dir: PathBuf,
    written: OwnedFd,
    until: Instant,
}

impl Starting {
    /// Waits until it runs.
    pub fn started(self) -> io::Result<()> {
        while alive(&self.dir).is_none() {
            let left = self.until.saturating_duration_since(Instant::now());
            if !becomes_readable(&self.written, left)? {
                return Err(io::Error::other(format!("{PROGRAM} did not start; its log says why")));
            }
            // What was written is looked at, not what is told of it.
            while read(&self.written, &mut [0; 1024]).is_ok_and(|length| length > 0) {}
        }
        Ok(())
    }
}

/// Both processes of an instance live; the first is the one to speak to.
fn alive(dir: &Path) -> Option<Pid> {
    live(dir, "vrrp.pid")?;
    live(dir, "pid")
}

/// The process of a pid file, if it is still what wrote it and not another of that number.
fn live(dir: &Path, name: &str) -> Option<Pid> {
    let pid: i32 = fs::read_to_string(dir.join(name)).ok()?.trim().parse().ok()?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let conf = dir.join("keepalived.conf");
    let says = |word: &[u8]| conf.to_str().is_some_and(|conf| conf.as_bytes() == word);
    let ours = pid > 1 && words.split(|byte| *byte == 0).any(says);
    ours.then(|| Pid::from_raw(pid))
}

/// Asks processes to end, and ends those that do not.
fn end(pids: &[Pid]) -> io::Result<()> {
    // Held by descriptor: a number may be another's by the time it is waited for.
    let mut open = Vec::new();
    for pid in pids {
        match pidfd(*pid) {
            Ok(fd) => open.push((*pid, fd)),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(error) => return Err(error),
        }
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for (pid, _) in &open {
            let _ = kill(*pid, signal);
        }
        let until = Instant::now() + ENDS_WITHIN;
        let mut left = Vec::new();
        for (pid, fd) in open {
            if !becomes_readable(&fd, until.saturating_duration_since(Instant::now()))? {
                left.push((pid, fd));
            }
        }
        open = left;
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{PROGRAM} does not end"))),
    }
}

fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers, and returns a descriptor of ours or an error.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us the descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Tells when a file of a directory was written.
fn written(dir: &Path) -> io::Result<OwnedFd> {
    folder::watch(dir, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE)
}

/// A descriptor of a process becomes readable when that ends.
fn becomes_readable(fd: &OwnedFd, within: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::ZERO);
    Ok(poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout)? > 0)
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whole or not at all.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("fresh");
    let mut file: File =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(fresh, path)
}

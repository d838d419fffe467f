//! Programs of the system that install. They outlive a kill of this program, and the next run waits for them:
//! their standard input is an empty file that they hold a lock of as long as they live.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Output;
use crate::Settings;

const LOOK: Duration = Duration::from_millis(100);
/// To end by itself, once told to.
const GRACE: Duration = Duration::from_secs(20);

/// Why it is not installed.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    #[error("this instance has no {0}")]
    NoInstaller(&'static str),
    #[error("{0} failed ({1})")]
    Failed(String, ExitStatus),
    #[error("{0} took longer than {1} s and was ended")]
    Late(String, u64),
    #[error("an installer that was begun earlier does not end")]
    Occupied,
    #[error("{0} says that it is done, but {1} {2} is not installed")]
    NotThere(String, String, String),
    #[error("cannot run {0}: {1}")]
    Run(String, #[source] io::Error),
    #[error("the archive is not unpacked: {0}")]
    Archive(#[from] super::unpack::NotUnpacked),
}

/// The lock of installers, free and ours.
pub fn lock(settings: &Settings) -> Result<File, Unable> {
    let path = settings.state.join("installer");
    let failed = |error| Unable::Run(path.display().to_string(), error);
    let file = OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(failed)?;
    let until = Instant::now() + Duration::from_secs(settings.installer_s);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::park_timeout(LOOK),
            Err(TryLockError::WouldBlock) => return Err(Unable::Occupied),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// Runs a program to its end; what it says goes to the output.
pub fn run(settings: &Settings, words: &[&str], watch: &mut dyn FnMut(&Output)) -> Result<(), Unable> {
    let name = words[0].to_owned();
    let failed = |error| Unable::Run(name.clone(), error);
    let held = lock(settings)?;
    let ours = held.try_clone().map_err(failed)?;
    let output = Output::of(&settings.state);
    let said = output.begin().map_err(failed)?;
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir("/").process_group(0);
    command.stdin(held).stdout(said.try_clone().map_err(failed)?).stderr(said);
    // Nobody is there to answer.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("DEBCONF_NONINTERACTIVE_SEEN", "true");
    command.env("APT_LISTCHANGES_FRONTEND", "none").env("NEEDRESTART_MODE", "l").env("LC_ALL", "C.UTF-8");
    let mut child = command.spawn().map_err(failed)?;
    let ended = wait(&mut child, settings.installer_s, &mut || {
        output.bound();
        watch(&output);
    });
    // What it left running may have its standard input for long. If we are killed, the lock stays the program's.
    if ended.is_ok() {
        ours.unlock().map_err(failed)?;
    }
    match ended {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(Unable::Failed(name, status)),
        Ok(None) => Err(Unable::Late(name, settings.installer_s)),
        Err(error) => Err(failed(error)),
    }
}

/// `None`: it took too long, and was ended.
fn wait(child: &mut Child, most_s: u64, look: &mut dyn FnMut()) -> io::Result<Option<ExitStatus>> {
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let end = |signal| {
        let _ = killpg(group, signal); // Who is gone already needs no end.
    };
    let (begun, most) = (Instant::now(), Duration::from_secs(most_s));
    let mut pause = Duration::from_millis(5);
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((!told).then_some(status));
        }
        if begun.elapsed() > most + GRACE {
            end(Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        if begun.elapsed() > most && !told {
            told = true;
            end(Signal::SIGTERM);
        }
        std::thread::park_timeout(pause);
        pause = (pause * 2).min(LOOK);
        if pause == LOOK {
            look();
        }
    }
}

/// Whether there is a program of a name.
pub fn has(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// What a program says, if it succeeds.
pub fn said(words: &[&str]) -> Option<String> {
    let output = Command::new(words[0]).args(&words[1..]).env("LC_ALL", "C").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Paths as a command line has them.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

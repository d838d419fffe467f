//! Network namespaces of one run, kept by name in a folder of the run's own, and the links
//! between them. Dropping a [`Place`] removes them; [`Place::sweep`] removes those of runs that
//! were killed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tokio::process::Command;

/// Every run has a folder here, with a `pid` file and the namespaces.
const ROOT: &str = "/run/neutrino-testbed";

/// Namespaces of one run.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Makes an empty place, after removing what dead runs left.
    pub fn new(name: &str) -> anyhow::Result<Place> {
        Place::sweep()?;
        let pid = std::process::id();
        let folder = Path::new(ROOT).join(format!("{name}-{pid}"));
        // Under another name until it says whose it is: a run that sweeps meanwhile leaves it.
        let unnamed = Path::new(ROOT).join(format!(".{name}-{pid}"));
        fs::create_dir_all(&unnamed)
            .with_context(|| format!("cannot make {}: namespaces need root", unnamed.display()))?;
        fs::write(unnamed.join("pid"), process(pid).unwrap_or_default())?;
        fs::rename(&unnamed, &folder)?;
        Ok(Place { folder })
    }

    /// Keeps places in memory from here on, as a host that was booted keeps `/run`, where it is not so: for
    /// this process and those that it starts. For a process that has one thread yet.
    pub fn keep_in_memory() -> anyhow::Result<()> {
        let none: Option<&str> = None;
        fs::create_dir_all(ROOT)?;
        Place::sweep()?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
        mount(Some("tmpfs"), ROOT, Some("tmpfs"), MsFlags::empty(), Some("mode=755,size=256m"))?;
        Ok(())
    }

    /// Removes the places of processes that are gone.
    pub fn sweep() -> anyhow::Result<()> {
        let Ok(folders) = fs::read_dir(ROOT) else { return Ok(()) };
        for folder in folders.flatten().filter(|f| !f.file_name().to_string_lossy().starts_with('.')) {
            let owner = fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
            let pid = owner.split(' ').next().and_then(|pid| pid.parse().ok());
            if pid.and_then(process) != Some(owner) {
                remove(&folder.path());
            }
        }
        Ok(())
    }

    /// Where namespaces are kept, one folder per host for those that an agent makes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a namespace.
    pub fn namespace(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes a namespace with its loopback up.
    pub async fn add(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.clone();
        let owned = name.to_owned();
        tokio::task::spawn_blocking(move || kernel::netns::create(&folder, &owned))
            .await?
            .with_context(|| format!("cannot make the namespace {name}"))?;
        let path = self.namespace(name);
        run_in(&path, &["ip", "link", "set", "lo", "up"]).await?;
        Ok(path)
    }

    pub async fn remove(&self, name: &str) {
        let (folder, name) = (self.folder.clone(), name.to_owned());
        // One that is not there any more is removed all the same.
        let _ = tokio::task::spawn_blocking(move || kernel::netns::delete(&folder, &name)).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// A process as its id and when it started, so that a later one with the same id is another;
/// `None` when it has ended, also when nobody has asked for its exit status yet.
fn process(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!"ZX".contains(state)).then(|| format!("{pid} {started}"))
}

/// Names of the namespaces kept in a folder, in order.
pub fn kept_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    Ok(kernel::netns::list(folder)?)
}

/// Deletes a namespace kept in a folder, whoever made it.
pub fn delete_in(folder: &Path, name: &str) -> anyhow::Result<()> {
    Ok(kernel::netns::delete(folder, name)?)
}

/// Processes that live in namespaces kept in a folder.
pub fn living_in(folder: &Path) -> Vec<u32> {
    let names = kernel::netns::list(folder).unwrap_or_default();
    let ids: Vec<u64> = names.iter().filter_map(|name| kernel::netns::id(&folder.join(name)).ok()).collect();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that has ended meanwhile lives nowhere.
    let lives =
        |pid: &u32| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|at| ids.contains(&at.ino()));
    pids.filter(lives).collect()
}

/// Unmounts every namespace below a folder, and removes the folder. What agents started in them, and
/// outlives agents on purpose, is ended.
fn remove(folder: &Path) {
    for pid in living_in(folder).into_iter().filter(|pid| *pid != std::process::id()) {
        if let Ok(pid) = i32::try_from(pid) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            remove(&entry.path());
        } else if name != "pid" {
            let _ = kernel::netns::delete(folder, &name);
        }
    }
    let _ = fs::remove_dir_all(folder);
}

/// A command inside a namespace, to be awaited.
pub fn command_in(namespace: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace.display())).args(words).kill_on_drop(true);
    command
}

/// Runs a command inside a namespace; the error holds what it said.
pub async fn run_in(namespace: &Path, words: &[&str]) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = command_in(namespace, words)
        .output()
        .await
        .with_context(|| format!("cannot run {}", words.join(" ")))?;
    if !status.success() {
        bail!("{} failed ({status}): {}", words.join(" "), String::from_utf8_lossy(&stderr).trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// A veth pair between two namespaces; both ends come up, the peer with the MAC address it is given
/// (an interface that was up before has made an IPv6 address of the old one).
pub async fn link(one: &Path, name: &str, other: &Path, peer: &str, mac: Option<&str>) -> anyhow::Result<()> {
    let other_text = other.display().to_string();
    let mut words = vec!["ip", "link", "add", name, "type", "veth", "peer", "name", peer];
    words.extend(mac.map(|mac| ["address", mac]).into_iter().flatten());
    words.extend(["netns", other_text.as_str()]);
    run_in(one, &words).await?;
    run_in(one, &["ip", "link", "set", name, "up"]).await?;
    run_in(other, &["ip", "link", "set", peer, "up"]).await?;
    Ok(())
}

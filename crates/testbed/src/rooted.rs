//! An instance with a root of its own, in a namespace: this machine's Debian, in which all that is written is in
//! memory. Its power can be cut.
//!
//! ```text
//! keeper   holds the mounts: / of the machine, read only, and what is written, over it
//! running  the instance's processes, with ids of their own; none outlives it
//! ```
//! Where apt finds packages is left to whoever uses it: of the machine's own sources nothing is there.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use crate::wait;

const SOON: Duration = Duration::from_secs(20);

/// Where the instance finds a program of ours.
pub const PROGRAM: &str = "/usr/local/bin/neutrino";

const MOUNTS: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir written work root kept
mount -t overlay -o lowerdir=/,upperdir=written,workdir=work overlay root
rm -rf root/etc/apt/sources.list root/etc/apt/sources.list.d root/var/lib/apt/lists root/etc/apt/preferences.d
mkdir -p root/etc/apt/sources.list.d root/var/lib/apt/lists/partial root/etc/apt/preferences.d
# The machine may install something meanwhile: what dpkg knows is a copy.
for folder in lib/dpkg cache/debconf; do
    mkdir -p "kept/$folder" "root/var/$folder"
    cp -a "/var/$folder/." "kept/$folder/"
    rm -f "kept/$folder"/lock "kept/$folder"/lock-frontend
    mount --bind "kept/$folder" "root/var/$folder"
done
mkdir -p root/proc root/dev root/run root/tmp root/usr/local/bin
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount --rbind /dev root/dev
: > root/usr/local/bin/neutrino
mount --bind "$2" root/usr/local/bin/neutrino
: > root/etc/resolv.conf
printf '#!/bin/sh\nexit 101\n' > root/usr/sbin/policy-rc.d
chmod 755 root/usr/sbin/policy-rc.d
rm -f root/etc/apt/apt.conf
printf 'Acquire::http::Proxy "false";\nAcquire::Retries "0";\n' > root/etc/apt/apt.conf.d/99instance
echo ready
exec sleep infinity
"#;

const RUN: &str = r#"mount -t proc proc "$1/root/proc"
exec chroot "$1/root" /bin/sh -c 'echo up > /run/up; exec sleep infinity'
"#;

pub struct Rooted {
    network: PathBuf,
    folder: PathBuf,
    keeper: Child,
    running: Option<Child>,
}

impl Rooted {
    /// Makes an instance in a network namespace; `folder` is an empty one of its own.
    pub async fn boot(network: &Path, folder: &Path, program: &Path) -> anyhow::Result<Rooted> {
        std::fs::create_dir_all(folder)?;
        let mut keeper = Command::new("unshare");
        keeper.args(["--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh"]);
        keeper.arg(folder).arg(program).env_remove("LD_PRELOAD");
        keeper.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut keeper = keeper.spawn().context("cannot run unshare")?;
        let mut said = tokio::io::BufReader::new(keeper.stdout.take().context("it is piped")?);
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await?;
        if line != "ready\n" {
            let output = keeper.wait_with_output().await?;
            bail!("no root for an instance: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut rooted =
            Rooted { network: network.to_owned(), folder: folder.to_owned(), keeper, running: None };
        rooted.power_on().await?;
        Ok(rooted)
    }

    /// Ends all its processes at once. What they wrote stays.
    pub async fn power_cut(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            // The first of its processes takes the others along.
            if let Some(first) = child_of(&running) {
                let first = nix::unistd::Pid::from_raw(first);
                let _ = nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL);
            }
            running.wait().await?;
        }
        Ok(())
    }

    pub async fn power_on(&mut self) -> anyhow::Result<()> {
        let keeper = self.keeper.id().context("it runs")?.to_string();
        let mut running = Command::new("nsenter");
        running.args(["--target", &keeper, "--mount", "unshare", "--mount", "--pid", "--fork"]);
        running.args(["--kill-child=KILL", "--propagation", "private", "sh", "-c", RUN, "sh"]);
        running.arg(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        running.kill_on_drop(true);
        self.running = Some(running.spawn().context("cannot run nsenter")?);
        let up = || async {
            let output = self.run("cat /run/up && rm /run/up").await.ok()?;
            (output == "up\n").then_some(())
        };
        wait::until(SOON, up).await.context("the instance does not come up")
    }

    /// A command in the instance, to be awaited.
    pub fn command(&self, words: &[&str]) -> Command {
        let first = self.running.as_ref().and_then(child_of).unwrap_or_default();
        let mut command = Command::new("nsenter");
        command.args(["--target", &first.to_string(), "--mount", "--pid", "--root", "--wd=/"]);
        command.arg(format!("--net={}", self.network.display()));
        command.arg("--").args(words).env("LC_ALL", "C.UTF-8").env("HOME", "/root").env_remove("TMPDIR");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("NEUTRINO_") || name.ends_with("_proxy"))
        {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a script in the instance; the error holds what it said.
    pub async fn run(&self, script: &str) -> anyhow::Result<String> {
        let Output { status, stdout, stderr } =
            self.command(&["sh", "-c", script]).output().await.context("cannot run nsenter")?;
        let said = String::from_utf8_lossy(&stdout).into_owned();
        if !status.success() {
            bail!("{script} failed ({status}): {said}{}", String::from_utf8_lossy(&stderr).trim());
        }
        Ok(said)
    }
}

/// The child of one that only forked.
fn child_of(parent: &Child) -> Option<i32> {
    let pid = parent.id()?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

//! Our server as a process of its own, with an empty database and a free port.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use testbed::Client;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::load::Target;

const START: Duration = Duration::from_secs(20);

/// A running server; dropping it kills it and removes its database.
pub struct Server {
    pub target: Target,
    pub pid: u32,
    child: Child,
    folder: TempDir,
}

impl Server {
    pub async fn start(program: Option<&Path>) -> anyhow::Result<Server> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => beside()?,
        };
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("neutrino.toml");
        let database = folder.path().join("neutrino.db");
        let text = format!("server.bind = '127.0.0.1:0'\ndatabase.path = '{}'\n", database.display());
        std::fs::write(&file, text)?;
        let mut command = Command::new(&program);
        command.arg("--config").arg(&file).arg("server");
        // What the caller's shell says of other servers does not count here.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEUTRINO_")) {
            command.env_remove(name);
        }
        command.env("NEUTRINO_LOG", "info").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let pid = child.id().context("the server ended at once")?;
        let mut log = BufReader::new(child.stderr.take().context("the server has a log")?).lines();
        let base = tokio::time::timeout(START, listening(&mut log))
            .await
            .with_context(|| format!("{} did not listen in {START:?}", program.display()))??;
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                if line.contains("WARN") || line.contains("ERROR") {
                    eprintln!("server: {line}");
                }
            }
        });
        let target = Target { client: Client::at(base), token: None, pids: vec![pid] };
        Ok(Server { target, pid, child, folder })
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("neutrino.db")
    }

    /// A folder on the disk that the server's database is on.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server and waits for it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The program of the same build as this one.
fn beside() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("neutrino");
    if !program.exists() {
        bail!(
            "{} is not there: build it with `cargo build --release --package neutrino`, or name one \
             with --server",
            program.display()
        );
    }
    Ok(program)
}

/// Reads the log until it says where the API listens.
async fn listening(log: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<String> {
    let mut said = Vec::new();
    while let Some(line) = log.next_line().await? {
        if let Some((_, address)) = line.split_once("listens on http://") {
            return Ok(format!("http://{}", address.trim()));
        }
        said.push(line);
    }
    bail!("the server ended: {}", said.join("\n"))
}

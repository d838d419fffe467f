//! Our server as a process of its own, with an empty database and a free port.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use bus::nats::NatsOptions;
use server::Limits;
use tempfile::TempDir;
use testbed::postgres::Database;
use testbed::{Client, Postgres};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::load::Target;

const START: Duration = Duration::from_secs(20);
/// What is measured is not what a project may have.
const QUOTAS: &str = "[quotas]\nnetwork = -1\nsubnet = -1\nport = -1\nrouter = -1\nfloatingip = -1\n";

/// Which server, and what it works with.
#[derive(Clone, Copy, Default)]
pub struct Setup<'a> {
    /// The `neutrino` beside this program if not given.
    pub program: Option<&'a Path>,
    /// A file of SQLite if not given.
    pub postgres: Option<(&'a Postgres, &'a Database)>,
    /// Channels within the process if not given.
    pub nats: Option<&'a NatsOptions>,
}

impl Setup<'_> {
    fn file(&self, sqlite: &Path) -> String {
        let mut text = format!("server.bind = '127.0.0.1:0'\n{QUOTAS}");
        text += &match self.postgres {
            Some((_, database)) => format!("[database]\nkind = 'postgresql'\nurl = '{}'\n", database.url),
            None => format!("[database]\npath = '{}'\n", sqlite.display()),
        };
        if let Some(nats) = self.nats {
            text += &format!("[bus]\nkind = 'nats'\n[bus.nats]\nurls = {:?}\n", nats.urls);
            if let Some((user, file)) = nats.user.as_ref().zip(nats.password_file.as_ref()) {
                text += &format!("user = '{user}'\npassword_file = '{}'\n", file.display());
            }
        }
        text
    }
}

/// The same for servers within this process.
pub fn no_quotas() -> Limits {
    let mut limits = Limits::default();
    limits.0.values_mut().for_each(|most| *most = -1);
    limits
}

/// A running server; dropping it kills it and removes its database.
pub struct Server {
    pub target: Target,
    pub pid: u32,
    program: PathBuf,
    child: Child,
    folder: TempDir,
}

impl Server {
    pub async fn start(setup: Setup<'_>) -> anyhow::Result<Server> {
        let program = match setup.program {
            Some(program) => program.to_owned(),
            None => beside()?,
        };
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(FILE), setup.file(&folder.path().join("neutrino.db")))?;
        let (child, pid, base) = begin(&program, &folder.path().join(FILE)).await?;
        let mut target = Target::of(Client::at(base), pid);
        target.database = setup.postgres.map(|(postgres, _)| postgres.pid()).transpose()?;
        Ok(Server { target, pid, program, child, folder })
    }

    /// Ends it as a crash does, and starts it on what it left.
    pub async fn again(&mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        let (child, pid, base) = begin(&self.program, &self.folder.path().join(FILE)).await?;
        let database = self.target.database;
        self.target = Target { database, ..Target::of(Client::at(base), pid) };
        (self.child, self.pid) = (child, pid);
        Ok(())
    }

    /// Where the file is, if the database is one.
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

/// Name of the configuration.
const FILE: &str = "neutrino.toml";

/// Runs it until it listens: the process, its id, and where.
async fn begin(program: &Path, file: &Path) -> anyhow::Result<(Child, u32, String)> {
    let mut command = Command::new(program);
    command.arg("--config").arg(file).arg("server");
    // What the caller's shell says of other servers does not count here.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEUTRINO_")) {
        command.env_remove(name);
    }
    command.env("NEUTRINO_LOG", "info,async_nats=off").env("NO_COLOR", "1");
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
    Ok((child, pid, base))
}

/// The program of the same build as this one.
pub fn beside() -> anyhow::Result<PathBuf> {
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

//! Programs that a test starts, kills and starts again. Each ends with its value, also when the
//! test fails, and what it said is kept in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use crate::wait;

/// One program, running or not.
pub struct Program {
    name: String,
    words: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// Says what will run; its log goes to a folder.
    pub fn new(name: &str, words: &[&str], folder: &Path) -> Program {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Program { name: name.to_owned(), words, log: folder.join(format!("{name}.log")), child: None }
    }

    /// Starts it, behind what it said before.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let (program, words) = self.words.split_first().context("a program has a name")?;
        let mut command = Command::new(program);
        // What the caller's shell says of other servers does not count here.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEUTRINO_")) {
            command.env_remove(name);
        }
        command.args(words).env("NO_COLOR", "1").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot run {program}"))?);
        Ok(())
    }

    /// Ends it as a power cut does: at whatever it is doing.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// All that it said, in every one of its lives.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until a line of its log has a word; returns what follows the word on that line.
    pub async fn says(&self, word: &str, limit: Duration) -> anyhow::Result<String> {
        let after = |line: &str| line.split_once(word).map(|(_, rest)| rest.trim().to_owned());
        let found = wait::until(limit, || async { self.said().lines().rev().find_map(after) }).await;
        match found {
            Some(rest) => Ok(rest),
            None => bail!("{} did not say '{word}' in {limit:?}:\n{}", self.name, self.said()),
        }
    }
}

//! A program of ours as a process of its own, with its log in a file.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::wait;

/// A running program; dropping it kills it.
pub struct Program {
    words: Vec<String>,
    program: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// Runs a program with some words; what it logs is added to a file.
    pub fn start(program: &Path, words: &[&str], log: PathBuf) -> anyhow::Result<Program> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let mut program = Program { words, program: program.to_owned(), log, child: None };
        program.again()?;
        Ok(program)
    }

    /// Kills it, if it runs, and runs it again, with an empty log.
    pub fn again(&mut self) -> anyhow::Result<()> {
        self.kill();
        let log = File::create(&self.log)?;
        let mut command = Command::new(&self.program);
        // What the caller's shell says of other programs does not count here.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEUTRINO_")) {
            command.env_remove(name);
        }
        command.args(&self.words).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it goes on: one that ended and is not waited for is a zombie.
    pub fn runs(&self) -> bool {
        let state = self.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        state.is_some_and(|stat| !stat.contains(") Z "))
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log has a line with a word, and returns what follows the word in it.
    pub async fn says(&self, word: &str, limit: Duration) -> anyhow::Result<String> {
        let found = wait::until(limit, || async {
            let said = self.said();
            let line = said.lines().find(|line| line.contains(word))?;
            line.split_once(word).map(|(_, rest)| rest.trim().to_owned())
        });
        match found.await {
            Some(rest) => Ok(rest),
            None => bail!("{:?} did not say '{word}' in {limit:?}, but: {}", self.words, self.said()),
        }
    }
}

/// Its words, and whether it runs.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words.join(" "), if self.runs() { "runs" } else { "has ended" })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

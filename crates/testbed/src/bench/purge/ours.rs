//! ctpurge as a process of its own, at full pace, for one measurement.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent::ctpurge::Conversation;
use anyhow::{Context, bail};
use model::purge::{Answer, Counters, Job, Request, State};
use tempfile::TempDir;
use testbed::program::Program;
use testbed::wait;

use super::field::Field;
use crate::process;

const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(300);

/// From the first byte sent until all is done.
pub struct Cost {
    pub cpu: Duration,
    pub wall: Duration,
    pub deleted: u64,
    pub peak_kib: u64,
    pub counters: Counters,
}

pub struct Ours {
    program: Program,
    socket: PathBuf,
    _dir: TempDir,
}

impl Ours {
    pub async fn start(program: Option<&Path>, field: &Field) -> anyhow::Result<Ours> {
        let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("neutrino"));
        let path = program.map_or_else(beside, |path| Ok(path.to_owned()))?;
        let dir = tempfile::tempdir()?;
        let (socket, state) = (dir.path().join("socket"), dir.path().join("state"));
        let set = |name: &str, value: String| ["--set".to_owned(), format!("ctpurge.{name}={value}")];
        let words: Vec<String> = [
            set("socket", socket.display().to_string()),
            set("state_dir", state.display().to_string()),
            set("namespace", field.namespace().display().to_string()),
            set("share_percent", "100".to_owned()),
        ]
        .concat();
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["ctpurge"]).collect();
        let program = Program::start(&path, &words, dir.path().join("log"))?;
        program.says("connections are forgotten", START).await?;
        Ok(Ours { program, socket, _dir: dir })
    }

    /// Hands the jobs over, and waits until the last has ended.
    pub async fn purge(self, jobs: Vec<Job>) -> anyhow::Result<Cost> {
        let pid = self.program.pid().context("it ended")?;
        let mut ctpurge = Conversation::open(&self.socket).await?;
        // Trying out the kernel is part of the start.
        let socket = &self.socket;
        let ready = wait::until(START, || async move {
            let mut ctpurge = Conversation::open(socket).await.ok()?;
            match ctpurge.ask(&Request::Stats).await.ok()? {
                Answer::Stats { stats } => stats.abilities.exact.then_some(()),
                _ => None,
            }
        });
        ready.await.context("this kernel is not found able")?;
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        let (begun, cpu) = (Instant::now(), process::own_threads_cpu(pid));
        // As many as surely fit into a message.
        for some in jobs.chunks(if jobs.len() > 50 { 5 } else { 1 }) {
            match ctpurge.ask(&Request::Submit { jobs: some.to_vec() }).await? {
                Answer::Submitted { outcomes } if outcomes.iter().all(Option::is_none) => {}
                other => bail!("not taken: {other:?}"),
            }
        }
        let mut deleted = 0;
        for id in ids {
            let socket = &self.socket;
            let ended = wait::until(END, || async move {
                let mut ctpurge = Conversation::open(socket).await.ok()?;
                match ctpurge.ask(&Request::Job { id }).await.ok()? {
                    Answer::Job { job } => job.map(|job| job.state).filter(State::has_ended),
                    _ => None,
                }
            });
            match ended.await {
                Some(State::Done(outcome)) => deleted += outcome.deleted,
                other => bail!("a job did not end well: {other:?}"),
            }
        }
        let (wall, cpu) = (begun.elapsed(), process::own_threads_cpu(pid).saturating_sub(cpu));
        let Answer::Stats { stats } = ctpurge.ask(&Request::Stats).await? else { bail!("no stats") };
        Ok(Cost { cpu, wall, deleted, peak_kib: process::peak_kib(pid), counters: stats.counters })
    }
}

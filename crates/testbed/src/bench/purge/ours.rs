//! ctpurge as a process of its own, at full pace, for one measurement.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kernel::conversation::Conversation;
use model::purge::{Answer, Counters, Job, Request, State, Stats, What};
use tempfile::TempDir;
use testbed::program::Program;
use testbed::wait;

use super::field::Field;
use crate::process;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(300);
/// Addresses and jobs of one message.
const WEIGHT: usize = 12_000;
const AT_ONCE: usize = 100;

/// From the first byte sent until all is done.
pub struct Cost {
    pub cpu: Duration,
    pub wall: Duration,
    pub deleted: u64,
    pub peak_kib: u64,
    pub counters: Counters,
}

/// How hard it works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it is set if nobody says otherwise.
    Usual,
    Full,
}

pub struct Ours {
    program: Program,
    socket: PathBuf,
    _dir: TempDir,
}

impl Ours {
    /// Runs, and has found out what the kernel can.
    pub async fn start(program: Option<&Path>, field: &Field, pace: Pace) -> anyhow::Result<Ours> {
        let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("neutrino"));
        let path = program.map_or_else(beside, |path| Ok(path.to_owned()))?;
        let dir = tempfile::tempdir()?;
        let (socket, state) = (dir.path().join("socket"), dir.path().join("state"));
        let set = |name: &str, value: String| ["--set".to_owned(), format!("ctpurge.{name}={value}")];
        let mut words = [
            set("socket", socket.display().to_string()),
            set("state_dir", state.display().to_string()),
            set("namespace", field.namespace().display().to_string()),
        ]
        .concat();
        if pace == Pace::Full {
            words.extend(set("share_percent", "100".to_owned()));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["ctpurge"]).collect();
        let program = Program::start(&path, &words, dir.path().join("log"))?;
        program.says("connections are forgotten", START).await?;
        let ours = Ours { program, socket, _dir: dir };
        let ready =
            wait::until(START, || async { ours.stats().await.ok()?.abilities.exact.then_some(()) }).await;
        ready.context("this kernel is not found able")?;
        Ok(ours)
    }

    async fn stats(&self) -> anyhow::Result<Stats> {
        match Conversation::open(&self.socket).await?.ask(&Request::Stats).await? {
            Answer::Stats { stats } => Ok(*stats),
            other => bail!("no stats: {other:?}"),
        }
    }

    /// Whether nothing waits or runs.
    pub async fn is_idle(&self) -> anyhow::Result<bool> {
        let stats = self.stats().await?;
        Ok(stats.waiting + stats.running == 0)
    }

    pub async fn submit(&self, jobs: &[Job]) -> anyhow::Result<()> {
        let mut ctpurge = Conversation::open(&self.socket).await?;
        // As many in a message as the agent puts into one.
        let mut rest = jobs;
        while !rest.is_empty() {
            let mut weight = 0;
            let fits = |job: &&Job| {
                // A connection takes four times the space of an address.
                weight += job.what.weight() * if matches!(job.what, What::Tuples(_)) { 4 } else { 1 };
                weight < WEIGHT
            };
            let (some, others) = rest.split_at(rest.iter().take_while(fits).count().clamp(1, AT_ONCE));
            rest = others;
            match ctpurge.ask(&Request::Submit { jobs: some.to_vec() }).await? {
                Answer::Submitted { outcomes } if outcomes.iter().all(Option::is_none) => {}
                other => bail!("not taken: {other:?}"),
            }
        }
        Ok(())
    }

    /// Connections that jobs deleted; waits until the last has ended.
    pub async fn ended(&self, jobs: &[Job]) -> anyhow::Result<u64> {
        let mut deleted = 0;
        for job in jobs {
            let ended = wait::until(END, || async {
                let mut ctpurge = Conversation::open(&self.socket).await.ok()?;
                match ctpurge.ask(&Request::Job { id: job.id }).await.ok()? {
                    Answer::Job { job } => job.map(|job| job.state).filter(State::has_ended),
                    _ => None,
                }
            });
            match ended.await {
                Some(State::Done(outcome)) => deleted += outcome.deleted,
                other => bail!("a job did not end well: {other:?}"),
            }
        }
        Ok(deleted)
    }

    /// Hands the jobs over, and waits until the last has ended.
    pub async fn purge(self, jobs: &[Job]) -> anyhow::Result<Cost> {
        let pid = self.program.pid().context("it ended")?;
        let (begun, cpu) = (Instant::now(), process::own_threads_cpu(pid));
        self.submit(jobs).await?;
        let deleted = self.ended(jobs).await?;
        let (wall, cpu) = (begun.elapsed(), process::own_threads_cpu(pid).saturating_sub(cpu));
        let counters = self.stats().await?.counters;
        Ok(Cost { cpu, wall, deleted, peak_kib: process::peak_kib(pid), counters })
    }
}

//! `neutrino ctpurge`: forgets connections in batches, as a process of its own that nobody waits for.
//!
//! ```text
//! agent, operator                    this process
//!   conversation ────> serve ──> board ──> journal   on disk before it is acknowledged
//!                                  |  ^      jobs: all of them, in memory
//!                        waiting   v  |  done, failed
//!                                 work: one thread, stepping back; rounds of what waits
//!                                  └─ round: one place: plan (host) -> walks, deletions (kernel)
//! ```
//! Jobs are idempotent: after a crash those that had not ended are done again. A job that comes while a
//! walk is under way waits for the next, for the walk may have passed what it is about.

mod board;
mod jobs;
mod journal;
mod round;
mod serve;
mod settings;
mod work;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kernel::conversation::{self, listen};
use tokio::sync::watch;

pub use settings::Settings;

use board::Board;
use jobs::Jobs;
use journal::Journal;

/// Asking ctpurge.
pub type Conversation = kernel::conversation::Conversation<model::purge::Request>;

/// Why the process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum CtpurgeError {
    #[error("[ctpurge] {option}: {why}")]
    Setting { option: &'static str, why: &'static str },
    #[error("another ctpurge works with {}: stop it, or set ctpurge.state_dir to another folder", .0.display())]
    Occupied(PathBuf),
    #[error("cannot {act} {}: {source}", .path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
    #[error("the journal {} is of another release: finish its jobs with that, or move it away", .0.display())]
    OtherRelease(PathBuf),
    #[error("the thread that purges ended")]
    Ended,
}

impl CtpurgeError {
    fn io(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> CtpurgeError {
        let path = path.into();
        move |source| CtpurgeError::Io { act, path, source }
    }
}

/// Ends this process, rather than let it outgrow what the settings allow.
pub fn limit_memory(settings: &Settings) -> io::Result<()> {
    kernel::own::limit_memory(settings.memory_max_mib << 20)
}

/// Serves until told to stop. What has not ended then is done after the next start.
pub async fn run(settings: Settings, mut stopping: watch::Receiver<bool>) -> Result<(), CtpurgeError> {
    settings.check()?;
    let mut jobs = Jobs::default();
    let journal =
        Journal::open(&settings.state_dir, settings.journal_max_bytes, |record| jobs.replay(record))?;
    let board = Arc::new(Board::new(journal, jobs, &settings));
    work::give_back_code();
    let listener =
        listen(&settings.socket, &settings.users).map_err(CtpurgeError::io("listen at", &settings.socket))?;
    let mut working = {
        let (board, ours) = (Arc::clone(&board), settings.clone());
        let (ended, hears) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("ctpurge".into())
            .spawn(move || {
                work::run(&board, &ours);
                let _ = ended.send(());
            })
            .map_err(CtpurgeError::io("start a thread for", &settings.state_dir))?;
        hears
    };
    tracing::info!(socket = %settings.socket.display(), "connections are forgotten on request");
    let outcome = tokio::select! {
        () = conversation::serve(listener, Arc::new(serve::Socket(Arc::clone(&board))), &settings.users) => Ok(()),
        _ = stopping.wait_for(|stop| *stop) => Ok(()),
        _ = &mut working => Err(CtpurgeError::Ended),
    };
    board.stop();
    if outcome.is_ok() {
        let _ = working.await;
    }
    board.close();
    outcome
}

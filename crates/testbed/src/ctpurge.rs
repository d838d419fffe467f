//! A host's ctpurge, as a process of its own in the host's namespace: what it was asked, and what it takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use kernel::conversation::Conversation;
use model::purge::{Answer, JobShown, Request};

use crate::place::Place;
use crate::process;
use crate::program::Program;

const START: Duration = Duration::from_secs(20);
/// More jobs than it shows at once.
const ALL: u32 = 1000;

/// Where the ctpurge of a host listens.
pub fn socket(place: &Place, host: &str) -> PathBuf {
    folder(place, host).join("socket")
}

/// The configuration by which operators reach the ctpurge of a host.
pub fn configuration(place: &Place, host: &str) -> PathBuf {
    place.folder().join(format!("{host}.toml"))
}

fn folder(place: &Place, host: &str) -> PathBuf {
    place.folder().join(format!("{host}.ctpurge"))
}

/// A running one; dropping it kills it, and so does the next run when this one was killed.
pub struct Ctpurge {
    program: Program,
    socket: PathBuf,
}

impl Ctpurge {
    /// Runs `neutrino ctpurge` for a host, until it hears.
    pub async fn start(
        neutrino: &Path,
        place: &Place,
        host: &str,
        netns_dir: &Path,
    ) -> anyhow::Result<Ctpurge> {
        let (folder, socket) = (folder(place, host), socket(place, host));
        fs::create_dir_all(&folder)?;
        let text = format!(
            "[ctpurge]\nsocket = {socket:?}\nstate_dir = {:?}\nnetns_dir = {netns_dir:?}\n",
            folder.join("state")
        );
        let configuration = configuration(place, host);
        fs::write(&configuration, text)?;
        let inside = format!("--net={}", place.namespace(host).display());
        let (neutrino, file) = (neutrino.display().to_string(), configuration.display().to_string());
        let words = [inside.as_str(), neutrino.as_str(), "--config", file.as_str(), "ctpurge"];
        let program = Program::start(Path::new("nsenter"), &words, folder.join("log"))?;
        program.says("connections are forgotten", START).await?;
        Ok(Ctpurge { program, socket })
    }

    /// Jobs that wait, run, or ended lately.
    pub async fn jobs(&self) -> anyhow::Result<Vec<JobShown>> {
        let mut conversation = Conversation::open(&self.socket).await?;
        match conversation.ask(&Request::Jobs { limit: ALL }).await? {
            Answer::Jobs { jobs, .. } => Ok(jobs),
            other => bail!("ctpurge answered something else: {other:?}"),
        }
    }

    /// Time that it has worked.
    pub fn cpu(&self) -> Duration {
        self.program.pid().map(process::own_threads_cpu).unwrap_or_default()
    }

    /// The most memory that it ever had in RAM.
    pub fn peak_kib(&self) -> u64 {
        self.program.pid().map(process::peak_kib).unwrap_or_default()
    }
}

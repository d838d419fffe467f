//! What an operator says of ctpurge.

use std::path::PathBuf;
use std::time::Duration;

use host::purge::{Numbers, Pace};
use serde::{Deserialize, Serialize};

use super::CtpurgeError;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where jobs are taken.
    pub socket: PathBuf,
    /// Users besides root who are heard, by number.
    pub users: Vec<u32>,
    /// Where the journal is.
    pub state_dir: PathBuf,
    /// The network namespace whose connections are the host's; the process's own when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<PathBuf>,
    /// Where namespaces of routers are kept by name.
    pub netns_dir: PathBuf,
    /// Removed addresses of one batch.
    pub first_number: usize,
    /// Peers of one batch.
    pub second_number: usize,
    /// Milliseconds that a job waits for others, and again for others after these; ten times at most. No
    /// longer than the last round took.
    pub gather_ms: u64,
    /// How far the work steps back behind others: 0 to 19.
    pub nice: u8,
    /// Working so long at a stretch ...
    pub slice_ms: u64,
    /// ... and resting so that work takes at most this share of the time.
    pub share_percent: u8,
    /// Jobs that may wait.
    pub max_waiting_jobs: usize,
    pub journal_max_bytes: u64,
    /// The process ends, and starts again, rather than take more.
    pub memory_max_mib: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            socket: "/run/neutrino/ctpurge.sock".into(),
            users: Vec::new(),
            state_dir: "/var/lib/neutrino/ctpurge".into(),
            namespace: None,
            netns_dir: "/run/netns".into(),
            first_number: 1000,
            second_number: 10_000,
            gather_ms: 50,
            nice: 10,
            slice_ms: 1,
            share_percent: 10,
            max_waiting_jobs: 10_000,
            journal_max_bytes: 64 << 20,
            memory_max_mib: 64,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), CtpurgeError> {
        let within = |option, number: u64, from: u64, to: u64, why| match (from..=to).contains(&number) {
            true => Ok(()),
            false => Err(CtpurgeError::Setting { option, why }),
        };
        within("first_number", self.first_number as u64, 1, 10_000, "is from 1 to 10000")?;
        within("second_number", self.second_number as u64, 1, 100_000, "is from 1 to 100000")?;
        within("gather_ms", self.gather_ms, 0, 10_000, "is from 0 to 10000")?;
        within("nice", self.nice.into(), 0, 19, "is from 0 to 19")?;
        within("slice_ms", self.slice_ms, 1, 1000, "is from 1 to 1000")?;
        within("share_percent", self.share_percent.into(), 1, 100, "is from 1 to 100")?;
        within("max_waiting_jobs", self.max_waiting_jobs as u64, 1, 1_000_000, "is from 1 to 1000000")?;
        within("journal_max_bytes", self.journal_max_bytes, 4 << 20, 1 << 40, "is at least 4194304")?;
        within("memory_max_mib", self.memory_max_mib, 16, 1 << 20, "is at least 16")
    }

    pub(super) fn numbers(&self) -> Numbers {
        Numbers { first: self.first_number, second: self.second_number }
    }

    pub(super) fn pace(&self) -> Pace {
        Pace { slice: Duration::from_millis(self.slice_ms), share_percent: self.share_percent }
    }
}

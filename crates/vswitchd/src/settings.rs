//! What an operator says of vswitchd.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::VswitchdError;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it is asked.
    pub socket: PathBuf,
    /// Users besides root who are heard, by number.
    pub users: Vec<u32>,
    /// Where it keeps what it is to be.
    pub state_dir: PathBuf,
    /// The network namespace of ports and underlays; the process's own when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<PathBuf>,
    /// Microseconds that it looks for more frames, without sleeping, after it had some.
    pub spin_us: u32,
    /// Frames of a port that may wait for us.
    pub port_slots: usize,
    /// Frames of an underlay that may wait for us.
    pub underlay_slots: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            socket: "/run/neutrino/vswitchd.sock".into(),
            users: Vec::new(),
            state_dir: "/var/lib/neutrino/vswitchd".into(),
            namespace: None,
            spin_us: 20,
            port_slots: 4096,
            underlay_slots: 8192,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), VswitchdError> {
        let within = |option, number: usize, from: usize, to: usize, why| match (from..=to).contains(&number)
        {
            true => Ok(()),
            false => Err(VswitchdError::Setting { option, why }),
        };
        within("spin_us", self.spin_us as usize, 0, 10_000, "is from 0 to 10000")?;
        within("port_slots", self.port_slots, 64, 65_536, "is from 64 to 65536")?;
        within("underlay_slots", self.underlay_slots, 64, 65_536, "is from 64 to 65536")
    }

    pub(crate) fn spin(&self) -> Duration {
        Duration::from_micros(self.spin_us.into())
    }

    pub(crate) fn namespace(&self) -> PathBuf {
        self.namespace.clone().unwrap_or_else(kernel::netns::own)
    }
}

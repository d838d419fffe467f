//! What an operator says of vswitchd.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vswitch::Limits;

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
    /// How long a neighbour's MAC is used that nothing confirms; at half of it the neighbour is asked.
    pub neighbour_for_s: u32,
    /// What may wait for the MAC of one neighbour, for all of them, and for how long.
    pub neighbour_frames: usize,
    pub neighbour_bytes: usize,
    pub waiting_bytes: usize,
    pub waiting_ms: u32,
    /// Memory of frames that leave, beyond which nothing is copied and nothing cut.
    pub leaving_bytes: usize,
    /// MACs learned in one network and in all, and for how long one is known that sends nothing.
    pub learned_per_network: usize,
    pub learned: usize,
    pub learned_for_s: u32,
    /// Flows whose frames pass in the kernel at once; 0: none do.
    pub fast_flows: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        let limits = Limits::default();
        Settings {
            socket: "/run/neutrino/vswitchd.sock".into(),
            users: Vec::new(),
            state_dir: "/var/lib/neutrino/vswitchd".into(),
            namespace: None,
            spin_us: 20,
            port_slots: 4096,
            underlay_slots: 8192,
            neighbour_for_s: limits.neighbour_for.as_secs() as u32,
            neighbour_frames: limits.neighbour_frames,
            neighbour_bytes: limits.neighbour_bytes,
            waiting_bytes: limits.waiting_bytes,
            waiting_ms: limits.waiting.as_millis() as u32,
            leaving_bytes: limits.leaving_bytes,
            learned_per_network: limits.learned_per_network,
            learned: limits.learned,
            learned_for_s: limits.learned_for.as_secs() as u32,
            fast_flows: 4096,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), VswitchdError> {
        const FRAME: usize = 1 << 17;
        const GIB: usize = 1 << 30;
        let rows = [
            ("spin_us", self.spin_us as usize, 0..=10_000, "is from 0 to 10000"),
            ("port_slots", self.port_slots, 64..=65_536, "is from 64 to 65536"),
            ("underlay_slots", self.underlay_slots, 64..=65_536, "is from 64 to 65536"),
            ("neighbour_for_s", self.neighbour_for_s as usize, 2..=86_400, "is from 2 to 86400"),
            ("neighbour_frames", self.neighbour_frames, 1..=1 << 20, "is from 1 to 1048576"),
            ("neighbour_bytes", self.neighbour_bytes, FRAME..=GIB, "is from 131072 to 1073741824"),
            ("waiting_bytes", self.waiting_bytes, FRAME..=4 * GIB, "is from 131072 to 4294967296"),
            ("waiting_ms", self.waiting_ms as usize, 10..=60_000, "is from 10 to 60000"),
            ("leaving_bytes", self.leaving_bytes, 4 << 20..=4 * GIB, "is from 4194304 to 4294967296"),
            ("learned_per_network", self.learned_per_network, 1..=1 << 24, "is from 1 to 16777216"),
            ("learned", self.learned, 1..=1 << 24, "is from 1 to 16777216"),
            ("learned_for_s", self.learned_for_s as usize, 1..=1 << 20, "is from 1 to 1048576"),
            ("fast_flows", self.fast_flows as usize, 0..=65_536, "is from 0 to 65536"),
        ];
        match rows.into_iter().find(|(_, number, range, _)| !range.contains(number)) {
            Some((option, _, _, why)) => Err(VswitchdError::Setting { option, why }),
            None => Ok(()),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            neighbour_for: Duration::from_secs(self.neighbour_for_s.into()),
            neighbour_frames: self.neighbour_frames,
            neighbour_bytes: self.neighbour_bytes,
            waiting_bytes: self.waiting_bytes,
            waiting: Duration::from_millis(self.waiting_ms.into()),
            leaving_bytes: self.leaving_bytes,
            learned_per_network: self.learned_per_network,
            learned: self.learned,
            learned_for: Duration::from_secs(self.learned_for_s.into()),
            ..Limits::default()
        }
    }

    pub(crate) fn spin(&self) -> Duration {
        Duration::from_micros(self.spin_us.into())
    }

    pub(crate) fn namespace(&self) -> PathBuf {
        self.namespace.clone().unwrap_or_else(kernel::netns::own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsaid_the_bounds_are_the_switchs_own_and_said_they_are_in_force() {
        let settings = Settings::default();
        settings.check().expect("the defaults are within their ranges");
        assert_eq!(settings.limits(), Limits::default());
        let said = Settings {
            neighbour_for_s: 5,
            neighbour_frames: 1,
            neighbour_bytes: 1 << 17,
            waiting_bytes: 1 << 18,
            waiting_ms: 20,
            leaving_bytes: 5 << 20,
            learned_per_network: 2,
            learned: 3,
            learned_for_s: 4,
            ..settings
        };
        said.check().expect("within their ranges");
        let limits = Limits {
            neighbour_for: Duration::from_secs(5),
            neighbour_frames: 1,
            neighbour_bytes: 1 << 17,
            waiting_bytes: 1 << 18,
            waiting: Duration::from_millis(20),
            leaving_bytes: 5 << 20,
            learned_per_network: 2,
            learned: 3,
            learned_for: Duration::from_secs(4),
            ..Limits::default()
        };
        assert_eq!(said.limits(), limits);
    }
}

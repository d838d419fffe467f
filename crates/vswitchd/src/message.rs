//! What vswitchd is asked, and what it answers; how messages travel is left to `kernel::conversation`.

use std::collections::BTreeMap;
use std::time::Duration;

use model::conversation::{Question, Refused};
use model::vswitch::{FdbEntry, Shown, Wanted};
use serde::{Deserialize, Serialize};

/// 10,000 tunnels take some 4 MB.
const MAX_BYTES: usize = 32 << 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Be this, and nothing besides.
    Apply {
        wanted: Box<Wanted>,
    },
    /// What are you to be?
    Wanted,
    Show,
    /// MACs, of all networks or of one.
    Fdb {
        network: Option<String>,
        limit: usize,
    },
    /// What would become of a frame of a port? Nothing happens to it.
    Trace {
        port: String,
        frame: Vec<u8>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Applied,
    Wanted {
        wanted: Box<Wanted>,
    },
    Shown {
        shown: Box<Shown>,
        devices: BTreeMap<String, Device>,
    },
    Fdb {
        entries: Vec<FdbEntry>,
        /// Beyond those asked for.
        more: u64,
    },
    /// A line for each stage.
    Trace {
        stages: Vec<String>,
    },
    Refused(Refused),
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Answer {
        Answer::Refused(refused)
    }
}

impl Question for Request {
    type Answer = Answer;
    const SERVER: &'static str = "vswitchd";
    const COMMAND: &'static str = "neutrino vswitchd";
    const USERS: &'static str = "vswitchd.users";
    const VERSION: u32 = 1;
    const MOST: usize = MAX_BYTES;
    const PATIENCE: Duration = Duration::from_secs(30);

    fn heard(answer: Answer) -> Result<Answer, Refused> {
        match answer {
            Answer::Refused(refused) => Err(refused),
            answer => Ok(answer),
        }
    }
}

/// How a device of a port or an underlay is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Why no frames come; nothing when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Frames that came when there was no room.
    pub lost_received: u64,
    /// Frames that it did not take.
    pub lost_sent: u64,
}

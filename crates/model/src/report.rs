//! What a host says back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::desired::{Key, L3Mode, Revision};
use crate::lazy::Load;
use crate::lenient::{ReportSent, Skipped, or_default, readable};
use crate::meter::Reading;
use crate::{SoftwareOrderId, software};

/// Outcomes in one report at most.
pub const OUTCOMES: usize = 1000;
/// Characters of a reason at most.
pub const REASON: usize = 500;
/// Roles in one heartbeat at most.
pub const ROLES: usize = 8;

/// Outcomes of one or more parts on one host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "ReportSent")]
pub struct Report {
    pub host: String,
    /// In which life of the database the outcomes' revisions were counted.
    pub epoch: String,
    pub outcomes: Vec<Outcome>,
    /// Outcomes that could not be read.
    #[serde(skip)]
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// Holds what a host says to what one may say: `None` is more than that.
    pub fn bounded(mut self) -> Option<Report> {
        if self.outcomes.len() > OUTCOMES {
            return None;
        }
        self.outcomes = self.outcomes.into_iter().map(Outcome::bounded).collect();
        Some(self)
    }
}

/// What became of one part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub key: Key,
    /// Revision of the part that was carried out.
    pub revision: Revision,
    pub state: State,
    /// Of a router: what the host made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<RouterState>,
    /// Of a lease: what its instance said of orders, as far as the server has not acknowledged it. What is not
    /// here is as it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<SoftwareOrderId, software::Report>,
}

/// What a host made of a router.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterState {
    #[serde(flatten)]
    pub load: Load,
    /// Of a router that stands ready on several hosts; a lazy one is on standby.
    #[serde(default)]
    pub ha: Option<HaState>,
}

/// Neutron's words for a router's state on one host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HaState {
    Active,
    Standby,
    #[serde(other)]
    Unknown,
}

impl HaState {
    pub const fn as_str(self) -> &'static str {
        match self {
            HaState::Active => "active",
            HaState::Standby => "standby",
            HaState::Unknown => "unknown",
        }
    }

    /// The state that a word stands for.
    pub fn of(word: &str) -> HaState {
        let known = [HaState::Active, HaState::Standby].into_iter().find(|state| state.as_str() == word);
        known.unwrap_or(HaState::Unknown)
    }
}

impl Outcome {
    pub fn new(key: Key, revision: Revision, state: State) -> Outcome {
        Outcome { key, revision, state, router: None, orders: BTreeMap::new() }
    }

    /// With a reason of a length that is worth reading.
    pub fn bounded(mut self) -> Outcome {
        if let State::Failed { reason } = &mut self.state {
            // Not every database stores it.
            reason.retain(|letter| letter != '\0');
            if let Some((end, _)) = reason.char_indices().nth(REASON) {
                reason.truncate(end);
            }
        }
        let orders = std::mem::take(&mut self.orders).into_iter().take(software::ORDERS);
        self.orders = orders.map(|(id, report)| (id, report.bounded())).collect();
        self
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// In place and working.
    Up,
    /// In place as far as possible, and not working: its device is not there, or is administratively down.
    Down,
    /// Could not be made so; the host goes on trying.
    Failed { reason: String },
}

/// Sent when a host starts and every few seconds after.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    pub host: String,
    #[serde(deserialize_with = "readable")]
    pub agents: Vec<AgentState>,
    /// What its routers counted, as far as it fits.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Reading>,
}

/// One role of a host, as the `agents` collection shows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentState {
    /// Neutron's words: `Linux bridge agent`, `DHCP agent`.
    pub agent_type: String,
    pub binary: String,
    pub topic: String,
    pub availability_zone: Option<String>,
    /// Microseconds since the epoch; a change means that the agent restarted.
    pub started_at_us: i64,
    /// Shown as `configurations`; the server reads the fields named in [`L2Configuration`].
    pub configurations: serde_json::Value,
}

/// What the server reads from an L2 agent's `configurations`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct L2Configuration {
    /// `kernel` (or, on hosts with the virtual switch, `vswitch`).
    pub datapath: String,
    #[serde(default)]
    pub tunneling_ip: Option<std::net::IpAddr>,
    /// Segment types that this host's datapath carries: `vxlan`, ...
    #[serde(default)]
    pub tunnel_types: Vec<String>,
    /// Physical network to interface.
    #[serde(default)]
    pub interface_mappings: std::collections::BTreeMap<String, String>,
    /// True where the kernel has VLAN devices.
    #[serde(default)]
    pub vlan: bool,
    /// Instances share their memory, and their monitors make sockets here; without it they have taps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vhostuser_socket_dir: Option<String>,
    /// Parts that could not be carried out, newest first, at most a few.
    #[serde(default)]
    pub failures: Vec<String>,
}

/// Kinds of agents, in the words of the `agents` collection.
pub const L2_AGENT: &str = "Linux bridge agent";
pub const DHCP_AGENT: &str = "DHCP agent";
pub const L3_AGENT: &str = "L3 agent";
pub const AGENT_TYPES: [&str; 3] = [L2_AGENT, DHCP_AGENT, L3_AGENT];

/// The topic by which the agents that route are known.
pub const L3_TOPIC: &str = "l3_agent";

/// What the server reads from an L3 agent's `configurations`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct L3Configuration {
    #[serde(default)]
    pub agent_mode: L3Mode,
    /// Routers without traffic for this host take nothing of it. What cannot be read keeps nobody from
    /// reading the mode.
    #[serde(default, deserialize_with = "or_default")]
    pub lazy_routers: bool,
}

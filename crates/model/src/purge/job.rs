//! One job: what shall go, where, and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Pairs, Peers, Tuple};

/// Names a job. Who asks makes it, and asks again by the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<JobId, uuid::Error> {
        Uuid::parse_str(text).map(JobId)
    }
}

/// Asks that connections be forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub id: JobId,
    pub reason: Reason,
    #[serde(default)]
    pub place: Place,
    pub what: What,
}

/// Whose table of connections.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The host's own: `"host"`.
    #[default]
    Host,
    /// A router's namespace, by name: `{"netns": "qrouter-..."}`. Once it is gone, so are its connections.
    Netns(String),
}

/// What shall go.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Everything of a zone: `{"zone": 5}`.
    Zone(u16),
    Pairs(Pairs),
    Tuples(Tuples),
}

/// Connections whose tuples are known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuples {
    #[serde(default)]
    pub zone: u16,
    /// Each names the connection that has it in one of its directions.
    pub tuples: Vec<Tuple>,
}

/// What happened that connections must go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    PortDeleted,
    /// Bound to another host.
    PortMoved,
    /// It may have been elsewhere, where nobody here is told what its rules allow no longer.
    AddressArrived,
    /// Of a security group.
    RuleRemoved,
    /// An address left a remote group.
    MemberRemoved,
    /// A port left a security group.
    GroupRemoved,
    /// An allowed address pair.
    PairRemoved,
    FloatingipRemoved,
    ForwardingRemoved,
    /// Its network left the host.
    ZoneReleased,
    /// Somebody asked by hand.
    Operator,
}

impl Reason {
    pub const ALL: [Reason; 11] = [
        Reason::PortDeleted,
        Reason::PortMoved,
        Reason::AddressArrived,
        Reason::RuleRemoved,
        Reason::MemberRemoved,
        Reason::GroupRemoved,
        Reason::PairRemoved,
        Reason::FloatingipRemoved,
        Reason::ForwardingRemoved,
        Reason::ZoneReleased,
        Reason::Operator,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Reason::PortDeleted => "port_deleted",
            Reason::PortMoved => "port_moved",
            Reason::AddressArrived => "address_arrived",
            Reason::RuleRemoved => "rule_removed",
            Reason::MemberRemoved => "member_removed",
            Reason::GroupRemoved => "group_removed",
            Reason::PairRemoved => "pair_removed",
            Reason::FloatingipRemoved => "floatingip_removed",
            Reason::ForwardingRemoved => "forwarding_removed",
            Reason::ZoneReleased => "zone_released",
            Reason::Operator => "operator",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Host => f.write_str("host"),
            Place::Netns(name) => f.write_str(name),
        }
    }
}

impl What {
    /// How many addresses or tuples it holds: what it weighs in memory.
    pub fn weight(&self) -> usize {
        match self {
            What::Zone(_) => 1,
            What::Tuples(tuples) => tuples.tuples.len(),
            What::Pairs(pairs) => {
                let peers = match &pairs.peers {
                    Peers::Any => 0,
                    Peers::Of(peers) => peers.len(),
                };
                pairs.removed.len() + peers
            }
        }
    }
}

/// How many of a thing: its name, and what makes it several.
struct Count(usize, &'static str, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, one, more) = self;
        write!(f, "{count} {one}{}", if *count == 1 { "" } else { more })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Zone(zone) => write!(f, "all of zone {zone}"),
            What::Tuples(tuples) => {
                let count = Count(tuples.tuples.len(), "known connection", "s");
                write!(f, "{count} of zone {}", tuples.zone)
            }
            What::Pairs(pairs) => {
                write!(f, "{} x ", Count(pairs.removed.len(), "address", "es"))?;
                match &pairs.peers {
                    Peers::Any => f.write_str("any peer")?,
                    Peers::Of(peers) => write!(f, "{}", Count(peers.len(), "peer", "s"))?,
                }
                if let Some(service) = &pairs.service {
                    write!(f, ", protocol {}", service.protocol)?;
                }
                match pairs.zone {
                    Some(zone) => write!(f, ", zone {zone}"),
                    None => Ok(()),
                }
            }
        }
    }
}

//! What filters ports as data, and its text in nft's syntax: chains of two tables of a host's own
//! namespace, sets and maps that change by element.
//!
//! Owns how a chain, a set and an element look; `chains` says which there are, `kernel` writes the
//! same tree straight into the kernel.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use model::desired::Ethertype;
use serde::{Deserialize, Serialize};

use crate::names;

/// Marks connections that began with what who was called said, as far as connection tracking saw.
pub const TURNED: u32 = 0x6e74_7264;

/// Where the kernel tells of packets (NFLOG).
pub const LOG_GROUP: u16 = 0x6e74;

/// The table that a chain or set is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Where connections are known.
    Inet,
    /// Where the ports of bridges are known.
    Bridge,
}

/// Names a chain or a set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct At {
    pub family: Family,
    pub name: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    pub at: At,
    pub hook: Option<Hook>,
    /// Never none: a chain is recognised by what its rules are marked with.
    pub rules: Vec<Rule>,
}

/// Where the kernel hands packets to a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// Before connections are looked up.
    Prerouting,
    /// Of the inet table: after connections are looked up.
    Standing,
    /// Of the bridge table: behind all of the inet table.
    Forward,
    /// Of the bridge table: behind what filters.
    Behind,
}

/// All matches must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub matches: Vec<Match>,
    pub act: Act,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Came by a bridge of ours.
    FromBridge,
    /// Of a connection that is known, or about one; and its direction there.
    Established {
        reply: bool,
    },
    /// Of no connection, and not the first of one.
    Invalid,
    /// Of TCP, by a connection that is not known and yet was begun before.
    UnderWay,
    /// Of TCP, and begins what nobody answered yet.
    Begins,
    /// Of TCP, and says yes to who calls.
    Agrees,
    /// Of a connection of which nothing was let through yet.
    Unheard,
    /// By a connection that is known the wrong way round.
    Turned,
    /// Has one of the bits of a mark.
    MarkOf(u32),
    /// Has none of them.
    NoMarkOf(u32),
    /// The device of that end.
    Device(End, String),
    /// No more than so many packets a second, and so many at once.
    Within {
        rate: u64,
        burst: u32,
    },
    Arp,
    Ip(Ethertype),
    /// The device of that end is in no set of devices.
    NotIn(End, String),
    Transport(u8),
    /// Ports of that end, both ends included.
    Ports(End, u16, u16),
    /// The byte of ICMP or ICMPv6.
    IcmpType(Ethertype, u8),
    IcmpCode(Ethertype, u8),
    Net(End, IpNet),
    /// An address of that end is in a set.
    In(End, Ethertype, String),
}

/// Of a packet: where it is from, or where it goes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Source,
    Destination,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// What a map says of the device of that end.
    ByDevice(End, String),
    /// Not the last word, as the next.
    SetMark(u32),
    /// Of bits that it has not.
    AddMark(u32),
    /// Told with this before it: not the last word.
    Log(String),
    /// By the device that the packet came by.
    SetZone(String),
    /// Not the last word: the connection will be known the wrong way round.
    Turn,
    /// Not the last word: it will be known as it was heard.
    Straighten,
}

/// What is in a set, or is looked up in a map.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    Net(IpNet),
    Device(String),
}

/// What a map says of an item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Of sets, which say nothing but that it is there.
    None,
    Goto(String),
    Zone(u16),
}

/// What a set may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    Hosts(Ethertype),
    Nets(Ethertype),
    Devices,
    /// A chain for each device.
    Ways,
    /// A zone for each device.
    Zones,
}

/// What a chain that is there says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ChainMark {
    /// Hash of its text, as its rules are marked with; 0 where they disagree.
    pub hash: u64,
    pub rules: usize,
}

impl At {
    pub fn inet(name: impl Into<String>) -> At {
        At { family: Family::Inet, name: name.into() }
    }

    pub fn bridge(name: impl Into<String>) -> At {
        At { family: Family::Bridge, name: name.into() }
    }
}

impl Chain {
    pub fn mark(&self) -> ChainMark {
        ChainMark { hash: names::content_hash(&self.to_string()), rules: self.rules.len() }
    }
}

impl Family {
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::Inet => "inet",
            Family::Bridge => "bridge",
        }
    }
}

impl Hook {
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Prerouting => "prerouting",
            Hook::Standing | Hook::Forward | Hook::Behind => "forward",
        }
    }

    pub const fn priority(self) -> i32 {
        match self {
            // Before fragments are put together: those of one zone are.
            Hook::Prerouting => -450,
            Hook::Standing => 0,
            Hook::Forward => 100,
            Hook::Behind => 200,
        }
    }
}

impl Holds {
    /// Names of the type of the key, and of the value.
    pub const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Holds::Hosts(Ethertype::V4) | Holds::Nets(Ethertype::V4) => ("type ipv4_addr", None),
            Holds::Hosts(Ethertype::V6) | Holds::Nets(Ethertype::V6) => ("type ipv6_addr", None),
            Holds::Devices => ("type ifname", None),
            Holds::Ways => ("type ifname", Some("verdict")),
            Holds::Zones => ("typeof iifname", Some("ct zone")),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family.as_str(), self.name)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.at.name)?;
        if let Some(hook) = self.hook {
            let (name, priority) = (hook.name(), hook.priority());
            writeln!(f, "\t\ttype filter hook {name} priority {priority}; policy accept;")?;
        }
        for rule in &self.rules {
            writeln!(f, "\t\t{rule}")?;
        }
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.matches {
            write!(f, "{one} ")?;
        }
        match &self.act {
            Act::Accept => f.write_str("accept"),
            Act::Drop => f.write_str("drop"),
            Act::Return => f.write_str("return"),
            Act::Jump(chain) => write!(f, "jump {chain}"),
            Act::Goto(chain) => write!(f, "goto {chain}"),
            Act::ByDevice(end, map) => write!(f, "{} vmap @{map}", device(*end)),
            Act::SetMark(mark) => write!(f, "meta mark set {mark}"),
            Act::AddMark(bits) => write!(f, "meta mark set meta mark | {bits}"),
            Act::Log(prefix) => write!(f, "log prefix \"{prefix}\" group {LOG_GROUP}"),
            Act::SetZone(map) => write!(f, "ct zone set iifname map @{map}"),
            Act::Turn => write!(f, "ct mark set {TURNED}"),
            Act::Straighten => f.write_str("ct mark set 0"),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::FromBridge => write!(f, "iifname \"{}*\"", names::BRIDGE_PREFIX),
            Match::Established { reply } => {
                let direction = if *reply { "reply" } else { "original" };
                write!(f, "ct state established,related ct direction {direction}")
            }
            Match::Invalid => f.write_str("ct state invalid"),
            Match::UnderWay => f.write_str("ct state new tcp flags & syn == 0"),
            Match::Begins => f.write_str("ct state new tcp flags & syn != 0"),
            Match::Agrees => f.write_str("tcp flags & (syn | ack) == syn | ack"),
            Match::Unheard => f.write_str("ct status & confirmed == 0"),
            Match::Turned => write!(f, "ct mark {TURNED}"),
            Match::MarkOf(bits) => write!(f, "meta mark & {bits} != 0"),
            Match::NoMarkOf(bits) => write!(f, "meta mark & {bits} == 0"),
            Match::Device(end, name) => write!(f, "{} \"{name}\"", device(*end)),
            Match::Within { rate, burst } => write!(f, "limit rate {rate}/second burst {burst} packets"),
            Match::Arp => f.write_str("meta protocol arp"),
            Match::Ip(family) => write!(f, "meta protocol {}", ip(*family)),
            Match::NotIn(end, set) => write!(f, "{} != @{set}", device(*end)),
            Match::Transport(number) => write!(f, "meta l4proto {number}"),
            Match::Ports(end, first, last) if first == last => write!(f, "th {} {first}", port(*end)),
            Match::Ports(end, first, last) => write!(f, "th {} {first}-{last}", port(*end)),
            Match::IcmpType(family, kind) => write!(f, "{} type {kind}", icmp(*family)),
            Match::IcmpCode(family, code) => write!(f, "{} code {code}", icmp(*family)),
            Match::Net(end, net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{} {} {}", ip(family(net)), address(*end), net.addr())
            }
            Match::Net(end, net) => write!(f, "{} {} {}", ip(family(net)), address(*end), net.trunc()),
            Match::In(end, family, set) => write!(f, "{} {} @{set}", ip(*family), address(*end)),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Net(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "{}", net.addr()),
            Item::Net(net) => write!(f, "{net}"),
            Item::Device(device) => f.write_str(device),
        }
    }
}

impl FromStr for Item {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Item, Self::Err> {
        let host = text.parse::<IpAddr>().map(IpNet::from);
        let net = host.or_else(|_| text.parse::<IpNet>());
        Ok(net.map_or_else(|_| Item::Device(text.to_owned()), Item::Net))
    }
}

pub const fn family(net: &IpNet) -> Ethertype {
    match net {
        IpNet::V4(_) => Ethertype::V4,
        IpNet::V6(_) => Ethertype::V6,
    }
}

const fn device(end: End) -> &'static str {
    match end {
        End::Source => "iifname",
        End::Destination => "oifname",
    }
}

const fn port(end: End) -> &'static str {
    match end {
        End::Source => "sport",
        End::Destination => "dport",
    }
}

const fn address(end: End) -> &'static str {
    match end {
        End::Source => "saddr",
        End::Destination => "daddr",
    }
}

const fn ip(family: Ethertype) -> &'static str {
    match family {
        Ethertype::V4 => "ip",
        Ethertype::V6 => "ip6",
    }
}

const fn icmp(family: Ethertype) -> &'static str {
    match family {
        Ethertype::V4 => "icmp",
        Ethertype::V6 => "icmpv6",
    }
}

//! nftables as a small typed tree, and its text in nft's syntax.
//!
//! Owns what a tree looks like as text, for people and for golden files; `kernel` writes the same
//! tree straight into the kernel. Which rules a port gets is decided in `spoof`.
//! A table says in its comment what it was made from and for which device, so that listing the
//! tables' names and comments is enough to know whether they are in place.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use wire::Mac;

use crate::names;
use crate::observed::TableMark;

/// The chain of what enters by the device.
pub const INGRESS: &str = "ingress";
/// The chain of what leaves by it.
pub const EGRESS: &str = "egress";

/// The set of what is asked, in a table that remembers it: source, protocol and ports (of ICMP its id twice).
pub const ASKED: &str = "asked";
/// How often it is rid of what is too old. The kernel bounds it to 65,535, some 100 bytes each; what is asked
/// besides is not translated.
pub const SWEPT_S: u32 = 30;

/// A netdev table: chains, of which those named [`INGRESS`] and [`EGRESS`] are hooked to a device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Table {
    pub device: String,
    /// It has the set [`ASKED`], and stands before tables that judge.
    #[serde(default)]
    pub remembers: bool,
    pub chains: Vec<Chain>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    pub name: String,
    pub rules: Vec<Rule>,
}

/// All matches must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub matches: Vec<Match>,
    pub verdict: Verdict,
}

/// One value each: sets cost the kernel more than the rules they save at a port's few addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    EtherType(Ether),
    /// Of the frame's outer VLAN tag.
    Vlan(u16),
    EtherSource(Mac),
    ArpSenderMac(Mac),
    ArpSenderIp(IpNet),
    ArpTargetIp(IpNet),
    ArpRequest,
    EtherDestination(Mac),
    Source(IpNet),
    Destination(IpNet),
    Transport(u8),
    Icmp(u8),
    /// Of TCP: begins a connection.
    TcpOpens,
    /// Of TCP: ends one.
    TcpCloses,
    /// Is remembered.
    Asks(Asked),
    /// Answers what is remembered.
    Answers(Asked),
    /// To a port below 1,024.
    UdpWellKnown,
    UdpSource(u16),
    UdpDestination(u16),
    Icmpv6(u8),
    /// A fragment of IPv6.
    Part,
    /// A fragment, of what begins with a header of this kind.
    PartOf(u8),
    /// The target of a neighbour solicitation or advertisement.
    NdTarget(IpNet),
    /// More than so many bytes a second, when so many bytes passed at once.
    Over {
        rate: u64,
        burst: u32,
    },
    /// The same of packets.
    OverPackets {
        rate: u64,
        burst: u32,
    },
}

/// What tells the connections of two addresses apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Ports,
    /// The id of an ICMP echo.
    Id,
    /// Of a connection that ends: who is asked, in place of who asks.
    Ending,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ether {
    Arp,
    Ip,
    Ip6,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Accept,
    Drop,
    Goto(String),
    /// Not the last word: the rules behind it are asked as well.
    SetEtherSource(Mac),
    SetEtherDestination(Mac),
    /// Of IPv4 and IPv6, whichever the rule matches; not the last word either.
    SetDscp(u8),
    /// What asks by ARP is turned into the answer, from this MAC, and goes back.
    AnswerArp {
        device: String,
        ip: Ipv4Addr,
        mac: Mac,
    },
    /// Remembered for so long, and sent to another; not the last word.
    Divert {
        asked: Asked,
        timeout_s: u32,
        mac: Mac,
        ip: Ipv4Addr,
    },
    /// Remembered for so long; not the last word.
    Remember {
        asked: Asked,
        timeout_s: u32,
    },
    /// Not the last word.
    Forget(Asked),
    /// Not the last word.
    SetSource(Ipv4Addr),
}

impl Table {
    /// Recognises the table's content.
    pub fn hash(&self) -> u64 {
        names::content_hash(&self.to_string())
    }
}

impl Chain {
    /// Where the kernel hands frames to the chain; `None` of one that others go to.
    pub fn hook(&self) -> Option<&str> {
        [INGRESS, EGRESS].into_iter().find(|hook| *hook == self.name)
    }
}

/// A table's comment.
pub fn comment(mark: TableMark) -> String {
    format!("{:016x} {}", mark.hash, mark.index)
}

/// Reads a table's comment.
pub fn parse_comment(comment: &str) -> Option<TableMark> {
    let (hash, index) = comment.split_once(' ')?;
    Some(TableMark { hash: u64::from_str_radix(hash, 16).ok()?, index: index.parse().ok()? })
}

impl Table {
    /// Before 0, where tables judge what is left of a packet's addresses.
    pub const fn priority(&self) -> i32 {
        if self.remembers { -10 } else { 0 }
    }
}

/// What stands between the braces, without the comment.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let priority = self.priority();
        if self.remembers {
            writeln!(f, "\tset {ASKED} {{")?;
            writeln!(f, "\t\ttype ipv4_addr . inet_proto . inet_service . inet_service")?;
            writeln!(f, "\t\tflags dynamic,timeout")?;
            writeln!(f, "\t\tgc-interval {SWEPT_S}s")?;
            writeln!(f, "\t}}")?;
        }
        for chain in &self.chains {
            writeln!(f, "\tchain {} {{", chain.name)?;
            if let Some(hook) = chain.hook() {
                // The policy accepts, and the last rule drops: a chain being made is hooked
                // before it has rules, and must not drop frames that the chain it replaces
                // still judges.
                let device = &self.device;
                writeln!(
                    f,
                    "\t\ttype filter hook {hook} device \"{device}\" priority {priority}; policy accept;"
                )?;
            }
            for rule in &chain.rules {
                writeln!(f, "\t\t{rule}")?;
            }
            writeln!(f, "\t}}")?;
        }
        Ok(())
    }
}

impl Asked {
    const fn as_asked(self) -> &'static str {
        match self {
            Asked::Ports => "ip saddr . meta l4proto . th sport . th dport",
            Asked::Id => "ip saddr . meta l4proto . icmp id . icmp id",
            Asked::Ending => "ip daddr . meta l4proto . th sport . th dport",
        }
    }

    const fn as_answered(self) -> &'static str {
        match self {
            Asked::Ports => "ip daddr . meta l4proto . th dport . th sport",
            Asked::Id => "ip daddr . meta l4proto . icmp id . icmp id",
            Asked::Ending => "ip saddr . meta l4proto . th dport . th sport",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.matches {
            write!(f, "{one} ")?;
        }
        match &self.verdict {
            Verdict::Accept => f.write_str("accept"),
            Verdict::Drop => f.write_str("drop"),
            Verdict::Goto(chain) => write!(f, "goto {chain}"),
            Verdict::SetEtherSource(mac) => write!(f, "ether saddr set {mac}"),
            Verdict::SetEtherDestination(mac) => write!(f, "ether daddr set {mac}"),
            Verdict::SetDscp(mark) if self.matches.contains(&Match::EtherType(Ether::Ip6)) => {
                write!(f, "ip6 dscp set {mark}")
            }
            Verdict::SetDscp(mark) => write!(f, "ip dscp set {mark}"),
            Verdict::AnswerArp { device, ip, mac } => write!(
                f,
                "arp daddr ip set arp saddr ip arp daddr ether set arp saddr ether arp saddr ip set {ip} \
                 arp saddr ether set {mac} arp operation set reply ether daddr set ether saddr \
                 ether saddr set {mac} fwd to \"{device}\""
            ),
            Verdict::Divert { asked, timeout_s, mac, ip } => write!(
                f,
                "update @{ASKED} {{ {} timeout {timeout_s}s }} ether daddr set {mac} ip daddr set {ip}",
                asked.as_asked()
            ),
            Verdict::Remember { asked, timeout_s } => {
                write!(f, "update @{ASKED} {{ {} timeout {timeout_s}s }}", asked.as_asked())
            }
            Verdict::Forget(asked) => write!(f, "delete @{ASKED} {{ {} }}", asked.as_asked()),
            Verdict::SetSource(ip) => write!(f, "ip saddr set {ip}"),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::EtherType(Ether::Arp) => f.write_str("ether type arp"),
            Match::EtherType(Ether::Ip) => f.write_str("ether type ip"),
            Match::EtherType(Ether::Ip6) => f.write_str("ether type ip6"),
            Match::Vlan(vid) => write!(f, "ether type vlan vlan id {vid}"),
            Match::EtherSource(mac) => write!(f, "ether saddr {mac}"),
            Match::ArpSenderMac(mac) => write!(f, "arp saddr ether {mac}"),
            Match::ArpSenderIp(net) => write!(f, "arp saddr ip {}", short(net)),
            Match::ArpTargetIp(net) => write!(f, "arp daddr ip {}", short(net)),
            Match::ArpRequest => f.write_str("arp operation request"),
            Match::EtherDestination(mac) => write!(f, "ether daddr {mac}"),
            Match::Source(net) if net.addr().is_ipv4() => write!(f, "ip saddr {}", short(net)),
            Match::Source(net) => write!(f, "ip6 saddr {}", short(net)),
            Match::Destination(net) => write!(f, "ip daddr {}", short(net)),
            Match::Transport(number) => write!(f, "meta l4proto {number}"),
            Match::Icmp(kind) => write!(f, "icmp type {kind}"),
            Match::TcpOpens => f.write_str("tcp flags & syn != 0"),
            Match::TcpCloses => f.write_str("tcp flags & (fin | rst) != 0"),
            Match::Asks(asked) => write!(f, "{} @{ASKED}", asked.as_asked()),
            Match::Answers(asked) => write!(f, "{} @{ASKED}", asked.as_answered()),
            Match::UdpWellKnown => f.write_str("udp dport < 1024"),
            Match::UdpSource(port) => write!(f, "udp sport {port}"),
            Match::UdpDestination(port) => write!(f, "udp dport {port}"),
            Match::Icmpv6(kind) => write!(f, "icmpv6 type {kind}"),
            Match::Part => f.write_str("exthdr frag exists"),
            Match::PartOf(header) => write!(f, "frag nexthdr {header}"),
            Match::NdTarget(target) => nd_target(f, target),
            Match::Over { rate, burst } => {
                write!(f, "limit rate over {rate} bytes/second burst {burst} bytes")
            }
            Match::OverPackets { rate, burst } => {
                write!(f, "limit rate over {rate}/second burst {burst} packets")
            }
        }
    }
}

/// A host is written without its length: nft prints it so.
fn short(net: &IpNet) -> String {
    let is_host = net.prefix_len() == net.max_prefix_len();
    if is_host { net.addr().to_string() } else { net.trunc().to_string() }
}

/// nft 1.0.6 has no word for the target field: 128 bits behind the first 64 of the ICMPv6 header.
fn nd_target(f: &mut fmt::Formatter<'_>, target: &IpNet) -> fmt::Result {
    let bits = |ip| match ip {
        IpAddr::V6(ip) => u128::from(ip),
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
    };
    let value = bits(target.trunc().addr());
    if target.prefix_len() == target.max_prefix_len() {
        return write!(f, "@th,64,128 {value:#x}");
    }
    write!(f, "@th,64,128 & {:#x} == {value:#x}", bits(target.netmask()))
}

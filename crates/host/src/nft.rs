//! nftables as a small typed tree, and its text in the syntax of nft 1.0.6.
//!
//! Owns what a tree looks like as text; which rules a port gets is decided in `spoof`.
//! A table says in its comment which text it was made from and for which device, so that
//! listing the tables' names and comments is enough to know whether they are in place.

use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use wire::Mac;

use crate::names;
use crate::observed::TableMark;

/// A netdev table: chains, the first of which is hooked to the ingress of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    pub device: String,
    pub chains: Vec<Chain>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    pub name: &'static str,
    pub rules: Vec<Rule>,
}

/// All matches must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub matches: Vec<Match>,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    EtherType(Ether),
    EtherTypeNot(&'static [Ether]),
    EtherSource(Mac),
    ArpSenderMac(Mac),
    ArpSenderIp(Vec<IpNet>),
    Source(Vec<IpNet>),
    UdpSource(u16),
    UdpDestination(u16),
    Icmpv6(&'static [u8]),
    /// The target of a neighbour solicitation or advertisement.
    NdTarget(IpNet),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ether {
    Arp,
    Ip,
    Ip6,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Accept,
    Drop,
    Goto(&'static str),
}

/// Recognises a table's text.
pub fn hash(text: &str) -> u64 {
    names::content_hash(text)
}

/// The script that puts a table in place of an older one of that name, in one transaction.
pub fn replace(table: &str, index: u32, text: &str) -> String {
    let hash = hash(text);
    format!(
        "add table netdev {table}\ndelete table netdev {table}\n\
         table netdev {table} {{\n\tcomment \"{hash:016x} {index}\"\n{text}}}\n"
    )
}

/// The script that deletes a table.
pub fn delete(table: &str) -> String {
    // Adding first makes deleting what is not there harmless.
    format!("add table netdev {table}\ndelete table netdev {table}\n")
}

/// Reads a table's comment.
pub fn parse_comment(comment: &str) -> Option<TableMark> {
    let (hash, index) = comment.split_once(' ')?;
    Some(TableMark { hash: u64::from_str_radix(hash, 16).ok()?, index: index.parse().ok()? })
}

impl Table {
    /// What stands between the braces, without the comment.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (at, chain) in self.chains.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "\tchain {} {{", chain.name);
            if at == 0 {
                // The policy accepts, and the last rule drops: a chain being made is hooked
                // before it has rules, and must not drop frames that the chain it replaces
                // still judges.
                let device = &self.device;
                let _ = writeln!(
                    out,
                    "\t\ttype filter hook ingress device \"{device}\" priority 0; policy accept;"
                );
            }
            for rule in &chain.rules {
                let _ = writeln!(out, "\t\t{rule}");
            }
            out.push_str("\t}\n");
        }
        out
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.matches {
            write!(f, "{one} ")?;
        }
        match self.verdict {
            Verdict::Accept => f.write_str("accept"),
            Verdict::Drop => f.write_str("drop"),
            Verdict::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::EtherType(ether) => write!(f, "ether type {}", ether.as_str()),
            Match::EtherTypeNot(types) => {
                write!(f, "ether type != {}", set(types.iter().map(|t| t.as_str())))
            }
            Match::EtherSource(mac) => write!(f, "ether saddr {mac}"),
            Match::ArpSenderMac(mac) => write!(f, "arp saddr ether {mac}"),
            Match::ArpSenderIp(nets) => write!(f, "arp saddr ip {}", set(nets.iter().map(net))),
            Match::Source(nets) => {
                let family = if nets.iter().any(is_v6) { "ip6" } else { "ip" };
                write!(f, "{family} saddr {}", set(nets.iter().map(net)))
            }
            Match::UdpSource(port) => write!(f, "udp sport {port}"),
            Match::UdpDestination(port) => write!(f, "udp dport {port}"),
            Match::Icmpv6(types) => write!(f, "icmpv6 type {}", set(types.iter())),
            Match::NdTarget(target) => nd_target(f, target),
        }
    }
}

impl Ether {
    const fn as_str(self) -> &'static str {
        match self {
            Ether::Arp => "arp",
            Ether::Ip => "ip",
            Ether::Ip6 => "ip6",
        }
    }
}

fn is_v6(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(_))
}

/// A host is written without its length: nft prints it so.
fn net(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.trunc().to_string() }
}

/// One value bare, several in braces: a set costs a lookup object in the kernel.
fn set<T: fmt::Display>(values: impl Iterator<Item = T>) -> String {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    match values.as_slice() {
        [one] => one.clone(),
        many => format!("{{ {} }}", many.join(", ")),
    }
}

/// nft 1.0.6 has no word for the target field: 128 bits behind the first 64 of the ICMPv6 header.
fn nd_target(f: &mut fmt::Formatter<'_>, target: &IpNet) -> fmt::Result {
    let IpAddr::V6(address) = target.trunc().addr() else { return Err(fmt::Error) };
    let bits = u128::from(address);
    match target.prefix_len() {
        128 => write!(f, "@th,64,128 {bits:#x}"),
        length => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            debug_assert_eq!(bits & mask, bits, "truncated: {}", Ipv6Addr::from(bits));
            write!(f, "@th,64,128 & {mask:#x} == {bits:#x}")
        }
    }
}

//! A table of address translation as data, and its text in nft's syntax.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv6Net;

/// What stands between the braces of `table inet neutrino`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    pub maps: Vec<Map>,
    pub chains: Vec<Chain>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map {
    pub name: &'static str,
    pub key: &'static [Field],
    pub value: &'static [Field],
    /// In order of their keys, none twice.
    pub elements: Vec<Element>,
}

/// One field of a key or a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    Protocol,
    Ip,
    Port,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    pub key: Vec<Datum>,
    pub value: Vec<Datum>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Datum {
    Protocol(u8),
    Ip(Ipv4Addr),
    Port(u16),
    /// First and last.
    Ports(u16, u16),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    pub hook: Hook,
    pub rules: Vec<Rule>,
}

/// Where a packet meets a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hook {
    /// Translates destinations, before routing.
    Destination,
    /// Translates sources, after routing.
    Source,
    Input,
    Forward,
    /// Before destinations are translated: what comes still has its address outside.
    Arrival,
    /// Behind translation of sources.
    Departure,
}

/// All matches must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub matches: Vec<Match>,
    pub act: Act,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    From(String),
    NotFrom(String),
    To(String),
    Ipv4,
    Icmp,
    Icmpv6,
    /// Of a connection whose destination was translated.
    DestinationTranslated,
    /// Of a connection that is known, or about one.
    Established,
    /// Of no connection, and not the first of one.
    Invalid,
    Sender(Ipv4Addr),
    Receiver(Ipv4Addr),
    ReceiverIn(Ipv6Net),
    /// More than so many a second, when so many passed at once.
    OverBytes(u64, u32),
    OverPackets(u64, u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Accept,
    Drop,
    /// Looks the destination up in a map of this name, whose key says what of a packet is looked
    /// up, and whose value what is put in its place.
    DestinationBy(&'static str),
    SourceBy(&'static str),
    Source(Ipv4Addr),
}

impl Tree {
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.maps.iter().find(|map| map.name == name)
    }
}

impl Map {
    /// Ranges are among the keys.
    pub fn has_ranges(&self) -> bool {
        self.elements.iter().any(|one| one.key.iter().any(|datum| matches!(datum, Datum::Ports(..))))
    }
}

impl Hook {
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Destination => "prerouting",
            Hook::Source => "postrouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Arrival => "arrival",
            Hook::Departure => "departure",
        }
    }

    /// Where the kernel hands packets to the chain.
    pub const fn place(self) -> &'static str {
        match self {
            Hook::Arrival => "prerouting",
            Hook::Departure => "postrouting",
            hook => hook.name(),
        }
    }

    pub const fn kind(self) -> &'static str {
        match self {
            Hook::Destination | Hook::Source => "nat",
            Hook::Input | Hook::Forward | Hook::Arrival | Hook::Departure => "filter",
        }
    }

    pub const fn priority(self) -> i32 {
        match self {
            Hook::Destination => -100,
            Hook::Source => 100,
            Hook::Input | Hook::Forward => 0,
            Hook::Arrival => -110,
            Hook::Departure => 110,
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for map in &self.maps {
            map.fmt(f)?;
        }
        for Chain { hook, rules } in &self.chains {
            let (name, kind, place, priority) = (hook.name(), hook.kind(), hook.place(), hook.priority());
            writeln!(f, "\tchain {name} {{")?;
            writeln!(f, "\t\ttype {kind} hook {place} priority {priority}; policy accept;")?;
            for rule in rules {
                f.write_str("\t\t")?;
                rule.matches.iter().try_for_each(|one| write!(f, "{one} "))?;
                self.act(rule.act, f)?;
            }
            writeln!(f, "\t}}")?;
        }
        Ok(())
    }
}

impl Tree {
    fn act(&self, act: Act, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |name| self.map(name).map_or(&[][..], |map| map.key);
        match act {
            Act::Accept => writeln!(f, "accept"),
            Act::Drop => writeln!(f, "drop"),
            Act::DestinationBy(name) => writeln!(f, "dnat ip to {} map @{name}", words(key(name), "daddr")),
            Act::SourceBy(name) => writeln!(f, "snat ip to {} map @{name}", words(key(name), "saddr")),
            Act::Source(ip) => writeln!(f, "snat ip to {ip}"),
        }
    }
}

/// What of a packet is looked up.
fn words(key: &[Field], address: &str) -> String {
    let word = |field: &Field| match field {
        Field::Protocol => "meta l4proto".to_owned(),
        Field::Ip => format!("ip {address}"),
        Field::Port => "th dport".to_owned(),
    };
    key.iter().map(word).collect::<Vec<_>>().join(" . ")
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = |fields: &[Field]| {
            let word = |field: &Field| match field {
                Field::Protocol => "inet_proto",
                Field::Ip => "ipv4_addr",
                Field::Port => "inet_service",
            };
            fields.iter().map(word).collect::<Vec<_>>().join(" . ")
        };
        writeln!(f, "\tmap {} {{", self.name)?;
        writeln!(f, "\t\ttype {} : {}", types(self.key), types(self.value))?;
        if self.has_ranges() {
            writeln!(f, "\t\tflags interval")?;
        }
        writeln!(f, "\t\telements = {{")?;
        for one in &self.elements {
            writeln!(f, "\t\t\t{} : {},", joined(&one.key), joined(&one.value))?;
        }
        writeln!(f, "\t\t}}\n\t}}")
    }
}

fn joined(data: &[Datum]) -> String {
    data.iter().map(Datum::to_string).collect::<Vec<_>>().join(" . ")
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Protocol(number) => write!(f, "{number}"),
            Datum::Ip(ip) => write!(f, "{ip}"),
            Datum::Port(port) => write!(f, "{port}"),
            Datum::Ports(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::From(device) => write!(f, "iifname \"{device}\""),
            Match::NotFrom(device) => write!(f, "iifname != \"{device}\""),
            Match::To(device) => write!(f, "oifname \"{device}\""),
            Match::Ipv4 => f.write_str("meta nfproto ipv4"),
            Match::Icmp => f.write_str("meta l4proto icmp"),
            Match::Icmpv6 => f.write_str("meta l4proto ipv6-icmp"),
            Match::DestinationTranslated => f.write_str("ct status dnat"),
            Match::Established => f.write_str("ct state established,related"),
            Match::Invalid => f.write_str("ct state invalid"),
            Match::Sender(ip) => write!(f, "ip saddr {ip}"),
            Match::Receiver(ip) => write!(f, "ip daddr {ip}"),
            // A net of one address is written as that.
            Match::ReceiverIn(net) if net.prefix_len() == 128 => write!(f, "ip6 daddr {}", net.addr()),
            Match::ReceiverIn(net) => write!(f, "ip6 daddr {net}"),
            Match::OverBytes(rate, burst) => {
                write!(f, "limit rate over {rate} bytes/second burst {burst} bytes")
            }
            Match::OverPackets(rate, burst) => {
                write!(f, "limit rate over {rate}/second burst {burst} packets")
            }
        }
    }
}

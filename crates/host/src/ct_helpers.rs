//! Which helpers of connection tracking a router's namespace has, and the nftables table that gives
//! connections to them.
//!
//! They have a table of their own: a kernel without one of them refuses what names it, and that must not
//! take address translation along. Which of them a kernel has is seen when the table is made.

use std::collections::BTreeSet;
use std::fmt;

use model::desired::ConntrackHelper;
use serde::{Deserialize, Serialize};

use crate::names;

/// Before destinations are translated, and behind what finds the connection.
pub const PRIORITY: i32 = -150;

/// What of a namespace's connections is looked into.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HelperSet(BTreeSet<HelperRule>);

/// A helper that is given new connections to a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct HelperRule {
    /// Its number in IP.
    pub protocol: u8,
    pub port: u16,
    kind: usize,
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The API's word and protocol, and the kernel's word.
const KINDS: [(&str, u8, &str); 13] = [
    ("amanda", TCP, "amanda"),
    ("amanda", UDP, "amanda"),
    ("ftp", TCP, "ftp"),
    ("h323", TCP, "Q.931"),
    ("h323", UDP, "RAS"),
    ("irc", TCP, "irc"),
    ("netbios-ns", UDP, "netbios-ns"),
    ("pptp", TCP, "pptp"),
    ("sane", TCP, "sane"),
    ("sip", TCP, "sip"),
    ("sip", UDP, "sip"),
    ("snmp", UDP, "snmp"),
    ("tftp", UDP, "tftp"),
];

impl HelperSet {
    /// `None` where there are none; words that no kernel has are left out.
    pub fn new(parts: &[ConntrackHelper]) -> Option<HelperSet> {
        let known: BTreeSet<HelperRule> = parts.iter().filter_map(HelperRule::new).collect();
        (!known.is_empty()).then_some(HelperSet(known))
    }

    pub fn iter(&self) -> impl Iterator<Item = &HelperRule> {
        self.0.iter()
    }

    /// The programs of the kernel, each once.
    pub fn objects(&self) -> BTreeSet<Object> {
        self.0.iter().map(|helper| helper.object()).collect()
    }

    /// Those whose program is not among some.
    #[must_use]
    pub fn without(&self, missing: &BTreeSet<Object>) -> HelperSet {
        HelperSet(self.0.iter().filter(|helper| !missing.contains(&helper.object())).copied().collect())
    }

    /// Recognises the table's content.
    pub fn hash(&self) -> u64 {
        names::content_hash(&self.to_string())
    }
}

/// A program of the kernel, for one protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Object {
    pub kind: &'static str,
    pub protocol: u8,
}

impl HelperRule {
    fn new(part: &ConntrackHelper) -> Option<HelperRule> {
        let protocol = match part.protocol.as_str() {
            "tcp" => TCP,
            "udp" => UDP,
            _ => return None,
        };
        let kind = KINDS.iter().position(|(word, of, _)| *word == part.helper && *of == protocol)?;
        Some(HelperRule { protocol, port: part.port, kind })
    }

    /// Serialised, a kind is a number, which another release may not have.
    pub fn object(&self) -> Object {
        let (_, _, kind) = KINDS.get(self.kind).copied().unwrap_or(("", 0, ""));
        Object { kind, protocol: self.protocol }
    }
}

/// As the table calls it.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind, protocol(self.protocol))
    }
}

const fn protocol(number: u8) -> &'static str {
    if number == TCP { "tcp" } else { "udp" }
}

/// What stands between the braces of the table.
impl fmt::Display for HelperSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for object in self.objects() {
            let (kind, of) = (object.kind, protocol(object.protocol));
            writeln!(f, "\tct helper {object} {{\n\t\ttype \"{kind}\" protocol {of}\n\t}}")?;
        }
        writeln!(f, "\tchain prerouting {{")?;
        writeln!(f, "\t\ttype filter hook prerouting priority {PRIORITY}; policy accept;")?;
        for helper in &self.0 {
            let (of, port, object) = (protocol(helper.protocol), helper.port, helper.object());
            writeln!(f, "\t\t{of} dport {port} ct helper set \"{object}\"")?;
        }
        writeln!(f, "\t}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(protocol: &str, port: u16, helper: &str) -> ConntrackHelper {
        ConntrackHelper { protocol: protocol.into(), port, helper: helper.into() }
    }

    #[test]
    fn the_table_has_each_program_once() {
        let parts = [
            part("tcp", 21, "ftp"),
            part("tcp", 2121, "ftp"),
            part("udp", 1719, "h323"),
            part("udp", 21, "ftp"),
            part("tcp", 1, "evil\" }"),
        ];
        let helpers = HelperSet::new(&parts).expect("some");
        let wanted = "\tct helper RAS-udp {\n\t\ttype \"RAS\" protocol udp\n\t}\n\
                      \tct helper ftp-tcp {\n\t\ttype \"ftp\" protocol tcp\n\t}\n\
                      \tchain prerouting {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\
                      \t\ttcp dport 21 ct helper set \"ftp-tcp\"\n\
                      \t\ttcp dport 2121 ct helper set \"ftp-tcp\"\n\
                      \t\tudp dport 1719 ct helper set \"RAS-udp\"\n\t}\n";
        assert_eq!(helpers.to_string(), wanted);
        assert_eq!(HelperSet::new(&parts[3..]), None);
        let ftp = helpers.objects().into_iter().find(|object| object.kind == "ftp").expect("ftp");
        let less = helpers.without(&[ftp].into());
        assert_eq!(less.iter().count(), 1);
        assert_ne!(less.hash(), helpers.hash());
    }
}

//! What of a router's traffic to the outside is counted in a namespace, and the nftables table that does it.
//!
//! It is a table of its own: address translation is replaced whole when a floating IP comes or goes, and what
//! was counted must outlive that. Counts are named, and stay when the rules around them are replaced.
//! Packets are seen between the two translations: with the addresses of instances.

use std::collections::BTreeMap;
use std::fmt;

use model::MeteringLabelId;
use model::desired::{Direction, Meter, MeterRule};
use serde::{Deserialize, Serialize};

use crate::names;

/// Behind what drops: what is not passed on is not counted.
pub const PRIORITY: i32 = 10;
/// The chain that the kernel hands packets to.
pub const CHAIN: &str = "forward";
/// A name begins with a letter.
const OF_LABEL: &str = "label-";

/// As the table calls a label's count, and the chain of its rules.
pub fn name(label: MeteringLabelId) -> String {
    format!("{OF_LABEL}{label}")
}

/// The label of a name that [`name`] made.
pub fn parse(name: &str) -> Option<MeteringLabelId> {
    name.strip_prefix(OF_LABEL)?.parse().ok()
}

/// What is counted in one namespace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meters {
    /// The device towards the outside: `qg-` or `rfp-`.
    pub outside: String,
    /// In the order in which they are asked: the first that fits decides.
    labels: BTreeMap<MeteringLabelId, Vec<MeterRule>>,
}

/// A namespace's table as seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SeenMeters {
    /// Of its content; 0 where that is not known.
    pub hash: u64,
    pub counts: BTreeMap<MeteringLabelId, Count>,
}

/// A count as the kernel has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Count {
    /// When it began, in microseconds since the epoch: a later one of the same label began anew.
    pub born_us: i64,
    pub packets: u64,
    pub bytes: u64,
}

impl Meters {
    /// `None` where nothing is counted.
    pub fn new(outside: &str, parts: &[Meter]) -> Option<Meters> {
        let ordered = |meter: &Meter| {
            let (mut first, last): (Vec<MeterRule>, Vec<MeterRule>) =
                meter.rules.iter().partition(|rule| rule.excluded);
            first.extend(last);
            (meter.label, first)
        };
        let labels: BTreeMap<_, _> = parts.iter().map(ordered).collect();
        (!labels.is_empty()).then(|| Meters { outside: outside.to_owned(), labels })
    }

    pub fn labels(&self) -> impl Iterator<Item = (MeteringLabelId, &[MeterRule])> {
        self.labels.iter().map(|(label, rules)| (*label, rules.as_slice()))
    }

    pub fn has(&self, label: MeteringLabelId) -> bool {
        self.labels.contains_key(&label)
    }

    /// Whether a table does what this one is to do.
    pub(crate) fn is_as(&self, seen: Option<&SeenMeters>) -> bool {
        let counts = |seen: &SeenMeters| self.labels.keys().all(|label| seen.counts.contains_key(label));
        seen.is_some_and(|seen| seen.hash == self.hash() && counts(seen))
    }

    /// Recognises the table's content.
    pub fn hash(&self) -> u64 {
        names::content_hash(&self.to_string())
    }
}

/// What stands between the braces of the table.
impl fmt::Display for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels.keys() {
            writeln!(f, "\tcounter {} {{\n\t}}", name(*label))?;
        }
        writeln!(f, "\tchain {CHAIN} {{")?;
        writeln!(f, "\t\ttype filter hook forward priority {PRIORITY}; policy accept;")?;
        for label in self.labels.keys() {
            writeln!(f, "\t\tjump {}", name(*label))?;
        }
        writeln!(f, "\t}}")?;
        for (label, rules) in &self.labels {
            let name = name(*label);
            writeln!(f, "\tchain {name} {{")?;
            for rule in rules {
                let side = if rule.direction == Direction::Ingress { "iifname" } else { "oifname" };
                write!(f, "\t\t{side} \"{}\"", self.outside)?;
                for (net, side) in [(rule.source, "saddr"), (rule.destination, "daddr")] {
                    if let Some(net) = net {
                        let family = if net.addr().is_ipv4() { "ip" } else { "ip6" };
                        write!(f, " {family} {side} {net}")?;
                    }
                }
                match rule.excluded {
                    true => writeln!(f, " return")?,
                    false => writeln!(f, " counter name \"{name}\" return")?,
                }
            }
            writeln!(f, "\t}}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_is_excluded_is_asked_first() {
        let rule = |excluded, direction, source: &str, destination: &str| MeterRule {
            direction,
            excluded,
            source: source.parse().ok(),
            destination: destination.parse().ok(),
        };
        let label = MeteringLabelId(Uuid::from_u128(7));
        let rules = vec![
            rule(false, Direction::Egress, "10.0.0.0/24", ""),
            rule(false, Direction::Ingress, "", "2001:db8::/64"),
            rule(true, Direction::Egress, "10.0.0.7/32", "192.0.2.0/24"),
        ];
        let meters = Meters::new("qg-1", &[Meter { label, rules }]).expect("some");
        let wanted = format!(
            "\tcounter label-{label} {{\n\t}}\n\tchain forward {{\n\
             \t\ttype filter hook forward priority 10; policy accept;\n\t\tjump label-{label}\n\t}}\n\
             \tchain label-{label} {{\n\
             \t\toifname \"qg-1\" ip saddr 10.0.0.7/32 ip daddr 192.0.2.0/24 return\n\
             \t\toifname \"qg-1\" ip saddr 10.0.0.0/24 counter name \"label-{label}\" return\n\
             \t\tiifname \"qg-1\" ip6 daddr 2001:db8::/64 counter name \"label-{label}\" return\n\t}}\n"
        );
        assert_eq!(meters.to_string(), wanted);
        assert_eq!(Meters::new("qg-1", &[]), None);
        assert!(meters.has(label));
        assert_eq!(parse(&name(label)), Some(label));
    }
}

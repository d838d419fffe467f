//! A group's rules, merged: no rule says what another says already, and ranges of ports that touch
//! are one.
//!
//! The order is canonical, so that equal groups have equal chains whatever order their rules came
//! in.

use std::collections::{BTreeMap, BTreeSet};

use model::desired::{Direction, Ethertype, GroupRule, Ports, RemoteSide};

pub const ICMP: u8 = 1;
pub const ICMPV6: u8 = 58;
/// TCP, UDP, DCCP, SCTP, UDP-Lite: the same four bytes are their ports.
pub const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// A rule of one direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Merged {
    pub ethertype: Ethertype,
    pub remote: RemoteSide,
    pub protocol: Option<u8>,
    pub ports: Ports,
}

/// What rules of a direction allow together.
pub fn merge(rules: &BTreeSet<GroupRule>, direction: Direction) -> Vec<Merged> {
    let rules = rules.iter().filter(|rule| rule.direction == direction).filter_map(read);
    let all: BTreeSet<Merged> = rules.collect();
    let kept = all.iter().filter(|rule| !wider(rule).iter().any(|wider| all.contains(wider)));
    let mut ranges: BTreeMap<(Ethertype, RemoteSide, u8), Vec<(u16, u16)>> = BTreeMap::new();
    let mut merged = Vec::new();
    for rule in kept {
        match (rule.protocol, rule.ports) {
            (Some(protocol), Ports::Range { first, last }) => {
                ranges.entry((rule.ethertype, rule.remote, protocol)).or_default().push((first, last));
            }
            _ => merged.push(*rule),
        }
    }
    for ((ethertype, remote, protocol), ranges) in ranges {
        let ports = joined(ranges).into_iter().map(|(first, last)| Ports::Range { first, last });
        merged.extend(ports.map(|ports| Merged { ethertype, remote, protocol: Some(protocol), ports }));
    }
    merged.sort_unstable();
    merged
}

/// `None` for a rule that no packet can meet.
fn read(rule: &GroupRule) -> Option<Merged> {
    let GroupRule { ethertype, protocol, ports, remote, .. } = *rule;
    // IPv6 has an ICMP of its own, and API users may name it by IPv4's.
    let protocol = match (ethertype, protocol) {
        (Ethertype::V6, Some(ICMP)) => Some(ICMPV6),
        (_, protocol) => protocol,
    };
    let icmp = if ethertype == Ethertype::V4 { ICMP } else { ICMPV6 };
    let fits = match (ports, protocol) {
        (Ports::Any, _) => true,
        (Ports::Range { first, last }, Some(number)) => first <= last && WITH_PORTS.contains(&number),
        (Ports::Icmp { .. }, Some(number)) => number == icmp,
        _ => false,
    };
    let remote = match remote {
        RemoteSide::Prefix(net) if family(&net) != ethertype => return None,
        RemoteSide::Prefix(net) if net.prefix_len() == 0 => RemoteSide::Any,
        RemoteSide::Prefix(net) => RemoteSide::Prefix(net.trunc()),
        remote => remote,
    };
    fits.then_some(Merged { ethertype, remote, protocol, ports })
}

/// Rules that would make a rule needless.
fn wider(rule: &Merged) -> Vec<Merged> {
    let ports = match rule.ports {
        Ports::Icmp { kind, code: Some(_) } => vec![Ports::Icmp { kind, code: None }, Ports::Any],
        Ports::Icmp { .. } | Ports::Range { .. } => vec![Ports::Any],
        Ports::Any => Vec::new(),
    };
    let mut wider = Vec::new();
    for remote in [rule.remote, RemoteSide::Any] {
        wider.extend(ports.iter().map(|ports| Merged { remote, ports: *ports, ..*rule }));
        wider.push(Merged { remote, protocol: None, ports: Ports::Any, ..*rule });
        wider.push(Merged { remote, ..*rule });
    }
    wider.retain(|wider| wider != rule);
    wider
}

/// Ranges that overlap or touch become one.
fn joined(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(open) if u32::from(first) <= u32::from(open.1) + 1 => open.1 = open.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

use super::tree::family;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: Option<u8>, ports: Ports, remote: RemoteSide) -> GroupRule {
        GroupRule { direction: Direction::Ingress, ethertype: Ethertype::V4, protocol, ports, remote }
    }

    fn range(first: u16, last: u16) -> Ports {
        Ports::Range { first, last }
    }

    #[test]
    fn what_is_said_already_is_not_said_again() {
        let net = |text: &str| RemoteSide::Prefix(text.parse().expect("net"));
        let merged = |rules: &[GroupRule]| -> Vec<_> {
            let merged = merge(&rules.iter().cloned().collect(), Direction::Ingress);
            merged.into_iter().map(|one| (one.remote, one.protocol, one.ports)).collect()
        };
        let any = RemoteSide::Any;
        let six = |ports| rule(Some(6), ports, any);
        assert_eq!(
            merged(&[six(range(80, 80)), six(range(81, 90)), six(range(85, 100)), six(range(200, 300))]),
            [(any, Some(6), range(80, 100)), (any, Some(6), range(200, 300))]
        );
        assert_eq!(
            merged(&[six(range(0, 65535)), six(range(65535, 65535))]),
            [(any, Some(6), range(0, 65535))]
        );
        let ours = net("10.0.0.9/24");
        let all = [six(range(1, 2)), rule(Some(17), Ports::Any, ours), rule(None, Ports::Any, any)];
        assert_eq!(merged(&all), [(any, None, Ports::Any)]);
        let kept = [six(range(1, 2)), rule(Some(6), Ports::Any, ours), rule(Some(6), range(5, 6), ours)];
        assert_eq!(merged(&kept), [(any, Some(6), range(1, 2)), (net("10.0.0.0/24"), Some(6), Ports::Any)]);
        let icmp = |kind, code| rule(Some(1), Ports::Icmp { kind, code }, any);
        assert_eq!(
            merged(&[icmp(8, Some(0)), icmp(8, None), icmp(3, Some(4))]),
            [
                (any, Some(1), Ports::Icmp { kind: 3, code: Some(4) }),
                (any, Some(1), Ports::Icmp { kind: 8, code: None }),
            ]
        );
        assert_eq!(merged(&[rule(None, Ports::Any, net("0.0.0.0/0"))]), [(any, None, Ports::Any)]);
    }

    #[test]
    fn what_no_packet_can_meet_is_left_out() {
        let bad = [
            rule(None, range(1, 2), RemoteSide::Any),
            rule(Some(47), range(1, 2), RemoteSide::Any),
            rule(Some(6), range(2, 1), RemoteSide::Any),
            rule(Some(6), Ports::Icmp { kind: 8, code: None }, RemoteSide::Any),
            rule(Some(6), Ports::Any, RemoteSide::Prefix("fd00::/64".parse().expect("net"))),
        ];
        assert_eq!(merge(&bad.into(), Direction::Ingress), []);
    }
}

//! Which chains filter the ports of a host, and what stands in them.
//!
//! ```text
//! inet    zoning    ct zone of the network, before connections are looked up
//!         standing  of bridged packets -> marking: what the connection is, for the bridge to see
//! bridge  filter    by the device it came by: out-PORT, else deliver
//!         out-PORT  -> deliver, or drop
//!         deliver   by the device it goes to: in-PORT, else accept
//!         in-PORT   -> accept, or drop
//!         g-in-, g-out-GROUP    what a group allows; r-in-, r-out-: the answers to that
//!         logging   of what ports let through that are logged: tells of it
//! ```
//! A port's chain asks in this order: is it of a connection that is known; is it what every port
//! needs; does a group allow it. While the port is among the revoked, known connections are asked
//! for as well, by the rules for packets in their direction, or the reversed ones for answers.
//!
//! TCP connections that were forgotten, or come with an instance from another host, are taken up
//! under way. Who began one is told by its ports, the higher of which is who called: else a server
//! that still sends would begin anew what its rules allow no longer, from its end. Where ports do
//! not tell, it is not taken up. A port that was called may go on first: the connection is marked as
//! known the wrong way round. Nobody else may: what seems to answer a port that did not ask waits
//! for the port itself to go on. Only what is heard first of a connection says so, and who then calls
//! takes it back.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::desired::{Direction, Ethertype, Group, Ports, RemoteSide};
use model::{AddressGroupId, PortId, SecurityGroupId};

use super::logging::{self, Logged};
use super::rules::{ICMP, ICMPV6, Merged, merge};
use super::tree::{Act, At, Chain, End, Hook, Match, Rule};
use crate::names;
use crate::spoof::{DHCPV6_SERVER, ROUTER_ONLY};

/// Bits that a bridged packet is marked with; none of a connection's first packet.
const ORIGINAL: u32 = 1;
const REPLY: u32 = 2;
const INVALID: u32 = 4;
/// Of a connection that is not known, from who was called as it seems.
const ANSWER: u32 = 8;

/// Callers' ports begin here, where systems choose them; those of services are below.
const CALLERS: u16 = 32768;

pub const REVOKED: &str = "revoked";
pub const ZONES: &str = "zones";
pub const WAYS_OUT: &str = "ways-out";
pub const WAYS_IN: &str = "ways-in";

const DELIVER: &str = "deliver";
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A port's group, as far as its chains differ by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Holding {
    pub id: SecurityGroupId,
    pub stateful: bool,
}

/// Chains that a host has once, those that others go to first.
pub fn ground() -> Vec<Chain> {
    vec![
        mark(),
        deliver(),
        never_out(),
        always_in(),
        always_out(),
        related_in(),
        related_out(),
        zone(),
        standing(),
        filter(),
    ]
}

/// The chain of what reaches a port, and that of what it sends.
pub fn port(id: PortId, groups: &BTreeSet<Holding>, logged: Logged) -> [Chain; 2] {
    [Direction::Ingress, Direction::Egress].map(|way| port_chain(id, groups, logged, way))
}

pub fn port_at(id: PortId, direction: Direction) -> At {
    At::bridge(names::port_chain(id, direction))
}

/// What a group allows, either way, and the answers to that.
pub fn group(group: &Group) -> [Chain; 4] {
    let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|way| merge(&group.rules, way));
    let chain = |reversed, way: Direction, rules: &[Merged]| {
        // Answers to what comes in go out.
        let verdict = match (way, reversed) {
            (Direction::Ingress, false) | (Direction::Egress, true) => Act::Accept,
            (Direction::Egress, false) | (Direction::Ingress, true) => Act::Goto(DELIVER.to_owned()),
        };
        let rules = rules.iter().flat_map(|rule| spelled(rule, way, reversed));
        let mut rules: Vec<Rule> = rules.map(|matches| Rule { matches, act: verdict.clone() }).collect();
        rules.push(rule([], Act::Return));
        Chain { at: group_at(group.id, way, reversed), hook: None, rules }
    };
    [
        chain(false, Direction::Ingress, &ingress),
        chain(false, Direction::Egress, &egress),
        chain(true, Direction::Ingress, &ingress),
        chain(true, Direction::Egress, &egress),
    ]
}

pub fn group_at(id: SecurityGroupId, direction: Direction, reversed: bool) -> At {
    let (kind, way) = (if reversed { "r" } else { "g" }, way(direction));
    At::bridge(format!("{kind}-{way}-{id}"))
}

/// The sets of hosts and of nets that a group's members are in.
pub fn member_sets(id: SecurityGroupId) -> [(Ethertype, At, At); 2] {
    [(Ethertype::V4, 4), (Ethertype::V6, 6)].map(|(family, number)| {
        (family, At::bridge(format!("m{number}-{id}")), At::bridge(format!("p{number}-{id}")))
    })
}

pub fn address_sets(id: AddressGroupId) -> [(Ethertype, At); 2] {
    [(Ethertype::V4, 4), (Ethertype::V6, 6)]
        .map(|(family, number)| (family, At::bridge(format!("a{number}-{id}"))))
}

fn zone() -> Chain {
    let act = Act::SetZone(ZONES.to_owned());
    Chain { at: At::inet("zoning"), hook: Some(Hook::Prerouting), rules: vec![rule([], act)] }
}

fn standing() -> Chain {
    let rules = vec![rule([Match::FromBridge], Act::Jump("marking".to_owned()))];
    Chain { at: At::inet("standing"), hook: Some(Hook::Standing), rules }
}

/// Always written, so that no packet brings a mark of its own.
fn mark() -> Chain {
    let set = |one, mark| rule([one], Act::SetMark(mark));
    let rules = vec![
        rule([], Act::SetMark(0)),
        set(Match::Established { reply: false }, ORIGINAL),
        set(Match::Established { reply: true }, REPLY),
        turned(false, REPLY),
        turned(true, ORIGINAL),
        agreed_to_nothing(),
        set(Match::Invalid, INVALID),
        under_way((0, u16::MAX), (0, u16::MAX), Act::SetMark(INVALID)),
        under_way((CALLERS, u16::MAX), (0, CALLERS - 1), Act::SetMark(0)),
        only_first(under_way((0, CALLERS - 1), (CALLERS, u16::MAX), Act::Turn)),
        under_way((0, CALLERS - 1), (CALLERS, u16::MAX), Act::SetMark(ANSWER)),
        rule([Match::Transport(TCP), Match::Begins], Act::Straighten),
    ];
    Chain { at: At::inet("marking"), hook: None, rules }
}

fn turned(reply: bool, mark: u32) -> Rule {
    rule([Match::Turned, Match::Established { reply }], Act::SetMark(mark))
}

/// Who is known to call says yes to a call: that what is known was put there by who called him.
fn agreed_to_nothing() -> Rule {
    let matches = [Match::Transport(TCP), Match::Turned, Match::Established { reply: true }, Match::Agrees];
    rule(matches, Act::SetMark(INVALID))
}

/// Who calls may say something else before and behind it, to a device that whom he calls does not have.
fn only_first(mut rule: Rule) -> Rule {
    rule.matches.push(Match::Unheard);
    rule
}

/// By the ports from and to which it is.
fn under_way(from: (u16, u16), to: (u16, u16), act: Act) -> Rule {
    let mut matches = vec![Match::Transport(TCP), Match::UnderWay];
    let ports = [(End::Source, from), (End::Destination, to)];
    let some = ports.into_iter().filter(|(_, range)| *range != (0, u16::MAX));
    matches.extend(some.map(|(end, (first, last))| Match::Ports(end, first, last)));
    Rule { matches, act }
}

fn filter() -> Chain {
    let by = Act::ByDevice(End::Source, WAYS_OUT.to_owned());
    let rules = vec![rule([], by), rule([], Act::Goto(DELIVER.to_owned()))];
    Chain { at: At::bridge("filter"), hook: Some(Hook::Forward), rules }
}

fn deliver() -> Chain {
    let by = Act::ByDevice(End::Destination, WAYS_IN.to_owned());
    chain(DELIVER, vec![rule([], by), rule([], Act::Accept)])
}

/// What only routers and servers say. Anti-spoofing holds it back where it is whole; here it is, in
/// whatever parts it came.
fn never_out() -> Chain {
    let mut rules = ROUTER_ONLY.map(|kind| icmp(Ethertype::V6, kind, None, Act::Drop)).to_vec();
    let server = Match::Ports(End::Source, DHCPV6_SERVER, DHCPV6_SERVER);
    rules.push(rule([Match::Ip(Ethertype::V6), Match::Transport(UDP), server], Act::Drop));
    chain("never-out", returning(rules))
}

fn always_in() -> Chain {
    let answer = |family, server, client| dhcp(family, server, client, Act::Accept);
    let mut rules = vec![rule([Match::Arp], Act::Accept)];
    rules.extend([answer(Ethertype::V4, 67, 68), answer(Ethertype::V6, 547, 546)]);
    rules.extend(NEIGHBOURS_IN.map(|kind| icmp(Ethertype::V6, kind, None, Act::Accept)));
    chain("always-in", returning(rules))
}

fn always_out() -> Chain {
    let deliver = || Act::Goto(DELIVER.to_owned());
    let mut rules = vec![rule([Match::Arp], deliver())];
    rules.extend([dhcp(Ethertype::V4, 68, 67, deliver()), dhcp(Ethertype::V6, 546, 547, deliver())]);
    rules.extend(NEIGHBOURS_OUT.map(|kind| icmp(Ethertype::V6, kind, None, deliver())));
    chain("always-out", returning(rules))
}

fn related_in() -> Chain {
    chain("related-in", related(&Act::Accept))
}

fn related_out() -> Chain {
    chain("related-out", related(&Act::Goto(DELIVER.to_owned())))
}

/// Errors about connections of a revoked port: no rule could be asked for them.
fn related(act: &Act) -> Vec<Rule> {
    let rules = ERRORS.into_iter().map(|(family, kind)| icmp(family, kind, None, act.clone()));
    returning(rules.collect())
}

/// MLD queries, router advertisements, neighbour discovery. What instances may send of these is
/// held back where they send it.
const NEIGHBOURS_IN: [u8; 4] = [130, 134, 135, 136];
/// MLD, router solicitations, neighbour discovery.
const NEIGHBOURS_OUT: [u8; 7] = [130, 131, 132, 133, 135, 136, 143];
const ERRORS: [(Ethertype, u8); 7] = [
    (Ethertype::V4, 3),
    (Ethertype::V4, 11),
    (Ethertype::V4, 12),
    (Ethertype::V6, 1),
    (Ethertype::V6, 2),
    (Ethertype::V6, 3),
    (Ethertype::V6, 4),
];
/// Questions of ICMP that connections are made of, and their answers.
const ANSWERS: [(Ethertype, u8, u8); 6] = [
    (Ethertype::V4, 8, 0),
    (Ethertype::V4, 13, 14),
    (Ethertype::V4, 15, 16),
    (Ethertype::V4, 17, 18),
    (Ethertype::V6, 128, 129),
    (Ethertype::V6, 139, 140),
];

fn port_chain(id: PortId, groups: &BTreeSet<Holding>, logged: Logged, direction: Direction) -> Chain {
    let (end, accept, other) = match direction {
        Direction::Ingress => (End::Destination, Act::Accept, Direction::Egress),
        Direction::Egress => (End::Source, Act::Goto(DELIVER.to_owned()), Direction::Ingress),
    };
    let named = |kind: &str| Act::Jump(format!("{kind}-{}", way(direction)));
    let stateful = groups.iter().any(|group| group.stateful);
    let known = Match::MarkOf(ORIGINAL | REPLY);
    let mut rules = Vec::new();
    if direction == Direction::Egress {
        rules.push(rule([Match::Ip(Ethertype::V6)], named("never")));
    }
    if stateful {
        rules.push(rule([known.clone(), Match::NotIn(end, REVOKED.to_owned())], accept));
    }
    rules.push(rule([], named("always")));
    if stateful {
        rules.push(rule([Match::MarkOf(INVALID)], Act::Drop));
        rules.push(rule([known], named("related")));
        let answers = groups.iter().map(|group| group_at(group.id, other, true).name);
        let answer = match direction {
            Direction::Ingress => {
                // It may not have been asked: anybody could send such, and what follows would be known.
                rules.push(rule([Match::MarkOf(ANSWER)], Act::Drop));
                Match::MarkOf(REPLY)
            }
            Direction::Egress => Match::MarkOf(REPLY | ANSWER),
        };
        rules.extend(answers.map(|chain| rule([answer.clone()], Act::Jump(chain))));
        rules.push(rule([answer], Act::Drop));
    }
    if logged.accept {
        rules.push(logging::asked(direction));
    }
    let asked = groups.iter().map(|group| group_at(group.id, direction, false).name);
    rules.extend(asked.map(|chain| rule([], Act::Jump(chain))));
    rules.push(rule([], Act::Drop));
    if logged.drop {
        rules = logging::of_dropped(rules, id, direction);
    }
    Chain { at: port_at(id, direction), hook: None, rules }
}

/// The matches of a rule; those of a remote group are asked for as hosts and as nets.
fn spelled(rule: &Merged, direction: Direction, reversed: bool) -> Vec<Vec<Match>> {
    let mut matches = vec![Match::Ip(rule.ethertype)];
    matches.extend(rule.protocol.map(Match::Transport));
    let port = if reversed { End::Source } else { End::Destination };
    match rule.ports {
        Ports::Any => {}
        Ports::Range { first, last } => matches.push(Match::Ports(port, first, last)),
        Ports::Icmp { kind, code } => {
            let seen = if reversed { answer(rule.ethertype, kind) } else { Some(kind) };
            let Some(kind) = seen else { return Vec::new() };
            matches.push(Match::IcmpType(rule.ethertype, kind));
            matches.extend(code.map(|code| Match::IcmpCode(rule.ethertype, code)));
        }
    }
    let remote = if (direction == Direction::Ingress) == reversed { End::Destination } else { End::Source };
    let ways = match rule.remote {
        RemoteSide::Any => return vec![matches],
        RemoteSide::Prefix(net) => vec![net_match(remote, net)],
        RemoteSide::Group(id) => {
            let sets = member_sets(id).into_iter().filter(|(family, ..)| *family == rule.ethertype);
            let names = sets.flat_map(|(_, hosts, nets)| [hosts.name, nets.name]);
            names.map(|name| Match::In(remote, rule.ethertype, name)).collect()
        }
        RemoteSide::Addresses(id) => {
            let sets = address_sets(id).into_iter().filter(|(family, _)| *family == rule.ethertype);
            sets.map(|(family, at)| Match::In(remote, family, at.name)).collect()
        }
    };
    ways.into_iter().map(|way| matches.iter().cloned().chain([way]).collect()).collect()
}

fn net_match(end: End, net: IpNet) -> Match {
    Match::Net(end, net)
}

fn answer(family: Ethertype, question: u8) -> Option<u8> {
    let found = ANSWERS.iter().find(|(of, kind, _)| (*of, *kind) == (family, question));
    found.map(|(.., answer)| *answer)
}

fn dhcp(family: Ethertype, from: u16, to: u16, act: Act) -> Rule {
    let ports = [Match::Ports(End::Source, from, from), Match::Ports(End::Destination, to, to)];
    Rule { matches: [Match::Ip(family), Match::Transport(UDP)].into_iter().chain(ports).collect(), act }
}

fn icmp(family: Ethertype, kind: u8, code: Option<u8>, act: Act) -> Rule {
    let protocol = if family == Ethertype::V4 { ICMP } else { ICMPV6 };
    let mut matches = vec![Match::Ip(family), Match::Transport(protocol), Match::IcmpType(family, kind)];
    matches.extend(code.map(|code| Match::IcmpCode(family, code)));
    Rule { matches, act }
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "out",
    }
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { at: At::bridge(name), hook: None, rules }
}

fn returning(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.push(rule([], Act::Return));
    rules
}

pub fn rule<const N: usize>(matches: [Match; N], act: Act) -> Rule {
    Rule { matches: matches.to_vec(), act }
}

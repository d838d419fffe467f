//! Rules that tell of logged ports: of what is let through behind all filters, of what is held back right before.

use model::PortId;
use model::desired::{Direction, Port};

use super::chains::rule;
use super::tree::{Act, At, Chain, End, Hook, Match, Rule};
use crate::names::{self, Told};

/// Bits of what a logged port's rules are asked for: that comes to it, that it sends.
const ASKED_IN: u32 = 16;
const ASKED_OUT: u32 = 32;

/// The most that is told of one port, way and event: Neutron's `rate_limit` and `burst_limit`.
const TOLD: Match = Match::Within { rate: 100, burst: 25 };

/// Ports of a host of which accepted packets are told. Their chain is carried out in one piece, and each packet that
/// begins a connection of a logged port walks it.
pub const ACCEPTING: usize = 512;

/// What is told of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Logged {
    pub accept: bool,
    pub drop: bool,
}

impl Logged {
    pub fn of(port: &Port) -> Logged {
        Logged { accept: port.logs.iter().any(|log| log.accept), drop: port.logs.iter().any(|log| log.drop) }
    }
}

pub fn at() -> At {
    At::bridge("logging")
}

/// Of packets of ports whose rules let through what is logged: what has come this far was accepted by all whom
/// it concerns; of the first so many ports. `None` without such ports.
pub fn of_accepted(ports: impl Iterator<Item = PortId>) -> Option<Chain> {
    let ways =
        [(Direction::Ingress, ASKED_IN, End::Destination), (Direction::Egress, ASKED_OUT, End::Source)];
    let tell = |id: PortId| {
        ways.map(|(way, bit, end)| {
            let device = Match::Device(end, names::tap(id));
            rule([Match::MarkOf(bit), device, TOLD], Act::Log(names::log_prefix(Told::Accept, way, id)))
        })
    };
    let mut rules = vec![rule([Match::NoMarkOf(ASKED_IN | ASKED_OUT)], Act::Accept)];
    rules.extend(ports.take(ACCEPTING).flat_map(tell));
    (rules.len() > 1).then(|| Chain { at: at(), hook: Some(Hook::Behind), rules })
}

/// Before a port's groups are asked.
pub fn asked(direction: Direction) -> Rule {
    rule([], Act::AddMark(if direction == Direction::Ingress { ASKED_IN } else { ASKED_OUT }))
}

/// Before each rule that drops, one that tells.
pub fn of_dropped(rules: Vec<Rule>, id: PortId, direction: Direction) -> Vec<Rule> {
    let prefix = names::log_prefix(Told::Drop, direction, id);
    let told = |rule: Rule| {
        let matches = rule.matches.iter().cloned().chain([TOLD]).collect();
        let tells = Rule { matches, act: Act::Log(prefix.clone()) };
        (rule.act == Act::Drop).then_some(tells).into_iter().chain([rule])
    };
    rules.into_iter().flat_map(told).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_chain_is_no_longer_than_what_is_carried_out_at_once() {
        let chain = |ports: u128| of_accepted((0..ports).map(|number| PortId(Uuid::from_u128(number))));
        assert_eq!(chain(0), None);
        assert_eq!(chain(3).map(|chain| chain.rules.len()), Some(1 + 2 * 3));
        assert_eq!(chain(100_000), chain(ACCEPTING as u128));
    }
}

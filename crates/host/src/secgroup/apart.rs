//! A job in two: what it forgets for some of its ports, and for the others.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::PortId;
use model::desired::{Key, Kind};
use model::purge::{Pairs, What};

use super::heirs::Owners;
use crate::wanted::Wanted;

/// What is forgotten for `some` of the ports of a job, and what for the others; an address that both have is
/// in both. `None` when it cannot be told apart, or nothing is left of one.
pub fn apart(
    want: &Wanted,
    what: &What,
    ports: &BTreeSet<PortId>,
    some: &BTreeSet<PortId>,
) -> Option<(What, What)> {
    let pairs = match what {
        What::Pairs(pairs) => pairs,
        // What of it was whose, nobody knows any more.
        What::Zone(_) => return Some((what.clone(), what.clone())),
        What::Tuples(_) => return None,
    };
    let owners = Owners::among(want, ports.iter().map(|id| Key::new(Kind::Port, id.0)));
    let (mut theirs, mut others) = (Vec::new(), Vec::new());
    for net in pairs.removed.iter() {
        let who = owners.heirs(&BTreeSet::from([*net]));
        if who.iter().any(|id| some.contains(id)) {
            theirs.push(*net);
        }
        // What nobody has is forgotten soon.
        if who.is_empty() || who.iter().any(|id| !some.contains(id)) {
            others.push(*net);
        }
    }
    let of = |nets: Vec<IpNet>| {
        (!nets.is_empty())
            .then(|| What::Pairs(Pairs { removed: nets.into_iter().collect(), ..pairs.clone() }))
    };
    Some((of(theirs)?, of(others)?))
}

//! Which of the kernel's ways do what they say, seen on decoys.
//!
//! A kernel that does not know an attribute takes no notice of it: a dump shows more than was asked for,
//! which costs time, and a flush deletes more, which costs connections. So each way is tried once, at
//! start, in a namespace without a name, on entries that must stay.

use std::collections::BTreeSet;
use std::net::IpAddr;

use host::purge::Connection;
use model::purge::{Abilities, Icmp, Tuple};

use super::{Conntrack, ConntrackError, Filter, Found, Insert, Visit, Walked, request};
use crate::netlink::Message;
use crate::netns;

const ASKED: u16 = 7;
const OTHER: u16 = 8;
const LOOKS: u32 = 5;

/// Tries each way. An error means that connections are not tracked here, or not shown to us.
pub fn probe() -> Result<Abilities, ConntrackError> {
    try_out(&mut netns::within_fresh(Conntrack::open_here).map_err(ConntrackError::Open)??)
}

/// On a table that holds nothing else.
pub(super) fn try_out(table: &mut Conntrack) -> Result<Abilities, ConntrackError> {
    fill(table)?;
    let all = all();
    let of = |keep: &dyn Fn(&Connection) -> bool| -> BTreeSet<usize> {
        (0..all.len()).filter(|at| keep(&all[*at])).collect()
    };
    if shown(table, Filter::default())? != of(&|_| true) {
        return Ok(Abilities::default());
    }
    let zone = |asked: u16| Filter { zone: Some(asked), ipv4: None };
    let mut can = Abilities {
        zone_filter: [0, ASKED, OTHER, 9].into_iter().try_fold(true, |right, asked| {
            Ok::<_, ConntrackError>(right && shown(table, zone(asked))? == of(&|c| c.zone == asked))
        })?,
        family_filter: [true, false].into_iter().try_fold(true, |right, v4| {
            let filter = Filter { zone: None, ipv4: Some(v4) };
            let wanted = of(&|c| c.original.source.is_ipv4() == v4);
            Ok::<_, ConntrackError>(right && shown(table, filter)? == wanted)
        })?,
        ..Abilities::default()
    };
    can.exact = exact(table)? && shown(table, Filter::default())? == of(&|c| c.zone != ASKED);
    fill(table)?;
    can.id_guard = id_guard(table)?;
    fill(table)?;
    can.zone_flush =
        table.flush_zone(ASKED).is_ok() && shown(table, Filter::default())? == of(&|c| c.zone != ASKED);
    Ok(can)
}

/// Each protocol, both families, in three zones.
fn all() -> Vec<Connection> {
    let mut all = Vec::new();
    for zone in [0, ASKED, OTHER] {
        for v4 in [true, false] {
            let address = |n: u8| -> IpAddr {
                if v4 { [192, 0, 2, n].into() } else { [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)].into() }
            };
            let (one, two) = (address(1), address(2));
            for protocol in [6, 17, 132] {
                let original = Tuple::ports(protocol, (one, 1000), (two, 53));
                all.push(Connection {
                    zone,
                    original,
                    reply: Tuple::ports(protocol, (two, 53), (one, 1000)),
                });
            }
            let echo = |source, destination, kind| Tuple {
                protocol: if v4 { 1 } else { 58 },
                icmp: Some(Icmp { kind, code: 0, id: 77 }),
                ..Tuple::ports(0, (source, 0), (destination, 0))
            };
            let (ask, answer) = if v4 { (8, 0) } else { (128, 129) };
            all.push(Connection { zone, original: echo(one, two, ask), reply: echo(two, one, answer) });
        }
    }
    all
}

/// Empties the table by the way that needs no filter, and fills it.
fn fill(table: &mut Conntrack) -> Result<(), ConntrackError> {
    table.walk(Filter::default(), &mut Look { takes: true, ..Look::default() })?;
    let inserts = all().into_iter().map(|connection| Insert { connection, timeout_s: 600 });
    table.insert(&inserts.collect::<Vec<_>>())
}

/// Which of all are shown; one that is shown and is none of them is a number of its own.
fn shown(table: &mut Conntrack, filter: Filter) -> Result<BTreeSet<usize>, ConntrackError> {
    let mut look = Look::default();
    table.walk(filter, &mut look)?;
    let all = all();
    Ok(look.seen.iter().map(|seen| all.iter().position(|c| c == seen).unwrap_or(usize::MAX)).collect())
}

/// Deletes one zone by tuples.
fn exact(table: &mut Conntrack) -> Result<bool, ConntrackError> {
    let mut look = Look::default();
    let tuples = all().into_iter().filter(|c| c.zone == ASKED).map(|c| c.original);
    table.delete(ASKED, tuples, &mut look)?;
    Ok(look.gone == 0)
}

/// A deletion that names another id than the entry has must leave it. A look that missed an entry, as it may
/// while the kernel's table grows for somebody else, says nothing.
fn id_guard(table: &mut Conntrack) -> Result<bool, ConntrackError> {
    for _ in 0..LOOKS {
        if let Some(guards) = try_id_guard(table)? {
            return Ok(guards);
        }
    }
    Ok(false)
}

fn try_id_guard(table: &mut Conntrack) -> Result<Option<bool>, ConntrackError> {
    let mut strange = Strange { deletions: Vec::new(), gone: 0 };
    table.walk(Filter::default(), &mut strange)?;
    let deletions = std::mem::take(&mut strange.deletions);
    let count = deletions.len() as u64;
    let mut walked = Walked::default();
    for deletion in deletions {
        table.push(|others| deletion.behind_others(others), &mut strange, &mut walked)?;
    }
    table.settle(&mut strange, &mut walked)?;
    Ok((count == all().len() as u64).then_some(strange.gone == count))
}

/// Makes deletions of what it sees, with ids that are not theirs.
struct Strange {
    deletions: Vec<Message>,
    gone: u64,
}

impl Visit for Strange {
    fn judge(&mut self, found: &Found) -> bool {
        let id: Vec<u8> = found.id.iter().map(|byte| !byte).collect();
        self.deletions.push(request::delete_found(Vec::new(), &Found { id: &id, ..*found }));
        false
    }

    fn settled(&mut self, gone: bool) {
        self.gone += u64::from(gone);
    }
}

#[derive(Default)]
struct Look {
    takes: bool,
    seen: Vec<Connection>,
    gone: u64,
}

impl Visit for Look {
    fn judge(&mut self, found: &Found) -> bool {
        self.seen.push(found.connection);
        self.takes
    }

    fn settled(&mut self, gone: bool) {
        self.gone += u64::from(gone);
    }
}

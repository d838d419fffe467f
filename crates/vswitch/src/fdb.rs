//! Where MACs are: written, or learned from where frames came.

use std::time::Duration;

use wire::{Mac, Vni};

use crate::inner::{mac, number};
use crate::keyed::{Keyed, Map};
use crate::{Limits, PortNo, Tick};

/// A learned entry is touched at most so often.
const TOUCH: Duration = Duration::from_millis(500);

/// A network by number.
pub type NetworkNo = u16;
/// A tunnel by number.
pub type TunnelNo = u32;

/// Where a MAC is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Placed {
    Port(PortNo),
    Tunnel(TunnelNo, Vni),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Placed,
    /// When a frame came from it; never, if it is written.
    seen: Option<Tick>,
}

/// An entry as it is shown: when a frame came from it, if it is not written.
pub type Shown = (NetworkNo, Mac, Placed, Option<Tick>);

/// What learning found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learned {
    Known,
    Added,
    Moved,
    /// Written elsewhere: what is written stays.
    Written,
    NoRoom,
}

/// All networks' MACs in one table, so that a frame's destination is one look-up.
#[derive(Debug)]
pub struct Fdb {
    table: Map<u64, Entry>,
    /// Learned in each network, and written.
    learned: Vec<usize>,
    written: Vec<usize>,
    learned_in_all: usize,
    limits: (usize, usize, Duration),
}

const fn key(network: NetworkNo, mac: Mac) -> u64 {
    (network as u64) << 48 | number(mac)
}

const fn network_of(key: u64) -> NetworkNo {
    (key >> 48) as NetworkNo
}

impl Fdb {
    pub fn new(keyed: Keyed, limits: &Limits) -> Fdb {
        Fdb {
            table: Map::with_hasher(keyed),
            learned: Vec::new(),
            written: Vec::new(),
            learned_in_all: 0,
            limits: (limits.learned_per_network, limits.learned, limits.learned_for),
        }
    }

    pub fn find(&self, network: NetworkNo, mac: Mac) -> Option<Placed> {
        self.table.get(&key(network, mac)).map(|entry| entry.place)
    }

    /// Remembers where a frame came from.
    pub fn learn(&mut self, network: NetworkNo, mac: Mac, place: Placed, now: Tick) -> Learned {
        if let Some(entry) = self.table.get_mut(&key(network, mac)) {
            let Some(seen) = entry.seen else {
                return if entry.place == place { Learned::Known } else { Learned::Written };
            };
            let moved = entry.place != place;
            if moved || now.since(seen) >= TOUCH {
                *entry = Entry { place, seen: Some(now) };
            }
            return if moved { Learned::Moved } else { Learned::Known };
        }
        let (per_network, in_all, _) = self.limits;
        let at = usize::from(network);
        one_of(&mut self.learned, network);
        if self.learned[at] >= per_network || self.learned_in_all >= in_all {
            return Learned::NoRoom;
        }
        self.learned[at] += 1;
        self.learned_in_all += 1;
        self.table.insert(key(network, mac), Entry { place, seen: Some(now) });
        Learned::Added
    }

    /// Makes the written entries these, and forgets what was learned where `stays` says no.
    pub fn rewrite(
        &mut self,
        written: impl Iterator<Item = (NetworkNo, Mac, Placed)>,
        stays: impl Fn(NetworkNo, Placed) -> bool,
    ) {
        self.table.retain(|key, entry| entry.seen.is_some() && stays(network_of(*key), entry.place));
        for (network, mac, place) in written {
            self.table.insert(key(network, mac), Entry { place, seen: None });
        }
        self.count();
    }

    /// Forgets what has been silent for long.
    pub fn age(&mut self, now: Tick) {
        let lifetime = self.limits.2;
        self.table.retain(|_, entry| entry.seen.is_none_or(|seen| now.since(seen) < lifetime));
        self.count();
    }

    fn count(&mut self) {
        self.learned.fill(0);
        self.written.fill(0);
        for (key, entry) in &self.table {
            let counts = if entry.seen.is_some() { &mut self.learned } else { &mut self.written };
            *one_of(counts, network_of(*key)) += 1;
        }
        self.learned_in_all = self.learned.iter().sum();
    }

    pub fn learned(&self, network: NetworkNo) -> usize {
        self.learned.get(usize::from(network)).copied().unwrap_or(0)
    }

    /// Written entries of a network.
    pub fn written(&self, network: NetworkNo) -> usize {
        self.written.get(usize::from(network)).copied().unwrap_or(0)
    }

    pub fn learned_in_all(&self) -> usize {
        self.learned_in_all
    }

    /// The first entries of all networks, or of one, in order of network and MAC; and how many there are besides.
    pub fn entries(&self, network: Option<NetworkNo>, most: usize) -> (Vec<Shown>, usize) {
        let is_asked_for = |key: &u64| network.is_none_or(|network| network == network_of(*key));
        let mut keys: Vec<u64> = self.table.keys().copied().filter(is_asked_for).collect();
        let more = keys.len().saturating_sub(most);
        if more > 0 {
            keys.select_nth_unstable(most);
            keys.truncate(most);
        }
        keys.sort_unstable();
        let entry = |key: &u64| {
            let entry = self.table.get(key)?;
            Some((network_of(*key), mac(*key & 0xffff_ffff_ffff), entry.place, entry.seen))
        };
        (keys.iter().filter_map(entry).collect(), more)
    }
}

/// A count that is there from now on.
fn one_of(counts: &mut Vec<usize>, network: NetworkNo) -> &mut usize {
    let at = usize::from(network);
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    &mut counts[at]
}

//! The part of diff about the filter.
//!
//! ```text
//! guard    bridged packets are handed on; sets; who is revoked; members; chains, those that
//!          others go to first; and at last which port goes to which chain
//! unguard  when the devices have left: ports, who is revoked no longer, zones, chains, sets
//! ```
//! In this order a port is never without its filter, whatever the transactions are that it is
//! done in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::PortId;
use model::desired::{Key, Kind, Part};

use super::sets::{Set, filtered};
use super::tree::{At, Chain, Holds, Item, Value};
use super::{GROUND, chains, group_chains, logging, port_chains};
use crate::diff::{NOBODY, Plan};
use crate::names;
use crate::op::Op;
use crate::wanted::{Scope, Wanted};

/// As many as fit into one transaction.
const ELEMENTS_PER_OP: usize = 4000;

type Elements = Vec<(Item, Value)>;

/// What should be where.
#[derive(Default)]
pub struct WantFilter {
    pub is_filtering: bool,
    /// In the order in which they are made.
    pub chains: Vec<(Key, Chain)>,
    pub sets: BTreeMap<At, WantSet>,
    pub held_zones: BTreeSet<u16>,
    /// Ports by their devices.
    pub owners: BTreeMap<String, Key>,
}

/// A set that is looked at.
pub struct WantSet {
    /// `None` when it should not be there.
    pub key: Option<Key>,
    pub kind: Option<Set>,
    /// What is looked at; `None` for all.
    pub items: Option<BTreeSet<Item>>,
    pub wanted: BTreeMap<Item, Value>,
}

impl WantFilter {
    pub fn new(want: &Wanted, scope: &Scope) -> WantFilter {
        let index = &want.secgroups;
        let mut all = WantFilter {
            is_filtering: index.is_filtering(),
            held_zones: index.held_zones.clone(),
            ..WantFilter::default()
        };
        let ground = match scope {
            Scope::All => true,
            Scope::Some { slots, .. } => slots.filter.ground,
        };
        if ground {
            if all.is_filtering {
                let leaves = chains::ground().into_iter().filter(|chain| chain.hook.is_none());
                all.chains.extend(leaves.map(|chain| (GROUND, chain)));
            }
            for set in Set::GROUND {
                all.look_at(want, set.at(), false);
            }
        }
        match scope {
            Scope::All => {
                all.add_chains(want, want.parts());
                let named = index.all_named().flat_map(Set::of);
                for set in named.chain(Set::GROUND) {
                    all.look_at(want, set.at(), true);
                }
            }
            Scope::Some { keys, slots } => {
                all.add_chains(want, keys.iter().filter_map(|key| want.get(*key)));
                for at in &slots.filter.sets {
                    all.look_at(want, at.clone(), true);
                }
                for (at, item) in &slots.filter.items {
                    all.add_owner(want, item);
                    all.look_at(want, at.clone(), false).look_at_item(want, item);
                }
            }
        }
        if ground && all.is_filtering {
            let hooked = chains::ground().into_iter().filter(|chain| chain.hook.is_some());
            all.chains.extend(hooked.map(|chain| (GROUND, chain)));
            all.chains.extend(logging::of_accepted(index.accepting()).map(|chain| (GROUND, chain)));
        }
        all
    }

    fn add_chains<'a>(&mut self, want: &Wanted, parts: impl Iterator<Item = &'a Part>) {
        let mut ports = Vec::new();
        for part in parts {
            match part {
                Part::Group(group) => {
                    self.chains.extend(group_chains(group).map(|chain| (part.key(), chain)));
                }
                _ => ports.extend(filtered(part)),
            }
        }
        for port in ports {
            let key = Key::new(Kind::Port, port.id.0);
            self.owners.insert(names::tap(port.id), key);
            self.chains.extend(port_chains(want, port).map(|chain| (key, chain)));
        }
    }

    /// A port that is looked at for no more than whether it is revoked.
    fn add_owner(&mut self, want: &Wanted, item: &Item) {
        let Item::Device(device) = item else { return };
        let keys = want.keys_of_device(device).into_iter();
        let mut ports = keys.filter(|key| want.get(*key).is_some_and(|part| filtered(part).is_some()));
        if let Some(key) = ports.find(|key| names::tap(PortId(key.id)) == *device) {
            self.owners.insert(device.clone(), key);
        }
    }

    fn look_at(&mut self, want: &Wanted, at: At, whole: bool) -> &mut WantSet {
        let kind = Set::parse(&at);
        let key = kind.and_then(|set| set.wanted_by(want));
        let set = self.sets.entry(at).or_insert_with(|| WantSet {
            key,
            kind,
            items: Some(BTreeSet::new()),
            wanted: BTreeMap::new(),
        });
        if whole && set.items.take().is_some() {
            set.wanted = kind.map(|set| set.wanted(want)).unwrap_or_default();
        }
        set
    }
}

impl WantSet {
    fn look_at_item(&mut self, want: &Wanted, item: &Item) {
        let Some(items) = &mut self.items else { return };
        items.insert(item.clone());
        if let Some(value) = self.kind.and_then(|set| set.wanted_item(want, item)) {
            self.wanted.insert(item.clone(), value);
        }
    }
}

impl Plan<'_> {
    pub fn guard(&mut self) {
        let want = &self.target.filter;
        if want.is_filtering && self.looks_at_ground() && self.now.filter.bridged != Some(true) {
            self.act(GROUND, Op::FilterBridged);
        }
        for (at, set) in &want.sets {
            if let Some(key) = set.key
                && !self.now.filter.sets.contains_key(at)
            {
                self.act(key, Op::AddSet { at: at.clone() });
            }
        }
        self.add_to(&[Set::Revoked]);
        for (at, set) in want.sets.iter().filter(|(_, set)| !set.kind.is_none_or(Set::is_ground)) {
            let Some(key) = set.key else { continue };
            let (gone, missing) = self.differences(at);
            // A net may take the place of others that it holds.
            for elements in gone.chunks(ELEMENTS_PER_OP) {
                self.act(key, Op::DeleteElements { at: at.clone(), elements: elements.to_vec() });
            }
            for elements in missing.chunks(ELEMENTS_PER_OP) {
                self.act(key, Op::AddElements { at: at.clone(), elements: elements.to_vec() });
            }
        }
        self.add_to(&[Set::Zones]);
        for (key, chain) in &want.chains {
            if self.now.filter.chains.get(&chain.at) != Some(&chain.mark()) {
                let needs = (key.kind == Kind::Port).then_some(GROUND);
                self.act_needing(*key, needs, Op::ReplaceChain { chain: chain.clone() });
            }
        }
        self.add_to(&[Set::WaysIn, Set::WaysOut]);
    }

    pub fn unguard(&mut self) {
        let want = &self.target.filter;
        for set in Set::GROUND {
            let at = set.at();
            // Though the set goes as well: chains can go when nothing in it leads to them.
            let (gone, _) = self.differences(&at);
            for (item, value) in gone {
                let key = self.owner(&item).unwrap_or(NOBODY);
                self.act(key, Op::DeleteElements { at: at.clone(), elements: vec![(item, value)] });
            }
        }
        let wanted: BTreeSet<&At> = want.chains.iter().map(|(_, chain)| &chain.at).collect();
        let ground: BTreeSet<At> = super::ground_places().into_iter().collect();
        let looks_at = |at: &At| match self.slots {
            None => true,
            Some(slots) => slots.filter.chains.contains(at) || slots.filter.ground && ground.contains(at),
        };
        let gone = self.now.filter.chains.keys().filter(|at| looks_at(at) && !wanted.contains(at));
        let mut gone: Vec<At> = gone.cloned().collect();
        gone.sort_by_key(rank);
        for at in gone {
            self.act(NOBODY, Op::DeleteChain { at });
        }
        let sets = self.now.filter.sets.keys();
        let unwanted = |at: &At| match want.sets.get(at) {
            Some(set) => set.key.is_none() && (set.items.is_none() || set.kind.is_some_and(Set::is_ground)),
            // Nobody's, in a table of ours.
            None => self.slots.is_none(),
        };
        let gone: Vec<At> = sets.filter(|at| unwanted(at)).cloned().collect();
        for at in gone {
            self.act(NOBODY, Op::DeleteSet { at });
        }
    }

    fn looks_at_ground(&self) -> bool {
        self.slots.is_none_or(|slots| slots.filter.ground)
    }

    /// What is missing in sets that a host has once.
    fn add_to(&mut self, sets: &[Set]) {
        for set in sets {
            let at = set.at();
            let (gone, missing) = self.differences(&at);
            let mut gone: BTreeMap<Item, Value> = gone.into_iter().collect();
            for (item, value) in missing {
                let key = self.owner(&item).unwrap_or(GROUND);
                // What is there and says otherwise cannot be changed.
                if let Some(wrong) = gone.remove_entry(&item) {
                    self.act(key, Op::DeleteElements { at: at.clone(), elements: vec![wrong] });
                }
                let op = Op::AddElements { at: at.clone(), elements: vec![(item, value)] };
                self.act_needing(key, Some(GROUND), op);
            }
        }
    }

    /// What is in a set and should not be, and the other way round.
    fn differences(&self, at: &At) -> (Elements, Elements) {
        let Some(set) = self.target.filter.sets.get(at) else { return Default::default() };
        let empty = BTreeMap::new();
        let seen = self.now.filter.sets.get(at).unwrap_or(&empty);
        let mut wanted = set.wanted.clone();
        if set.kind == Some(Set::Zones) {
            self.choose_zones(seen, &mut wanted);
        }
        let looked = |item: &Item| set.items.as_ref().is_none_or(|items| items.contains(item));
        let gone = seen.iter().filter(|(item, value)| looked(item) && wanted.get(*item) != Some(*value));
        let missing = wanted.iter().filter(|(item, value)| seen.get(*item) != Some(*value));
        let owned = |(item, value): (&Item, &Value)| (item.clone(), value.clone());
        (gone.map(owned).collect(), missing.map(owned).collect())
    }

    /// What is there is kept; others take the lowest that is free.
    fn choose_zones(&self, seen: &BTreeMap<Item, Value>, wanted: &mut BTreeMap<Item, Value>) {
        let mut taken = self.target.filter.held_zones.clone();
        let mut kept = BTreeSet::new();
        for (item, value) in seen {
            if let Value::Zone(zone) = value {
                // One that two have is the first one's.
                if *zone > 0 && taken.insert(*zone) {
                    kept.insert(item);
                }
            }
        }
        for (item, value) in wanted.iter_mut() {
            *value = match seen.get(item) {
                Some(value) if kept.contains(item) => value.clone(),
                _ => {
                    let free = (1..=u16::MAX).find(|zone| taken.insert(*zone));
                    Value::Zone(free.unwrap_or(0))
                }
            };
        }
    }

    /// The port that an element is there for.
    fn owner(&self, item: &Item) -> Option<Key> {
        let Item::Device(device) = item else { return None };
        self.target.filter.owners.get(device).copied()
    }
}

/// Chains go before those that they name.
fn rank(at: &At) -> (u8, At) {
    let hooked = *at == logging::at()
        || chains::ground().into_iter().any(|chain| chain.at == *at && chain.hook.is_some());
    let rank = match at.name.split('-').next() {
        _ if hooked => 0,
        Some("in" | "out") => 1,
        Some("g" | "r") => 2,
        Some("deliver") => 4,
        _ => 3,
    };
    (rank, at.clone())
}

pub fn set_text(f: &mut fmt::Formatter<'_>, set: Set, items: &BTreeMap<Item, Value>) -> fmt::Result {
    let (key, value) = set.holds().words();
    let word = if value.is_some() { "map" } else { "set" };
    writeln!(f, "\t{word} {} {{", set.at().name)?;
    match value {
        Some(value) => writeln!(f, "\t\t{key} : {value}")?,
        None => writeln!(f, "\t\t{key}")?,
    }
    if matches!(set.holds(), Holds::Nets(_)) {
        writeln!(f, "\t\tflags interval")?;
    }
    if !items.is_empty() {
        writeln!(f, "\t\telements = {{")?;
        for (item, value) in items {
            let quoted = matches!(item, Item::Device(_));
            let item = if quoted { format!("\"{item}\"") } else { item.to_string() };
            match value {
                Value::None => writeln!(f, "\t\t\t{item},")?,
                Value::Goto(chain) => writeln!(f, "\t\t\t{item} : goto {chain},")?,
                Value::Zone(zone) => writeln!(f, "\t\t\t{item} : {zone},")?,
            }
        }
        writeln!(f, "\t\t}}")?;
    }
    writeln!(f, "\t}}")
}

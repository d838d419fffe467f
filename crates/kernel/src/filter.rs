//! What is there of what filters ports by their groups.
//!
//! A chain is known by its rules, each of which carries the hash of all: one that is missing or
//! somebody else's shows. Elements of sets are listed only where a whole set is looked at.

use std::collections::{BTreeMap, BTreeSet};

use host::secgroup::{At, ChainMark, Filter, FilterSlots, Item, Set, Value};
use nix::errno::Errno;

use crate::KernelError;
use crate::netlink::socket::Answer;
use crate::nft::filtered as nft;
use crate::observe::present;
use crate::sysctl;
use crate::worker::Inner;

impl Inner {
    /// All chains and sets; elements of all sets, or of those looked at.
    pub fn observe_whole_filter(&mut self, slots: Option<&FilterSlots>) -> Result<Filter, KernelError> {
        let mut seen = Filter { bridged: sysctl::bridged(), ..Filter::default() };
        for of in nft::FAMILIES {
            let chains = self.dump_filter("list chains", || nft::get_chain(of, None))?;
            let chains = chains.iter().filter_map(|(_, bytes)| nft::parse_chain(bytes));
            seen.chains.extend(chains.map(|at| (at, ChainMark::default())));
            let rules = self.dump_filter("list rules", || nft::dump_rules(of, None))?;
            add_rules(&mut seen, &rules);
            let sets = self.dump_filter("list sets", || nft::get_set(of, None))?;
            let sets = sets.iter().filter_map(|(_, bytes)| nft::parse_set(bytes));
            seen.sets.extend(sets.map(|at| (at, BTreeMap::new())));
        }
        let items = slots.into_iter().flat_map(|slots| &slots.items).map(|(at, _)| at);
        let asked: BTreeSet<&At> = slots.into_iter().flat_map(|slots| &slots.sets).chain(items).collect();
        let looked = |at: &At| slots.is_none() || asked.contains(at);
        for at in seen.sets.keys().filter(|at| looked(at)).cloned().collect::<Vec<_>>() {
            let items = self.elements(&at)?;
            seen.sets.insert(at, items);
        }
        Ok(seen)
    }

    pub fn observe_filter(&mut self, slots: &FilterSlots) -> Result<Filter, KernelError> {
        let mut seen = Filter::default();
        let mut chains: BTreeSet<At> = slots.chains.clone();
        let mut sets: BTreeSet<At> = slots.sets.clone();
        sets.extend(slots.items.iter().map(|(at, _)| at.clone()));
        if slots.ground {
            seen.bridged = sysctl::bridged();
            chains.extend(host::secgroup::ground_places());
            sets.extend(Set::GROUND.map(Set::at));
        }
        let questions = chains.iter().map(|at| nft::get_chain(at.family, Some(&at.name)));
        let questions = questions.chain(sets.iter().map(|at| nft::get_set(at.family, Some(&at.name))));
        for (kind, bytes) in present("read a chain", self.netfilter.request(questions.collect()))? {
            if nft::is_chain(kind) {
                seen.chains.extend(nft::parse_chain(&bytes).map(|at| (at, ChainMark::default())));
            } else {
                seen.sets.extend(nft::parse_set(&bytes).map(|at| (at, BTreeMap::new())));
            }
        }
        for at in seen.chains.keys().cloned().collect::<Vec<_>>() {
            let rules = self.dump_filter("list rules", || nft::dump_rules(at.family, Some(&at.name)))?;
            add_rules(&mut seen, &rules);
        }
        let mut whole: BTreeSet<&At> = slots.sets.iter().collect();
        let there = |at: &At| seen.sets.contains_key(at);
        let asked: Vec<&(At, Item)> = slots.items.iter().filter(|(at, _)| there(at)).collect();
        let questions = asked.iter().map(|(at, item)| nft::get_element(at, item)).collect();
        let zones = Set::Zones.at();
        for ((at, _), outcome) in asked.into_iter().zip(self.netfilter.request(questions)) {
            let answers = present("read an element", vec![outcome])?;
            if answers.is_empty() && *at == zones {
                // One that is to be chosen must differ from all others.
                whole.insert(at);
            }
            let elements = answers.iter().flat_map(|(_, bytes)| nft::parse_elements(bytes)).collect();
            seen.sets.entry(at.clone()).or_default().extend(nft::items(at, elements));
        }
        for at in whole.into_iter().filter(|at| seen.sets.contains_key(*at)).cloned().collect::<Vec<_>>() {
            let items = self.elements(&at)?;
            seen.sets.insert(at, items);
        }
        Ok(seen)
    }

    fn elements(&mut self, at: &At) -> Result<BTreeMap<Item, Value>, KernelError> {
        let answers = self.dump_filter("list elements", || nft::dump_elements(at))?;
        let elements = answers.iter().flat_map(|(_, bytes)| nft::parse_elements(bytes)).collect();
        Ok(nft::items(at, elements).into_iter().collect())
    }

    /// What is not there, or not known to the kernel, has nothing in it.
    fn dump_filter(
        &mut self,
        what: &str,
        message: impl Fn() -> crate::netlink::Message,
    ) -> Result<Vec<Answer>, KernelError> {
        match self.netfilter.dump(message) {
            Err(refusal)
                if matches!(refusal.errno, Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) =>
            {
                Ok(Vec::new())
            }
            other => other.map_err(KernelError::refused(what)),
        }
    }
}

fn add_rules(seen: &mut Filter, answers: &[Answer]) {
    for (at, hash) in answers.iter().filter_map(|(_, bytes)| nft::parse_rule(bytes)) {
        let mark = seen.chains.entry(at).or_default();
        let hash = hash.unwrap_or(0);
        // All carry the same, or none counts.
        mark.hash = if mark.rules == 0 || mark.hash == hash { hash } else { 0 };
        mark.rules += 1;
    }
}

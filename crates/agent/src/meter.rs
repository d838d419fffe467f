//! What routers counted, on its way to the server. A reading says all that its count ever was, so the newest
//! is enough, and none is sent again.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use host::Observed;
use host::names::Netns;
use model::meter::{Place, READINGS, Reading};

/// Readings that were not told; cloned handles share them.
#[derive(Clone, Default)]
pub(crate) struct Meters {
    shared: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    readings: BTreeMap<Place, Reading>,
    /// Told last: the next one comes first, however many there are.
    last: Option<Place>,
}

impl Meters {
    /// Takes what was seen.
    pub fn learn(&self, now: &Observed) {
        let mut waiting = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, seen) in &now.namespaces {
            let (router, snat) = match Netns::parse(name) {
                Some(Netns::Router(router)) => (router, false),
                Some(Netns::Snat(router)) => (router, true),
                _ => continue,
            };
            for (label, count) in seen.meters.iter().flat_map(|meters| &meters.counts) {
                let place = Place { router, snat, label: *label };
                let reading =
                    Reading { place, born_us: count.born_us, packets: count.packets, bytes: count.bytes };
                waiting.readings.insert(place, reading);
            }
        }
    }

    /// As many as one heartbeat tells, in turns.
    pub fn page(&self) -> Vec<Reading> {
        let mut waiting = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let from = waiting.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = waiting.readings.range((from, Bound::Unbounded));
        let before = waiting.readings.iter();
        let places: Vec<Place> = behind
            .chain(before)
            .map(|(place, _)| *place)
            .take(READINGS.min(waiting.readings.len()))
            .collect();
        waiting.last = places.last().copied().or(waiting.last);
        places.iter().filter_map(|place| waiting.readings.remove(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use host::meter::{Count, SeenMeters};
    use host::observed::Namespace;
    use uuid::Uuid;

    use super::*;

    fn seen(routers: u128, packets: u64) -> Observed {
        let count = Count { born_us: 1, packets, bytes: 0 };
        let counts = BTreeMap::from([(Uuid::from_u128(7).into(), count)]);
        let namespace = Namespace { meters: Some(SeenMeters { hash: 0, counts }), ..Namespace::default() };
        let names = (0..routers).map(|id| Netns::Router(Uuid::from_u128(id).into()).to_string());
        Observed { namespaces: names.map(|name| (name, namespace.clone())).collect(), ..Observed::default() }
    }

    #[test]
    fn all_are_told_in_turns() {
        let meters = Meters::default();
        let many = READINGS as u128 * 5 / 2;
        let mut told = BTreeSet::new();
        for round in 1..=3 {
            // They are read anew before all were told.
            meters.learn(&seen(many, round));
            let page = meters.page();
            assert_eq!(page.len(), READINGS);
            assert!(page.iter().all(|reading| reading.packets == round), "the newest");
            told.extend(page.iter().map(|reading| reading.place));
        }
        assert_eq!(told.len() as u128, many);
        while !meters.page().is_empty() {}
        meters.learn(&seen(1, 9));
        assert_eq!((meters.page().len(), meters.page().len()), (1, 0), "once");
    }
}

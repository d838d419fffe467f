//! By which way a batch is cheapest, from costs that were measured.
//!
//! Going past everything in the table has one cost, however little is shown (`table_ns`); each entry
//! shown and matched has another (`entry_ns`), each one deleted by its tuple a third (`delete_ns`).
//! The table is the machine's: entries of other namespaces are gone past as well, so its cost is
//! learnt as one number.

use model::purge::{Abilities, Costs};

use super::{Batch, Work};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// The kernel deletes all of a zone itself.
    Flush(u16),
    /// Every tuple that is known, without a walk.
    Exact,
    /// A walk for each zone, narrowed by the kernel.
    Zones(Vec<u16>),
    /// One walk of everything.
    Whole,
}

/// What a walk, a flush or exact deletions cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    pub cpu_ns: f64,
    /// Walks and flushes.
    pub walks: u64,
    /// Entries shown.
    pub shown: u64,
    pub deleted: u64,
}

/// How much a new measurement counts beside those before.
const WEIGHT: f64 = 0.3;

/// What is believed before anything was measured.
pub fn guess(entries: u64) -> Costs {
    Costs { table_ns: 1e6 + 200.0 * entries as f64, entry_ns: 1900.0, delete_ns: 1500.0 }
}

/// Picks the cheapest way that this kernel does right. `entries` are those of the place, and
/// `in_zone` is how many zones lately had.
pub fn choose(batch: &Batch, can: &Abilities, costs: &Costs, entries: u64, in_zone: Option<f64>) -> Way {
    let zones = batch.zones();
    let walk = || match &zones {
        Some(zones) if can.zone_filter => {
            let (count, entries) = (zones.len() as f64, entries as f64);
            let shown = in_zone.map_or(entries / 2.0, |shown| entries.min(shown * count));
            let narrow = count * costs.table_ns + shown * costs.entry_ns;
            let whole = costs.table_ns + entries * costs.entry_ns;
            // One zone costs a walk either way, and shows no more.
            if zones.len() == 1 || narrow < whole {
                (Way::Zones(zones.iter().copied().collect()), narrow)
            } else {
                (Way::Whole, whole)
            }
        }
        _ => (Way::Whole, costs.table_ns + entries as f64 * costs.entry_ns),
    };
    match &batch.work {
        Work::Zone { zone, .. } if can.zone_flush => Way::Flush(*zone),
        Work::Known { .. } if can.exact => {
            let (way, cost) = walk();
            if batch.known().count() as f64 * costs.delete_ns <= cost { Way::Exact } else { way }
        }
        _ => walk().0,
    }
}

/// Takes in what one way cost: each is charged to the part of which it tells most.
pub fn learn(costs: &mut Costs, way: &Way, measured: &Measured) {
    let Measured { cpu_ns, walks, shown, deleted } = *measured;
    let deletes = deleted as f64 * costs.delete_ns;
    let shows = shown as f64 * costs.entry_ns;
    match way {
        Way::Exact if deleted >= 100 => blend(&mut costs.delete_ns, cpu_ns / deleted as f64),
        Way::Whole if shown >= 1000 => {
            blend(&mut costs.entry_ns, (cpu_ns - costs.table_ns - deletes) / shown as f64);
        }
        // A flush deletes without being told each tuple, and its deletions are not counted.
        Way::Zones(_) if walks > 0 => blend(&mut costs.table_ns, (cpu_ns - shows - deletes) / walks as f64),
        _ => {}
    }
}

/// Keeps costs within what can be: a wrong one would be chosen against for ever.
fn blend(known: &mut f64, measured: f64) {
    let measured = measured.clamp(*known / 8.0, *known * 8.0).max(50.0);
    *known += WEIGHT * (measured - *known);
}

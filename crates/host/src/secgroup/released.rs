//! Zones that go: all of their connections are forgotten before another network has them.

use std::collections::BTreeSet;

use model::purge::{Place, Reason, What};

use super::due::Due;
use super::sets::Set;
use super::tree::Value;
use crate::op::{Op, Step};

/// Zones that steps release, each with what is due for it.
pub fn purge_released(steps: &[Step]) -> Vec<(u16, Due)> {
    let zones = Set::Zones.at();
    let released = steps.iter().filter_map(|step| match &step.op {
        Op::DeleteElements { at, elements } if *at == zones => Some(elements),
        _ => None,
    });
    let released = released.flatten().filter_map(|(_, value)| match value {
        Value::Zone(zone) if *zone > 0 => Some(*zone),
        _ => None,
    });
    let due = |zone| Due {
        reason: Reason::ZoneReleased,
        place: Place::Host,
        what: What::Zone(zone),
        ports: BTreeSet::new(),
        causes: [super::GROUND].into(),
    };
    released.map(|zone| (zone, due(zone))).collect()
}

//! What others are told of counts: how much more there is since they were told last.

use std::collections::BTreeMap;

use model::MeteringLabelId;
use model::meter::{Known, MeterFacts, Place, Reading};
use serde_json::json;

use crate::notification::Notification;

/// What becomes of a host's readings.
#[derive(Debug, Default, PartialEq)]
pub struct Metered {
    /// To be known from now on.
    pub known: BTreeMap<Place, Known>,
    pub told: Vec<Notification>,
}

/// More of one label and project on one host.
struct More {
    packets: u64,
    bytes: u64,
    first_us: i64,
    since_us: i64,
}

/// Judges readings of a host: what is of another's router or label is not counted, and what was read twice
/// counts once.
pub fn metered(host: &str, readings: &[Reading], facts: &MeterFacts, now_us: i64) -> Metered {
    let mut out = Metered::default();
    let mut all: BTreeMap<(MeteringLabelId, &str), More> = BTreeMap::new();
    for reading in readings {
        let Place { router, label, .. } = reading.place;
        let (Some(project), Some(of)) = (facts.routers.get(&router), facts.labels.get(&label)) else {
            continue;
        };
        if of.as_ref().is_some_and(|of| of != project) {
            continue;
        }
        let before = out.known.get(&reading.place).or_else(|| facts.known.get(&reading.place)).copied();
        let Some((packets, bytes)) = more(reading, before) else { continue };
        let first_us = before.map_or(now_us, |before| before.first_us);
        let since_us = before.map_or(now_us, |before| before.told_us);
        let Reading { place, born_us, packets: all_packets, bytes: all_bytes } = *reading;
        let known = Known { born_us, packets: all_packets, bytes: all_bytes, first_us, told_us: now_us };
        out.known.insert(place, known);
        if packets == 0 && bytes == 0 {
            continue;
        }
        let sum = all.entry((label, project)).or_insert(More { packets: 0, bytes: 0, first_us, since_us });
        sum.packets = sum.packets.saturating_add(packets);
        sum.bytes = sum.bytes.saturating_add(bytes);
        sum.first_us = sum.first_us.min(first_us);
        sum.since_us = sum.since_us.min(since_us);
    }
    let told = all.into_iter().map(|((label, project), more)| meter(host, label, project, &more, now_us));
    out.told = told.collect();
    out
}

/// What a count has more than before; `None` of one that was overtaken, or that stands still.
fn more(now: &Reading, before: Option<Known>) -> Option<(u64, u64)> {
    match before {
        Some(before) if now.born_us == before.born_us => {
            let packets = now.packets.checked_sub(before.packets)?;
            let bytes = now.bytes.checked_sub(before.bytes)?;
            (packets > 0 || bytes > 0).then_some((packets, bytes))
        }
        Some(before) if now.born_us < before.born_us => None,
        _ => Some((now.packets, now.bytes)),
    }
}

fn meter(host: &str, label: MeteringLabelId, project: &str, more: &More, now_us: i64) -> Notification {
    let seconds = |us: i64| us.div_euclid(1_000_000);
    let payload = json!({
        "label_id": label,
        "project_id": project,
        "pkts": more.packets,
        "bytes": more.bytes,
        "time": seconds(now_us - more.since_us),
        "first_update": seconds(more.first_us),
        "last_update": seconds(now_us),
        "host": host,
    });
    Notification { event_type: "l3.meter".into(), payload }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const S: i64 = 1_000_000;

    fn place(router: u128, label: u128) -> Place {
        let (router, label) = (Uuid::from_u128(router).into(), Uuid::from_u128(label).into());
        Place { router, snat: false, label }
    }

    fn reading(place: Place, born_us: i64, packets: u64) -> Reading {
        Reading { place, born_us, packets, bytes: packets * 100 }
    }

    fn facts() -> MeterFacts {
        let id = Uuid::from_u128;
        MeterFacts {
            labels: [(id(7).into(), Some("p".into())), (id(8).into(), None)].into(),
            routers: [(id(1).into(), "p".into()), (id(2).into(), "p".into()), (id(3).into(), "q".into())]
                .into(),
            known: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_more_is_told_once() {
        let mut facts = facts();
        let mut say = |readings: &[Reading], now_us| -> Vec<(u64, i64)> {
            let out = metered("h", readings, &facts, now_us);
            facts.known.extend(out.known);
            let seen = |one: &Notification| {
                (one.payload["pkts"].as_u64().expect("a number"), one.payload["time"].as_i64().expect("too"))
            };
            out.told.iter().map(seen).collect()
        };
        let at = place(1, 7);
        assert_eq!(say(&[reading(at, 5, 10)], S), [(10, 0)]);
        assert_eq!(say(&[reading(at, 5, 10)], 31 * S), [], "the same again");
        assert_eq!(say(&[reading(at, 5, 15)], 61 * S), [(5, 60)]);
        assert_eq!(say(&[reading(at, 5, 12)], 62 * S), [], "overtaken on its way");
        assert_eq!(say(&[reading(at, 9, 2)], 91 * S), [(2, 30)], "it began anew");
        assert_eq!(say(&[reading(at, 5, 99)], 92 * S), [], "the one before");
        let two = [reading(at, 9, 3), reading(place(2, 7), 1, 4)];
        assert_eq!(say(&two, 93 * S), [(5, 2)], "two routers of one label");
        let twice = [reading(at, 9, 4), reading(at, 9, 6)];
        assert_eq!(say(&twice, 94 * S), [(3, 1)]);
    }

    #[test]
    fn nobody_counts_for_others() {
        let facts = facts();
        let told = |place| metered("h", &[reading(place, 1, 1)], &facts, 0).told;
        assert_eq!(told(place(3, 7)), [], "another project's router");
        assert_eq!(told(place(4, 7)), [], "a router that the host does not have");
        assert_eq!(told(place(1, 9)), [], "no such label");
        let shared = told(place(3, 8));
        assert_eq!(shared[0].payload["project_id"], "q");
        assert_eq!(shared[0].event_type, "l3.meter");
        assert_eq!(shared[0].payload["host"], "h");
    }
}

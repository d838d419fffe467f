//! Counts: what passes a router is counted under its label, what is excluded is not, and what was counted
//! outlives a change of rules.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use host::meter::{Count, Meters};
use host::op::Inside;
use model::MeteringLabelId;
use model::desired::{Direction, Meter, MeterRule};
use uuid::Uuid;

use crate::netns::inner::{QROUTER, done, inside, seen};
use crate::netns::place::Place;
use crate::netns::traffic::{FIRST, FLOATING, OUTSIDE, SECOND, answer, ask, cloud, nat};

const THERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 100);
/// A packet of `ask`, with its headers.
const ASKED: u64 = 20 + 8 + 8;

fn label(n: u128) -> MeteringLabelId {
    Uuid::from_u128(n).into()
}

fn rule(direction: Direction, source: &str, destination: &str) -> MeterRule {
    let [source, destination] = [source, destination].map(|net| net.parse().ok());
    MeterRule { direction, excluded: false, source, destination }
}

fn excluded(rule: MeterRule) -> MeterRule {
    MeterRule { excluded: true, ..rule }
}

fn meters(labels: &[(u128, Vec<MeterRule>)]) -> Meters {
    let meter = |(n, rules): &(u128, Vec<MeterRule>)| Meter { label: label(*n), rules: rules.clone() };
    Meters::new("qg-1", &labels.iter().map(meter).collect::<Vec<_>>()).expect("some")
}

async fn replace(place: &Place, content: Meters, stale: &[u128]) {
    let stale: BTreeSet<_> = stale.iter().map(|n| label(*n)).collect();
    done(place, inside([Inside::ReplaceMeters { content: content.clone(), stale }])).await;
    assert_eq!(seen(place, QROUTER).await.meters.expect("a table").hash, content.hash());
}

async fn counts(place: &Place, n: u128) -> Option<Count> {
    let seen = seen(place, QROUTER).await.meters?;
    seen.counts.get(&label(n)).copied()
}

async fn packets(place: &Place, n: u128) -> u64 {
    counts(place, n).await.expect("a count").packets
}

#[tokio::test]
async fn traffic_is_counted_under_its_label() {
    use Direction::{Egress, Ingress};
    let Some(place) = cloud().await else { return };
    answer(&place, OUTSIDE, 7);
    answer(&place, FIRST, 7);
    done(&place, inside([Inside::ReplaceTable { content: nat(true) }])).await;
    let all = |direction| rule(direction, "", "");
    let inner = || rule(Egress, "10.0.0.0/24", "");
    let first = || rule(Egress, "10.0.0.5/32", "");
    let both = vec![inner(), rule(Ingress, "", "10.0.0.5/32")];
    let but_first = vec![inner(), excluded(first())];
    let elsewhere = vec![rule(Egress, "", "192.0.2.0/24"), rule(Egress, "2001:db8::/64", "")];
    replace(&place, meters(&[(1, both.clone()), (2, but_first), (3, elsewhere)]), &[]).await;
    let of_first = format!("outside:7 for {FLOATING}");
    assert_eq!(ask(&place, FIRST, THERE, 7), of_first);
    assert_eq!(ask(&place, SECOND, THERE, 7), "outside:7 for 203.0.113.2");
    // Two that leave, by their addresses inside, and the answer to the first.
    let counted = counts(&place, 1).await.expect("a count");
    assert_eq!((counted.packets, counted.bytes), (3, 2 * ASKED + 28 + of_first.len() as u64));
    assert!(counted.born_us > 0, "it says when it began");
    assert_eq!(packets(&place, 2).await, 1, "what is excluded is not counted, however late it is said");
    assert_eq!(packets(&place, 3).await, 0);
    assert_eq!(ask(&place, OUTSIDE, FLOATING, 7), "first:7 for 203.0.113.100");
    assert_eq!((packets(&place, 1).await, packets(&place, 2).await), (5, 1), "what comes in, and its answer");

    // Other rules, and a label that goes: what was counted stays.
    let before = counts(&place, 1).await;
    replace(&place, meters(&[(1, vec![excluded(all(Ingress)), first()]), (2, vec![all(Egress)])]), &[3])
        .await;
    assert_eq!(counts(&place, 1).await, before);
    assert_eq!(counts(&place, 3).await, None);
    done(&place, inside([Inside::ReplaceTable { content: nat(false) }])).await;
    assert_eq!(counts(&place, 1).await, before, "another table of address translation");
    assert_eq!(ask(&place, FIRST, THERE, 7), of_first);
    assert_eq!((packets(&place, 1).await, packets(&place, 2).await), (6, 2));

    // It goes, and begins anew.
    for _ in 0..2 {
        done(&place, inside([Inside::DeleteMeters])).await;
        assert_eq!(seen(&place, QROUTER).await.meters, None);
    }
    assert!(seen(&place, QROUTER).await.table.is_some(), "address translation is another table");
    replace(&place, meters(&[(1, both)]), &[]).await;
    let again = counts(&place, 1).await.expect("a count");
    assert_eq!((again.packets, again.bytes), (0, 0));
    assert!(again.born_us > counted.born_us, "and is known as another");
}

/// What nft lists is what the text says, but for what was counted.
#[tokio::test]
async fn the_table_is_what_its_text_says() {
    let Some(place) = cloud().await else { return };
    let rules = vec![
        rule(Direction::Egress, "10.0.0.0/24", "192.0.2.7/32"),
        rule(Direction::Ingress, "2001:db8::/64", ""),
        excluded(rule(Direction::Egress, "", "")),
    ];
    let content = meters(&[(1, rules.clone()), (2, rules)]);
    // Over what somebody left of it, too.
    place.inside(QROUTER, "nft add table inet neutrino-meters");
    replace(&place, content.clone(), &[]).await;
    let output = place.inside(QROUTER, "nft --stateless list table inet neutrino-meters");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in content.to_string().lines().map(str::trim).filter(|line| line.contains("qg-1")) {
        // nft leaves the length out of a whole address.
        let wanted = wanted.replace("/32", "");
        assert!(listed.contains(&wanted), "no {wanted} in {listed}");
    }
    assert!(listed.contains("hook forward priority filter + 10"), "{listed}");
}

//! Ports that come: whom their coming cuts, whom it holds up, and for how long they are judged by rules alone.

use std::time::{Duration, Instant};

use agent::ctpurge::Settings;
use host::purge::Connection;
use model::SecurityGroupId;
use model::report::State;
use uuid::Uuid;

use crate::netns::forgotten::{ZONE, ZONES, with_pair};
use crate::netns::groups::{OWN, guests, settled, wired};
use crate::netns::place::{Guest, Place};
use crate::netns::purging::{purging, purging_with};
use crate::netns::table::{fill, is_of, nothing_waits};
use crate::netns::wait::eventually;

/// Which no host is told of.
const UNKNOWN: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xbad));

fn revoked(place: &Place) -> String {
    let listed = place.exec("one", "nft list set bridge neutrino revoked");
    String::from_utf8_lossy(&listed.stdout).into_owned()
}

fn failures(place: &Place) -> String {
    place.server.agents("one").iter().map(|agent| agent.configurations["failures"].to_string()).collect()
}

/// Of what several ports may use, as those that stand in for each other, one more is no reason to cut those
/// that are there.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_more_may_use_as_well_is_not_cut() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let (own, third) = (with_pair(&own), with_pair(&Guest::nth(3).in_groups(&[OWN])));
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let table = fill(&place, &[&own, &other, &third], &ZONES).await;
    place.plug("one", &third);
    place.server.put("one", [third.part()]);
    settled(&place, "one", third.part().key()).await;
    let here = |one: &Connection| one.zone == ZONE;
    table.loses("a port that came", |one| here(one) && is_of(one, &third)).await;
    nothing_waits(&place).await;
    // One that is here, and is given the pair.
    let table = fill(&place, &[&own, &other, &third], &ZONES).await;
    place.server.put("one", [with_pair(&other).part()]);
    settled(&place, "one", other.part().key()).await;
    nothing_waits(&place).await;
    assert_eq!(table.left().len(), table.all.len());
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_never_in_place_holds_nobody_up() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let [late, comes] = [(3, UNKNOWN), (4, OWN)].map(|(n, group)| Guest::nth(n).in_groups(&[group]));
    for guest in [&late, &comes] {
        place.plug("one", guest);
    }
    place.server.put("one", [late.part(), comes.part()]);
    settled(&place, "one", comes.part().key()).await;
    let failed = |state: &Option<State>| matches!(state, Some(State::Failed { .. }));
    eventually("one fails", || place.server.state("one", late.part().key()), failed).await;
    eventually("the other is restored", || revoked(&place), |text| !text.contains(&comes.tap())).await;
    assert!(revoked(&place).contains(&late.tap()));
    eventually("said", || failures(&place), |text| text.contains("1 purges wait for")).await;
    place.server.put("one", [late.clone().in_groups(&[OWN]).part()]);
    eventually("restored as well", || revoked(&place), |text| !text.contains(&late.tap())).await;
    eventually("said no longer", || failures(&place), |text| !text.contains("wait for")).await;
    nothing_waits(&place).await;
    ctpurge.stop().await;
}

/// Who comes alone waits for no others, and is asked after soon.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_is_judged_by_rules_alone_for_a_moment() {
    const GATHER: Duration = Duration::from_secs(3);
    let Some(place) = Place::new() else { return };
    let ctpurge = purging_with(&place, Settings { gather_ms: 3000, ..Settings::default() });
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let mut took = Vec::new();
    for n in 3..9 {
        nothing_waits(&place).await;
        let guest = Guest::nth(n).in_groups(&[OWN]);
        place.plug("one", &guest);
        place.server.put("one", [guest.part()]);
        let up = || place.server.state("one", guest.part().key()) == Some(State::Up);
        eventually("wired", up, |up| *up).await;
        let begun = Instant::now();
        eventually("restored", || revoked(&place), |text| !text.contains(&guest.tap())).await;
        took.push(begun.elapsed());
    }
    println!("judged by rules alone, and asked by nft: {took:?}");
    // The first is waited with, for nobody knows yet how long a round takes.
    assert!(took[1..].iter().max().expect("several") < &GATHER, "{took:?}");
    ctpurge.stop().await;
}

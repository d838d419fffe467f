//! An address that another port has: connections of who had it are not the other's.

use std::net::UdpSocket;
use std::time::Duration;

use model::SecurityGroupId;
use model::desired::{Direction, Ethertype, GroupRule, Port};
use model::report::State;
use uuid::Uuid;

use crate::netns::groups::{OTHER, group, group_key, guests, rule, service, settled, wired};
use crate::netns::groups_live::{End, Open, PATIENCE, only};
use crate::netns::place::{Guest, Place};
use crate::netns::purging::purging;
use crate::netns::wait::eventually;

const HEIRS: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa5));
const UDP: u8 = 17;
const SILENCE: Duration = Duration::from_millis(400);
const INGRESS: Direction = Direction::Ingress;

async fn inherits_nothing(place: &Place, comes_late: bool) {
    let (own, other) = guests();
    let _agents = wired(place, &[("one", &own), ("one", &other)]).await;
    only(place, [service(INGRESS, UDP, 80), service(INGRESS, UDP, 81)]).await;
    let mut open = [80, 81].map(|port| Open::new(place, UDP, &other, &own, port));
    assert_eq!(open.each_mut().map(Open::goes_on), [[true, true]; 2]);
    let mut heir = Guest::nth(3).in_groups(&[HEIRS]);
    heir.port = Port { fixed_ips: own.port.fixed_ips.clone(), ..heir.port };
    place.server.put("one", [group(HEIRS, [service(INGRESS, UDP, 81)])]);
    let takes_over = async || {
        place.plug("one", &heir);
        place.server.put("one", [heir.part()]);
        settled(place, "one", heir.part().key()).await;
    };
    if !comes_late {
        takes_over().await;
    }
    place.server.remove("one", [own.part().key()]);
    let attached = || {
        let shown = place.exec("one", &format!("ip -o link show {}", own.tap()));
        String::from_utf8_lossy(&shown.stdout).contains("master")
    };
    if comes_late {
        eventually("it has left", attached, |attached| !attached).await;
        takes_over().await;
    }
    eventually("revoked", || revoked(place), |text| text.contains(&heir.tap())).await;
    place.ip(&other.name, "neigh flush all");
    let listens = |port| place.within(&heir.name, || UdpSocket::bind((own.v4(), port)).expect("bound"));
    for (open, (port, passes)) in open.iter_mut().zip([(80, false), (81, true)]) {
        let mut heard = End::Udp(listens(port));
        open.caller.send();
        assert_eq!(heard.hears(if passes { PATIENCE } else { SILENCE }), passes, "port {port}");
    }
    let ctpurge = purging(place);
    eventually("restored", || revoked(place), |text| !text.contains(&heir.tap())).await;
    let mut heard = End::Udp(listens(80));
    open[0].caller.send();
    assert!(!heard.hears(SILENCE));
    ctpurge.stop().await;
}

fn revoked(place: &Place) -> String {
    let listed = place.exec("one", "nft list set bridge neutrino revoked");
    String::from_utf8_lossy(&listed.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_an_address_inherits_nothing() {
    let Some(place) = Place::new() else { return };
    inherits_nothing(&place, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_address_as_well_inherits_nothing() {
    let Some(place) = Place::new() else { return };
    inherits_nothing(&place, false).await;
}

/// A host that keeps an end of a connection is not told what is no longer allowed at the other.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_forbidden_on_another_host_does_not_come_along() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("two", &other)]).await;
    let allow = async |host: &str, rules: &[GroupRule]| {
        place.server.put(host, [group(OTHER, rules.iter().cloned())]);
        settled(&place, host, group_key(OTHER)).await;
    };
    let served = |port| service(INGRESS, UDP, port);
    allow("two", &[served(80), served(81), rule(Direction::Egress, Ethertype::V4)]).await;
    let mut open = [80, 81].map(|port| Open::new(&place, UDP, &own, &other, port));
    assert_eq!(open.each_mut().map(Open::goes_on), [[true, true]; 2]);
    let less = [served(81), rule(Direction::Egress, Ethertype::V6)];
    allow("two", &less).await;
    allow("one", &less).await;
    open[0].caller.send();
    assert!(!open[0].called.hears(SILENCE), "it still goes on over there");

    // Told of first, and plugged later, as instances that move are.
    place.server.remove("two", [other.part().key()]);
    place.ip("two", &format!("link delete {}", other.tap()));
    place.server.remove("one", [other.remote("two").key()]);
    place.server.put("one", [other.part()]);
    let state = || place.server.state("one", other.part().key());
    eventually("told of it", state, |state| *state == Some(State::Down)).await;
    place.plug_again("one", &other);
    let joined = || place.ip("one", &format!("-o link show {}", other.tap())).contains("master");
    eventually("it has come", joined, |joined| *joined).await;
    place.ip(&own.name, "neigh flush all");
    let goes_on = |open: &mut [Open; 2]| {
        open.each_mut().map(|open| {
            open.caller.send();
            open.called.hears(SILENCE)
        })
    };
    assert_eq!(goes_on(&mut open), [false, true], "revoked when it comes");
    let ctpurge = purging(&place);
    eventually("restored", || revoked(&place), |text| !text.contains(&other.tap())).await;
    assert_eq!(goes_on(&mut open), [false, true], "forgotten");
    ctpurge.stop().await;
    let known = String::from_utf8_lossy(&place.exec("one", "cat /proc/net/nf_conntrack").stdout).into_owned();
    assert!(known.contains("dport=81 ") && !known.contains("dport=80 "), "{known}");
}

//! An address that another port has: connections of who had it are not the other's.

use std::net::UdpSocket;
use std::time::Duration;

use model::SecurityGroupId;
use model::desired::{Direction, Port};
use uuid::Uuid;

use crate::netns::groups::{group, guests, service, settled, wired};
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

//! Devices and routes that come and go under a switch that runs, and frames that are none.

use std::time::Duration;

use kernel::ports::{PacketPort, VnetHeader};
use model::vswitch::Kind as Tunnel;
use testbed::place::{link, run_in};
use testbed::switched::frames::{self, Course};
use testbed::switched::{Kind, Lay, Pair, Runs, Switch};
use testbed::{Draw, wait};
use vswitchd::{Answer, Request};

const SOON: Duration = Duration::from_secs(10);

async fn pair(name: &str, lay: Lay) -> Pair {
    let pair = Pair::start(name, lay, &Runs::Here).await.expect("a pair; these tests need root");
    pair.until_connected().await.expect("connected");
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_is_opened_again() {
    let pair = pair("sw-device", Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan)).await;
    let a = &pair.sides[0];
    let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
    run_in(&a.host, &["ip", "link", "del", a.port]).await.expect("deleted");
    let closed = wait::until(SOON, || async {
        let Ok(Answer::Shown { devices, .. }) = ours.ask(Request::Show).await else { return None };
        devices.get(a.port)?.closed.clone()
    });
    assert_eq!(closed.await.expect("closed"), "there is no such device");
    link(&a.host, a.port, &a.guest, "e0", Some("02:aa:00:00:00:01")).await.expect("linked");
    run_in(&a.guest, &["ip", "addr", "add", "10.99.0.1/24", "dev", "e0"]).await.expect("added");
    pair.until_connected().await.expect("connected again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_route_is_taken_at_once() {
    let lay = Lay { routed: true, ..Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan) };
    let pair = pair("sw-route", lay).await;
    let a = &pair.sides[0];
    let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
    run_in(&a.host, &["ip", "route", "del", "default"]).await.expect("deleted");
    let lost = wait::until(SOON, || async { ours.shown().await.ok()?.tunnels.first()?.why.clone() });
    lost.await.expect("no way");
    let router = pair.place.namespace("r");
    run_in(&router, &["ip", "addr", "add", "172.31.10.253/24", "dev", "ra"]).await.expect("added");
    run_in(&a.host, &["ip", "route", "add", "default", "via", "172.31.10.253"]).await.expect("added");
    pair.until_connected().await.expect("connected again");
    let hop = ours.shown().await.expect("shown").tunnels[0].next_hop;
    assert_eq!(hop, Some([172, 31, 10, 253].into()));
}

/// Nothing that anybody sends ends the switch, and it goes on for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_bad_frames_harms_nobody() {
    let pair = pair("sw-bad", Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan)).await;
    let [a, b] = &pair.sides;
    let mut draw = Draw(20_261_122);
    let mut bad = Vec::new();
    let mac = b.underlay_mac().await.expect("a MAC");
    // Half of them claim to be tunnel packets for this host.
    let good = |rest: &[u8]| {
        let course = Course { from: wire::Mac([2; 6]), to: mac, len: 0, flows: 1 };
        frames::udp(&course, ([172, 31, 9, 1].into(), [172, 31, 9, 2].into()), (50_000, 4789), rest)
    };
    for number in 0..4096u64 {
        let len = 14 + draw.below(200);
        let rest: Vec<u8> = (0..len).map(|_| draw.below(256) as u8).collect();
        bad.push(if number % 2 == 0 { good(&rest) } else { rest });
    }
    let mut underlay = PacketPort::open(&a.host, a.underlay, None, 64).expect("opens");
    let mut instance = PacketPort::open(&a.guest, "e0", None, 64).expect("opens");
    for _ in 0..10 {
        underlay.send(bad.iter().map(|frame| (VnetHeader::default(), &frame[..])));
        instance.send(bad.iter().map(|frame| (VnetHeader::default(), &frame[..])));
    }
    pair.until_connected().await.expect("connected still");
    let Switch::Ours(ours) = &b.switch else { panic!("not ours") };
    let drops = ours.shown().await.expect("shown").drops;
    assert!(drops.iter().map(|drop| drop.times).sum::<u64>() > 100, "each is counted: {drops:?}");
}

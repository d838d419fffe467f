//! Devices and routes that come and go under a switch that runs, and frames that are none.

use std::time::Duration;

use kernel::ports::{PacketPort, VnetHeader};
use model::vswitch::{Kind as Tunnel, Port, Shown, Way};
use testbed::place::{link, run_in};
use testbed::switched::frames::{self, At, Course};
use testbed::switched::{Kind, Lay, Pair, Runs, Switch, mac, talk, wanted};
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

/// The kernel tells that a device was down until it is asked. Nobody works for that all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_was_down_leaves_the_switch_idle() {
    let pair = pair("sw-down", Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan)).await;
    let a = &pair.sides[0];
    for device in [a.port, a.underlay] {
        run_in(&a.host, &["ip", "link", "set", device, "down"]).await.expect("set");
        wait::pause(Duration::from_millis(300)).await;
        let before = a.switch.cpu();
        wait::pause(Duration::from_secs(1)).await;
        let used = a.switch.cpu() - before;
        run_in(&a.host, &["ip", "link", "set", device, "up"]).await.expect("set");
        assert!(used < Duration::from_millis(50), "{device}: {used:?} in 1 s");
    }
    pair.until_connected().await.expect("connected again");
}

/// An instance behind a tap: large segments both ways, a neighbour port that never runs empty, and the tap taken away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_is_a_port_like_any_other() {
    const NAME: &str = "t0";
    let pair = pair("sw-tap", Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan)).await;
    let [a, b] = &pair.sides;
    let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
    let mut wanted = wanted(&pair, 0);
    wanted.ports.insert(NAME.into(), Port { network: "net".into(), way: Way::Tap });
    ours.apply(&wanted).await.expect("applied");
    let has_address = || async {
        run_in(&a.host, &["ip", "link", "set", NAME, "up"]).await.ok()?;
        run_in(&a.host, &["ip", "addr", "replace", "10.99.0.3/24", "dev", NAME]).await.ok()
    };
    has_address().await.expect("there is a tap");
    let answered =
        || async { run_in(&a.host, &["ping", "-n", "-c", "1", "-W", "1", "10.99.0.2"]).await.ok() };
    wait::until(SOON, answered).await.expect("an answer through the tap");
    let before = ours.shown().await.expect("shown");
    let time = Duration::from_millis(300);
    for (from, to, ip) in [(&a.host, &b.guest, [10, 99, 0, 2]), (&b.guest, &a.host, [10, 99, 0, 3])] {
        let moved = talk::tcp(from, to, ip.into(), time).await.expect("talks");
        assert!(moved.bytes > 1 << 20, "{moved:?}");
    }
    // Far fewer frames than segments: they go through whole, with what is left to do to them told by their header.
    let shown = ours.shown().await.expect("shown");
    let of = |shown: &Shown| shown.ports.iter().find(|port| port.name == NAME).cloned().expect("shown");
    let (before, after) = (of(&before), of(&shown));
    let mean = |bytes: u64, frames: u64| bytes / frames.max(1);
    let sent =
        mean(after.received_bytes - before.received_bytes, after.received_frames - before.received_frames);
    assert!(sent > 3000, "{sent} bytes of a frame out of the tap: {after:?}");
    // While another port of the switch is never empty.
    let course = Course { from: mac(0), to: mac(1), len: 60, flows: 1 };
    let frames = (0..64).map(|number| frames::frame(&course, number)).collect();
    let (from, to) = (At(a.guest.clone(), "e0"), At(b.guest.clone(), "e0"));
    let flood = tokio::spawn(frames::stream(from, to, frames, Duration::from_secs(3)));
    wait::pause(Duration::from_millis(500)).await;
    let mut through = 0;
    for _ in 0..4 {
        through += usize::from(answered().await.is_some());
    }
    assert!(!flood.is_finished(), "the flood was over too soon");
    let flowed = flood.await.expect("ends").expect("sent");
    assert!(through > 0, "nobody heard the tap: {flowed:?}");
    // Deleted by somebody, it is made again.
    run_in(&a.host, &["ip", "link", "del", NAME]).await.expect("deleted");
    wait::until(SOON, has_address).await.expect("there is a tap again");
    wait::until(SOON, answered).await.expect("an answer through the tap again");
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

//! Flows that are settled take the fast path, on real devices: in the same format, in order, and nothing is lost where they
//! leave it.

use std::path::PathBuf;
use std::time::Duration;

use model::vswitch::{Kind as Tunnel, Port, Shown, Way};
use testbed::place::{link, run_in};
use testbed::switched::frames::{At, Course, Steady, frame, sink, stream, vxlan};
use testbed::switched::talk::{Moved, round_trips, tcp};
use testbed::switched::{Kind, Lay, Ours, Pair, Runs, Switch, VNI, mac, wanted};
use testbed::wait;
use vswitchd::Settings;

const SOON: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

fn ours(pair: &Pair, at: usize) -> &Ours {
    let Switch::Ours(ours) = &pair.sides[at].switch else { panic!("not ours") };
    ours
}

async fn pair(name: &str, kinds: [Kind; 2], tunnel: Tunnel, runs: &Runs) -> Pair {
    let pair = Pair::start(name, Lay::of(kinds, tunnel), runs).await.expect("a pair; these tests need root");
    pair.until_connected().await.expect("connected");
    pair
}

async fn shown(pair: &Pair, at: usize) -> Shown {
    ours(pair, at).shown().await.expect("shown")
}

/// From one instance of the pair to the other.
async fn moved(pair: &Pair, from: usize, time: Duration) -> Moved {
    let ip = [10, 99, 0, 2 - from as u8].into();
    tcp(&pair.sides[from].guest, &pair.sides[1 - from].guest, ip, time).await.expect("moves")
}

/// Until a switch says that most of so many bytes, in segments, took the fast path.
async fn passed(pair: &Pair, at: usize, bytes: u64) {
    let segments = bytes / 1448;
    let most =
        wait::until(SOON, || async { (shown(pair, at).await.fast_frames > segments / 2).then_some(()) });
    most.await.unwrap_or_else(|| panic!("{bytes} bytes went the slow path"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_passes_through_each_tunnel_and_is_counted() {
    for tunnel in [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre] {
        let pair = pair("sw-fast", [Kind::Ours, Kind::Ours], tunnel, &Runs::Here).await;
        let moved = moved(&pair, 0, SECOND).await;
        for at in 0..2 {
            passed(&pair, at, moved.bytes).await;
        }
        // Ports and tunnels show all that went through, by whichever way.
        let all = wait::until(SOON, || async {
            let (a, b) = (shown(&pair, 0).await, shown(&pair, 1).await);
            let bytes = [a.ports[0].received_bytes, a.tunnels[0].sent_bytes];
            let out = [b.ports[0].sent_bytes, b.tunnels[0].received_bytes];
            // A super-frame's headers are in it once.
            let told = bytes.into_iter().chain(out).all(|bytes| bytes >= moved.bytes);
            told.then_some(())
        });
        all.await.unwrap_or_else(|| panic!("{tunnel:?}: {moved:?} is not all there"));
        assert!(shown(&pair, 0).await.drops.is_empty() && shown(&pair, 1).await.drops.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernel_reads_what_passes_and_is_read() {
    let pair = pair("sw-fast-kernel", [Kind::Ours, Kind::Kernel], Tunnel::Vxlan, &Runs::Here).await;
    for from in 0..2 {
        let before = shown(&pair, 0).await.fast_frames;
        let moved = moved(&pair, from, SECOND).await;
        passed(&pair, 0, before * 2 * 1448 + moved.bytes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_within_takes_it_as_well() {
    for tunnel in [Tunnel::Geneve, Tunnel::Nvgre] {
        let pair = pair("sw-fast-six", [Kind::Ours, Kind::Ours], tunnel, &Runs::Here).await;
        for (at, side) in pair.sides.iter().enumerate() {
            run_in(&side.guest, &["sysctl", "-qw", "net.ipv6.conf.e0.disable_ipv6=0"]).await.expect("said");
            let ip = format!("fd00:99::{}/64", at + 1);
            run_in(&side.guest, &["ip", "addr", "add", &ip, "dev", "e0", "nodad"]).await.expect("set");
        }
        let [a, b] = &pair.sides;
        let ip = "fd00:99::2".parse().expect("an address");
        let moved = tcp(&a.guest, &b.guest, ip, SECOND / 2).await.expect("moves");
        for at in 0..2 {
            passed(&pair, at, moved.bytes).await;
        }
    }
}

/// By and by a steady stream changes from one way to the other, here and there, and no frame is lost, doubled or
/// overtaken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_keeps_its_order_when_it_begins_to_pass_and_when_it_ends() {
    let pair = pair("sw-fast-order", [Kind::Ours, Kind::Ours], Tunnel::Geneve, &Runs::Here).await;
    let [a, b] = &pair.sides;
    let course = Course { from: mac(0), to: mac(1), len: 100, flows: 1 };
    let steady = Steady::start(&a.guest, &b.guest, course, 10_000);
    let configured = wanted(&pair, 0);
    for round in 1..=4 {
        let passing =
            wait::until(SOON, || async { (shown(&pair, 0).await.fast_frames > round * 1000).then_some(()) });
        passing.await.expect("passes");
        // Another class is another header: the way ends, and is offered anew.
        let mut other = configured.clone();
        other.tunnels.values_mut().for_each(|tunnel| tunnel.ttl = 64 - round as u8);
        ours(&pair, 0).apply(&other).await.expect("applied");
    }
    let fate = steady.stop().expect("ran");
    assert!(fate.is_perfect(), "{fate:?}");
}

/// What is too long for the tunnel is answered, also while shorter frames of the same flow pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_answered_though_the_flow_passes() {
    let pair = pair("sw-fast-long", [Kind::Ours, Kind::Ours], Tunnel::Vxlan, &Runs::Here).await;
    let guest = &pair.sides[0].guest;
    for (namespace, device) in [(guest, "e0"), (&pair.sides[0].host, pair.sides[0].port)] {
        run_in(namespace, &["ip", "link", "set", device, "mtu", "1600"]).await.expect("set");
    }
    let ping = |words: &'static str| async move {
        let words: Vec<&str> = words.split(' ').chain(["10.99.0.2"]).collect();
        run_in(guest, &words).await
    };
    ping("ping -n -q -i 0.002 -c 300 -W 1").await.expect("answered");
    let passing = wait::until(SOON, || async { (shown(&pair, 0).await.fast_frames > 0).then_some(()) });
    passing.await.expect("passes");
    let refused = ["sh", "-c", "ping -n -M do -c 1 -W 1 -s 1560 10.99.0.2 || true"];
    let said = run_in(guest, &refused).await.expect("asked");
    assert!(said.contains("mtu") && said.contains("1550"), "{said}");
    ping("ping -n -M do -c 1 -W 1 -s 1400").await.expect("this one fits");
}

/// A third instance, behind the first host.
async fn third(pair: &Pair) -> PathBuf {
    let guest = pair.place.add("a2").await.expect("a namespace");
    let host = &pair.sides[0].host;
    link(host, "pC", &guest, "e0", Some("02:aa:00:00:00:03")).await.expect("linked");
    for (namespace, device) in [(host, "pC"), (&guest, "e0")] {
        let quiet = format!("net.ipv6.conf.{device}.disable_ipv6=1");
        run_in(namespace, &["sysctl", "-qw", &quiet]).await.expect("said");
    }
    run_in(&guest, &["ip", "addr", "add", "10.99.0.3/24", "dev", "e0"]).await.expect("set");
    let mut more = wanted(pair, 0);
    more.ports.insert("pC".to_owned(), Port { network: "net".to_owned(), way: Way::Packet });
    ours(pair, 0).apply(&more).await.expect("applied");
    guest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_pass_from_port_to_port() {
    let pair = pair("sw-fast-near", [Kind::Ours, Kind::Ours], Tunnel::Vxlan, &Runs::Here).await;
    let third = third(&pair).await;
    let all = tcp(&pair.sides[0].guest, &third, [10, 99, 0, 3].into(), SECOND).await.expect("moves");
    passed(&pair, 0, all.bytes).await;
}

/// What came out of a tunnel and is forwarded by an instance gets no header in the kernel: it takes the slow path after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_forwards_is_not_lost() {
    let pair = pair("sw-fast-again", [Kind::Ours, Kind::Ours], Tunnel::Vxlan, &Runs::Here).await;
    let far = third(&pair).await;
    let [near, router] = [&pair.sides[0].guest, &pair.sides[1].guest];
    let redirects = ["all", "e0"].map(|device| format!("net.ipv4.conf.{device}.send_redirects=0"));
    for line in redirects.iter().map(String::as_str).chain(["net.ipv4.ip_forward=1"]) {
        run_in(router, &["sysctl", "-qw", line]).await.expect("said");
    }
    run_in(&far, &["ip", "addr", "add", "10.98.0.3/32", "dev", "e0"]).await.expect("set");
    run_in(router, &["ip", "route", "add", "10.98.0.3", "via", "10.99.0.3"]).await.expect("set");
    run_in(near, &["ip", "route", "add", "10.98.0.3", "via", "10.99.0.2"]).await.expect("set");
    let all = tcp(near, &far, [10, 98, 0, 3].into(), SECOND).await.expect("moves");
    assert!(all.bytes > 1 << 20, "{all:?}");
    let trips = round_trips(near, &far, [10, 98, 0, 3].into(), 1000).await.expect("there and back");
    assert_eq!(trips.len(), 1000, "all come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_pass_where_none_are_to() {
    let runs = Runs::Set(Box::new(Settings { fast_flows: 0, ..Settings::default() }));
    let pair = pair("sw-fast-not", [Kind::Ours, Kind::Ours], Tunnel::Vxlan, &runs).await;
    moved(&pair, 0, SECOND / 4).await;
    assert_eq!((shown(&pair, 0).await.fast_frames, shown(&pair, 1).await.fast_flows), (0, 0));
}

/// More than the slow path can do, without a pause: after a moment it is left to the fast path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_comes_to_take_the_fast_path() {
    let pair =
        Pair::start("sw-fast-flood", Lay::of([Kind::Ours, Kind::Bare], Tunnel::Nvgre), &Runs::Here).await;
    let pair = pair.expect("a pair; these tests need root");
    let [a, b] = &pair.sides;
    let (guest, far) = (At(a.guest.clone(), "e0"), At(b.host.clone(), b.underlay));
    sink(&far).await.expect("drops unseen");
    wait::until(SOON, || async { ours(&pair, 0).neighbour().await.ok()?.mac }).await.expect("a neighbour");
    // Where the other is, is written.
    let mut told = wanted(&pair, 0);
    let network = told.networks.get_mut("net").expect("there");
    network.entries.insert(mac(1), model::vswitch::Place::Tunnel("there".to_owned()));
    ours(&pair, 0).apply(&told).await.expect("applied");
    let frames =
        (0..64).map(|number| frame(&Course { from: mac(0), to: mac(1), len: 64, flows: 64 }, number));
    let flowed = stream(guest, far, frames.collect(), 3 * SECOND).await.expect("sent");
    wait::pause(SECOND / 2).await;
    let shown = shown(&pair, 0).await;
    assert!(shown.fast_frames > flowed.sent / 4, "{flowed:?} {shown:?}");
    assert!(shown.drops.iter().all(|drop| drop.what == "overrun"), "{:?}", shown.drops);
}

/// Of a flow that takes the fast path, frames that are not as all others: one change at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unusual_takes_the_slow_path() {
    let pair =
        Pair::start("sw-fast-odd", Lay::of([Kind::Ours, Kind::Bare], Tunnel::Vxlan), &Runs::Here).await;
    let pair = pair.expect("a pair; these tests need root");
    let [a, b] = &pair.sides;
    let (guest, far) = (At(a.guest.clone(), "e0"), At(b.host.clone(), b.underlay));
    sink(&guest).await.expect("drops unseen");
    let macs = (b.underlay_mac().await.expect("a MAC"), a.underlay_mac().await.expect("a MAC"));
    let outer = Course { from: macs.0, to: macs.1, len: 0, flows: 1 };
    let ips = (b.ipv4().expect("IPv4"), a.ipv4().expect("IPv4"));
    let inner = frame(&Course { from: mac(1), to: mac(0), len: 100, flows: 1 }, 0);
    let usual = vxlan(&inner, &outer, ips, VNI);
    let send = |frame: Vec<u8>| {
        let (far, guest) = (far.clone(), guest.clone());
        async move { stream(far, guest, vec![frame], Duration::from_millis(20)).await.expect("sent").sent }
    };
    // How many frames took the fast path, and how many came by the underlay in all.
    let counts = || async {
        wait::pause(Duration::from_millis(350)).await;
        let shown = shown(&pair, 0).await;
        let underlay =
            shown.ports.iter().find(|port| port.name == a.underlay).expect("there").received_frames;
        (shown.fast_frames, underlay, shown.drops)
    };
    // Who is there says so first, or all is for everybody.
    let hello = frame(&Course { from: mac(0), to: mac(1), len: 100, flows: 1 }, 0);
    stream(guest.clone(), far.clone(), vec![hello], Duration::from_millis(5)).await.expect("sent");
    for _ in 0..2 {
        send(usual.clone()).await;
    }
    let (before, ..) = counts().await;
    assert!(before > 0, "the flow takes the fast path");
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 9] = [
        ("an outer checksum", |frame| frame[40..42].copy_from_slice(&[0x12, 0x34])),
        ("a fragment", |frame| (frame[20], frame[24], frame[25]) = (0x20, frame[24], frame[25])),
        ("another number of the network", |frame| frame[48] ^= 1),
        ("a reserved bit", |frame| frame[42] ^= 1),
        ("a bit behind the number", |frame| frame[49] ^= 1),
        ("another machine", |frame| frame[29] ^= 4),
        ("bytes behind the packet", |frame| frame.extend([0; 8])),
        ("congestion outside", |frame| frame[15] |= 3),
        ("an inner packet that is shorter", |frame| frame[67] -= 1),
    ];
    for (what, change) in changes {
        let mut odd = usual.clone();
        change(&mut odd);
        // The outer header is right, whatever it says.
        odd[24..26].fill(0);
        let sum = wire::checksum::of(&odd[14..34]);
        odd[24..26].copy_from_slice(&sum.to_be_bytes());
        let (fast, ..) = counts().await;
        assert!(send(odd).await > 10, "{what}");
        let (after, _, drops) = counts().await;
        assert_eq!(after, fast, "{what}: {drops:?}");
        send(usual.clone()).await;
        let (again, ..) = counts().await;
        assert!(again > after, "{what}: the usual ones take it still");
    }
}

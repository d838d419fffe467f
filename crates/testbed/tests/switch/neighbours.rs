//! Neighbours on real devices: many at once, silent ones, ones that were not sent to for long.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use model::vswitch::{Attachment, Kind as Tunnel, NeighbourShown, Place, Wanted};
use testbed::place::run_in;
use testbed::switched::captured::{Capture, values};
use testbed::switched::frames::{self, Course};
use testbed::switched::{Kind, Lay, Ours, Pair, Runs, Switch, VNI, mac, tunnel, wanted};
use testbed::wait;
use vswitchd::Settings;
use wire::{Mac, Vni};

const SOON: Duration = Duration::from_secs(20);

async fn pair(name: &str, settings: Settings) -> Pair {
    let lay = Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan);
    let runs = Runs::Set(Box::new(settings));
    let pair = Pair::start(name, lay, &runs).await.expect("a pair; these tests need root");
    pair.until_connected().await.expect("connected");
    pair
}

fn ours(pair: &Pair, at: usize) -> &Ours {
    match &pair.sides[at].switch {
        Switch::Ours(ours) => ours,
        _ => panic!("not ours"),
    }
}

fn endpoint(number: usize) -> (Ipv4Addr, Mac) {
    let [high, low] = (number as u16).to_be_bytes();
    (Ipv4Addr::new(172, 31, 16 + high, low), Mac([2, 0xbb, 0, 0, high, low]))
}

/// The second host has so many more addresses. A tunnel leads to each, and an instance's MAC lies behind it, which is
/// the second instance's only in name: it takes all.
async fn endpoints(pair: &Pair, count: usize) -> [Wanted; 2] {
    let [a, b] = &pair.sides;
    let mut lines = String::new();
    for number in 0..count {
        writeln!(lines, "addr add {}/32 dev {}", endpoint(number).0, b.underlay).expect("written");
    }
    let file = pair.place.folder().join("addresses");
    std::fs::write(&file, lines).expect("written");
    run_in(&b.host, &["ip", "-batch", &file.display().to_string()]).await.expect("has addresses");
    run_in(&a.host, &["ip", "route", "add", "172.31.16.0/20", "dev", a.underlay]).await.expect("a route");
    [0, 1].map(|at| {
        let mut all = wanted(pair, at);
        let vni = Vni::new(VNI).expect("a small number");
        for number in 0..count {
            let (name, (ip, mac)) = (format!("t{number}"), endpoint(number));
            let ip = IpAddr::from(ip);
            let (local, remote) = if at == 0 { (a.ip, ip) } else { (ip, a.ip) };
            all.tunnels.insert(name.clone(), tunnel(Tunnel::Vxlan, local, remote));
            let network = all.networks.get_mut("net").expect("there");
            network.tunnels.insert(name.clone(), Attachment { vni, flood: false });
            let place = if at == 0 { Place::Tunnel(name) } else { Place::Port(b.port.to_owned()) };
            network.entries.insert(mac, place);
        }
        all
    })
}

/// So many frames to each of some endpoints, by turns; each has a number of its own.
fn frames_to(endpoints: Range<usize>, each: usize) -> Vec<Vec<u8>> {
    let turns = (0..each).flat_map(|_| endpoints.clone());
    let frame = |(number, at)| {
        let course = Course { from: mac(0), to: endpoint(at).1, len: 100, flows: 1 };
        frames::frame(&course, number)
    };
    (0..).zip(turns).map(frame).collect()
}

async fn neighbours(ours: &Ours) -> BTreeMap<IpAddr, NeighbourShown> {
    let shown = ours.shown().await.expect("shown");
    shown.neighbours.into_iter().map(|neighbour| (neighbour.ip, neighbour)).collect()
}

/// A rule of what comes to the second host, before its kernel sees it.
async fn rule(host: &Path, device: &str, words: &str) {
    let chain =
        format!("add chain netdev sw in {{ type filter hook ingress device {device} priority -500; }}");
    let rule = format!("add rule netdev sw in {words} drop");
    for line in ["add table netdev sw", &chain, &rule] {
        run_in(host, &["nft", line]).await.expect("a rule");
    }
}

async fn no_rule(host: &Path) {
    run_in(host, &["nft", "delete", "table", "netdev", "sw"]).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_endpoints_at_once_lose_nothing() {
    const COUNT: usize = 1000;
    // A busy machine takes its time, and what waits has it.
    let pair = pair("sw-thousand", Settings { waiting_ms: 30_000, ..Settings::default() }).await;
    let [a, b] = &pair.sides;
    let all = endpoints(&pair, COUNT).await;
    ours(&pair, 1).apply(&all[1]).await.expect("applied");
    pair.silence(1).await.expect("silent");
    ours(&pair, 0).apply(&all[0]).await.expect("applied");
    let (from, to) = (a.guest.clone(), b.guest.clone());
    let sent = tokio::spawn(async move { frames::burst_of(&from, &to, frames_to(0..COUNT, 3), SOON).await });
    let all_wait = wait::until(SOON, || async {
        let shown = ours(&pair, 0).shown().await.ok()?;
        (shown.waiting_frames == 3 * COUNT as u64).then_some(())
    });
    all_wait.await.expect("all wait");
    pair.unsilence(1).await.expect("answers");
    let fate = sent.await.expect("ends").expect("sent");
    let shown = ours(&pair, 0).shown().await.expect("shown");
    assert!(fate.is_perfect(), "{fate:?} {:?}", shown.drops);
    let known = neighbours(ours(&pair, 0)).await;
    let cold = (0..COUNT).filter(|number| known[&endpoint(*number).0.into()].released == 3).count();
    assert_eq!(cold, COUNT);
}

/// The other host's kernel never hears the first question.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_question_that_is_lost_is_asked_again_at_once() {
    let settings = Settings { waiting_ms: 30_000, ..Settings::default() };
    let pair = pair("sw-question", settings).await;
    let [a, b] = &pair.sides;
    // From a question of the other the first would learn.
    let mac = a.underlay_mac().await.expect("a MAC").to_string();
    let known = ["ip", "neigh", "replace", &a.ip.to_string(), "lladdr", &mac, "dev", b.underlay];
    run_in(&b.host, &[&known[..], &["nud", "permanent"]].concat()).await.expect("written");
    let mut other = wanted(&pair, 1);
    other.tunnels.clear();
    let networks = other.networks.get_mut("net").expect("there");
    networks.tunnels.clear();
    ours(&pair, 1).apply(&other).await.expect("applied");
    let asked = format!("arp.opcode == 1 && arp.src.proto_ipv4 == {}", a.ip);
    let mut pauses = Vec::new();
    for turn in 0..3 {
        let file = pair.place.folder().join(format!("questions-{turn}"));
        let capture = Capture::start(&b.host, b.underlay, "arp", &file).await.expect("captures");
        rule(&b.host, b.underlay, "arp operation request numgen inc mod 1000000 == 0").await;
        pair.forget(0).await.expect("forgets");
        let found = wait::until(SOON, || async { ours(&pair, 0).neighbour().await.ok()?.mac });
        found.await.expect("found by another question");
        no_rule(&b.host).await;
        let packets = capture.packets(2, &["-Y", &asked]).await.expect("two questions");
        let times = packets.iter().map(|packet| values(packet, "frame.time_relative")[0]);
        let times: Vec<f64> = times.map(|time| time.parse().expect("a number")).collect();
        pauses.push(times[1] - times[0]);
    }
    // Another program may hold this one up once or twice; the kernel lets a second pass.
    let best = pauses.iter().copied().fold(f64::MAX, f64::min);
    assert!(best <= 0.1, "{pauses:?} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_pause_longer_than_a_mac_is_used_nothing_is_lost() {
    let short = Settings { neighbour_for_s: 2, learned_for_s: 1, ..Settings::default() };
    let pair = pair("sw-pause", short).await;
    let [a, b] = &pair.sides;
    let before = ours(&pair, 0).neighbour().await.expect("a neighbour");
    for _ in 0..2 {
        wait::pause(Duration::from_secs(3)).await;
        let course = Course { from: mac(0), to: mac(1), len: 100, flows: 1 };
        let fate = frames::burst(&a.guest, &b.guest, course, 10, SOON).await.expect("sent");
        assert!(fate.is_perfect(), "{fate:?}");
    }
    let after = ours(&pair, 0).neighbour().await.expect("a neighbour");
    assert_eq!((after.misses, after.released), (before.misses, before.released), "kept fresh: {after:?}");
    assert!(after.answers > before.answers, "by asking: {after:?}");
    // It is used no longer than that, so the pauses were long.
    pair.silence(1).await.expect("silent");
    let given_up = wait::until(SOON, || async {
        let neighbour = ours(&pair, 0).neighbour().await.ok()?;
        neighbour.mac.is_none().then_some(())
    });
    given_up.await.expect("given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queues_lose_the_oldest_and_harm_nobody_else() {
    const ROOM: usize = 100;
    const BURST: usize = 1000;
    let settings = Settings { neighbour_frames: ROOM, waiting_ms: 30_000, ..Settings::default() };
    let pair = pair("sw-full", settings).await;
    let [a, b] = &pair.sides;
    let all = endpoints(&pair, 2).await;
    ours(&pair, 1).apply(&all[1]).await.expect("applied");
    let silent = endpoint(0).0;
    rule(&b.host, b.underlay, &format!("arp operation request arp daddr ip {silent}")).await;
    ours(&pair, 0).apply(&all[0]).await.expect("applied");
    let (from, to) = (a.guest.clone(), b.guest.clone());
    let of = |frames| {
        let (from, to) = (from.clone(), to.clone());
        async move { frames::burst_of(&from, &to, frames, SOON).await.expect("sent") }
    };
    let waits = || async {
        let shown = neighbours(ours(&pair, 0)).await;
        let neighbour = shown[&silent.into()].clone();
        (neighbour.pushed_out == (BURST - ROOM) as u64).then_some(neighbour)
    };
    let late = tokio::spawn(of(frames_to(0..1, BURST)));
    let neighbour = wait::until(SOON, waits).await.expect("full");
    assert_eq!((neighbour.waiting_frames, neighbour.mac), (ROOM as u64, None), "{neighbour:?}");
    let fate = of(frames_to(1..2, BURST)).await;
    assert!(fate.is_perfect(), "the other endpoint is not harmed: {fate:?}");
    let shown = ours(&pair, 0).shown().await.expect("shown");
    let pushed = shown.drops.iter().find(|count| count.what == "pushed_out");
    assert_eq!(pushed.map(|count| count.times), Some((BURST - ROOM) as u64), "{:?}", shown.drops);
    no_rule(&b.host).await;
    let neighbour = wait::until(SOON, || async {
        let shown = neighbours(ours(&pair, 0)).await;
        let neighbour = shown[&silent.into()].clone();
        (neighbour.released == ROOM as u64).then_some(())
    });
    neighbour.await.expect("the others leave");
    late.abort();
}

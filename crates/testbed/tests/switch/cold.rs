//! A neighbour whose MAC is not known costs no packet, on real devices.

use std::time::Duration;

use model::vswitch::Kind as Tunnel;
use testbed::place::run_in;
use testbed::switched::frames::{self, Course, Steady};
use testbed::switched::{Kind, Lay, Pair, Runs, Switch, mac};
use testbed::wait;

const SOON: Duration = Duration::from_secs(10);
fn course(len: usize) -> Course {
    Course { from: mac(0), to: mac(1), len, flows: 10 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_to_a_neighbour_that_answers_late_all_arrive_once_and_in_order() {
    let tunnels = [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre];
    for (tunnel, ipv6) in tunnels.into_iter().flat_map(|tunnel| [(tunnel, false), (tunnel, true)]) {
        let lay = Lay { ipv6, ..Lay::of([Kind::Ours, Kind::Ours], tunnel) };
        let pair = Pair::start("sw-cold", lay, &Runs::Here).await.expect("a pair; these tests need root");
        pair.until_connected().await.expect("connected");
        let [a, b] = &pair.sides;
        let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
        let counts = if ipv6 { &[10, 1000][..] } else { &[1, 10, 100, 1000] };
        for count in counts.iter().copied() {
            pair.silence(1).await.expect("silent");
            pair.forget(0).await.expect("forgets");
            let (from, to) = (a.guest.clone(), b.guest.clone());
            let sent = tokio::spawn(async move { frames::burst(&from, &to, course(100), count, SOON).await });
            let all_wait = wait::until(SOON, || async {
                let neighbour = ours.neighbour().await.ok()?;
                (neighbour.waiting_frames == count as u64).then_some(neighbour)
            });
            let waiting = all_wait.await.expect("all wait");
            assert_eq!(waiting.mac, None, "it is cold: {waiting:?}");
            pair.unsilence(1).await.expect("answers");
            let fate = sent.await.expect("ends").expect("sent");
            let neighbour = ours.neighbour().await.expect("a neighbour");
            assert!(fate.is_perfect(), "{lay:?}: {fate:?} {neighbour:?}");
            assert_eq!(neighbour.released, count as u64, "{neighbour:?}");
        }
    }
}

/// What is asked for before anybody sends is there when they do, also for the kernel's own packets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_has_its_neighbour_before_its_first_packet() {
    let lay = Lay { routed: true, ..Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan) };
    let pair = Pair::start("sw-warm", lay, &Runs::Here).await.expect("a pair; these tests need root");
    let Switch::Ours(ours) = &pair.sides[0].switch else { panic!("not ours") };
    let found = wait::until(SOON, || async { ours.neighbour().await.ok()?.mac });
    let mac = found.await.expect("a MAC without a packet");
    let neighbour = ours.neighbour().await.expect("a neighbour");
    assert_eq!(neighbour.misses, 0, "{neighbour:?}");
    let host = &pair.sides[0].host;
    let told = wait::until(SOON, || async {
        let text = run_in(host, &["ip", "neigh", "show", &neighbour.ip.to_string()]).await.ok()?;
        text.contains(&mac.to_string()).then_some(())
    });
    told.await.expect("the kernel is told");
}

/// The other host takes another MAC, and says so or does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_mac_costs_little_when_told_and_three_seconds_when_not() {
    const EACH_SECOND: u64 = 1000;
    let lay = Lay::of([Kind::Ours, Kind::Kernel], Tunnel::Vxlan);
    let pair = Pair::start("sw-moved", lay, &Runs::Here).await.expect("a pair; these tests need root");
    pair.until_connected().await.expect("connected");
    let [a, b] = &pair.sides;
    let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
    for (last, tells, most) in [(7, "1", 100), (8, "0", 3500)] {
        let notify = format!("net.ipv4.conf.{}.arp_notify={tells}", b.underlay);
        run_in(&b.host, &["sysctl", "-qw", &notify]).await.expect("said");
        let before = ours.neighbour().await.expect("a neighbour").moved;
        let steady = Steady::start(&a.guest, &b.guest, course(100), EACH_SECOND);
        wait::pause(Duration::from_secs(1)).await;
        let mac = format!("02:dd:00:00:0b:{last:02}");
        run_in(&b.host, &["ip", "link", "set", b.underlay, "address", &mac]).await.expect("set");
        wait::pause(Duration::from_secs(4)).await;
        let fate = steady.stop().expect("sent");
        assert!(fate.lost() <= most && fate.doubled == 0 && fate.arrived > 1000, "told {tells}: {fate:?}");
        let neighbour = ours.neighbour().await.expect("a neighbour");
        assert_eq!(neighbour.mac.map(|mac| mac.to_string()), Some(mac));
        assert_eq!(neighbour.moved, before + 1);
        eprintln!("change of MAC, told {tells}: {} of {} lost", fate.lost(), fate.sent);
    }
}

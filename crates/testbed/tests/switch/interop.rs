//! Instances reach each other, whoever switches on the other host.

use model::vswitch::Kind as Tunnel;
use testbed::switched::frames::{self, Course};
use testbed::switched::{Kind, Lay, Ovs, Pair, Runs, mac, talk};

use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// Ping, TCP and bursts, both ways.
async fn reach_each_other(name: &str, lay: Lay) {
    let pair = Pair::start(name, lay, &Runs::Here).await.expect("a pair; these tests need root");
    let connected = pair.until_connected().await;
    connected.unwrap_or_else(|error| panic!("{lay:?}: {error:#}"));
    for (from, to) in [(0, 1), (1, 0)] {
        let [sender, receiver] = [&pair.sides[from], &pair.sides[to]];
        let ip = [10, 99, 0, to as u8 + 1].into();
        let time = Duration::from_millis(300);
        let moved = talk::tcp(&sender.guest, &receiver.guest, ip, time).await;
        let moved = moved.unwrap_or_else(|error| panic!("{lay:?} {from}: {error:#}"));
        assert!(moved.bytes > 1 << 18, "{lay:?} {from}: {moved:?}");
        for len in [64, 1514] {
            let course = Course { from: mac(from), to: mac(to), len, flows: 10 };
            let fate = frames::burst(&sender.guest, &receiver.guest, course, 50, SOON).await.expect("sent");
            // Open vSwitch keeps order only within a flow.
            assert!(fate.lost() == 0 && fate.doubled == 0, "{lay:?} {from}: {fate:?}");
        }
    }
}

const FAMILIES: [bool; 2] = [false, true];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_ours_by_each_tunnel() {
    for tunnel in [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre] {
        for ipv6 in FAMILIES {
            for routed in [false, true] {
                let lay = Lay { ipv6, routed, ..Lay::of([Kind::Ours, Kind::Ours], tunnel) };
                reach_each_other("sw-ours", lay).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_the_kernel() {
    for ipv6 in FAMILIES {
        for routed in [false, true] {
            let lay = Lay { ipv6, routed, ..Lay::of([Kind::Ours, Kind::Kernel], Tunnel::Vxlan) };
            reach_each_other("sw-kernel", lay).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_open_vswitch_by_each_tunnel() {
    assert!(Ovs::is_installed(), "needs openvswitch-switch: scripts/install-packages test");
    for tunnel in [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre] {
        for ipv6 in FAMILIES {
            let lay = Lay { ipv6, ..Lay::of([Kind::Ours, Kind::Ovs], tunnel) };
            reach_each_other("sw-ovs", lay).await;
        }
    }
    let lay = Lay { routed: true, ..Lay::of([Kind::Ours, Kind::Ovs], Tunnel::Vxlan) };
    reach_each_other("sw-ovs", lay).await;
}

//! What agents repair, what they leave alone, and what they say when they cannot.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::NetworkId;
use model::desired::{Network, Part, Segment};
use model::report::State;
use uuid::Uuid;

use crate::netns::place::{Guest, MTU_BYTES, NET, Place, Running, network, two_guests};
use crate::netns::server::failed;
use crate::netns::wait::eventually;

async fn pinging(place: &Place) -> ([Guest; 2], [Running; 2]) {
    let (guests, agents) = two_guests(place).await;
    let [a, b] = &guests;
    eventually("ping", || place.ping(a, b.v4()) && place.ping(a, b.v6()), |ok| *ok).await;
    (guests, agents)
}

async fn up(place: &Place, host: &str, guest: &Guest) {
    let key = guest.part().key();
    eventually("port up", || place.server.state(host, key), |s| *s == Some(State::Up)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_packet() {
    let Some(place) = Place::new() else { return };
    let ([a, b], [one, two]) = pinging(&place).await;
    let ping = place.start(&a.name, &format!("ping -i 0.01 -c 300 -W 2 {}", b.v4()));
    one.kill().await;
    let one = place.run(place.config("one"));
    up(&place, "one", &a).await;
    two.stop().await;
    let _two = place.run(place.config("two"));
    one.stop().await;
    let _one = place.run(place.config("one"));
    let report = tokio::task::block_in_place(|| ping.wait_with_output()).expect("ping ends");
    let text = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(text.contains("300 received, 0% packet loss"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_by_hand_is_repaired() {
    let Some(place) = Place::new() else { return };
    let ([a, b], _agents) = pinging(&place).await;
    let bridge = host::names::bridge(NET);
    for damage in [
        format!("ip link del {bridge}"),
        "ip link del vxlan-4001".to_owned(),
        "ip link set vxlan-4001 down".to_owned(),
        format!("ip link set {} nomaster", a.tap()),
        format!("ip link set {} down", a.tap()),
        format!("bridge fdb del {} dev vxlan-4001 master", b.port.mac),
        format!("bridge fdb del {} dev vxlan-4001 self", b.port.mac),
        format!("ip link set {bridge} down"),
    ] {
        let done = place.exec("one", &damage);
        assert!(done.status.success(), "{damage}: {done:?}");
        eventually(&damage, || place.ping(&a, b.v4()) && place.ping(&b, a.v6()), |ok| *ok).await;
    }
    // What a ping does not show.
    let flushed = place.exec("one", "nft flush ruleset");
    assert!(flushed.status.success(), "{flushed:?}");
    let tables = || String::from_utf8_lossy(&place.exec("one", "nft list tables").stdout).into_owned();
    eventually("tables", tables, |t| t.contains(&a.tap()) && t.contains(&bridge)).await;
    let flags = || place.ip("one", &format!("-d link show {}", a.tap()));
    place.ip("one", &format!("link set {} type bridge_slave learning on flood on", a.tap()));
    eventually("flags", flags, |f| f.contains("learning off flood off")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_come_late_and_go() {
    let Some(place) = Place::new() else { return };
    let guest = Guest::nth(1);
    let key = guest.part().key();
    place.server.put("one", [network(&[]), guest.part()]);
    let _agent = place.run(place.config("one"));
    let state = || place.server.state("one", key);
    eventually("down", state, |s| *s == Some(State::Down)).await;
    place.plug("one", &guest);
    eventually("up", state, |s| *s == Some(State::Up)).await;
    place.ip("one", &format!("link del {}", guest.tap()));
    eventually("down again", state, |s| *s == Some(State::Down)).await;
    place.plug_again("one", &guest);
    eventually("up again", state, |s| *s == Some(State::Up)).await;
    let mut off = guest.clone();
    off.port.admin_state_up = false;
    place.server.put("one", [off.part()]);
    eventually("switched off", state, |s| *s == Some(State::Down)).await;
    assert!(!place.ip("one", &format!("link show {}", guest.tap())).contains("state UP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone() {
    let Some(place) = Place::new() else { return };
    for line in [
        "link add brq00000000-00 type bridge",
        "link add vxlan-77 type vxlan id 77 dstport 4789 local 192.0.2.1",
        "link add tap00000000-00 type veth peer name other",
        "link set tap00000000-00 master brq00000000-00",
        "link add tap11111111-00 type veth peer name another",
        "link set tap11111111-00 up",
    ] {
        place.ip("one", line);
    }
    let table = place.exec("one", "nft add table netdev theirs");
    assert!(table.status.success(), "{table:?}");
    let show = || {
        let names = ["brq00000000-00", "vxlan-77", "tap00000000-00", "tap11111111-00", "under"];
        names.map(|name| place.ip("one", &format!("-d -o link show {name}")))
    };
    let before = show();
    let (guests, agents) = pinging(&place).await;
    place.server.remove("one", [network(&[]).key(), guests[0].part().key(), guests[1].remote("two").key()]);
    let links = || place.ip("one", "-o link");
    eventually("ours gone", links, |l| !l.contains("brq11111111") && !l.contains("vxlan-4001")).await;
    assert_eq!(show(), before);
    let tables = || String::from_utf8_lossy(&place.exec("one", "nft list tables").stdout).into_owned();
    eventually("our tables gone", tables, |t| t.trim() == "table netdev theirs").await;
    assert!(links().contains(&guests[0].tap()), "an instance's device is not deleted");
    for agent in agents {
        agent.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_clearly_and_harms_nothing_else() {
    let Some(place) = Place::new() else { return };
    let net = |n: u128, segment| {
        let id = NetworkId(Uuid::from_u128(n << 96));
        Part::Network(Network { id, mtu_bytes: MTU_BYTES, segment, peers: BTreeSet::new(), roaming: false })
    };
    let vlan = net(1, Segment::Vlan { physical_network: "phys".into(), vid: 7 });
    let geneve = net(2, Segment::Geneve { vni: 9 });
    let nowhere = net(3, Segment::Flat { physical_network: "nowhere".into() });
    let guest = Guest::nth(1);
    place.plug("one", &guest);
    let v6_peer = IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 9]);
    let Part::Network(mut mixed) = network(&[]) else { unreachable!("a network") };
    mixed.peers.insert(v6_peer);
    let parts = [vlan.clone(), geneve.clone(), nowhere.clone(), Part::Network(mixed), guest.part()];
    place.server.put("one", parts);
    place.ip("one", "link add phys0 type veth peer name phys1");
    let mut config = place.config("one");
    config.interface_mappings.insert("phys".into(), "phys0".into());
    let _agent = place.run(config);
    let reason = |key| match place.server.state("one", key) {
        Some(State::Failed { reason }) => reason,
        other => format!("{other:?}"),
    };
    let geneve_reason = "the kernel datapath carries vxlan; geneve needs another datapath";
    eventually("geneve", || reason(geneve.key()), |r| r == geneve_reason).await;
    let flat_reason = "no interface is mapped to the physical network nowhere";
    eventually("flat", || reason(nowhere.key()), |r| r == flat_reason).await;
    if !place.exec("one", "ip link add link phys0 name probe.7 type vlan id 7").status.success() {
        let told = eventually("vlan", || reason(vlan.key()), |r| r.contains("add vlan phys0.7")).await;
        assert!(told.contains("Unknown device type"), "{told}");
    }
    // A peer of the other family cannot be flooded to; the port works all the same.
    eventually("mixed", || reason(network(&[]).key()), |r| r.contains("flood to fd00::9")).await;
    let tap = || place.ip("one", &format!("link show {}", guest.tap()));
    eventually("port wired", tap, |t| t.contains("brq") && t.contains("state UP")).await;
    let failures = || {
        let agents = place.server.agents("one");
        let l2 = agents.iter().find(|agent| agent.agent_type == "Linux bridge agent");
        l2.map(|l2| l2.configurations["failures"].to_string()).unwrap_or_default()
    };
    eventually("heartbeat", failures, |f| f.contains("geneve") && f.contains("nowhere")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_host_stays_as_it_is() {
    let Some(place) = Place::new() else { return };
    let ([a, b], [one, two]) = pinging(&place).await;
    one.stop().await;
    two.stop().await;
    place.server.mute(true);
    let agents = [place.run(place.config("one")), place.run(place.config("two"))];
    // Long enough for a heartbeat to be refused and a sweep to have come.
    eventually("agents run", || place.ping(&a, b.v4()), |ok| *ok).await;
    let links = place.ip("one", "-o link");
    assert!(links.contains("brq11111111") && links.contains("vxlan-4001"), "{links}");
    place.server.forget_outcomes("one");
    place.server.mute(false);
    up(&place, "one", &a).await;
    eventually("all well", || failed(&place.server.outcomes("one")), |f| f.is_empty()).await;
    // With the server gone again, damage is still repaired.
    place.server.mute(true);
    place.ip("one", "link del vxlan-4001");
    eventually("repaired", || place.ping(&a, b.v4()), |ok| *ok).await;
    drop(agents);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_moves_from_host_to_host() {
    let Some(place) = Place::new() else { return };
    let ([a, b], _agents) = pinging(&place).await;
    // B's instance starts anew on host one.
    place.ip("two", &format!("link del {}", b.tap()));
    place.plug_again("one", &b);
    place.server.remove("two", [b.part().key()]);
    place.server.put("two", [b.remote("one")]);
    place.server.remove("one", [b.remote("two").key()]);
    place.server.put("one", [b.part()]);
    eventually("ping", || place.ping(&a, b.v4()) && place.ping(&a, b.v6()), |ok| *ok).await;
    up(&place, "one", &b).await;
}

//! A thousand hosts of one server: all of them join, one change concerns few, all of them come back
//! at once, and the server is restarted under them. Messages are counted and printed.

use std::time::{Duration, Instant};

use model::desired::{Key, Kind, Part};
use serde_json::json;
use testbed::client::id_of;
use testbed::crowd::Crowd;
use testbed::simulated::{Pace, SimulatedHost};
use testbed::wait;
use testbed::wires::BusKind;

testbed::over_every_bus!(a_thousand_hosts);

const HOSTS: usize = 1000;
const LIMIT: Duration = Duration::from_secs(60);
/// Hosts that have the network of a change.
const CONCERNED: usize = 10;
/// Hosts of a change that concerns many: more than a task may do in one go.
const MANY: usize = 250;

/// Hosts ask by the clock later than this test ends: what they ask is for a reason.
const PACE: Pace = Pace { sweep: Duration::from_secs(600), ..Pace::REAL };

fn key(kind: Kind, port: &str) -> Key {
    Key::new(kind, port.parse().expect("an id"))
}

async fn a_thousand_hosts(kind: BusKind) {
    let mut crowd = Crowd::start(kind, HOSTS).await.expect("a server and its bus");
    let start = Instant::now();
    crowd.follow(HOSTS, PACE).expect("hosts start");
    crowd.joined(LIMIT).await.expect("all hosts join");
    let (took, joining) = (start.elapsed(), crowd.counts.tally());
    println!("{HOSTS} hosts joined in {took:?}: {joining}; {:?}", crowd.counts.errors());

    // One change: what is said of it does not depend on how many it does not concern.
    let network = crowd.network().await.expect("a network");
    let mut ports = Vec::new();
    for host in 0..CONCERNED {
        ports.push(crowd.port(&network, host * 7).await.expect("a port"));
    }
    crowd.active(&ports, LIMIT).await.expect("ports work");
    crowd.quiet(Default::default()).await;
    let (before, start) = (crowd.counts.tally(), Instant::now());
    let port = crowd.port(&network, 0).await.expect("a port");
    crowd.active(std::slice::from_ref(&port), LIMIT).await.expect("the port works");
    heard_of(&crowd, &port).await;
    let took = start.elapsed();
    let change = crowd.quiet(before).await;
    println!("one port among {HOSTS} hosts, {CONCERNED} of them concerned, in {took:?}: {change}");
    // Besides those with the network, one answers its DHCP.
    let concerned = CONCERNED as u64 + 1;
    assert!(change.wake <= 2 * concerned && change.sync <= 2 * concerned, "{change}");
    assert!(change.report <= 2 * concerned && change.bytes < 60_000, "{change}");

    many_at_once(&crowd).await;

    // All come back at once.
    if let Some(nats) = &mut crowd.nats {
        let (before, start) = (crowd.counts.tally(), Instant::now());
        nats.kill();
        nats.restart().await.expect("starts");
        let asked = wait::until(LIMIT, || async {
            ((crowd.counts.tally() - before).sync >= HOSTS as u64).then_some(())
        });
        asked.await.expect("every host asks");
        let took = start.elapsed();
        let storm = crowd.quiet(before).await;
        println!(
            "{HOSTS} hosts came back to a crashed bus in {took:?}: {storm}; {:?}",
            crowd.counts.errors()
        );
        assert!(storm.sync <= 2 * HOSTS as u64, "{storm}");
    }
    change_reaches(&crowd, &network).await;

    let (before, start) = (crowd.counts.tally(), Instant::now());
    crowd.restart_server().await.expect("starts");
    change_reaches(&crowd, &network).await;
    let took = start.elapsed();
    let restart = crowd.quiet(before).await;
    println!("the server restarted under {HOSTS} hosts, and a change told in {took:?}: {restart}");
    assert!(restart.sync <= 2 * HOSTS as u64, "{restart}");
    assert!(crowd.hosts.iter().all(|host| host.answers().1 == 1), "one full answer per host, at its start");
}

/// A change that concerns many hosts wakes each of them. Their network has no tunnels: what is told
/// is small, and the same to all.
async fn many_at_once(crowd: &Crowd) {
    let flat = json!({ "provider:network_type": "flat", "provider:physical_network": "physnet1" });
    let id = id_of(&crowd.lone().client.create("network", flat).await.expect("a network"));
    let port =
        |host| json!({ "network_id": id, "binding:host_id": Crowd::name(host), "security_groups": [] });
    let body = json!({ "ports": (0..MANY).map(port).collect::<Vec<_>>() }).to_string();
    let (status, answer) =
        crowd.lone().client.send("POST", "/v2.0/ports", Some(body), &[]).await.expect("an answer");
    assert_eq!(status, 201, "{answer}");
    crowd.quiet(Default::default()).await;
    let (before, start) = (crowd.counts.tally(), Instant::now());
    crowd.lone().client.update("network", &id, json!({ "mtu": 1399 })).await.expect("an update");
    let key = key(Kind::Network, &id);
    let told = wait::until(LIMIT, || async {
        let mtu = |host: &SimulatedHost| match host.part(key) {
            Some(Part::Network(network)) => network.mtu_bytes,
            _ => 0,
        };
        crowd.hosts[..MANY].iter().all(|host| mtu(host) == 1399).then_some(())
    });
    told.await.expect("every host with the network is told");
    let took = start.elapsed();
    let told = crowd.quiet(before).await;
    println!("an MTU told to {MANY} hosts in {took:?}: {told}");
    assert!(told.wake <= 2 * MANY as u64 && told.sync <= 2 * MANY as u64, "{told}");
}

async fn heard_of(crowd: &Crowd, port: &str) {
    let remote = key(Kind::Remote, port);
    let told = wait::until(LIMIT, || async {
        (1..CONCERNED).all(|host| crowd.hosts[host * 7].has(remote)).then_some(())
    });
    told.await.expect("all hosts of the network hear of the port");
}

/// Whatever happened before, a change arrives where it must.
async fn change_reaches(crowd: &Crowd, network: &serde_json::Value) {
    let port = crowd.port(network, 7).await.expect("a port");
    crowd.active(std::slice::from_ref(&port), LIMIT).await.expect("the port works");
    assert!(crowd.hosts[7].has(key(Kind::Port, &port)));
}

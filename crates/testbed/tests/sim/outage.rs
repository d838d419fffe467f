//! The bus late, gone, frozen, crashed and back: hosts converge, nothing is lost, and they do not
//! all come back at once.

use std::time::Duration;

use bus::{Bus, Mischief, Transport, Unruly};
use model::desired::{Key, Kind};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::counting::{Counting, Counts};
use testbed::nats::{NatsPlan, NatsServer};
use testbed::simulated::{Pace, SimulatedHost};
use testbed::{Lone, wait};

const LIMIT: Duration = Duration::from_secs(40);
/// Hosts of a storm.
const MANY: usize = 200;

fn name(n: usize) -> String {
    format!("sim-{n}")
}

async fn nats(hosts: usize) -> NatsServer {
    let plan = NatsPlan::of_hosts((0..hosts).map(name));
    NatsServer::start(plan).await.expect("nats-server; scripts/install-packages test brings it")
}

async fn started(transport: impl Transport) -> Lone {
    Lone::start(Settings::default(), Bus::new(transport)).await.expect("starts")
}

/// Hosts with connections of their own, counted together.
fn hosts(nats: &NatsServer, count: usize, pace: Pace, counts: &Counts) -> Vec<SimulatedHost> {
    let host = |n: usize| {
        let name = name(n);
        let transport = Counting::new(nats.host(&name).expect("options are right"), counts.clone());
        let [high, low] = u16::try_from(n + 1).expect("not so many").to_be_bytes();
        SimulatedHost::follow(Bus::new(transport), &name, [198, 18, high, low].into(), pace)
    };
    (0..count).map(host).collect()
}

async fn known(lone: &Lone, count: usize) {
    let known = wait::until(LIMIT, || async {
        let agents = lone.client.get("agents?alive=true&fields=id").await.ok()?;
        (agents.as_array()?.len() == 2 * count).then_some(())
    });
    known.await.expect("the server hears of every host");
}

async fn a_network(lone: &Lone) -> Value {
    let network = lone.client.create("network", json!({})).await.expect("a network");
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16" });
    lone.client.create("subnet", subnet).await.expect("a subnet");
    network
}

async fn a_port(lone: &Lone, network: &Value, host: usize) -> String {
    let fields = json!({ "network_id": network["id"], "binding:host_id": name(host) });
    id_of(&lone.client.create("port", fields).await.expect("a port"))
}

async fn active(lone: &Lone, ports: &[String]) {
    for port in ports {
        let path = format!("ports/{port}");
        let active = wait::until(LIMIT, || async {
            (lone.client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
        });
        if active.await.is_none() {
            panic!("not ACTIVE: {}", lone.client.get(&path).await.expect("a port"));
        }
    }
}

fn key(port: &str) -> Key {
    Key::new(Kind::Port, port.parse().expect("an id"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_and_hosts_start_before_their_bus() {
    let mut nats = nats(3).await;
    nats.kill();
    let lone = started(nats.server().expect("options are right")).await;
    let hosts = hosts(&nats, 3, Pace::REAL, &Counts::default());
    // The API works without a bus.
    let network = a_network(&lone).await;
    nats.restart().await.expect("starts");
    known(&lone, 3).await;
    let port = a_port(&lone, &network, 2).await;
    active(&lone, std::slice::from_ref(&port)).await;
    assert!(hosts[2].has(key(&port)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_the_bus_is_gone_is_told_when_it_is_back() {
    let mut nats = nats(3).await;
    let lone = started(nats.server().expect("options are right")).await;
    // Hosts ask by the clock much later than this test ends.
    let pace = Pace { sweep: Duration::from_secs(600), ..Pace::REAL };
    let hosts = hosts(&nats, 3, pace, &Counts::default());
    known(&lone, 3).await;
    let network = a_network(&lone).await;
    let first = a_port(&lone, &network, 0).await;
    active(&lone, std::slice::from_ref(&first)).await;
    for round in 0..2 {
        nats.kill();
        let late = a_port(&lone, &network, 1).await;
        let gone = a_port(&lone, &network, 2).await;
        wait::pause(Duration::from_millis(1500)).await;
        lone.client.delete("port", &gone).await.expect("a delete");
        nats.restart().await.expect("starts");
        active(&lone, std::slice::from_ref(&late)).await;
        assert!(hosts[1].has(key(&late)) && !hosts[2].has(key(&gone)), "round {round}");
    }
    lone.client.delete("port", &first).await.expect("a delete");
    let forgotten = wait::until(LIMIT, || async { (!hosts[0].has(key(&first))).then_some(()) });
    forgotten.await.expect("wakes work again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_hangs_for_a_while_and_mischief_on_top() {
    let mischief = Mischief { drop: 30, double: 30, hold: 30, fail_request: 10, seed: 20_261_122 };
    println!("{mischief:?}");
    let mut nats = nats(3).await;
    let lone = started(Unruly::new(nats.server().expect("options are right"), mischief)).await;
    let hosts = hosts(&nats, 3, Pace { sweep: Duration::from_secs(2), ..Pace::HASTY }, &Counts::default());
    known(&lone, 3).await;
    let network = a_network(&lone).await;
    let mut ports = Vec::new();
    for n in 0..12 {
        ports.push(a_port(&lone, &network, n % 3).await);
        match n {
            3 => nats.freeze(true).expect("stops"),
            6 => {
                wait::pause(Duration::from_secs(2)).await;
                nats.freeze(false).expect("goes on");
            }
            9 => {
                nats.kill();
                nats.restart().await.expect("starts");
            }
            _ => {}
        }
    }
    active(&lone, &ports).await;
    for (n, port) in ports.iter().enumerate() {
        assert!(hosts[n % 3].has(key(port)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_come_back_to_a_restarted_bus_each_at_its_own_moment() {
    kernel::raise_file_limit().expect("files for all hosts");
    let mut nats = nats(MANY).await;
    let lone = started(nats.server().expect("options are right")).await;
    let counts = Counts::default();
    let pace = Pace { sweep: Duration::from_secs(600), ..Pace::REAL };
    let hosts = hosts(&nats, MANY, pace, &counts);
    known(&lone, MANY).await;
    let network = a_network(&lone).await;
    let mut ports = Vec::new();
    for n in 0..4 {
        ports.push(a_port(&lone, &network, n).await);
    }
    active(&lone, &ports).await;
    let (before, start) = (counts.tally(), std::time::Instant::now());
    nats.kill();
    let late = a_port(&lone, &network, MANY - 1).await;
    nats.restart().await.expect("starts");
    let all_asked =
        wait::until(LIMIT, || async { ((counts.tally() - before).sync >= MANY as u64).then_some(()) });
    all_asked.await.expect("every host asks");
    active(&lone, std::slice::from_ref(&late)).await;
    let (storm, took) = (counts.tally() - before, start.elapsed());
    println!("{MANY} hosts, bus crashed and back in {took:?}: {storm}; {:?}", counts.errors());
    assert!(hosts[MANY - 1].has(key(&late)));
    assert!(storm.sync <= 2 * MANY as u64, "a host asks once, and some of them again: {storm}");
    // A delta, not everything: the host knew what it had.
    assert!(hosts.iter().all(|host| host.answers().1 == 1), "one full answer per host, at its start");
}

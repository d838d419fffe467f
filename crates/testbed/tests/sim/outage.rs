//! The bus late, gone, frozen, crashed and back: hosts converge, nothing is lost, and they do not
//! all come back at once.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use bus::Mischief;
use model::desired::{Key, Kind};
use testbed::crowd::Crowd;
use testbed::nats::{NatsPlan, NatsServer};
use testbed::simulated::Pace;
use testbed::wait;
use testbed::wires::BusKind;

const LIMIT: Duration = Duration::from_secs(40);
/// Hosts of a storm.
const MANY: usize = 200;
/// Hosts ask by the clock later than a test ends: what they ask is for a reason.
const PACE: Pace = Pace { sweep: Duration::from_secs(600), ..Pace::REAL };

async fn nats(hosts: usize) -> NatsServer {
    let plan = NatsPlan::of_hosts((0..hosts).map(Crowd::name));
    NatsServer::start(plan).await.expect("nats-server; scripts/install-packages test brings it")
}

fn bus(crowd: &mut Crowd) -> &mut NatsServer {
    crowd.nats.as_mut().expect("the bus is NATS")
}

fn key(port: &str) -> Key {
    Key::new(Kind::Port, port.parse().expect("an id"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_and_hosts_start_before_their_bus() {
    let mut nats = nats(3).await;
    nats.kill();
    let mut crowd = Crowd::over(nats, None).await.expect("starts");
    crowd.follow(3, PACE).expect("hosts start");
    // The API works without a bus.
    let network = crowd.network().await.expect("a network");
    bus(&mut crowd).restart().await.expect("starts");
    crowd.joined(LIMIT).await.expect("hosts join");
    let port = crowd.port(&network, 2).await.expect("a port");
    crowd.active(from_ref(&port), LIMIT).await.expect("the port works");
    assert!(crowd.hosts[2].has(key(&port)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_the_bus_is_gone_is_told_when_it_is_back() {
    let mut crowd = Crowd::start(BusKind::Nats, 3).await.expect("starts");
    crowd.follow(3, PACE).expect("hosts start");
    crowd.joined(LIMIT).await.expect("hosts join");
    let network = crowd.network().await.expect("a network");
    let first = crowd.port(&network, 0).await.expect("a port");
    crowd.active(from_ref(&first), LIMIT).await.expect("the port works");
    for round in 0..2 {
        bus(&mut crowd).kill();
        let late = crowd.port(&network, 1).await.expect("a port");
        let gone = crowd.port(&network, 2).await.expect("a port");
        wait::pause(Duration::from_millis(1500)).await;
        crowd.lone().client.delete("port", &gone).await.expect("a delete");
        bus(&mut crowd).restart().await.expect("starts");
        crowd.active(from_ref(&late), LIMIT).await.expect("the port works");
        assert!(crowd.hosts[1].has(key(&late)) && !crowd.hosts[2].has(key(&gone)), "round {round}");
    }
    crowd.lone().client.delete("port", &first).await.expect("a delete");
    let forgotten = wait::until(LIMIT, || async { (!crowd.hosts[0].has(key(&first))).then_some(()) });
    forgotten.await.expect("wakes work again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_hangs_for_a_while_and_mischief_on_top() {
    let mischief = Mischief { drop: 30, double: 30, hold: 30, fail_request: 10, seed: 20_261_122 };
    println!("{mischief:?}");
    let mut crowd = Crowd::over(nats(3).await, Some(mischief)).await.expect("starts");
    crowd.follow(3, Pace { sweep: Duration::from_secs(2), ..Pace::HASTY }).expect("hosts start");
    crowd.joined(LIMIT).await.expect("hosts join");
    let network = crowd.network().await.expect("a network");
    let mut ports = Vec::new();
    for n in 0..12 {
        ports.push(crowd.port(&network, n % 3).await.expect("a port"));
        match n {
            3 => bus(&mut crowd).freeze(true).expect("stops"),
            6 => {
                wait::pause(Duration::from_secs(2)).await;
                bus(&mut crowd).freeze(false).expect("goes on");
            }
            9 => {
                bus(&mut crowd).kill();
                bus(&mut crowd).restart().await.expect("starts");
            }
            _ => {}
        }
    }
    crowd.active(&ports, LIMIT).await.expect("ports work");
    for (n, port) in ports.iter().enumerate() {
        assert!(crowd.hosts[n % 3].has(key(port)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_come_back_to_a_restarted_bus_each_at_its_own_moment() {
    let mut crowd = Crowd::start(BusKind::Nats, MANY).await.expect("starts");
    crowd.follow(MANY, PACE).expect("hosts start");
    crowd.joined(LIMIT).await.expect("hosts join");
    let network = crowd.network().await.expect("a network");
    let (before, start) = (crowd.quiet(Default::default()).await, Instant::now());
    bus(&mut crowd).kill();
    let late = crowd.port(&network, MANY - 1).await.expect("a port");
    bus(&mut crowd).restart().await.expect("starts");
    let mut moments = Vec::new();
    for share in [MANY / 10, MANY - MANY / 10, MANY] {
        let asked = wait::until(LIMIT, || async {
            ((crowd.counts.tally() - before).sync >= share as u64).then(Instant::now)
        });
        moments.push(asked.await.expect("every host asks"));
    }
    let spread = moments[1] - moments[0];
    assert!(spread > Duration::from_millis(1200), "four fifths of the hosts ask within {spread:?}");
    crowd.active(from_ref(&late), LIMIT).await.expect("the port works");
    let storm = crowd.quiet(before).await;
    println!(
        "{MANY} hosts, bus crashed and back, {:?}: {storm}; {:?}",
        start.elapsed(),
        crowd.counts.errors()
    );
    assert!(storm.sync <= 2 * MANY as u64, "a host asks once, and some of them again: {storm}");
    // What changed, not everything: the host knew what it had.
    assert!(crowd.hosts.iter().all(|host| host.answers().1 == 1), "one full answer per host, at its start");
}

//! Hosts converge whatever happens to messages: wakes dropped, doubled and reordered, requests
//! failing, the server restarted; over every kind of bus. The seed is printed; set SEED to run one
//! again.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::{Bus, Mischief};
use db::Engine;
use model::desired::{Key, Kind, Part};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::wires::{BusKind, Wires};
use testbed::{Draw, Lone, Postgres, wait};

// Once alone in one process, with SQLite; once among the real neighbours, PostgreSQL and NATS.
testbed::on_both_engines!(
    wakes_dropped_doubled_and_reordered,
    the_server_is_restarted_under_its_hosts,
    a_host_that_was_away_gets_all_that_changed,
    a_host_with_another_tunnel_address_is_told_to_all,
    a_port_does_not_wait_for_dhcp_that_is_switched_off,
    a_network_deleted_from_several_hosts_leaves_nothing,
    a_port_becomes_active_only_when_wired_and_served,
    dhcp_is_where_an_operator_puts_it,
);

const HOSTS: u8 = 4;
const ACTS: usize = 120;
const LIMIT: Duration = Duration::from_secs(30);

async fn started(engine: Engine, bus: Bus) -> Lone {
    Lone::start_on(engine, Settings::default(), bus).await.expect("starts")
}

/// Between two looks at the truth: who looks asks for the host, which meanwhile is not answered itself.
pub const LOOK: Duration = Duration::from_millis(400);

/// What the server says when it is asked for everything.
pub async fn truth(bus: &Bus, host: &str) -> BTreeMap<Key, Part> {
    let mut parts = BTreeMap::new();
    let mut ask = SyncAsk::all(host);
    loop {
        // A host is answered one question at a time, and this one asks for itself as well.
        let answer = wait::until_every(Duration::from_millis(5), LIMIT, || async {
            bus.ask::<_, SyncAnswer>(Word::Sync, host, &ask).await.ok()
        });
        let answer = answer.await.expect("the server answers");
        parts.extend(answer.parts.into_iter().filter_map(|change| Some((change.key, change.part?))));
        match answer.next {
            Some(next) => ask.after = Some(next),
            None => return parts,
        }
    }
}

/// Random creates, updates, moves and deletes.
pub async fn act(lone: &Lone, draw: &mut Draw) {
    let (mut networks, mut ports): (Vec<String>, Vec<String>) = (vec![], vec![]);
    for _ in 0..ACTS {
        let host = format!("sim-{}", draw.below(HOSTS.into()));
        match draw.below(11) {
            0 | 1 => {
                let network = lone.client.create("network", json!({})).await.expect("a network");
                let second = draw.below(200);
                let subnet = json!({
                    "network_id": network["id"], "ip_version": 4, "cidr": format!("10.{second}.0.0/24"),
                });
                lone.client.create("subnet", subnet).await.expect("a subnet");
                networks.push(id_of(&network));
            }
            2..=5 if !networks.is_empty() => {
                let network = &networks[draw.below(networks.len())];
                let fields = json!({ "network_id": network, "binding:host_id": host });
                ports.push(id_of(&lone.client.create("port", fields).await.expect("a port")));
            }
            6 | 7 if !ports.is_empty() => {
                let port = &ports[draw.below(ports.len())];
                let fields: Value = match draw.below(3) {
                    0 => json!({ "binding:host_id": host }),
                    1 => json!({ "admin_state_up": draw.below(2) == 0 }),
                    _ => json!({ "name": host }),
                };
                lone.client.update("port", port, fields).await.expect("an update");
            }
            8 if !ports.is_empty() => {
                let port = ports.swap_remove(draw.below(ports.len()));
                lone.client.delete("port", &port).await.expect("a delete");
            }
            // An operator's mistake: the host still lives, and comes back with its next heartbeat.
            10 => {
                let agents = lone.client.get(&format!("agents?host={host}&fields=id")).await.expect("agents");
                for agent in agents.as_array().into_iter().flatten() {
                    let _ = lone.client.delete("agent", &id_of(agent)).await;
                }
            }
            9 if !networks.is_empty() => {
                let network = &networks[draw.below(networks.len())];
                let fields = json!({ "mtu": 1300 + draw.below(100) });
                lone.client.update("network", network, fields).await.expect("an update");
            }
            _ => {}
        }
    }
}

async fn converged(wires: &Wires, hosts: &[SimulatedHost]) {
    for host in hosts {
        let bus = wires.host(&host.name);
        let same = wait::until_every(LOOK, LIMIT, || async {
            (host.parts() == truth(&bus, &host.name).await).then_some(())
        });
        if same.await.is_none() {
            panic!(
                "{} has {:#?}\nand should have {:#?}",
                host.name,
                host.parts(),
                truth(&bus, &host.name).await
            );
        }
    }
}

async fn wires(engine: Engine, mischief: Option<Mischief>) -> Wires {
    let kind = match engine {
        Engine::Sqlite => BusKind::InProcess,
        Engine::Postgres => BusKind::Nats,
    };
    let names: Vec<String> = (0..HOSTS).map(|n| format!("sim-{n}")).collect();
    kind.wires(&names, mischief).await.expect("a bus")
}

async fn hosts(wires: &Wires) -> Vec<SimulatedHost> {
    let mut hosts = Vec::new();
    for n in 0..HOSTS {
        let (name, tunneling_ip) = (format!("sim-{n}"), [192, 0, 2, n + 1].into());
        hosts.push(SimulatedHost::start(wires.host(&name), &name, tunneling_ip).await);
    }
    hosts
}

fn seeds() -> Vec<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![1, 20_261_121, 4_294_967_291],
    }
}

async fn wakes_dropped_doubled_and_reordered(engine: Engine) {
    for seed in seeds() {
        println!("seed {seed}");
        let mischief = Mischief { drop: 30, double: 30, hold: 30, fail_request: 10, seed };
        let wires = wires(engine, Some(mischief)).await;
        let lone = started(engine, wires.server()).await;
        let hosts = hosts(&wires).await;
        act(&lone, &mut Draw(seed)).await;
        converged(&wires, &hosts).await;
        assert!(hosts.iter().any(|host| !host.parts().is_empty()), "the run put nothing on any host");
        drop(hosts);
        lone.stop().await;
    }
}

async fn the_server_is_restarted_under_its_hosts(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let hosts = hosts(&wires).await;
    let mut draw = Draw(7);
    act(&lone, &mut draw).await;
    let (bus, folder) = (lone.bus.clone(), lone.stop().await);
    let lone = Lone::start_in(folder, Settings::default(), bus).await.expect("starts");
    act(&lone, &mut draw).await;
    converged(&wires, &hosts).await;
}

async fn a_host_that_was_away_gets_all_that_changed(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let mut all = hosts(&wires).await;
    act(&lone, &mut Draw(11)).await;
    let away = all.pop().expect("a host");
    let name = away.name.clone();
    drop(away);
    act(&lone, &mut Draw(12)).await;
    all.push(SimulatedHost::start(wires.host(&name), &name, [192, 0, 2, HOSTS].into()).await);
    converged(&wires, &all).await;
}

async fn a_host_with_another_tunnel_address_is_told_to_all(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let mut all = hosts(&wires).await;
    act(&lone, &mut Draw(13)).await;
    let name = all.pop().expect("a host").name.clone();
    let moved = SimulatedHost::start(wires.host(&name), &name, [192, 0, 2, 99].into()).await;
    all.push(moved);
    converged(&wires, &all).await;
    let told = all[0].parts().values().any(|part| match part {
        Part::Network(network) => network.peers.contains(&std::net::IpAddr::from([192, 0, 2, 99])),
        _ => false,
    });
    assert!(told, "{:#?}", all[0].parts());
}

async fn a_port_does_not_wait_for_dhcp_that_is_switched_off(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let _hosts = hosts(&wires).await;
    let network = lone.client.create("network", json!({})).await.expect("a network");
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24" });
    let subnet = lone.client.create("subnet", subnet).await.expect("a subnet");
    // Nobody answers for the port: its host is not one of those that run.
    let fields = json!({ "network_id": network["id"], "binding:host_id": "sim-0" });
    let port = lone.client.create("port", fields).await.expect("a port");
    lone.client.update("subnet", &id_of(&subnet), json!({ "enable_dhcp": false })).await.expect("off");
    let path = format!("ports/{}", id_of(&port));
    let active = wait::until(LIMIT, || async {
        (lone.client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
    });
    active.await.expect("ACTIVE without DHCP");
    let left = wait::until(LIMIT, || async {
        let ports = lone.client.get("ports?device_owner=network:dhcp").await.ok()?;
        ports.as_array()?.is_empty().then_some(())
    });
    left.await.expect("the DHCP port goes with DHCP");
}

/// Where an operator puts a network's DHCP it is, and from where he takes it it stays away.
async fn dhcp_is_where_an_operator_puts_it(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let hosts = hosts(&wires).await;
    let network = lone.client.create("network", json!({})).await.expect("a network");
    let id = id_of(&network);
    let agents = lone.client.get("agents?agent_type=DHCP%20agent").await.expect("agents");
    let agents = agents.as_array().expect("a list").clone();
    let of = |host: &SimulatedHost| {
        let found = agents.iter().find(|agent| agent["host"] == host.name.as_str());
        format!("agents/{}/dhcp-networks", id_of(found.expect("its agent")))
    };
    let give = || Some(json!({ "network_id": id }).to_string());
    let asked = |method: &'static str, path: String, body: Option<String>| {
        let client = lone.client.clone();
        async move { client.send(method, &format!("/v2.0/{path}"), body, &[]).await.expect("an answer").0 }
    };
    let last = hosts.last().expect("a host");
    // Before there is anything to serve.
    assert_eq!(asked("POST", of(last), give()).await, 201);
    let subnet = json!({ "network_id": id, "ip_version": 4, "cidr": "10.0.0.0/24" });
    lone.client.create("subnet", subnet).await.expect("a subnet");
    let serve = |which: Vec<usize>| {
        let hosts = &hosts;
        async move {
            let right = |at: usize| (hosts[at].count(Kind::Dhcp) == 1) == which.contains(&at);
            let right = wait::until(LIMIT, || async { (0..hosts.len()).all(right).then_some(()) });
            right.await.unwrap_or_else(|| panic!("{which:?} should serve"));
        }
    };
    let end = hosts.len() - 1;
    serve(vec![end]).await;
    assert_eq!(asked("POST", of(&hosts[0]), give()).await, 201);
    serve(vec![0, end]).await;
    assert_eq!(asked("POST", of(&hosts[0]), give()).await, 409);
    assert_eq!(asked("DELETE", format!("{}/{id}", of(last)), None).await, 204);
    serve(vec![0]).await;
    // It goes to one after the other, and to none again.
    let mut taken = vec![end];
    while taken.len() < hosts.len() {
        let next = wait::until(LIMIT, || async {
            (0..hosts.len()).find(|at| !taken.contains(at) && hosts[*at].count(Kind::Dhcp) == 1)
        });
        let next = next.await.expect("another one serves");
        assert_eq!(asked("DELETE", format!("{}/{id}", of(&hosts[next])), None).await, 204);
        taken.push(next);
    }
    serve(vec![]).await;
    assert_eq!(asked("POST", of(&hosts[1]), give()).await, 201);
    serve(vec![1]).await;
    converged(&wires, &hosts).await;
}

async fn a_port_becomes_active_only_when_wired_and_served(engine: Engine) {
    let wires = wires(engine, None).await;
    let lone = started(engine, wires.server()).await;
    let network = lone.client.create("network", json!({})).await.expect("a network");
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24" });
    lone.client.create("subnet", subnet).await.expect("a subnet");
    let fields = json!({ "network_id": network["id"], "binding:host_id": "sim-0" });
    let early = lone.client.create("port", fields.clone()).await.expect("a port");
    assert_eq!(early["binding:vif_type"], "binding_failed", "nobody has heard of sim-0");
    let _hosts = hosts(&wires).await;
    // The host reports itself: the port is bound after all, wired and served.
    let path = format!("ports/{}", id_of(&early));
    let active = wait::until(LIMIT, || async {
        let port = lone.client.get(&path).await.ok()?;
        (port["status"] == "ACTIVE" && port["binding:vif_type"] == "tap").then_some(())
    });
    active.await.expect("ACTIVE");
    let down = lone.client.update("port", &id_of(&early), json!({ "admin_state_up": false })).await;
    assert_eq!(down.expect("an update")["status"], "DOWN");
}

/// The ports go one after the other, and with each a host: the first that went hears of the last.
async fn a_network_deleted_from_several_hosts_leaves_nothing(engine: Engine) {
    let mut settings = Settings::default();
    settings.rules.dhcp_agents_per_network = usize::from(HOSTS);
    let wires = wires(engine, None).await;
    let lone = Lone::start_on(engine, settings, wires.server()).await.expect("starts");
    let hosts = hosts(&wires).await;
    let network = lone.client.create("network", json!({})).await.expect("a network");
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24" });
    lone.client.create("subnet", subnet).await.expect("a subnet");
    let served = wait::until(LIMIT, || async {
        let remotes = |host: &SimulatedHost| host.count(Kind::Remote) == usize::from(HOSTS) - 1;
        hosts.iter().all(remotes).then_some(())
    });
    served.await.expect("a DHCP port on each host, known to the others");
    lone.client.delete("network", &id_of(&network)).await.expect("a delete");
    converged(&wires, &hosts).await;
    assert!(hosts.iter().all(|host| host.parts().is_empty()));
}

/// Both change what hosts should be, at the same time; each host hears of all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_database() {
    let wires = wires(Engine::Postgres, None).await;
    let database = Postgres::database().await.expect("a database");
    let start = |bus| Lone::start_in(database.clone(), Settings::default(), bus);
    let one = start(wires.server()).await.expect("starts");
    let other = start(wires.server()).await.expect("starts");
    let hosts = hosts(&wires).await;
    let (mut a, mut b, mut c) = (Draw(31), Draw(32), Draw(33));
    tokio::join!(act(&one, &mut a), act(&other, &mut b), act(&other, &mut c));
    converged(&wires, &hosts).await;
    let behind = database.client().await.expect("connects");
    let sql = "SELECT deadlocks, xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let counted = behind.query_one(sql, &[]).await.expect("statistics");
    let (deadlocks, commits): (i64, i64) = (counted.get(0), counted.get(1));
    println!("{deadlocks} deadlocks in {commits} transactions");
    assert_eq!(deadlocks, 0, "everyone locks in the same order");
    assert!(hosts.iter().any(|host| !host.parts().is_empty()), "the run put nothing on any host");
}

//! What the server tells a host that asks, and what it believes of what the host says: page by page,
//! by kinds that the host understands, and across lives of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bus::Bus;
use model::desired::{HostRoute, Key, Kind, Part, Revision};
use model::report::{Outcome, Report, State};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::nats::{NatsPlan, NatsServer};
use testbed::simulated::SimulatedHost;
use testbed::{Draw, Lone, wait};

use super::converge::{act, truth};

async fn started(bus: Bus) -> Lone {
    Lone::start(Settings::default(), bus).await.expect("starts")
}

/// A server that has heard of a host, which is silent from then on.
async fn with_host(name: &str) -> Lone {
    let lone = started(Bus::in_process()).await;
    drop(SimulatedHost::start(lone.bus.clone(), name, [192, 0, 2, 1].into()).await);
    lone
}

async fn ask(lone: &Lone, ask: &SyncAsk) -> SyncAnswer {
    let answer = wait::until(Duration::from_secs(20), || async {
        lone.bus.ask::<_, SyncAnswer>(Word::Sync, &ask.host, ask).await.ok()
    });
    answer.await.expect("an answer")
}

async fn since(lone: &Lone, host: &str, revision: Revision, epoch: &str) -> SyncAnswer {
    ask(lone, &SyncAsk { since: Some(revision), epoch: epoch.into(), ..SyncAsk::all(host) }).await
}

async fn a_port(lone: &Lone, network: &Value, host: &str) -> Key {
    let fields = json!({ "network_id": network["id"], "binding:host_id": host });
    let port = lone.client.create("port", fields).await.expect("a port");
    assert_eq!(port["binding:vif_type"], "tap");
    Key::new(Kind::Port, id_of(&port).parse().expect("an id"))
}

async fn a_network(lone: &Lone) -> Value {
    lone.client.create("network", json!({})).await.expect("a network")
}

fn keys(answer: &SyncAnswer) -> BTreeSet<Key> {
    answer.parts.iter().map(|change| change.key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_pages_come_to_the_same_as_large_ones() {
    let names = ["sim-0", "sim-1", "sim-2", "sim-3"];
    let mut settings = Settings::default();
    settings.quotas.0.insert("port".into(), -1);
    let lone = Lone::start(settings, Bus::in_process()).await.expect("starts");
    let mut hosts = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let tunneling_ip = [192, 0, 2, n as u8 + 1].into();
        hosts.push(SimulatedHost::start(lone.bus.clone(), name, tunneling_ip).await);
    }
    act(&lone, &mut Draw(5)).await;
    let network = a_network(&lone).await;
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16" });
    lone.client.create("subnet", subnet).await.expect("a subnet");
    // More than are told on one page, however large that may be.
    let port = |n: usize| json!({ "network_id": network["id"], "binding:host_id": names[n % 2] });
    let body = json!({ "ports": (0..700).map(port).collect::<Vec<_>>() }).to_string();
    let (status, answer) = lone.client.send("POST", "/v2.0/ports", Some(body), &[]).await.expect("an answer");
    assert_eq!(status, 201, "{answer}");
    // Nothing moves while pages are compared.
    wait::pause(Duration::from_secs(2)).await;
    drop(hosts);
    let mut large = Vec::new();
    for name in names {
        large.push(truth(&lone.bus, name).await);
    }
    let folder = lone.stop().await;
    let plan = NatsPlan { max_payload: 8 << 10, ..NatsPlan::of_hosts(names) };
    let nats = NatsServer::start(plan).await.expect("nats-server");
    let bus = nats.server_bus().expect("a bus");
    let lone = Lone::start_in(folder, Settings::default(), bus).await.expect("starts");
    for (name, large) in names.iter().zip(large) {
        let bus = nats.host_bus(name).expect("a bus");
        let small = truth(&bus, name).await;
        let kinds = |parts: &BTreeMap<Key, Part>| {
            let count = |kind| parts.keys().filter(|key| key.kind == kind).count();
            Kind::ALL.map(|kind| (kind.as_str(), count(kind)))
        };
        let what = format!("{name}: {:?} on small pages, {:?} on large", kinds(&small), kinds(&large));
        assert!(small == large, "{what}");
        assert!(*name != "sim-0" || small.len() >= 700, "{name} has {} parts", small.len());
    }
    lone.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_told_of_the_kinds_it_understands() {
    let lone = with_host("old").await;
    let network = a_network(&lone).await;
    let port = a_port(&lone, &network, "old").await;
    let all = ask(&lone, &SyncAsk::all("old")).await;
    let net = Key::new(Kind::Network, id_of(&network).parse().expect("an id"));
    let member = Key::new(Kind::Member, port.id);
    let others = all.parts.iter().filter(|change| change.key.kind != Kind::Group);
    assert_eq!(others.map(|change| change.key).collect::<BTreeSet<_>>(), BTreeSet::from([net, port, member]));
    let kinds = vec!["port".to_owned(), "hologram".to_owned()];
    let some = ask(&lone, &SyncAsk { kinds: kinds.clone(), protocol: 99, ..SyncAsk::all("old") }).await;
    assert_eq!(keys(&some), BTreeSet::from([port]));
    let delta = SyncAsk { since: Some(0), epoch: all.epoch, kinds, ..SyncAsk::all("old") };
    let delta = ask(&lone, &delta).await;
    assert_eq!((delta.full, keys(&delta)), (false, BTreeSet::from([port])));
}

/// The database as it is, put where `to` says.
fn copy(from: &Path, to: &Path) {
    let sqlite = rusqlite::Connection::open(from).expect("opens");
    sqlite.execute("VACUUM INTO ?1", [to.to_str().expect("text")]).expect("copies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_went_back_hides_nothing() {
    let lone = with_host("h").await;
    let network = a_network(&lone).await;
    let first = a_port(&lone, &network, "h").await;
    let told = ask(&lone, &SyncAsk::all("h")).await;
    let folder = lone.stop().await;
    let (file, backup) = (folder.path().join("neutrino.db"), folder.path().join("backup"));

    // A restart is no reason to tell everything again.
    let lone = Lone::start_in(folder, Settings::default(), Bus::in_process()).await.expect("starts");
    let again = since(&lone, "h", told.revision, &told.epoch).await;
    assert!(!again.full && again.epoch != told.epoch && again.parts.is_empty(), "{again:?}");
    copy(&file, &backup);
    let lost = a_port(&lone, &network, "h").await;
    let after = since(&lone, "h", told.revision, &told.epoch).await;
    assert!(!after.full && keys(&after).contains(&lost));

    // The backup comes back, and counts past what was told of the life that was lost.
    let folder = lone.stop().await;
    for old in ["neutrino.db", "neutrino.db-wal", "neutrino.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(old));
    }
    std::fs::rename(&backup, &file).expect("restores");
    let lone = Lone::start_in(folder, Settings::default(), Bus::in_process()).await.expect("starts");
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        made.insert(a_port(&lone, &network, "h").await);
    }
    let now = since(&lone, "h", after.revision, &after.epoch).await;
    assert!(now.revision > after.revision, "revisions were counted again");
    assert!(now.full, "what was told of the lost life cannot be built upon");
    assert!(made.is_subset(&keys(&now)) && keys(&now).contains(&first) && !keys(&now).contains(&lost));
    // What was told before the backup was taken still holds.
    let before = since(&lone, "h", told.revision, &told.epoch).await;
    assert!(!before.full && made.is_subset(&keys(&before)), "{before:?}");
    let stranger = since(&lone, "h", told.revision, "of another database").await;
    assert!(stranger.full);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_on_an_earlier_version_of_a_port_make_it_active_no_more() {
    let lone = with_host("h").await;
    let network = a_network(&lone).await;
    let port = a_port(&lone, &network, "h").await;
    let early = ask(&lone, &SyncAsk::all("h")).await;
    let change = json!({ "allowed_address_pairs": [{ "ip_address": "10.0.0.9" }] });
    lone.client.update("port", &port.id.to_string(), change).await.expect("an update");
    let late = ask(&lone, &SyncAsk::all("h")).await;
    assert!(late.revision > early.revision);
    let status =
        async || lone.client.get(&format!("ports/{}", port.id)).await.expect("a port")["status"].clone();
    for (revision, epoch, wanted) in [
        (early.revision, early.epoch.as_str(), "DOWN"),
        (late.revision, "of another database", "DOWN"),
        (late.revision, late.epoch.as_str(), "ACTIVE"),
    ] {
        let outcomes = vec![Outcome::new(port, revision, State::Up)];
        let report = Report { host: "h".into(), epoch: epoch.into(), outcomes, skipped: vec![] };
        lone.bus.ask::<_, ()>(Word::Report, "h", &report).await.expect("is acknowledged");
        assert_eq!(status().await, wanted, "at {revision} of {epoch}");
    }
}

/// Subnets on different segments lead to each other: whoever answers DHCP is told, as they come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_dhcp_is_told_of_routes_between_segments() {
    let lone = started(Bus::in_process()).await;
    let host = SimulatedHost::start(lone.bus.clone(), "sim-0", [192, 0, 2, 1].into()).await;
    let network = a_network(&lone).await;
    let key = Key::new(Kind::Dhcp, id_of(&network).parse().expect("an id"));
    let own = lone.client.get(&format!("segments?network_id={}", id_of(&network))).await.expect("a list");
    let far = json!({ "network_id": network["id"], "network_type": "vxlan" });
    let far = lone.client.create("segment", far).await.expect("a segment");
    let subnet = |segment: &Value, cidr: &str| {
        let fields = json!({ "network_id": network["id"], "ip_version": 4, "cidr": cidr, "segment_id": segment["id"] });
        let client = lone.client.clone();
        async move { client.create("subnet", fields).await.expect("a subnet") }
    };
    let told = async |routes: &[&str]| {
        let told = || match host.part(key)? {
            Part::Dhcp(dhcp) => Some(dhcp.subnets.first()?.host_routes.clone()),
            _ => None,
        };
        let all = |had: Vec<HostRoute>| {
            had.iter().map(|route| format!("{} {}", route.destination, route.nexthop)).collect::<Vec<_>>()
        };
        let told =
            wait::until(Duration::from_secs(20), || async { (told().map(all)? == routes).then_some(()) });
        told.await.unwrap_or_else(|| panic!("{routes:?}: {:#?}", host.part(key)));
    };
    subnet(&own[0], "10.0.0.0/24").await;
    told(&[]).await;
    let other = subnet(&far, "10.1.0.0/24").await;
    told(&["10.1.0.0/24 10.0.0.1"]).await;
    lone.client.delete("subnet", &id_of(&other)).await.expect("goes");
    told(&[]).await;
}

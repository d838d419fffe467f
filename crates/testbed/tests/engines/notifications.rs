//! What others are told of changes: over a real NATS, once a change is there, and not lost with a server.

use std::time::Duration;

use bus::{Bus, BusError};
use model::RouterId;
use model::desired::{Key, Kind, L3Mode, Part};
use model::meter::{Place, Reading};
use model::report::{Heartbeat, L3Configuration};
use model::subject::Word;
use serde_json::{Value, json};
use server::{NotificationSettings, Settings};
use testbed::nats::{NatsPlan, NatsServer};
use testbed::simulated::SimulatedHost;
use testbed::{Engine, Lone, wait};
use tokio::sync::mpsc::Receiver;

testbed::on_both_engines!(
    changes_are_told_over_nats,
    a_killed_server_tells_when_it_is_back,
    counts_of_hosts_are_told_once
);

/// Longer than the turn of a server that is gone.
const LIMIT: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    let notifications = NotificationSettings { enabled: true, ..NotificationSettings::default() };
    Settings { notifications, ..Settings::default() }
}

async fn connected(bus: &Bus) {
    let mut connected = bus.connected();
    let there = connected.wait_for(|connected| *connected);
    drop(tokio::time::timeout(LIMIT, there).await.expect("NATS is there").expect("and stays"));
}

/// The next message, without its envelope.
async fn next(heard: &mut Receiver<Vec<u8>>) -> Value {
    let message = tokio::time::timeout(LIMIT, heard.recv()).await.expect("in time").expect("a message");
    let envelope: Value = serde_json::from_slice(&message).expect("JSON");
    assert_eq!(envelope["oslo.version"], "2.0");
    serde_json::from_str(envelope["oslo.message"].as_str().expect("text")).expect("JSON again")
}

async fn expect(heard: &mut Receiver<Vec<u8>>, event_type: &str) -> Value {
    let message = next(heard).await;
    assert_eq!(message["event_type"], event_type, "{message}");
    message
}

/// A reader on NATS, once what is told reaches it.
async fn reader(nats: &NatsServer) -> (Bus, Receiver<Vec<u8>>) {
    let bus = nats.server_bus().expect("a bus");
    connected(&bus).await;
    let mut heard = bus.notifications();
    // Subscribed by then: a message that is told until it is heard.
    let mut got = false;
    while !got {
        bus.notify(vec![b"first".to_vec()]).await.expect("is told");
        got = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await.is_ok();
    }
    while tokio::time::timeout(Duration::from_millis(300), heard.recv()).await.is_ok() {}
    (bus, heard)
}

async fn changes_are_told_over_nats(engine: Engine) {
    let nats = NatsServer::start(NatsPlan::default()).await.expect("a NATS");
    let (_bus, mut heard) = reader(&nats).await;
    let told_by = nats.server_bus().expect("a bus");
    connected(&told_by).await;
    let lone = Lone::start_on(engine, settings(), told_by).await.expect("starts");
    let client = &lone.client;

    let network = client.create("network", json!({ "name": "n" })).await.expect("is made");
    let start = expect(&mut heard, "network.create.start").await;
    assert_eq!(start["payload"], json!({ "network": { "name": "n" } }));
    let end = expect(&mut heard, "network.create.end").await;
    assert_eq!(end["payload"], json!({ "network": network }));
    assert_eq!((&end["priority"], &end["publisher_id"]), (&json!("INFO"), &json!("network.neutrino")));
    assert_eq!(end["_context_project_id"], "admin");
    assert!(end["_context_request_id"].as_str().is_some_and(|id| id.starts_with("req-")), "{end}");

    let id = network["id"].as_str().expect("an id");
    client.update("network", id, json!({ "name": "m" })).await.expect("changes");
    let start = expect(&mut heard, "network.update.start").await;
    assert_eq!(start["payload"], json!({ "network": { "name": "m" }, "id": id }));
    let end = expect(&mut heard, "network.update.end").await;
    assert_eq!(end["payload"]["network"]["name"], "m");

    // What is refused is told nobody.
    let bad = json!({ "network": { "name": 5 } }).to_string();
    let (status, _) = client.send("POST", "/v2.0/networks", Some(bad), &[]).await.expect("an answer");
    assert_eq!(status, 400);
    let two = json!({ "networks": [{ "name": "a" }, { "name": "b" }] }).to_string();
    let (status, made) = client.send("POST", "/v2.0/networks", Some(two), &[]).await.expect("an answer");
    assert_eq!(status, 201);
    expect(&mut heard, "network.create.start").await;
    assert_eq!(expect(&mut heard, "network.create.end").await["payload"], made);

    let subnet = json!({ "network_id": id, "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false });
    let subnet = client.create("subnet", subnet).await.expect("is made");
    let router = client.create("router", json!({})).await.expect("is made");
    let add = format!("routers/{}/add_router_interface", router["id"].as_str().expect("an id"));
    client.act(&add, json!({ "subnet_id": subnet["id"] })).await.expect("is joined");
    for event in ["subnet.create.start", "subnet.create.end", "router.create.start", "router.create.end"] {
        expect(&mut heard, event).await;
    }
    let joined = expect(&mut heard, "router.interface.create").await;
    assert_eq!(joined["payload"]["router_interface"]["subnet_id"], subnet["id"]);

    let gone = made["networks"][0].clone();
    client.delete("network", gone["id"].as_str().expect("an id")).await.expect("goes");
    let start = expect(&mut heard, "network.delete.start").await;
    assert_eq!(start["payload"], json!({ "network_id": gone["id"] }));
    let end = expect(&mut heard, "network.delete.end").await;
    assert_eq!(end["payload"]["network_id"], gone["id"]);
    assert_eq!(end["payload"]["network"]["name"], gone["name"]);
    lone.stop().await;
}

/// Between the commit and the bus there is the database.
async fn a_killed_server_tells_when_it_is_back(engine: Engine) {
    let nats = NatsServer::start(NatsPlan::default()).await.expect("a NATS");
    let (_bus, mut heard) = reader(&nats).await;
    let bus = nats.server_bus().expect("a bus");
    connected(&bus).await;
    let (severed, cut) = bus.clone().severable();
    cut.store(true, std::sync::atomic::Ordering::Relaxed);
    let lone = Lone::start_on(engine, settings(), severed).await.expect("starts");
    lone.client.create("network", json!({ "name": "kept" })).await.expect("is made");
    let home = lone.stop().await;
    assert!(heard.try_recv().is_err(), "nothing is told while the bus is cut off");

    let lone = Lone::start_in(home, settings(), bus).await.expect("starts");
    expect(&mut heard, "network.create.start").await;
    let end = expect(&mut heard, "network.create.end").await;
    assert_eq!(end["payload"]["network"]["name"], "kept");
    let db = lone.open().await.expect("opens");
    let forgotten = wait::until(LIMIT, || async {
        let left = db.read().await.ok()?.noted_messages(10).await.ok()?;
        left.is_empty().then_some(())
    });
    forgotten.await.expect("what was told is forgotten");
    lone.stop().await;
}

/// What a router counted on a host is told, once, of whoever's it is.
async fn counts_of_hosts_are_told_once(engine: Engine) {
    let bus = Bus::in_process();
    let mut heard = bus.notifications();
    let lone = Lone::start_on(engine, settings(), bus.clone()).await.expect("starts");
    let client = &lone.client;
    let l3 = L3Configuration { agent_mode: L3Mode::Legacy, lazy_routers: false };
    let host = SimulatedHost::start_as(bus.clone(), "net-0", [192, 0, 2, 1].into(), Some(l3)).await;
    let external = json!({ "name": "public", "router:external": true });
    let external = client.create("network", external).await.expect("is made");
    let subnet = json!({ "network_id": external["id"], "ip_version": 4, "cidr": "203.0.113.0/24" });
    client.create("subnet", subnet).await.expect("is made");
    let router = json!({ "external_gateway_info": { "network_id": external["id"] } });
    let router = client.create("router", router).await.expect("is made");
    let post = async |path: &str, body: Value| {
        let path = format!("/v2.0/metering/{path}");
        let (status, answer) =
            client.send("POST", &path, Some(body.to_string()), &[]).await.expect("an answer");
        assert_eq!(status, 201, "{answer}");
        answer
    };
    let label = post("metering-labels", json!({ "metering_label": { "name": "l" } })).await;
    let label = label["metering_label"]["id"].clone();
    let rule =
        json!({ "metering_label_id": label, "direction": "egress", "remote_ip_prefix": "10.0.0.0/24" });
    post("metering-label-rules", json!({ "metering_label_rule": rule })).await;
    let id: RouterId = serde_json::from_value(router["id"].clone()).expect("an id");
    let counts = wait::until(LIMIT, || async {
        let Some(Part::Router(router)) = host.part(Key::new(Kind::Router, id.0)) else { return None };
        router.meters.first().cloned()
    });
    let meter = counts.await.expect("the host is told what to count");
    assert_eq!(json!(meter.label), label);
    assert_eq!(meter.rules[0].source, "10.0.0.0/24".parse().ok());

    let say = async |at: RouterId, born_us: i64, packets: u64| {
        let place = Place { router: at, snat: false, label: meter.label };
        let meters = vec![Reading { place, born_us, packets, bytes: packets * 100 }];
        let beat = Heartbeat { host: "net-0".into(), agents: vec![], meters };
        bus.ask::<_, ()>(Word::Beat, "net-0", &beat).await.expect("is taken");
    };
    say(id, 7, 10).await;
    // The same again, late, and of a router that the host does not have.
    say(id, 7, 10).await;
    say(id, 7, 4).await;
    say(uuid::Uuid::from_u128(1).into(), 7, 99).await;
    say(id, 7, 15).await;
    say(id, 8, 2).await;
    for wanted in [10, 5, 2] {
        let told = loop {
            let message = next(&mut heard).await;
            if message["event_type"] == "l3.meter" {
                break message;
            }
        };
        assert_eq!(told["publisher_id"], "metering.net-0");
        let payload = &told["payload"];
        assert_eq!((&payload["label_id"], &payload["project_id"]), (&label, &router["project_id"]));
        assert_eq!((&payload["pkts"], &payload["bytes"]), (&json!(wanted), &json!(wanted * 100)));
        assert_eq!(payload["host"], "net-0");
    }
    // A label that goes takes its counts along, and the host is told.
    let path = format!("/v2.0/metering/metering-labels/{}", meter.label);
    let (status, _) = client.send("DELETE", &path, None, &[]).await.expect("an answer");
    assert_eq!(status, 204);
    let none = wait::until(LIMIT, || async {
        let Some(Part::Router(router)) = host.part(Key::new(Kind::Router, id.0)) else { return None };
        router.meters.is_empty().then_some(())
    });
    none.await.expect("the host counts no more");
    say(id, 8, 50).await;
    lone.stop().await;
    while let Ok(message) = heard.try_recv() {
        let envelope = String::from_utf8_lossy(&message).into_owned();
        assert!(!envelope.contains("l3.meter"), "{envelope}");
    }
}

/// A login that may not tell is told so, and nothing is forgotten.
#[tokio::test]
async fn a_host_may_not_tell() {
    let nats = NatsServer::start(NatsPlan::of_hosts(["host-1"])).await.expect("a NATS");
    let (server, host) = (nats.server_bus().expect("a bus"), nats.host_bus("host-1").expect("a bus"));
    connected(&server).await;
    connected(&host).await;
    server.notify(vec![b"{}".to_vec()]).await.expect("a server may");
    let refused = wait::until(LIMIT, || async {
        matches!(host.notify(vec![b"{}".to_vec()]).await, Err(BusError::NotAllowed(_))).then_some(())
    });
    refused.await.expect("a host may not");
}

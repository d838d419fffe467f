//! Local IPs on both engines: what hosts are told follows the ports that stand for them, and of those who race one
//! wins.

use std::collections::BTreeSet;
use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Kind, LocalIp, Part};
use serde_json::{Value, json};
use server::{AuthSettings, Settings};
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, Engine, Lone, wait};

use super::racing::{Servers, counts};

const EACH: usize = 6;
const MOST: usize = 16;
const HOST: &str = "host-1";
const LIMIT: Duration = Duration::from_secs(20);

testbed::on_both_engines!(
    hosts_are_told_who_stands_for_what,
    one_wins,
    a_network_has_so_many,
    a_guest_takes_no_address_that_he_could_not_give_a_port,
    a_port_keeps_the_address_of_a_local_ip
);

async fn post(client: &Client, path: &str, body: Value) -> (u16, Value) {
    client.send("POST", &format!("/v2.0/{path}"), Some(body.to_string()), &[]).await.expect("answers")
}

async fn delete(client: &Client, path: &str) -> (u16, Value) {
    client.send("DELETE", &format!("/v2.0/{path}"), None, &[]).await.expect("answers")
}

async fn local_ip(client: &Client, fields: Value) -> String {
    let (status, made) = post(client, "local-ips", json!({ "local_ip": fields })).await;
    assert_eq!(status, 201, "{made}");
    id_of(&made["local_ip"])
}

fn stands(port: &str) -> Value {
    json!({ "port_association": { "fixed_port_id": port } })
}

/// Waits until the host is told that a port stands for these, each with the address that it is sent to.
async fn told(host: &SimulatedHost, port: &str, wanted: &[(&str, Option<&str>)]) {
    let key = Key::new(Kind::Port, port.parse().expect("an id"));
    let ip = |text: &str| text.parse().expect("an address");
    let local =
        |(address, own): &(&str, Option<&str>)| LocalIp { address: ip(address), fixed_ip: own.map(ip) };
    let wanted: BTreeSet<LocalIp> = wanted.iter().map(local).collect();
    let is = |part| matches!(part, Some(Part::Port(port)) if port.local_ips == wanted);
    let done = wait::until(LIMIT, || async { is(host.part(key)).then_some(()) }).await;
    assert!(done.is_some(), "{wanted:?}: {:?}", host.part(key));
}

async fn hosts_are_told_who_stands_for_what(engine: Engine) {
    let bus = Bus::in_process();
    let lone = Lone::start_on(engine, Settings::default(), bus.clone()).await.expect("starts");
    let host = SimulatedHost::start(bus, HOST, [192, 0, 2, 1].into()).await;
    let client = &lone.client;
    let network = id_of(&client.create("network", json!({})).await.expect("a network"));
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
    client.create("subnet", subnet).await.expect("a subnet");
    let at = |ip: &str| json!([{ "ip_address": ip }]);
    let port = json!({ "network_id": network, "fixed_ips": at("10.0.0.5"), "binding:host_id": HOST });
    let port = id_of(&client.create("port", port).await.expect("a port"));
    let local = local_ip(client, json!({ "network_id": network, "local_ip_address": "10.0.0.100" })).await;
    let through =
        json!({ "network_id": network, "local_ip_address": "10.0.0.101", "ip_mode": "passthrough" });
    let through = local_ip(client, through).await;
    told(&host, &port, &[]).await;
    for local in [&local, &through] {
        let (status, made) =
            post(client, &format!("local-ips/{local}/port_associations"), stands(&port)).await;
        assert_eq!(status, 201, "{made}");
    }
    let both = [("10.0.0.100", Some("10.0.0.5")), ("10.0.0.101", None)];
    told(&host, &port, &both).await;
    let (status, refused) = delete(client, &format!("local-ips/{local}")).await;
    assert_eq!((status, &refused["NeutronError"]["type"]), (409, &json!("LocalIPInUse")));

    // Of an address that the port does not have any more its host is not told; with it it is again.
    for (ip, wanted) in [("10.0.0.6", &[][..]), ("10.0.0.5", &both)] {
        client.update("port", &port, json!({ "fixed_ips": at(ip) })).await.expect("changes");
        told(&host, &port, wanted).await;
    }
    assert_eq!(delete(client, &format!("local-ips/{through}/port_associations/{port}")).await.0, 204);
    told(&host, &port, &both[..1]).await;
    client.delete("port", &port).await.expect("goes, and stands for nothing");
    assert_eq!(delete(client, &format!("local-ips/{local}")).await.0, 204);
    lone.stop().await;
}

async fn network(servers: &Servers) -> String {
    let network = servers.make("network", json!({})).await;
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
    servers.make("subnet", subnet).await;
    network
}

async fn one_wins(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (client, network) = (servers.client(0), network(&servers).await);
    let port = servers.make("port", json!({ "network_id": network })).await;
    let fields = json!({ "network_id": network, "local_ip_address": "10.0.0.100" });
    let ask = || ("POST", "/v2.0/local-ips".to_owned(), Some(json!({ "local_ip": fields })));
    let answers = servers.all((0..EACH).map(|_| ask()).collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (409, EACH - 1)], "{answers:?}");
    let local = id_of(&answers[&201][0]["local_ip"]);

    let stand = || ("POST", format!("/v2.0/local-ips/{local}/port_associations"), Some(stands(&port)));
    let answers = servers.all((0..EACH).map(|_| stand()).collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (409, EACH - 1)], "{answers:?}");

    // Of a port that comes to stand for it and of its end, neither is left without the other.
    assert_eq!(delete(&client, &format!("local-ips/{local}/port_associations/{port}")).await.0, 204);
    let end = ("DELETE", format!("/v2.0/local-ips/{local}"), None);
    let answers = servers.all(vec![stand(), end]).await;
    let wins = answers.iter().filter(|(status, _)| **status < 300).map(|(_, won)| won.len()).sum::<usize>();
    assert_eq!(wins, 1, "{answers:?}");
}

async fn a_network_has_so_many(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (client, network) = (servers.client(0), network(&servers).await);
    for _ in 0..MOST {
        local_ip(&client, json!({ "network_id": network })).await;
    }
    let (status, refused) =
        post(&client, "local-ips", json!({ "local_ip": { "network_id": network } })).await;
    assert_eq!((status, &refused["NeutronError"]["type"]), (409, &json!("OverQuota")), "{refused}");
}

const OWNER: &str = "11111111111111111111111111111111";
const GUEST: &str = "22222222222222222222222222222222";
const ADMIN: &str = "admin";

/// The status, and what was made or the type of the refusal.
async fn asked(client: &Client, project: &str, method: &str, path: &str, body: Value) -> (u16, String) {
    let roles = if project == ADMIN { "admin,member,reader" } else { "member,reader" };
    let who = [("X-User-Id", project), ("X-Project-Id", project), ("X-Roles", roles)];
    let body = (!body.is_null()).then(|| body.to_string());
    let answer = client.send(method, &format!("/v2.0/{path}"), body, &who).await;
    let (status, answer) = answer.expect("answers");
    assert!(status < 500, "{path}: {answer}");
    let made = answer.as_object().and_then(|answer| answer.values().next()).cloned().unwrap_or_default();
    (status, made["type"].as_str().or(made["id"].as_str()).unwrap_or_default().to_owned())
}

async fn made(client: &Client, project: &str, path: &str, body: Value) -> String {
    let (status, id) = asked(client, project, "POST", path, body).await;
    assert_eq!(status, 201, "{path}: {id}");
    id
}

/// A server that asks who asks, and a network of the owner that `kind` says more of.
async fn of_the_owner(engine: Engine, kind: &str) -> (Lone, String) {
    let settings = Settings { auth: AuthSettings::Trusting, ..Settings::default() };
    let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let network = network_for(&lone.client, kind).await;
    (lone, network)
}

async fn network_for(client: &Client, kind: &str) -> String {
    let network = json!({ "network": { "project_id": OWNER, kind: true } });
    let network = made(client, ADMIN, "networks", network).await;
    let subnet =
        json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false });
    made(client, ADMIN, "subnets", json!({ "subnet": subnet })).await;
    network
}

async fn a_guest_takes_no_address_that_he_could_not_give_a_port(engine: Engine) {
    let (lone, network) = of_the_owner(engine, "shared").await;
    let client = &lone.client;
    let outside = network_for(client, "router:external").await;
    let of_guest = json!({ "port": { "network_id": network } });
    let of_guest = made(client, GUEST, "ports", of_guest).await;
    let any = json!({ "network_id": network });
    let at = |ip: &str| json!({ "network_id": network, "local_ip_address": ip });
    let on = |port: &str| json!({ "local_port_id": port });
    let mut steps = vec![
        (GUEST, at("10.0.0.99"), (403, "PolicyNotAuthorized")),
        (GUEST, at("10.0.0.1"), (403, "PolicyNotAuthorized")),
        (GUEST, json!({ "network_id": outside }), (403, "PolicyNotAuthorized")),
        (OWNER, at("10.0.0.1"), (400, "BadRequest")),
        (ADMIN, at("10.0.0.1"), (400, "BadRequest")),
        (OWNER, on(&of_guest), (400, "BadRequest")),
        (OWNER, at("10.0.0.99"), (201, "")),
        (ADMIN, on(&of_guest), (201, "")),
        (GUEST, on(&of_guest), (201, "")),
    ];
    // One port may have several; of all a guest has a share.
    steps.extend((1..4).map(|_| (GUEST, any.clone(), (201, ""))));
    steps.push((GUEST, any.clone(), (409, "OverQuota")));
    steps.push((OWNER, any, (201, "")));
    for (project, fields, (status, kind)) in steps {
        let answer = asked(client, project, "POST", "local-ips", json!({ "local_ip": fields })).await;
        assert_eq!(answer.0, status, "{project} {fields}: {}", answer.1);
        assert!(status < 300 || answer.1 == kind, "{project} {fields}: {}", answer.1);
    }
    lone.stop().await;
}

async fn a_port_keeps_the_address_of_a_local_ip(engine: Engine) {
    let (lone, network) = of_the_owner(engine, "shared").await;
    let client = &lone.client;
    let at = |ip: &str| json!([{ "ip_address": ip }]);
    let port = json!({ "port": { "network_id": network, "fixed_ips": at("10.0.0.5") } });
    let port = made(client, OWNER, "ports", port).await;
    let mut joins = Vec::new();
    for _ in 0..2 {
        let router = made(client, OWNER, "routers", json!({ "router": {} })).await;
        joins.push(format!("routers/{router}/add_router_interface"));
    }
    let leg = json!({ "port": { "network_id": network } });
    let leg = made(client, OWNER, "ports", leg).await;
    let joined = asked(client, OWNER, "PUT", &joins[0], json!({ "port_id": leg })).await;
    assert_eq!(joined.0, 200, "{}", joined.1);
    let local = |port: &str| json!({ "local_ip": { "local_port_id": port } });
    let refused = asked(client, OWNER, "POST", "local-ips", local(&leg)).await;
    assert_eq!(refused, (400, "BadRequest".into()), "a router's port would not go any more");
    let of_port = made(client, OWNER, "local-ips", local(&port)).await;

    let in_use = (409, "ServicePortInUse".to_owned());
    let path = format!("ports/{port}");
    for other in [at("10.0.0.6"), json!([])] {
        let change = json!({ "port": { "fixed_ips": other } });
        assert_eq!(asked(client, OWNER, "PUT", &path, change).await, in_use);
    }
    assert_eq!(asked(client, OWNER, "PUT", &joins[1], json!({ "port_id": port })).await, in_use);
    assert_eq!(asked(client, OWNER, "DELETE", &path, Value::Null).await, in_use);
    // Beside it the port may have more; without the local IP it changes as any.
    let more =
        json!({ "port": { "fixed_ips": [{ "ip_address": "10.0.0.5" }, { "ip_address": "10.0.0.6" }] } });
    assert_eq!(asked(client, OWNER, "PUT", &path, more).await.0, 200);
    assert_eq!(asked(client, OWNER, "DELETE", &format!("local-ips/{of_port}"), Value::Null).await.0, 204);
    let change = json!({ "port": { "fixed_ips": at("10.0.0.7") } });
    assert_eq!(asked(client, OWNER, "PUT", &path, change).await.0, 200);
    lone.stop().await;
}

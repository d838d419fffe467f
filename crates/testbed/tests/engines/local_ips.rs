//! Local IPs on both engines: what hosts are told follows the ports that stand for them, and of those who race one
//! wins.

use std::collections::BTreeSet;
use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Kind, LocalIp, Part};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, Engine, Lone, wait};

use super::racing::{Servers, counts};

const EACH: usize = 6;
const MOST: usize = 16;
const HOST: &str = "host-1";
const LIMIT: Duration = Duration::from_secs(20);

testbed::on_both_engines!(hosts_are_told_who_stands_for_what, one_wins, a_network_has_so_many);

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

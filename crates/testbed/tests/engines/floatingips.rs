//! Floating IPs and port forwardings on both engines: what becomes of them with their ports;
//! and of those who race for one thing exactly one wins.

use std::time::Duration;

use db::Db;
use model::api::floatingip::{FLOATINGIP, FloatingIp};
use model::l3::RouterFacts;
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::{Client, Engine, wait};

use super::racing::{Servers, counts};

const EACH: usize = 6;
const LIMIT: Duration = Duration::from_secs(20);

/// An external network, and one of instances behind a router.
struct Place {
    servers: Servers,
    db: Db,
    client: Client,
    external: String,
    inside: String,
    router: String,
}

impl Place {
    async fn start(engine: Engine, pool: Value) -> Place {
        let servers = Servers::start(engine).await;
        let (client, db) = (servers.client(0), servers.open().await);
        let network = |fields| servers.make("network", fields);
        let external = network(json!({ "router:external": true })).await;
        let inside = network(json!({})).await;
        let subnet = json!({ "network_id": external, "ip_version": 4, "cidr": "192.0.2.0/24",
            "enable_dhcp": false, "allocation_pools": pool });
        client.create("subnet", subnet).await.expect("a subnet");
        let subnet = json!({ "network_id": inside, "ip_version": 4, "cidr": "10.0.0.0/24" });
        let behind = id_of(&client.create("subnet", subnet).await.expect("a subnet"));
        let router = json!({ "external_gateway_info": { "network_id": external } });
        let router = id_of(&client.create("router", router).await.expect("a router"));
        let path = format!("/v2.0/routers/{router}/add_router_interface");
        let body = json!({ "subnet_id": behind }).to_string();
        let (status, answer) = client.send("PUT", &path, Some(body), &[]).await.expect("answers");
        assert_eq!(status, 200, "{answer}");
        Place { client, servers, db, external, inside, router }
    }

    async fn port(&self, ips: &[&str]) -> String {
        let ips: Vec<Value> = ips.iter().map(|ip| json!({ "ip_address": ip })).collect();
        let port = json!({ "network_id": self.inside, "fixed_ips": ips });
        id_of(&self.client.create("port", port).await.expect("a port"))
    }

    async fn floatingip(&self, port: Option<&str>) -> Value {
        let fields = json!({ "floating_network_id": self.external, "port_id": port });
        self.client.create("floatingip", fields).await.expect("a floating IP")
    }

    async fn show(&self, floatingip: &str) -> Value {
        self.client.get(&format!("floatingips/{floatingip}")).await.expect("shows")
    }

    async fn forward(&self, floatingip: &str, port: &str, ip: &str, number: u16) -> (u16, Value) {
        let body = forwarding(port, ip, number).to_string();
        let path = format!("/v2.0/floatingips/{floatingip}/port_forwardings");
        self.client.send("POST", &path, Some(body), &[]).await.expect("answers")
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.client.send("POST", path, Some(body.to_string()), &[]).await.expect("answers")
    }

    /// What the hosts' parts of the router are made of.
    async fn facts(&self) -> RouterFacts {
        let mut tx = self.db.read().await.expect("reads");
        let id = self.router.parse().expect("an id");
        tx.router_fact(id).await.expect("reads").expect("is there")
    }

    async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.client.send("PUT", path, Some(body.to_string()), &[]).await.expect("answers")
    }
}

fn forwarding(port: &str, ip: &str, number: u16) -> Value {
    json!({ "port_forwarding": {
        "internal_port_id": port, "internal_ip_address": ip, "protocol": "tcp", "internal_port": number,
        "external_port": number,
    }})
}

testbed::on_both_engines!(a_floating_ip_follows_its_port);

async fn a_floating_ip_follows_its_port(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.20" }])).await;
    let port = place.port(&["10.0.0.5"]).await;
    let free = place.floatingip(None).await;
    assert_eq!((&free["status"], &free["router_id"]), (&json!("DOWN"), &Value::Null));
    let id = id_of(&free);
    let path = format!("/v2.0/floatingips/{id}");
    let (status, tied) = place.put(&path, json!({ "floatingip": { "port_id": port } })).await;
    assert_eq!(status, 200, "{tied}");
    let tied = &tied["floatingip"];
    assert_eq!(tied["router_id"], json!(place.router));
    assert_eq!(tied["fixed_ip_address"], "10.0.0.5");
    assert_eq!(tied["port_details"]["admin_state_up"], true);
    assert_eq!(tied["port_forwardings"], json!([]));
    let moved = json!({ "port": { "fixed_ips": [{ "ip_address": "10.0.0.6" }] } });
    let (status, refused) = place.put(&format!("/v2.0/ports/{port}"), moved).await;
    assert_eq!((status, &refused["NeutronError"]["type"]), (400, &json!("BadRequest")));
    place.client.delete("port", &port).await.expect("goes");
    let after = place.show(&id).await;
    assert_eq!((&after["port_id"], &after["router_id"]), (&Value::Null, &Value::Null), "{after}");
    let nothing_owed = wait::until(LIMIT, || async {
        let mut tx = place.db.read().await.ok()?;
        let stored: Vec<FloatingIp> = tx.find(&FLOATINGIP, "1 = 1", &[]).await.ok()?;
        stored[0].last_router_id.is_none().then_some(())
    });
    assert!(nothing_owed.await.is_some(), "the router is on no host: nobody reports of it");
    assert_eq!(place.show(&id).await["status"], "DOWN");
    place.client.delete("floatingip", &id).await.expect("goes");
    let left = place.client.get("ports?device_owner=network:floatingip").await.expect("lists");
    assert_eq!(left, json!([]), "its own port is gone");
}

testbed::on_both_engines!(forwardings_follow_their_ports);

async fn forwardings_follow_their_ports(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.20" }])).await;
    let (one, two) = (place.port(&["10.0.0.5", "10.0.0.7"]).await, place.port(&["10.0.0.6"]).await);
    let id = id_of(&place.floatingip(None).await);
    for (port, ip, number) in [(&one, "10.0.0.5", 80), (&one, "10.0.0.7", 81), (&two, "10.0.0.6", 82)] {
        let (status, answer) = place.forward(&id, port, ip, number).await;
        assert_eq!(status, 201, "{answer}");
    }
    let shown = place.show(&id).await;
    assert_eq!(shown["port_forwardings"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["router_id"], json!(place.router));
    let tied = json!({ "floatingip": { "port_id": two } });
    let (status, refused) = place.put(&format!("/v2.0/floatingips/{id}"), tied).await;
    assert_eq!((status, &refused["NeutronError"]["type"]), (409, &json!("FipInUseByPortForwarding")));
    let fewer = json!({ "port": { "fixed_ips": [{ "ip_address": "10.0.0.5" }] } });
    assert_eq!(place.put(&format!("/v2.0/ports/{one}"), fewer).await.0, 200);
    let ips = |shown: &Value| -> Vec<String> {
        let all = shown["port_forwardings"].as_array().cloned().unwrap_or_default();
        all.iter().map(|each| each["internal_ip_address"].to_string()).collect()
    };
    assert_eq!(ips(&place.show(&id).await), ["\"10.0.0.5\"", "\"10.0.0.6\""]);
    place.client.delete("port", &one).await.expect("goes");
    assert_eq!(place.show(&id).await["router_id"], json!(place.router), "one is left");
    place.client.delete("port", &two).await.expect("goes");
    let after = place.show(&id).await;
    assert_eq!((&after["router_id"], &after["port_forwardings"]), (&Value::Null, &json!([])));
}

testbed::on_both_engines!(a_limit_holds_for_forwardings);

async fn a_limit_holds_for_forwardings(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.20" }])).await;
    let port = place.port(&["10.0.0.5"]).await;
    let (_, policy) = place.post("/v2.0/qos/policies", json!({ "policy": { "name": "slow" } })).await;
    let policy = id_of(&policy["policy"]);
    let rules = format!("/v2.0/qos/policies/{policy}/bandwidth_limit_rules");
    let rule = json!({ "bandwidth_limit_rule": { "max_kbps": 8000, "direction": "ingress" } });
    let (status, answer) = place.post(&rules, rule).await;
    assert_eq!(status, 201, "{answer}");
    let id = id_of(&place.floatingip(None).await);
    let (status, answer) = place.forward(&id, &port, "10.0.0.5", 80).await;
    assert_eq!(status, 201, "{answer}");
    assert!(place.facts().await.forwarding_rules.is_empty());
    for (wanted, count) in [(json!(policy), 1), (Value::Null, 0)] {
        let change = json!({ "qos_policy_id": wanted });
        place.client.update("floatingip", &id, change).await.expect("changes");
        let facts = place.facts().await;
        assert_eq!((facts.forwardings.len(), facts.floating_ips.len()), (1, 0));
        let rules: Vec<usize> = facts.forwarding_rules.values().map(Vec::len).collect();
        assert_eq!(rules, vec![1; count], "{:?}", facts.forwarding_rules);
    }
}

testbed::on_both_engines!(one_floating_ip_gets_the_fixed_address);

async fn one_floating_ip_gets_the_fixed_address(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.99" }])).await;
    let port = place.port(&["10.0.0.5"]).await;
    let mut requests = Vec::new();
    for at in 0..EACH {
        let id = id_of(&place.floatingip(None).await);
        requests.push(match at % 2 {
            0 => {
                ("PUT", format!("/v2.0/floatingips/{id}"), Some(json!({ "floatingip": { "port_id": port } })))
            }
            _ => (
                "POST",
                "/v2.0/floatingips".into(),
                Some(json!({ "floatingip": { "floating_network_id": place.external, "port_id": port } })),
            ),
        });
    }
    let answers = place.servers.all(requests).await;
    let won = answers.iter().filter(|(status, _)| **status < 300).map(|(_, answers)| answers.len());
    assert_eq!(won.sum::<usize>(), 1, "{answers:#?}");
    assert_eq!(answers.get(&409).map(Vec::len), Some(EACH - 1), "{answers:#?}");
}

testbed::on_both_engines!(one_floating_ip_gets_the_last_address);

async fn one_floating_ip_gets_the_last_address(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.11" }])).await;
    let body = json!({ "floatingip": { "floating_network_id": place.external } });
    let answers = place.servers.all(vec![("POST", "/v2.0/floatingips".into(), Some(body)); EACH]).await;
    assert_eq!(counts(&answers), [(201, 1), (409, EACH - 1)], "{answers:#?}");
    let left = place.client.get("ports?device_owner=network:floatingip").await.expect("lists");
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
}

testbed::on_both_engines!(one_forwarding_gets_the_port);

async fn one_forwarding_gets_the_port(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.99" }])).await;
    let port = place.port(&["10.0.0.5"]).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(id_of(&place.floatingip(None).await));
    }
    let of = |at: usize| format!("/v2.0/floatingips/{}/port_forwardings", ids[at % 2]);
    // Half come from another floating IP, and lead to the same port of the instance.
    let requests = (0..EACH).map(|at| ("POST", of(at), Some(forwarding(&port, "10.0.0.5", 80))));
    let answers = place.servers.all(requests.collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (400, EACH - 1)], "{answers:#?}");
}

testbed::on_both_engines!(a_port_goes_or_is_forwarded_to);

async fn a_port_goes_or_is_forwarded_to(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.99" }])).await;
    for round in 0..6 {
        let (one, two) = (place.port(&["10.0.0.5"]).await, place.port(&["10.0.0.6"]).await);
        let id = id_of(&place.floatingip(None).await);
        assert_eq!(place.forward(&id, &one, "10.0.0.5", 80).await.0, 201);
        let path = format!("/v2.0/floatingips/{id}/port_forwardings");
        let body = forwarding(&two, "10.0.0.6", 81);
        let requests = vec![("POST", path, Some(body)), ("DELETE", format!("/v2.0/ports/{one}"), None)];
        let answers = place.servers.all(requests).await;
        assert_eq!(counts(&answers), [(201, 1), (204, 1)], "round {round}: {answers:#?}");
        let after = place.show(&id).await;
        assert_eq!(after["port_forwardings"].as_array().map(Vec::len), Some(1), "{after}");
        assert_eq!(
            after["router_id"],
            json!(place.router),
            "whoever is first: it forwards, so it has a router"
        );
        place.client.delete("port", &two).await.expect("goes");
    }
}

testbed::on_both_engines!(addresses_outside_are_held_to_policies);

async fn addresses_outside_are_held_to_policies(engine: Engine) {
    let place = Place::start(engine, json!([{ "start": "192.0.2.10", "end": "192.0.2.20" }])).await;
    let (status, made) = place.post("/v2.0/qos/policies", json!({ "policy": { "name": "p" } })).await;
    assert_eq!(status, 201, "{made}");
    let policy = made["policy"]["id"].clone();
    let below = format!("/v2.0/qos/policies/{}", policy.as_str().expect("an id"));
    let rule = json!({ "bandwidth_limit_rule": { "max_kbps": 100 } });
    let (status, rule) = place.post(&format!("{below}/bandwidth_limit_rules"), rule).await;
    assert_eq!(status, 201, "{rule}");
    let port = place.port(&["10.0.0.5"]).await;
    let id = id_of(&place.floatingip(Some(&port)).await);
    let limited = json!({ "floatingip": { "qos_policy_id": policy } });
    assert_eq!(place.put(&format!("/v2.0/floatingips/{id}"), limited).await.0, 200);
    let router = format!("/v2.0/routers/{}", place.router);
    let gateway = |more: Value| {
        let mut info = json!({ "network_id": place.external });
        info.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        json!({ "router": { "external_gateway_info": info } })
    };
    for (more, shown, limits) in [
        (json!({ "qos_policy_id": policy }), &policy, 1),
        (json!({ "enable_snat": true }), &policy, 1),
        (json!({ "qos_policy_id": null }), &Value::Null, 0),
        (json!({ "qos_policy_id": policy }), &policy, 1),
    ] {
        let (status, answer) = place.put(&router, gateway(more.clone())).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(&answer["router"]["external_gateway_info"]["qos_policy_id"], shown, "{more}");
        let facts = place.facts().await;
        assert_eq!(facts.gateway_rules.len(), limits, "{more}");
        assert_eq!(facts.floating_ips[0].rules.len(), 1);
    }
    // What routers cannot do is refused while they have the policy.
    let mark = json!({ "dscp_marking_rule": { "dscp_mark": 10 } });
    let (status, answer) = place.post(&format!("{below}/dscp_marking_rules"), mark).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("QosRuleNotSupported")));
    let id = rule["bandwidth_limit_rule"]["id"].as_str().expect("an id");
    let change = json!({ "bandwidth_limit_rule": { "max_kbps": 7 } });
    assert_eq!(place.put(&format!("{below}/bandwidth_limit_rules/{id}"), change).await.0, 200);
    let qos = cloud::qos::view(&place.facts().await.gateway_rules).expect("a limit");
    assert_eq!(qos.egress.map(|limit| limit.kbps), Some(7));
}

//! Requests that race for one router: on PostgreSQL two servers take them, on SQLite one. Of those
//! who want the same exactly one wins, nobody is told that the server is broken, and what must hold of a
//! router's ports holds afterwards.

use serde_json::{Value, json};
use testbed::Engine;

use super::racing::{Asked, Servers, counts};

const ROUNDS: usize = 5;
const EACH: usize = 6;

testbed::on_both_engines!(
    one_router_joins_the_subnet,
    one_router_gets_the_port,
    a_router_has_one_gateway,
    an_interface_comes_or_its_subnet_goes,
    everything_at_once_leaves_no_port_behind,
);

async fn ports(servers: &Servers, query: &str) -> Vec<Value> {
    let ports = servers.client(0).get(&format!("ports?{query}")).await.expect("ports");
    ports.as_array().cloned().unwrap_or_default()
}

fn join(router: &str, what: Value) -> Asked {
    ("PUT", format!("/v2.0/routers/{router}/add_router_interface"), Some(what))
}

fn leave(router: &str, subnet: &str) -> Asked {
    let path = format!("/v2.0/routers/{router}/remove_router_interface");
    ("PUT", path, Some(json!({ "subnet_id": subnet })))
}

fn lead_out(router: &str, network: Value) -> Asked {
    let info = network.as_str().map(|id| json!({ "network_id": id }));
    ("PUT", format!("/v2.0/routers/{router}"), Some(json!({ "router": { "external_gateway_info": info } })))
}

/// By subnet, the same router several times: the subnet is joined once.
async fn one_router_joins_the_subnet(engine: Engine) {
    let servers = Servers::start(engine).await;
    for _ in 0..ROUNDS {
        let (network, subnet) = servers.subnet("10.0.0.0/24", false).await;
        let router = servers.make("router", json!({})).await;
        let requests = (0..EACH).map(|_| join(&router, json!({ "subnet_id": subnet }))).collect();
        let answers = servers.all(requests).await;
        assert_eq!(counts(&answers), [(200, 1), (400, EACH - 1)], "{answers:#?}");
        assert_eq!(ports(&servers, &format!("network_id={network}")).await.len(), 1);
        servers.client(0).delete("router", &router).await.expect_err("has an interface");
        let gone = servers.all(vec![leave(&router, &subnet)]).await;
        assert_eq!(counts(&gone), [(200, 1)], "{gone:#?}");
        servers.client(0).delete("router", &router).await.expect("has none");
    }
}

/// One port, several routers.
async fn one_router_gets_the_port(engine: Engine) {
    let servers = Servers::start(engine).await;
    for _ in 0..ROUNDS {
        let (network, _) = servers.subnet("10.0.0.0/24", false).await;
        let port = servers.make("port", json!({ "network_id": network })).await;
        let mut requests = Vec::new();
        for _ in 0..EACH {
            let router = servers.make("router", json!({})).await;
            requests.push(join(&router, json!({ "port_id": port })));
        }
        let routers: Vec<String> = requests.iter().map(|(_, path, _)| path.clone()).collect();
        let answers = servers.all(requests).await;
        assert_eq!(counts(&answers), [(200, 1), (409, EACH - 1)], "{answers:#?}");
        let winner = answers[&200][0]["id"].as_str().expect("a router").to_owned();
        let kept = ports(&servers, &format!("network_id={network}")).await;
        assert_eq!(kept[0]["device_id"], winner.as_str());
        for path in routers {
            let id = path.split('/').nth(3).expect("an id").to_owned();
            assert_eq!(servers.client(0).delete("router", &id).await.is_err(), id == winner);
        }
    }
}

/// Two external networks, asked for at once and over and over: one port, in the network that is shown.
async fn a_router_has_one_gateway(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (one, _) = servers.subnet("198.51.100.0/24", true).await;
    let (other, _) = servers.subnet("203.0.113.0/24", true).await;
    for round in 0..ROUNDS {
        let router = servers.make("router", json!({ "distributed": round % 2 == 1 })).await;
        let (_, subnet) = servers.subnet("10.0.0.0/24", false).await;
        servers.all(vec![join(&router, json!({ "subnet_id": subnet }))]).await;
        let ways = [json!(one), json!(other), json!(one), Value::Null, json!(other), json!(one)];
        let answers = servers.all(ways.into_iter().map(|way| lead_out(&router, way)).collect()).await;
        assert_eq!(counts(&answers), [(200, 6)], "{answers:#?}");
        let shown = servers.client(0).get(&format!("routers/{router}")).await.expect("a router");
        let owner = "device_owner=network:router_gateway";
        let gateways = ports(&servers, &format!("device_id={router}&{owner}")).await;
        let networks: Vec<&Value> = gateways.iter().map(|port| &port["network_id"]).collect();
        let info = &shown["external_gateway_info"];
        let wanted: Vec<&Value> = if info.is_null() { vec![] } else { vec![&info["network_id"]] };
        assert_eq!(networks, wanted, "{shown:#}");
        let addresses = gateways.first().map_or(&Value::Null, |port| &port["fixed_ips"]);
        assert_eq!(*addresses, info["external_fixed_ips"]);
        let owner = "device_owner=network:router_centralized_snat";
        let snat = ports(&servers, &format!("device_id={router}&{owner}")).await;
        let wanted = usize::from(round % 2 == 1 && !info.is_null());
        assert_eq!(snat.len(), wanted, "beside the interface of a distributed router");
    }
}

/// Either the subnet goes first, or it is kept by the interface.
async fn an_interface_comes_or_its_subnet_goes(engine: Engine) {
    let servers = Servers::start(engine).await;
    let router = servers.make("router", json!({})).await;
    let (mut gone, mut kept) = (0, 0);
    for round in 0..4 * ROUNDS {
        let (_, subnet) = servers.subnet(&format!("10.0.{round}.0/24"), false).await;
        let mut requests = vec![
            join(&router, json!({ "subnet_id": subnet })),
            ("DELETE", format!("/v2.0/subnets/{subnet}"), None),
        ];
        requests.rotate_left(round % 2);
        let answers = servers.all(requests).await;
        match counts(&answers).as_slice() {
            [(204, 1), (404, 1)] => gone += 1,
            [(200, 1), (409, 1)] => kept += 1,
            _ => panic!("{answers:#?}"),
        }
    }
    println!("the subnet went {gone} times, and was kept {kept} times");
    assert_eq!(ports(&servers, &format!("device_id={router}")).await.len(), kept);
}

/// Interfaces, gateways, kinds, ports and deletes all at once: nobody waits for ever or breaks, and a
/// deleted router leaves no port.
async fn everything_at_once_leaves_no_port_behind(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (outside, _) = servers.subnet("198.51.100.0/24", true).await;
    for _ in 0..ROUNDS {
        let (network, subnet) = servers.subnet("10.0.0.0/24", false).await;
        let (_, second) = servers.subnet("10.1.0.0/24", false).await;
        let router = servers.make("router", json!({ "distributed": true })).await;
        let path = format!("/v2.0/routers/{router}");
        let port = json!({ "port": { "network_id": network } });
        let requests = vec![
            join(&router, json!({ "subnet_id": subnet })),
            lead_out(&router, json!(outside)),
            join(&router, json!({ "subnet_id": second })),
            ("POST", "/v2.0/ports".to_owned(), Some(port.clone())),
            leave(&router, &subnet),
            lead_out(&router, Value::Null),
            ("PUT", path.clone(), Some(json!({ "router": { "name": "x" } }))),
            lead_out(&router, json!(outside)),
            ("POST", "/v2.0/ports".to_owned(), Some(port)),
            ("DELETE", path.clone(), None),
        ];
        servers.all(requests).await;
        servers.all(vec![leave(&router, &subnet)]).await;
        servers.all(vec![leave(&router, &second)]).await;
        servers.all(vec![("DELETE", path.clone(), None)]).await;
        let (status, _) = servers.client(0).send("GET", &path, None, &[]).await.expect("an answer");
        assert_eq!(status, 404);
        let left = ports(&servers, &format!("device_id={router}")).await;
        assert!(left.is_empty(), "{left:#?}");
    }
}

//! NDP proxies on both engines: what hosts are told follows the router and its ports, of those who race for one
//! address one wins, and a router answers for so many.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use db::Db;
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::{Client, Engine};

use super::racing::{Servers, counts};

const EACH: usize = 6;
const MOST: usize = 256;

/// A router between an external network and one of instances, both in one address scope.
struct Place {
    servers: Servers,
    db: Db,
    client: Client,
    inside: String,
    subnet: String,
    router: String,
}

impl Place {
    async fn start(engine: Engine) -> Place {
        let servers = Servers::start(engine).await;
        let (client, db) = (servers.client(0), servers.open().await);
        let scope = json!({ "address_scope": { "name": "s", "ip_version": 6 } }).to_string();
        let (_, scope) =
            client.send("POST", "/v2.0/address-scopes", Some(scope), &[]).await.expect("answers");
        let scope = id_of(&scope["address_scope"]);
        let pool = json!({ "name": "p", "prefixes": ["2001:db8::/40"], "address_scope_id": scope });
        let pool = servers.make("subnetpool", pool).await;
        let on = async |network: &str, cidr: &str| {
            let subnet = json!({ "network_id": network, "ip_version": 6, "cidr": cidr, "subnetpool_id": pool,
                "enable_dhcp": false });
            servers.make("subnet", subnet).await
        };
        let external = servers.make("network", json!({ "router:external": true })).await;
        on(&external, "2001:db8:f::/64").await;
        let inside = servers.make("network", json!({})).await;
        let subnet = on(&inside, "2001:db8:1::/64").await;
        let router = json!({ "external_gateway_info": { "network_id": external }, "enable_ndp_proxy": true });
        let router = servers.make("router", router).await;
        let place = Place { client, servers, db, inside, subnet, router };
        assert_eq!(place.join("add").await.0, 200);
        place
    }

    async fn join(&self, act: &str) -> (u16, Value) {
        let path = format!("/v2.0/routers/{}/{act}_router_interface", self.router);
        let body = json!({ "subnet_id": self.subnet }).to_string();
        self.client.send("PUT", &path, Some(body), &[]).await.expect("answers")
    }

    async fn port(&self, ips: &[String]) -> String {
        let ips: Vec<Value> = ips.iter().map(|ip| json!({ "ip_address": ip })).collect();
        self.servers.make("port", json!({ "network_id": self.inside, "fixed_ips": ips })).await
    }

    fn proxy(&self, port: &str, ip: &str) -> Value {
        json!({ "ndp_proxy": { "router_id": self.router, "port_id": port, "ip_address": ip } })
    }

    async fn post(&self, port: &str, ip: &str) -> (u16, Value) {
        let body = self.proxy(port, ip).to_string();
        self.client.send("POST", "/v2.0/ndp-proxies", Some(body), &[]).await.expect("answers")
    }

    async fn delete(&self, path: &str) -> u16 {
        self.client.send("DELETE", &format!("/v2.0/{path}"), None, &[]).await.expect("answers").0
    }

    /// What a network node is told: `None` while the router answers for nobody and keeps nobody out.
    async fn told(&self) -> Option<BTreeSet<Ipv6Addr>> {
        let mut tx = self.db.read().await.expect("reads");
        let id = self.router.parse().expect("an id");
        let facts = tx.router_fact(id).await.expect("reads").expect("is there");
        facts.row.enable_ndp_proxy.then_some(facts.ndp_proxies)
    }
}

fn set(ips: &[&str]) -> Option<BTreeSet<Ipv6Addr>> {
    Some(ips.iter().map(|ip| ip.parse().expect("an address")).collect())
}

testbed::on_both_engines!(
    routers_answer_for_what_their_ports_have,
    one_proxy_wins,
    a_router_answers_for_so_many
);

async fn routers_answer_for_what_their_ports_have(engine: Engine) {
    let place = Place::start(engine).await;
    assert_eq!(place.told().await, set(&[]));
    let (five, six) = ("2001:db8:1::5", "2001:db8:1::6");
    let (one, two) = (place.port(&[five.into()]).await, place.port(&[six.into()]).await);
    let (status, first) = place.post(&one, five).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(place.post(&two, six).await.0, 201);
    assert_eq!(place.told().await, set(&[five, six]));

    // Of an address that the port does not have any more hosts are not told; with it they are again.
    for (ip, wanted) in [("2001:db8:1::9", set(&[six])), (five, set(&[five, six]))] {
        let change = json!({ "fixed_ips": [{ "ip_address": ip }] });
        place.client.update("port", &one, change).await.expect("changes");
        assert_eq!(place.told().await, wanted, "{ip}");
    }
    let (status, refused) = place.join("remove").await;
    let kind = &refused["NeutronError"]["type"];
    assert_eq!((status, kind), (409, &json!("RouterInterfaceInUseByNDPProxy")), "{refused}");
    let off = json!({ "enable_ndp_proxy": false });
    place.client.update("router", &place.router, off).await.expect("changes");
    assert_eq!(place.told().await, None);
    place.client.update("router", &place.router, json!({ "name": "x" })).await.expect("changes");
    assert_eq!(place.told().await, None, "who does not ask, does not get");
    let on = json!({ "enable_ndp_proxy": true });
    place.client.update("router", &place.router, on).await.expect("changes");

    place.client.delete("port", &two).await.expect("goes");
    assert_eq!(place.told().await, set(&[five]), "it went with its port");
    assert_eq!(place.delete(&format!("ndp-proxies/{}", id_of(&first["ndp_proxy"]))).await, 204);
    assert_eq!(place.told().await, set(&[]));
    assert_eq!(place.join("remove").await.0, 200);
    let none = json!({ "external_gateway_info": {} });
    let router = place.client.update("router", &place.router, none).await.expect("changes");
    assert_eq!(router["enable_ndp_proxy"], false, "without a way out it answers for nobody");
}

async fn one_proxy_wins(engine: Engine) {
    let place = Place::start(engine).await;
    let ip = "2001:db8:1::5";
    let port = place.port(&[ip.into()]).await;
    let ask = || ("POST", "/v2.0/ndp-proxies".to_owned(), Some(place.proxy(&port, ip)));
    let answers = place.servers.all((0..EACH).map(|_| ask()).collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (409, EACH - 1)], "{answers:?}");

    // Of a proxy and of what takes its ground away, neither is left without the other.
    let made = &answers[&201][0]["ndp_proxy"];
    assert_eq!(place.delete(&format!("ndp-proxies/{}", id_of(made))).await, 204);
    let leave = format!("/v2.0/routers/{}/remove_router_interface", place.router);
    let leave = ("PUT", leave, Some(json!({ "subnet_id": place.subnet })));
    let answers = place.servers.all(vec![ask(), leave]).await;
    let wins = answers.iter().filter(|(status, _)| **status < 300).map(|(_, won)| won.len()).sum::<usize>();
    assert_eq!(wins, 1, "{answers:?}");
}

async fn a_router_answers_for_so_many(engine: Engine) {
    let place = Place::start(engine).await;
    let ips: Vec<String> = (0..=MOST).map(|at| format!("2001:db8:1::1:{at:x}")).collect();
    let mut asked = Vec::new();
    for ips in ips.chunks(5) {
        let port = place.port(ips).await;
        asked.extend(ips.iter().map(|ip| (port.clone(), ip.clone())));
    }
    let (last, others) = asked.split_last().expect("some");
    for (port, ip) in others {
        let (status, answer) = place.post(port, ip).await;
        assert_eq!(status, 201, "{answer}");
    }
    let (status, answer) = place.post(&last.0, &last.1).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("OverQuota")), "{answer}");
    assert_eq!(place.told().await.map(|told| told.len()), Some(MOST));
}

//! Two servers on one database: of those who race for one thing exactly one wins, and nothing that
//! must hold is broken.

use std::time::Duration;

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, wait};
use tokio::task::JoinSet;

use super::racing::{Answers, Servers, counts};

const ROUNDS: usize = 6;
const EACH: usize = 4;

struct Two {
    servers: Servers,
    behind: tokio_postgres::Client,
}

async fn two(settings: Settings, bus: &Bus) -> Two {
    let (servers, behind) = Servers::on_postgres(settings, bus).await;
    Two { servers, behind }
}

impl Two {
    async fn started() -> Two {
        two(Settings::default(), &Bus::in_process()).await
    }

    fn client(&self, at: usize) -> Client {
        self.servers.client(at)
    }

    /// The same request several times at once, on both servers in turn; the answers by status.
    async fn race(&self, method: &'static str, path: &str, body: Option<Value>) -> Answers {
        self.servers.all(vec![(method, path.to_owned(), body); 2 * EACH]).await
    }

    async fn network(&self) -> String {
        self.servers.make("network", json!({})).await
    }

    async fn count(&self, sql: &str) -> i64 {
        self.behind.query_one(sql, &[]).await.expect("counts").get(0)
    }
}

fn kinds(answers: &Answers, status: u16) -> Vec<&str> {
    let all = answers.get(&status).into_iter().flatten();
    let mut kinds: Vec<&str> = all.filter_map(|answer| answer["NeutronError"]["type"].as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_addresses_are_given_once_each() {
    let two = Two::started().await;
    for _ in 0..ROUNDS {
        let network = two.network().await;
        let subnet = json!({
            "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false,
            "allocation_pools": [{ "start": "10.0.0.10", "end": "10.0.0.12" }],
        });
        two.client(0).create("subnet", subnet).await.expect("a subnet");
        let port = json!({ "port": { "network_id": network } });
        let answers = two.race("POST", "/v2.0/ports", Some(port)).await;
        assert_eq!(counts(&answers), [(201, 3), (409, 2 * EACH - 3)], "{answers:#?}");
        assert_eq!(kinds(&answers, 409), ["IpAddressGenerationFailure"]);
    }
    assert_eq!(two.count("SELECT COUNT(*) FROM ip_allocations").await, 3 * ROUNDS as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_network_gets_the_vlan() {
    let mut settings = Settings::default();
    settings.rules.vlan_ranges.insert("physnet1".into(), vec![[100, 199]]);
    let two = two(settings, &Bus::in_process()).await;
    for round in 0..ROUNDS {
        let network = json!({ "network": {
            "provider:network_type": "vlan", "provider:physical_network": "physnet1",
            "provider:segmentation_id": 100 + round,
        }});
        let answers = two.race("POST", "/v2.0/networks", Some(network)).await;
        assert_eq!(counts(&answers), [(201, 1), (409, 2 * EACH - 1)], "{answers:#?}");
        assert_eq!(kinds(&answers, 409), ["VlanIdInUse"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_network_is_the_default_external_one() {
    let two = Two::started().await;
    let network = json!({ "network": { "router:external": true, "is_default": true } });
    let answers = two.race("POST", "/v2.0/networks", Some(network)).await;
    assert_eq!(counts(&answers), [(201, 1), (409, 2 * EACH - 1)], "{answers:#?}");
    assert_eq!(kinds(&answers, 409), ["DefaultExternalNetworkExists"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_port_has_the_mac_address_and_one_subnet_the_prefix() {
    let two = Two::started().await;
    for _ in 0..ROUNDS {
        let network = two.network().await;
        let port = json!({ "port": { "network_id": network, "mac_address": "fa:16:3e:00:00:01" } });
        let answers = two.race("POST", "/v2.0/ports", Some(port)).await;
        assert_eq!(counts(&answers), [(201, 1), (409, 2 * EACH - 1)], "{answers:#?}");
        assert_eq!(kinds(&answers, 409), ["MacAddressInUse"]);
        let subnet = json!({ "subnet": { "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" } });
        let answers = two.race("POST", "/v2.0/subnets", Some(subnet)).await;
        assert_eq!(answers.get(&201).map(Vec::len), Some(1), "{answers:#?}");
        assert_eq!(answers.len(), 2, "the others are refused alike: {answers:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_is_deleted_or_gets_ports() {
    let two = Two::started().await;
    let (mut gone, mut kept) = (0, 0);
    for round in 0..4 * ROUNDS {
        let network = two.network().await;
        let port = json!({ "port": { "network_id": network, "binding:host_id": "h" } });
        let post = ("POST", "/v2.0/ports".to_owned(), Some(port));
        let delete = ("DELETE", format!("/v2.0/networks/{network}"), None);
        // Who is first differs from round to round.
        let mut requests = vec![post.clone(), post.clone(), delete.clone(), post];
        requests.rotate_left(round % 4);
        let answers = two.servers.all(requests).await;
        match counts(&answers).as_slice() {
            [(204, 1), (404, 3)] => gone += 1,
            [(201, 3), (409, 1)] => kept += 1,
            _ => panic!("{answers:#?}"),
        }
    }
    println!("deleted before its first port {gone} times, kept for its ports {kept} times");
    let lost =
        "SELECT COUNT(*) FROM ports p WHERE NOT EXISTS (SELECT 1 FROM networks n WHERE n.id = p.network_id)";
    assert_eq!(two.count(lost).await, 0);
    assert_eq!(two.count("SELECT COUNT(*) FROM ports").await, 3 * kept);
    let lost = "SELECT COUNT(*) FROM network_hosts";
    assert_eq!(two.count(lost).await, 0, "no host was there to bind to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_conditional_changes_and_one_delete_succeed() {
    let two = Two::started().await;
    for _ in 0..ROUNDS {
        let network = two.network().await;
        let path = format!("/v2.0/networks/{network}");
        let mut racing = JoinSet::new();
        for at in 0..2 * EACH {
            let (client, path) = (two.client(at), path.clone());
            racing.spawn(async move {
                let body = json!({ "network": { "name": format!("by-{at}") } }).to_string();
                let condition = [("If-Match", "revision_number=1")];
                let (_, shown) = client.send("GET", &path, None, &[]).await.expect("an answer");
                assert!(shown["network"]["revision_number"].as_i64() >= Some(1), "{shown}");
                client.send("PUT", &path, Some(body), &condition).await.expect("an answer").0
            });
        }
        let mut statuses = racing.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{statuses:?}");
        assert!(statuses[1..].iter().all(|status| *status == 412), "{statuses:?}");
        let answers = two.race("DELETE", &path, None).await;
        assert_eq!(counts(&answers), [(204, 1), (404, 2 * EACH - 1)], "{answers:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dhcp_is_settled_once() {
    let bus = Bus::in_process();
    let two = two(Settings::default(), &bus).await;
    let mut hosts = Vec::new();
    for n in 1..=3_u8 {
        hosts.push(SimulatedHost::start(bus.clone(), &format!("sim-{n}"), [192, 0, 2, n].into()).await);
    }
    let mut making = JoinSet::new();
    for at in 0..24 {
        let client = two.client(at);
        let other = two.client(at + 1);
        making.spawn(async move {
            let network = id_of(&client.create("network", json!({})).await.expect("a network"));
            // Both servers are asked to look at the network's DHCP, at the same time.
            let subnet = |third: u8| {
                let cidr = format!("10.0.{third}.0/24");
                json!({ "network_id": network, "ip_version": 4, "cidr": cidr })
            };
            let made = tokio::join!(client.create("subnet", subnet(0)), other.create("subnet", subnet(1)));
            made.0.and(made.1).expect("subnets");
        });
    }
    making.join_all().await;
    let unsettled = "SELECT COUNT(*) FROM networks n WHERE \
        (SELECT COUNT(*) FROM dhcp_bindings b WHERE b.network_id = n.id) <> 1 OR \
        (SELECT COUNT(*) FROM ports p JOIN ip_allocations a ON a.port_id = p.id \
         WHERE p.network_id = n.id AND p.device_owner = 'network:dhcp') <> 2";
    let settled =
        wait::until(Duration::from_secs(40), || async { (two.count(unsettled).await == 0).then_some(()) });
    assert!(settled.await.is_some(), "{} networks are not settled", two.count(unsettled).await);
    let ports = "SELECT COUNT(*) FROM ports WHERE device_owner = 'network:dhcp'";
    assert_eq!(two.count(ports).await, 24, "one DHCP port each");
}

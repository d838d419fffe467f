//! The routers of an agent that falls silent: they move to another where the operator wants it, stay
//! where not, and follow what an operator does by hand meanwhile; whoever was silent ends with nothing
//! that is another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use db::Engine;
use model::desired::{Key, Kind, L3Mode};
use model::report::L3Configuration;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::wires::{BusKind, Wires};
use testbed::{Lone, wait};

testbed::on_both_engines!(
    routers_of_a_dead_agent_move_and_it_returns_without_them,
    routers_of_a_dead_agent_stay_unless_told_otherwise,
    a_router_taken_from_a_dead_agent_has_one_place,
);

const LIMIT: Duration = Duration::from_secs(40);
/// Seconds; routers move after twice as long, and agents beat twice a second.
const DOWN: i64 = 2;
const NODES: [&str; 2] = ["net-0", "net-1"];

/// Two network nodes, and a router on the first of them.
struct Cloud {
    lone: Lone,
    hosts: Vec<(SimulatedHost, Arc<AtomicBool>)>,
    router: String,
    /// Held open as long as hosts are.
    _wires: Wires,
}

impl Cloud {
    async fn start(engine: Engine, failover: bool) -> Cloud {
        let kind = match engine {
            Engine::Sqlite => BusKind::InProcess,
            Engine::Postgres => BusKind::Nats,
        };
        let wires = kind.wires(&NODES.map(str::to_owned), None).await.expect("a bus");
        let mut settings = Settings::default();
        settings.rules.dhcp_agents_per_network = 0;
        settings.rules.agent_down_s = DOWN;
        settings.rules.allow_automatic_l3agent_failover = failover;
        let lone = Lone::start_on(engine, settings, wires.server()).await.expect("starts");
        let mut cloud = Cloud { lone, hosts: vec![], router: String::new(), _wires: wires };
        cloud.join(0).await;
        cloud.make_router().await;
        cloud.is_on(0).await;
        cloud.join(1).await;
        cloud
    }

    async fn join(&mut self, at: usize) {
        let (bus, cut) = self._wires.host(NODES[at]).severable();
        let l3 = L3Configuration { agent_mode: L3Mode::Legacy, lazy_routers: true };
        let address = [192, 0, 2, at as u8 + 1].into();
        self.hosts.push((SimulatedHost::start_as(bus, NODES[at], address, Some(l3)).await, cut));
    }

    async fn make_router(&mut self) {
        let client = &self.lone.client;
        let make = async |singular: &str, fields: Value| {
            id_of(&client.create(singular, fields).await.expect("is made"))
        };
        let external = make("network", json!({ "router:external": true })).await;
        let subnet = json!({ "network_id": external, "ip_version": 4, "cidr": "203.0.113.0/24" });
        make("subnet", subnet).await;
        let gateway = json!({ "external_gateway_info": { "network_id": external } });
        self.router = make("router", gateway).await;
    }

    fn cut(&self, at: usize, cut: bool) {
        self.hosts[at].1.store(cut, Ordering::Relaxed);
    }

    fn has(&self, at: usize) -> bool {
        self.hosts[at].0.has(Key::new(Kind::Router, self.router.parse().expect("an id")))
    }

    async fn agents(&self) -> Vec<String> {
        let agents = self.lone.client.get(&format!("routers/{}/l3-agents", self.router)).await;
        let agents = agents.expect("agents");
        let hosts = agents.as_array().expect("a list").iter();
        hosts.map(|agent| agent["host"].as_str().expect("a name").to_owned()).collect()
    }

    /// By the API, on its gateway port, and on the host.
    async fn is_on(&self, at: usize) {
        let gateway = format!("ports?device_owner=network:router_gateway&device_id={}", self.router);
        let settled = wait::until(LIMIT, || async {
            let ports = self.lone.client.get(&gateway).await.ok()?;
            let bound = ports[0]["binding:host_id"] == NODES[at];
            (bound && self.has(at) && self.agents().await == [NODES[at]]).then_some(())
        });
        let has = self.hosts.iter().map(|(host, _)| host.count(Kind::Router));
        assert!(
            settled.await.is_some(),
            "not on {}: {:?} {:?}",
            NODES[at],
            self.agents().await,
            has.collect::<Vec<_>>()
        );
    }

    async fn drops(&self, at: usize) {
        let gone = wait::until(LIMIT, || async { (!self.has(at)).then_some(()) }).await;
        assert!(gone.is_some(), "{} keeps the router", NODES[at]);
    }

    async fn agent(&self, at: usize) -> Value {
        let query = format!("agents?agent_type=L3%20agent&host={}", NODES[at]);
        self.lone.client.get(&query).await.expect("agents")[0].clone()
    }

    async fn dies(&self, at: usize) {
        self.cut(at, true);
        let dead = wait::until(LIMIT, || async { (self.agent(at).await["alive"] == false).then_some(()) });
        assert!(dead.await.is_some(), "{} lives", NODES[at]);
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> u16 {
        let body = body.map(|body| body.to_string());
        self.lone.client.send(method, path, body, &[]).await.expect("an answer").0
    }
}

async fn routers_of_a_dead_agent_move_and_it_returns_without_them(engine: Engine) {
    let cloud = Cloud::start(engine, true).await;
    cloud.dies(0).await;
    assert!(cloud.has(0), "nobody could tell it");
    cloud.is_on(1).await;
    cloud.cut(0, false);
    cloud.drops(0).await;
    cloud.is_on(1).await;
}

async fn routers_of_a_dead_agent_stay_unless_told_otherwise(engine: Engine) {
    let cloud = Cloud::start(engine, false).await;
    cloud.dies(0).await;
    // Longer than it takes them to move, where they do.
    wait::pause(Duration::from_secs(4 * DOWN.unsigned_abs())).await;
    assert_eq!(cloud.agents().await, [NODES[0]]);
    assert!(!cloud.has(1));
    cloud.cut(0, false);
    cloud.is_on(0).await;
}

async fn a_router_taken_from_a_dead_agent_has_one_place(engine: Engine) {
    let cloud = Cloud::start(engine, false).await;
    cloud.dies(0).await;
    let (old, new) = (id_of(&cloud.agent(0).await), id_of(&cloud.agent(1).await));
    let given = json!({ "router_id": cloud.router });
    let to = format!("/v2.0/agents/{new}/l3-routers");
    assert_eq!(cloud.ask("POST", &to, Some(given.clone())).await, 409, "the dead one has it");
    let from = format!("/v2.0/agents/{old}/l3-routers/{}", cloud.router);
    assert_eq!(cloud.ask("DELETE", &from, None).await, 204);
    // Whoever places routers by itself may have been quicker.
    assert_eq!(cloud.ask("POST", &to, Some(given)).await, 201);
    cloud.is_on(1).await;
    assert!(cloud.has(0), "nobody could tell it");
    cloud.cut(0, false);
    cloud.drops(0).await;
    cloud.is_on(1).await;
}

//! A cloud whose hosts route, for tests: hosts of every kind, and looks at whether what they have is
//! what a look from scratch would make.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::{Bus, Mischief};
use cloud::l3::plan;
use db::{Db, Engine};
use model::desired::{Key, Kind, L3Mode, Part, Router};
use model::lazy::Load;
use model::report::L3Configuration;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::wires::{BusKind, Wires};
use testbed::{Lone, wait};

use super::converge::{LOOK, truth};

/// What takes longer does not happen.
pub const LIMIT: Duration = Duration::from_secs(40);
/// Hosts by name, and what their L3 agents are.
pub const HOSTS: [(&str, Option<L3Mode>); 6] = [
    ("net-0", Some(L3Mode::DvrSnat)),
    ("net-1", Some(L3Mode::DvrSnat)),
    ("cmp-0", Some(L3Mode::Dvr)),
    ("cmp-1", Some(L3Mode::Dvr)),
    ("far-0", Some(L3Mode::DvrNoExternal)),
    ("bare-0", None),
];

/// A server, and hosts that take what they are told.
pub struct Cloud {
    wires: Wires,
    lone: Option<Lone>,
    pub hosts: Vec<SimulatedHost>,
    pub db: Db,
}

impl Cloud {
    pub async fn start(engine: Engine, nodes: usize, mischief: Option<Mischief>) -> Cloud {
        Cloud::start_with(engine, nodes, mischief, Cloud::settings()).await
    }

    pub async fn start_with(
        engine: Engine,
        nodes: usize,
        mischief: Option<Mischief>,
        settings: Settings,
    ) -> Cloud {
        let kind = match engine {
            Engine::Sqlite => BusKind::InProcess,
            Engine::Postgres => BusKind::Nats,
        };
        let names: Vec<String> = HOSTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let wires = kind.wires(&names, mischief).await.expect("a bus");
        let lone = Lone::start_on(engine, settings, wires.server()).await.expect("starts");
        let db = lone.open().await.expect("opens");
        let mut cloud = Cloud { wires, lone: Some(lone), hosts: Vec::new(), db };
        for (at, (_, mode)) in HOSTS.into_iter().enumerate() {
            if mode != Some(L3Mode::DvrSnat) || at < nodes {
                cloud.join(at).await;
            }
        }
        cloud
    }

    /// One more of the hosts, which the server hears of for the first time.
    pub async fn join(&mut self, at: usize) {
        let (name, mode) = HOSTS[at];
        let l3 = mode.map(|agent_mode| L3Configuration { agent_mode, lazy_routers: true });
        let address = [192, 0, 2, at as u8 + 1].into();
        self.hosts.push(SimulatedHost::start_as(self.wires.host(name), name, address, l3).await);
    }

    pub fn settings() -> Settings {
        let mut settings = Settings::default();
        // DHCP would bring networks to hosts by itself.
        settings.rules.dhcp_agents_per_network = 0;
        for resource in ["network", "subnet", "port", "router", "floatingip"] {
            settings.quotas.0.insert(resource.into(), -1);
        }
        settings
    }

    /// Stops the server, and starts another one on what it left.
    pub async fn restart(&mut self) {
        let lone = self.lone.take().expect("runs");
        let (bus, home): (Bus, _) = (lone.bus.clone(), lone.stop().await);
        // What it was asked at the end is still being written.
        let free = wait::until(LIMIT, || async { self.db.begin().await.ok().map(drop) });
        free.await.expect("the old server ends");
        self.lone = Some(Lone::start_in(home, Cloud::settings(), bus).await.expect("starts"));
    }

    pub fn lone(&self) -> &Lone {
        self.lone.as_ref().expect("runs")
    }

    pub async fn create(&self, singular: &str, fields: Value) -> Value {
        self.lone().client.create(singular, fields).await.expect("is made")
    }

    pub async fn update(&self, singular: &str, id: &str, fields: Value) {
        self.lone().client.update(singular, id, fields).await.expect("is changed");
    }

    pub fn host(&self, name: &str) -> &SimulatedHost {
        self.hosts.iter().find(|host| host.name == name).expect("a host")
    }

    pub fn router(&self, host: &str, id: &str) -> Option<Router> {
        match self.host(host).part(Key::new(Kind::Router, id.parse().expect("an id"))) {
            Some(Part::Router(router)) => Some(router),
            _ => None,
        }
    }

    pub fn load(&self, host: &str, id: &str) -> Option<Load> {
        self.router(host, id).map(|router| model::lazy::load(&router))
    }

    pub async fn network(&self, fields: Value, cidr: &str) -> (String, String) {
        let network = id_of(&self.create("network", fields).await);
        let version = if cidr.contains(':') { 6 } else { 4 };
        let subnet = json!({ "network_id": network, "ip_version": version, "cidr": cidr });
        let subnet = id_of(&self.create("subnet", subnet).await);
        (network, subnet)
    }

    pub async fn act(&self, router: &str, action: &str, body: Value) -> u16 {
        let path = format!("/v2.0/routers/{router}/{action}");
        let answer = self.lone().client.send("PUT", &path, Some(body.to_string()), &[]).await;
        answer.expect("an answer").0
    }

    pub async fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        let done = wait::until(LIMIT, || async { holds().then_some(()) }).await;
        if done.is_none() {
            let parts: Vec<_> = self.hosts.iter().map(|host| (host.name.clone(), host.parts())).collect();
            panic!("{what}: not so:\n{parts:#?}");
        }
    }

    /// Nothing is due, and looking again finds nothing to do, nobody to tell and no port to bind.
    pub async fn settled(&self) {
        // Compared as of the same moment: a host may say something in the next.
        let quiet = wait::until(LIMIT, || async {
            let mut tx = self.db.read().await.ok()?;
            tx.dues((i64::MIN, ""), 1).await.ok()?.is_empty().then_some(tx)
        });
        let mut tx = quiet.await.expect("routers stay due");
        let ids = tx.texts("SELECT id FROM routers ORDER BY id", &[]).await.expect("routers");
        for id in ids {
            let id = id.parse().expect("an id");
            let facts = tx.router_fact(id).await.expect("reads").expect("is there");
            let told = tx.router_told(id).await.expect("reads");
            let shares = plan::shares(&facts);
            let wanted: BTreeMap<_, _> =
                shares.iter().map(|(host, share)| (host.clone(), share.told.clone())).collect();
            assert_eq!(
                told, wanted,
                "router {id}: what hosts were told, and what they should be\n{facts:#?}"
            );
            for (port, place) in plan::places(&facts, &shares) {
                let is = match port.vif_type.as_str() {
                    "unbound" => plan::Place::Nowhere,
                    "distributed" => plan::Place::Everywhere,
                    _ => plan::Place::On(&port.host),
                };
                assert_eq!(is, place, "router {id}: {port:#?}");
            }
            let ways = cloud::view::router::ways(&facts);
            for (network, host) in ways {
                let owner = cloud::l3::AGENT_GATEWAY;
                let found = tx.ways_of_host(network, &host, owner).await.expect("reads");
                assert_eq!(found.len(), 1, "{host} carries floating IPs of {network}");
            }
        }
        // Nobody has a way out that no floating IP needs.
        let ways = tx.texts(
            "SELECT host || ' ' || network_id FROM ports WHERE device_owner = 'network:floatingip_agent_gateway'",
            &[],
        );
        for way in ways.await.expect("reads") {
            let (host, network) = way.split_once(' ').expect("two words");
            let used = tx.way_is_used(network.parse().expect("an id"), host).await.expect("reads");
            assert!(used, "{way} is of no use");
        }
    }

    /// Every host has what the server would tell it if it asked for everything.
    pub async fn converged(&self) {
        for host in &self.hosts {
            let bus = self.wires.host(&host.name);
            let same = wait::until_every(LOOK, LIMIT, || async {
                (host.parts() == truth(&bus, &host.name).await).then_some(())
            });
            if same.await.is_none() {
                let (has, should) = (host.parts(), truth(&bus, &host.name).await);
                let (answers, full) = host.answers();
                panic!(
                    "{} has {has:#?}\nand should have {should:#?}\nafter {answers} answers, {full} with everything",
                    host.name
                );
            }
        }
    }

    /// The router is active on one network node, and its gateway is there.
    pub async fn is_active(&self, router: &str, host: &str) {
        let gateway = format!("ports?device_owner=network:router_gateway&device_id={router}");
        let looked = async || {
            let path = format!("routers/{router}/l3-agents");
            let agents = self.lone().client.get(&path).await.expect("agents");
            let active = |agent: &&Value| agent["ha_state"] == "active";
            let active = agents.as_array().expect("a list").iter().filter(active);
            let active: Vec<Value> = active.map(|agent| agent["host"].clone()).collect();
            let ports = self.lone().client.get(&gateway).await.expect("ports");
            (active, ports[0]["binding:host_id"].clone())
        };
        let wanted = (vec![json!(host)], json!(host));
        let so = wait::until(LIMIT, || async { (looked().await == wanted).then_some(()) }).await;
        assert!(so.is_some(), "{:?} and should be {wanted:?}", looked().await);
    }

    pub async fn members(&self, network: &str) -> Vec<String> {
        let mut tx = self.db.read().await.expect("reads");
        tx.network_hosts(network.parse().expect("an id")).await.expect("reads")
    }

    async fn status(&self, path: &str) -> String {
        let found = self.lone().client.get(path).await.expect("is there");
        found["status"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn has_status(&self, path: &str, wanted: &str) {
        let so = wait::until(LIMIT, || async { (self.status(path).await == wanted).then_some(()) }).await;
        assert!(so.is_some(), "{path} is {} and should be {wanted}", self.status(path).await);
    }

    /// An external network, a network and a distributed router between them, with an instance on a
    /// compute host.
    pub async fn dvr(&self, ha: bool) -> Dvr {
        let (external, _) = self.network(json!({ "router:external": true }), "203.0.113.0/24").await;
        let (inside, subnet) = self.network(json!({}), "10.0.0.0/24").await;
        let gateway = json!({ "network_id": external, "enable_snat": false });
        let fields = json!({ "distributed": true, "ha": ha, "external_gateway_info": gateway });
        let router = id_of(&self.create("router", fields).await);
        assert_eq!(self.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
        let instance = self.instance(&inside, "cmp-0").await;
        Dvr { external, inside, router, instance }
    }

    pub async fn instance(&self, network: &str, host: &str) -> String {
        let fields =
            json!({ "network_id": network, "device_owner": "compute:nova", "binding:host_id": host });
        id_of(&self.create("port", fields).await)
    }
}

pub struct Dvr {
    pub external: String,
    pub inside: String,
    pub router: String,
    pub instance: String,
}

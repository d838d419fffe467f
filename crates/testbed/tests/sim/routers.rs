//! Routers that take a network node only while they have traffic there, end to end through a real
//! server: who is told, what hosts have, and that all of it is what a look from scratch would make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus::{Bus, Mischief};
use cloud::l3::plan;
use db::{Db, Engine};
use model::desired::{Key, Kind, L3Mode, Part, Router};
use model::lazy::{Load, Reason};
use model::report::{HaState, L3Configuration};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::wires::{BusKind, Wires};
use testbed::{Lone, wait};

use super::converge::{Draw, truth};

testbed::on_both_engines!(
    a_router_with_floating_ips_only_takes_no_network_node,
    an_ha_router_has_a_network_and_one_active_host,
    a_split_leaves_the_router_where_it_was_all_the_time,
    an_operator_moves_a_router,
    floating_ips_that_nobody_carries_are_down,
    what_matters_to_nobody_wakes_nobody,
    whatever_changes_hosts_have_what_a_look_from_scratch_makes,
);

const LIMIT: Duration = Duration::from_secs(40);
const HOSTS: [(&str, Option<L3Mode>); 6] = [
    ("net-0", Some(L3Mode::DvrSnat)),
    ("net-1", Some(L3Mode::DvrSnat)),
    ("cmp-0", Some(L3Mode::Dvr)),
    ("cmp-1", Some(L3Mode::Dvr)),
    ("far-0", Some(L3Mode::DvrNoExternal)),
    ("bare-0", None),
];

struct Cloud {
    wires: Wires,
    lone: Option<Lone>,
    hosts: Vec<SimulatedHost>,
    db: Db,
}

impl Cloud {
    async fn start(engine: Engine, nodes: usize, mischief: Option<Mischief>) -> Cloud {
        let kind = match engine {
            Engine::Sqlite => BusKind::InProcess,
            Engine::Postgres => BusKind::Nats,
        };
        let names: Vec<String> = HOSTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let wires = kind.wires(&names, mischief).await.expect("a bus");
        let lone = Lone::start_on(engine, Cloud::settings(), wires.server()).await.expect("starts");
        let db = lone.open().await.expect("opens");
        let mut hosts = Vec::new();
        for (at, (name, mode)) in HOSTS.into_iter().enumerate() {
            if mode == Some(L3Mode::DvrSnat) && at >= nodes {
                continue;
            }
            let l3 = mode.map(|agent_mode| L3Configuration { agent_mode, lazy_routers: true });
            let address = [192, 0, 2, at as u8 + 1].into();
            hosts.push(SimulatedHost::start_as(wires.host(name), name, address, l3).await);
        }
        Cloud { wires, lone: Some(lone), hosts, db }
    }

    fn settings() -> Settings {
        let mut settings = Settings::default();
        // DHCP would bring networks to hosts by itself.
        settings.rules.dhcp_agents_per_network = 0;
        for resource in ["network", "subnet", "port", "router", "floatingip"] {
            settings.quotas.0.insert(resource.into(), -1);
        }
        settings
    }

    fn lone(&self) -> &Lone {
        self.lone.as_ref().expect("runs")
    }

    async fn create(&self, singular: &str, fields: Value) -> Value {
        self.lone().client.create(singular, fields).await.expect("is made")
    }

    async fn update(&self, singular: &str, id: &str, fields: Value) {
        self.lone().client.update(singular, id, fields).await.expect("is changed");
    }

    fn host(&self, name: &str) -> &SimulatedHost {
        self.hosts.iter().find(|host| host.name == name).expect("a host")
    }

    fn router(&self, host: &str, id: &str) -> Option<Router> {
        match self.host(host).part(Key::new(Kind::Router, id.parse().expect("an id"))) {
            Some(Part::Router(router)) => Some(router),
            _ => None,
        }
    }

    fn load(&self, host: &str, id: &str) -> Option<Load> {
        self.router(host, id).map(|router| model::lazy::load(&router))
    }

    async fn network(&self, fields: Value, cidr: &str) -> (String, String) {
        let network = id_of(&self.create("network", fields).await);
        let version = if cidr.contains(':') { 6 } else { 4 };
        let subnet = json!({ "network_id": network, "ip_version": version, "cidr": cidr });
        let subnet = id_of(&self.create("subnet", subnet).await);
        (network, subnet)
    }

    async fn act(&self, router: &str, action: &str, body: Value) -> u16 {
        let path = format!("/v2.0/routers/{router}/{action}");
        let answer = self.lone().client.send("PUT", &path, Some(body.to_string()), &[]).await;
        answer.expect("an answer").0
    }

    async fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        let done = wait::until(LIMIT, || async { holds().then_some(()) }).await;
        if done.is_none() {
            let parts: Vec<_> = self.hosts.iter().map(|host| (host.name.clone(), host.parts())).collect();
            panic!("{what}: not so:\n{parts:#?}");
        }
    }

    /// Nothing is due, and looking again finds nothing to do, nobody to tell and no port to bind.
    async fn settled(&self) {
        let done = wait::until(LIMIT, || async {
            let mut tx = self.db.read().await.ok()?;
            tx.dues((i64::MIN, ""), 1).await.ok()?.is_empty().then_some(())
        });
        assert!(done.await.is_some(), "routers stay due");
        let mut tx = self.db.read().await.expect("reads");
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
    async fn converged(&self) {
        for host in &self.hosts {
            let bus = self.wires.host(&host.name);
            let same = wait::until(LIMIT, || async {
                (host.parts() == truth(&bus, &host.name).await).then_some(())
            });
            if same.await.is_none() {
                let (has, should) = (host.parts(), truth(&bus, &host.name).await);
                panic!("{} has {has:#?}\nand should have {should:#?}", host.name);
            }
        }
    }

    /// The router is active on one network node, and its gateway is there.
    async fn is_active(&self, router: &str, host: &str) {
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

    async fn members(&self, network: &str) -> Vec<String> {
        let mut tx = self.db.read().await.expect("reads");
        tx.network_hosts(network.parse().expect("an id")).await.expect("reads")
    }

    async fn status(&self, path: &str) -> String {
        let found = self.lone().client.get(path).await.expect("is there");
        found["status"].as_str().unwrap_or_default().to_owned()
    }

    async fn has_status(&self, path: &str, wanted: &str) {
        let so = wait::until(LIMIT, || async { (self.status(path).await == wanted).then_some(()) }).await;
        assert!(so.is_some(), "{path} is {} and should be {wanted}", self.status(path).await);
    }

    /// An external network, a network and a distributed router between them, with an instance on a
    /// compute host.
    async fn dvr(&self, ha: bool) -> Dvr {
        let (external, _) = self.network(json!({ "router:external": true }), "203.0.113.0/24").await;
        let (inside, subnet) = self.network(json!({}), "10.0.0.0/24").await;
        let gateway = json!({ "network_id": external, "enable_snat": false });
        let fields = json!({ "distributed": true, "ha": ha, "external_gateway_info": gateway });
        let router = id_of(&self.create("router", fields).await);
        assert_eq!(self.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
        let instance = self.instance(&inside, "cmp-0").await;
        Dvr { external, inside, router, instance }
    }

    async fn instance(&self, network: &str, host: &str) -> String {
        let fields =
            json!({ "network_id": network, "device_owner": "compute:nova", "binding:host_id": host });
        id_of(&self.create("port", fields).await)
    }
}

struct Dvr {
    external: String,
    inside: String,
    router: String,
    instance: String,
}

async fn a_router_with_floating_ips_only_takes_no_network_node(engine: Engine) {
    let cloud = Cloud::start(engine, 1, None).await;
    let dvr = cloud.dvr(false).await;
    let floating = json!({ "floating_network_id": dvr.external, "port_id": dvr.instance });
    let floating = id_of(&cloud.create("floatingip", floating).await);
    let router = dvr.router.as_str();
    let carried =
        |host: &str| cloud.router(host, router).is_some_and(|router| router.floating_ips.len() == 1);
    cloud.eventually("the compute host carries the floating IP", || carried("cmp-0")).await;
    cloud.eventually("the network node is lazy", || cloud.load("net-0", router) == Some(Load::Lazy)).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(&dvr.inside).await, ["cmp-0"]);
    assert_eq!(cloud.members(&dvr.external).await, ["cmp-0"], "by its own way there");
    assert_eq!(
        cloud.host("net-0").parts().len(),
        1,
        "the network node has the router's part and nothing else"
    );
    assert!(cloud.router("cmp-0", router).expect("there").host_mac.is_some());
    cloud.has_status(&format!("floatingips/{floating}"), "ACTIVE").await;
    let path = format!("ports?device_owner=network:router_interface_distributed&device_id={router}");
    let interfaces = cloud.lone().client.get(&path).await.expect("ports");
    let interface = id_of(&interfaces[0]);
    cloud.has_status(&format!("ports/{interface}"), "ACTIVE").await;

    // Each of these needs the network node, and its end gives it back.
    let (network, inside) = (dvr.external.as_str(), dvr.inside.as_str());
    let snat = |on: bool| json!({ "external_gateway_info": { "network_id": network, "enable_snat": on } });
    let loaded = |reason| cloud.load("net-0", router) == Some(Load::Loaded(reason));
    let lazy = || cloud.load("net-0", router) == Some(Load::Lazy) && cloud.host("net-0").parts().len() == 1;
    cloud.update("router", router, snat(true)).await;
    cloud.eventually("SNAT wakes it", || loaded(Reason::Snat)).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(inside).await, ["cmp-0", "net-0"]);
    assert_eq!(cloud.members(network).await, ["cmp-0", "net-0"]);
    let gateway = format!("ports?device_owner=network:router_gateway&device_id={router}");
    let bound = cloud.lone().client.get(&gateway).await.expect("ports")[0].clone();
    assert_eq!(bound["binding:host_id"], "net-0");
    cloud.has_status(&format!("ports/{}", id_of(&bound)), "ACTIVE").await;
    cloud.update("router", router, snat(false)).await;
    cloud.eventually("without SNAT it goes", lazy).await;

    let metal = json!({ "network_id": inside, "binding:vnic_type": "baremetal" });
    let metal = id_of(&cloud.create("port", metal).await);
    cloud.eventually("a bare-metal server wakes it", || loaded(Reason::Baremetal)).await;
    cloud.lone().client.delete("port", &metal).await.expect("goes");
    cloud.eventually("without it, it goes", lazy).await;

    let far = cloud.instance(inside, "far-0").await;
    let other = json!({ "floating_network_id": network, "port_id": far });
    let other = id_of(&cloud.create("floatingip", other).await);
    cloud.eventually("a host without a way out wakes it", || loaded(Reason::CentralizedIpv4)).await;
    cloud.has_status(&format!("floatingips/{other}"), "ACTIVE").await;
    cloud.update("floatingip", &other, json!({ "port_id": null })).await;
    cloud.eventually("without its floating IP, it goes", lazy).await;
    cloud.has_status(&format!("floatingips/{other}"), "DOWN").await;

    // A floating IP that moves takes its way with it.
    let moved = cloud.instance(inside, "cmp-1").await;
    cloud.update("floatingip", &floating, json!({ "port_id": null })).await;
    cloud.update("floatingip", &floating, json!({ "port_id": moved })).await;
    cloud.eventually("another compute host carries it", || carried("cmp-1")).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(network).await, ["cmp-1"]);
    cloud.lone().client.delete("floatingip", &floating).await.expect("goes");
    cloud.lone().client.delete("floatingip", &other).await.expect("goes");
    let subnets = cloud.lone().client.get(&format!("subnets?network_id={inside}")).await.expect("subnets");
    assert_eq!(
        cloud.act(router, "remove_router_interface", json!({ "subnet_id": subnets[0]["id"] })).await,
        200
    );
    cloud.lone().client.delete("router", router).await.expect("goes");
    cloud.eventually("nobody has it", || cloud.hosts.iter().all(|host| host.count(Kind::Router) == 0)).await;
    cloud.settled().await;
    cloud.converged().await;
    let left: BTreeSet<Kind> =
        cloud.hosts.iter().flat_map(|host| host.parts().into_keys()).map(|key| key.kind).collect();
    assert!(!left.contains(&Kind::Fip), "{left:?}");
    assert_eq!(cloud.members(network).await, [""; 0]);
}

async fn an_ha_router_has_a_network_and_one_active_host(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(true).await;
    let router = dvr.router.as_str();
    let all = |wanted: Load| ["net-0", "net-1"].iter().all(|host| cloud.load(host, router) == Some(wanted));
    cloud.eventually("both are lazy", || all(Load::Lazy)).await;
    cloud.settled().await;
    cloud.converged().await;
    let agents = format!("routers/{router}/l3-agents");
    let states = async || {
        let agents = cloud.lone().client.get(&agents).await.expect("agents");
        let mut states: Vec<String> = agents
            .as_array()
            .expect("a list")
            .iter()
            .map(|agent| agent["ha_state"].as_str().unwrap_or("-").to_owned())
            .collect();
        states.sort_unstable();
        states
    };
    assert_eq!(states().await, ["standby", "standby"]);
    let name = "networks?name=HA network project admin";
    let network = id_of(&cloud.lone().client.get(name).await.expect("networks")[0]);
    assert_eq!(cloud.members(&network).await, [""; 0], "nobody stands ready");
    let snat = json!({ "external_gateway_info": { "network_id": dvr.external, "enable_snat": true } });
    cloud.update("router", router, snat).await;
    cloud.eventually("both stand ready", || all(Load::Loaded(Reason::Snat))).await;
    let one_active = wait::until(LIMIT, || async { (states().await == ["active", "standby"]).then_some(()) });
    assert!(one_active.await.is_some(), "{:?}", states().await);
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(&network).await, ["net-0", "net-1"]);
    let legs: BTreeSet<_> = ["net-0", "net-1"]
        .iter()
        .map(|host| cloud.router(host, router).and_then(|router| router.ha).expect("stands ready"))
        .map(|ha| (ha.port.port_id, ha.vr_id))
        .collect();
    assert_eq!(legs.len(), 2, "a leg each");
    assert_eq!(legs.iter().map(|(_, vr_id)| vr_id).collect::<BTreeSet<_>>().len(), 1, "one number");
    let subnets =
        cloud.lone().client.get(&format!("subnets?network_id={}", dvr.inside)).await.expect("subnets");
    assert_eq!(
        cloud.act(router, "remove_router_interface", json!({ "subnet_id": subnets[0]["id"] })).await,
        200
    );
    cloud.lone().client.delete("router", router).await.expect("goes");
    let gone = wait::until(LIMIT, || async {
        cloud.lone().client.get(name).await.ok()?.as_array()?.is_empty().then_some(())
    });
    assert!(gone.await.is_some(), "the network goes with the project's last HA router");
    cloud.converged().await;
    assert!(cloud.host("net-0").parts().is_empty() && cloud.host("net-1").parts().is_empty());
}

async fn a_split_leaves_the_router_where_it_was_all_the_time(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    cloud.host("net-0").say(HaState::Active);
    cloud.host("net-1").say(HaState::Standby);
    let dvr = cloud.dvr(true).await;
    let snat = json!({ "external_gateway_info": { "network_id": dvr.external, "enable_snat": true } });
    cloud.update("router", &dvr.router, snat).await;
    cloud.is_active(&dvr.router, "net-0").await;
    // They do not hear each other: both are active, and the later one was not before.
    cloud.host("net-1").say(HaState::Active);
    cloud.is_active(&dvr.router, "net-1").await;
    // They do again, and the one that was active all the time has nothing to say.
    cloud.host("net-1").say(HaState::Standby);
    cloud.is_active(&dvr.router, "net-0").await;
    cloud.settled().await;
    cloud.converged().await;
}

async fn an_operator_moves_a_router(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(false).await;
    let router = dvr.router.as_str();
    cloud.settled().await;
    let client = &cloud.lone().client;
    let agent = async |host: &str| {
        let path = format!("agents?host={host}&agent_type=L3 agent&fields=id");
        id_of(&client.get(&path).await.expect("agents")[0])
    };
    let carrying = async || {
        let agents = client.get(&format!("routers/{router}/l3-agents")).await.expect("agents");
        let host = |agent: &Value| agent["host"].as_str().expect("a host").to_owned();
        agents.as_array().expect("a list").iter().map(host).collect::<Vec<_>>()
    };
    let send = async |method: &str, path: String, body: Option<Value>| {
        let body = body.map(|body| body.to_string());
        client.send(method, &path, body, &[]).await.expect("an answer").0
    };
    for _ in 0..2 {
        let from = carrying().await.remove(0);
        let to = if from == "net-0" { "net-1" } else { "net-0" };
        let path = format!("/v2.0/agents/{}/l3-routers/{router}", agent(&from).await);
        assert_eq!(send("DELETE", path, None).await, 204);
        cloud
            .eventually("nobody on a network node has it", || {
                ["net-0", "net-1"].iter().all(|host| cloud.router(host, router).is_none())
            })
            .await;
        cloud.settled().await;
        let mut tx = cloud.db.read().await.expect("reads");
        let wanting = tx.unscheduled_routers("", 1, 9).await.expect("reads");
        drop(tx);
        assert_eq!(wanting, [], "nor does a look at all routers give it to one");
        assert_eq!(carrying().await, [""; 0]);
        let path = format!("/v2.0/agents/{}/l3-routers", agent(to).await);
        assert_eq!(send("POST", path, Some(json!({ "router_id": router }))).await, 201);
        cloud.eventually("the other one has it", || cloud.router(to, router).is_some()).await;
        cloud.settled().await;
        assert_eq!(carrying().await, [to]);
    }
    // What needs an agent anew has it placed again.
    let at = carrying().await.remove(0);
    let path = format!("/v2.0/agents/{}/l3-routers/{router}", agent(&at).await);
    assert_eq!(send("DELETE", path, None).await, 204);
    cloud.settled().await;
    let (_, subnet) = cloud.network(json!({}), "10.0.9.0/24").await;
    assert_eq!(cloud.act(router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
    cloud.settled().await;
    assert_eq!(carrying().await.len(), 1);
    cloud.converged().await;
}

async fn floating_ips_that_nobody_carries_are_down(engine: Engine) {
    let cloud = Cloud::start(engine, 1, None).await;
    let dvr = cloud.dvr(false).await;
    let floating = json!({ "floating_network_id": dvr.external, "port_id": dvr.instance });
    let floating = id_of(&cloud.create("floatingip", floating).await);
    let path = format!("floatingips/{floating}");
    cloud.has_status(&path, "ACTIVE").await;
    cloud.update("router", &dvr.router, json!({ "admin_state_up": false })).await;
    cloud.has_status(&path, "DOWN").await;
    cloud.update("router", &dvr.router, json!({ "admin_state_up": true })).await;
    cloud.has_status(&path, "ACTIVE").await;
    // It was the only one that the host had a router for.
    cloud.lone().client.delete("port", &dvr.instance).await.expect("goes");
    cloud.eventually("the host has no router", || cloud.router("cmp-0", &dvr.router).is_none()).await;
    cloud.has_status(&path, "DOWN").await;
}

async fn what_matters_to_nobody_wakes_nobody(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(false).await;
    cloud.eventually("it is served", || cloud.router("cmp-0", &dvr.router).is_some()).await;
    cloud.settled().await;
    cloud.converged().await;
    let revisions = async || {
        let mut tx = cloud.db.read().await.expect("reads");
        let sql = "SELECT host || ' ' || revision FROM changes WHERE kind = 'router' ORDER BY host";
        tx.texts(sql, &[]).await.expect("reads")
    };
    let before = revisions().await;
    for at in 0..20 {
        cloud.instance(&dvr.inside, "cmp-0").await;
        cloud.create("port", json!({ "network_id": dvr.inside, "name": format!("unbound-{at}") })).await;
    }
    cloud.update("router", &dvr.router, json!({ "name": "another", "description": "of nothing" })).await;
    cloud.update("port", &dvr.instance, json!({ "name": "renamed" })).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(revisions().await, before, "of 20 instances on a host that serves, and 20 unbound ports");
    // The other way round: it would be seen.
    cloud.instance(&dvr.inside, "cmp-1").await;
    cloud.eventually("it is served there", || cloud.router("cmp-1", &dvr.router).is_some()).await;
    assert_ne!(revisions().await, before);
}

const ACTS: usize = 90;

struct Walk {
    external: Vec<String>,
    insides: Vec<(String, String)>,
    routers: Vec<String>,
    ports: Vec<String>,
    floating: Vec<String>,
}

/// One random change; what is refused is refused.
async fn step(cloud: &Cloud, walk: &mut Walk, draw: &mut Draw) {
    let client = &cloud.lone().client;
    let host = HOSTS[draw.below(HOSTS.len())].0;
    let pick = |list: &[String], draw: &mut Draw| {
        list.get(draw.below(list.len().max(1))).cloned().unwrap_or_default()
    };
    let router = pick(&walk.routers, draw);
    let (inside, subnet) = walk.insides[draw.below(walk.insides.len())].clone();
    let external = pick(&walk.external, draw);
    let port = pick(&walk.ports, draw);
    let floating = pick(&walk.floating, draw);
    match draw.below(16) {
        0 => {
            let fields = json!({ "distributed": draw.below(3) > 0, "ha": draw.below(3) == 0 });
            walk.routers.extend(client.create("router", fields).await.ok().as_ref().map(id_of));
        }
        1 | 2 => drop(cloud.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await),
        3 => drop(cloud.act(&router, "remove_router_interface", json!({ "subnet_id": subnet })).await),
        4 | 5 => {
            let gateway = json!({ "network_id": external, "enable_snat": draw.below(2) == 0 });
            let gateway = if draw.below(5) == 0 { json!(null) } else { gateway };
            let _ = client.update("router", &router, json!({ "external_gateway_info": gateway })).await;
        }
        6 => {
            let _ = client.update("router", &router, json!({ "admin_state_up": draw.below(3) > 0 })).await;
        }
        7..=9 => {
            let metal = draw.below(6) == 0;
            let fields = match metal {
                true => json!({ "network_id": inside, "binding:vnic_type": "baremetal" }),
                false => {
                    json!({ "network_id": inside, "device_owner": "compute:nova", "binding:host_id": host })
                }
            };
            walk.ports.extend(client.create("port", fields).await.ok().as_ref().map(id_of));
        }
        10 => drop(client.update("port", &port, json!({ "binding:host_id": host })).await),
        11 => drop(client.delete("port", &port).await),
        12 | 13 => {
            let fields = json!({ "floating_network_id": external, "port_id": port });
            walk.floating.extend(client.create("floatingip", fields).await.ok().as_ref().map(id_of));
        }
        14 => {
            let to = if draw.below(2) == 0 { json!(null) } else { json!(port) };
            let _ = client.update("floatingip", &floating, json!({ "port_id": to })).await;
        }
        _ => match draw.below(3) {
            0 => drop(client.delete("floatingip", &floating).await),
            1 => drop(client.delete("router", &router).await),
            _ => {
                let agents = client.get(&format!("agents?host={host}&fields=id")).await.expect("agents");
                for agent in agents.as_array().into_iter().flatten() {
                    let _ = client.delete("agent", &id_of(agent)).await;
                }
            }
        },
    }
}

async fn whatever_changes_hosts_have_what_a_look_from_scratch_makes(engine: Engine) {
    let seeds = match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![7, 20_261_122],
    };
    for seed in seeds {
        println!("seed {seed}");
        let mischief = Mischief { drop: 30, double: 30, hold: 30, fail_request: 10, seed };
        let mut cloud = Cloud::start(engine, 2, Some(mischief)).await;
        let mut draw = Draw(seed);
        let mut walk =
            Walk { external: vec![], insides: vec![], routers: vec![], ports: vec![], floating: vec![] };
        for n in 0..2 {
            walk.external
                .push(cloud.network(json!({ "router:external": true }), &format!("203.0.{n}.0/24")).await.0);
        }
        for n in 0..4 {
            walk.insides.push(cloud.network(json!({}), &format!("10.0.{n}.0/24")).await);
        }
        walk.insides.push(cloud.network(json!({}), "2001:db8:1::/64").await);
        for (n, (_, subnet)) in walk.insides.iter().enumerate().take(3) {
            let gateway = json!({ "network_id": walk.external[n % 2], "enable_snat": false });
            let fields = json!({ "distributed": n < 2, "external_gateway_info": gateway });
            let router = id_of(&cloud.create("router", fields).await);
            assert_eq!(cloud.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
            walk.routers.push(router);
        }
        for turn in 0..ACTS {
            step(&cloud, &mut walk, &mut draw).await;
            // Commits whose routers nobody has settled when the server goes.
            if turn % 40 == 39 {
                let lone = cloud.lone.take().expect("runs");
                let (bus, home): (Bus, _) = (lone.bus.clone(), lone.stop().await);
                // What it was asked at the end is still being written.
                let free = wait::until(LIMIT, || async { cloud.db.begin().await.ok().map(drop) });
                free.await.expect("the old server ends");
                cloud.lone = Some(Lone::start_in(home, Cloud::settings(), bus).await.expect("starts"));
            }
            if turn % 30 == 29 {
                cloud.settled().await;
            }
        }
        cloud.settled().await;
        cloud.converged().await;
        let parts: usize = cloud.hosts.iter().map(|host| host.count(Kind::Router)).sum();
        let ways: usize = cloud.hosts.iter().map(|host| host.count(Kind::Fip)).sum();
        println!("{parts} routers on hosts, {} floating IPs were made, {ways} ways out", walk.floating.len());
        assert!(parts > 0 && !walk.floating.is_empty(), "the walk put no router on any host");
    }
}

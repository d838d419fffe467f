//! Install orders: what they are of, which host hears of them, and what becomes of what instances say.

use std::net::IpAddr;
use std::time::Duration;

use bus::{Bus, BusError};
use db::Engine;
use model::desired::{Key, Kind, Part};
use model::report::{Outcome, Report, State as PartState};
use model::software::{self, Order, State};
use model::subject::Word;
use model::{PortId, SoftwareOrderId};
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Home, wait};

use super::software::{OTHER, OWNER, Place};

testbed::on_both_engines!(
    an_order_reaches_its_instance_and_ends,
    the_newest_of_ones_own_is_installed,
    what_is_ordered_stays,
    orders_of_whom_nobody_can_tell_end,
    who_says_something_of_two_orders_waits_for_nobody,
    of_an_order_and_a_delete_one_is_first,
);

const LIMIT: Duration = Duration::from_secs(30);
const HOST: &str = "host-1";

struct Ordered {
    place: Place,
    bus: Bus,
    host: SimulatedHost,
    network: String,
}

impl Ordered {
    async fn start(engine: Engine) -> Ordered {
        let bus = Bus::in_process();
        let place = Place::with(engine, bus.clone(), |_| {}).await;
        let tunnel: IpAddr = "192.0.2.1".parse().expect("an address");
        let host = SimulatedHost::start(bus.clone(), HOST, tunnel).await;
        let network = place.made(OWNER, "networks", "network", json!({})).await;
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
        place.made(OWNER, "subnets", "subnet", subnet).await;
        Ordered { place, bus, host, network }
    }

    async fn port(&self, instance: &str) -> String {
        let port = json!({ "network_id": self.network, "device_id": instance });
        self.place.made(OWNER, "ports", "port", port).await
    }

    async fn order(&self, project: &str, fields: Value) -> (u16, Value) {
        self.place.ask(project, "POST", "software-orders", json!({ "software_order": fields })).await
    }

    /// An order of one package to some targets.
    async fn made(&self, package: &str, targets: Value) -> String {
        let fields = json!({ "packages": [{ "name": package }], "targets": targets });
        let (status, answer) = self.order(OWNER, fields).await;
        assert_eq!(status, 201, "{answer}");
        id_of(&answer["software_order"])
    }

    async fn show(&self, order: &str) -> Value {
        let (_, answer) =
            self.place.ask(OWNER, "GET", &format!("software-orders/{order}"), Value::Null).await;
        answer["software_order"].clone()
    }

    async fn act(&self, project: &str, order: &str, action: &str) -> (u16, Value) {
        self.place.ask(project, "PUT", &format!("software-orders/{order}/{action}"), Value::Null).await
    }

    /// Waits until the host is told of orders of a port that are so.
    async fn told(&self, port: &str, is: impl Fn(&[Order]) -> bool) -> Vec<Order> {
        let key = Key::new(Kind::Lease, port.parse::<PortId>().expect("an id").0);
        let told = wait::until(LIMIT, || async {
            match self.host.part(key) {
                Some(Part::Lease(lease)) => Some(lease.orders).filter(|orders| is(orders)),
                _ => None,
            }
        });
        told.await.unwrap_or_else(|| panic!("the host is told {:?}", self.host.part(key)))
    }

    /// The host says what an instance said.
    async fn say(&self, host: &str, port: &str, order: &str, attempt: u32, state: State) {
        let key = Key::new(Kind::Lease, port.parse::<PortId>().expect("an id").0);
        let mut outcome = Outcome::new(key, 0, PartState::Up);
        let reason = if state == State::Failed { "no space".into() } else { String::new() };
        let report =
            software::Report { attempt, state, progress_percent: 50, reason, output: "dpkg: so".into() };
        outcome.orders.insert(order.parse::<SoftwareOrderId>().expect("an id"), report);
        let report =
            Report { host: host.into(), epoch: String::new(), outcomes: vec![outcome], skipped: vec![] };
        // A host's words are heard one after the other.
        let heard =
            wait::until(LIMIT, || async { self.bus.ask::<_, ()>(Word::Report, host, &report).await.ok() });
        assert!(heard.await.is_some(), "the report is not heard");
    }

    async fn state(&self, order: &str, at: usize) -> String {
        self.show(order).await["states"][at]["state"].as_str().unwrap_or_default().to_owned()
    }
}

async fn an_order_reaches_its_instance_and_ends(engine: Engine) {
    let cloud = Ordered::start(engine).await;
    cloud.place.brought("hello", "1").await;
    let port = cloud.port("instance-1").await;
    cloud.told(&port, <[Order]>::is_empty).await;
    let order = cloud.made("hello", json!([{ "instance": "instance-1" }])).await;
    let orders = cloud.told(&port, |orders| orders.len() == 1).await;
    let told = &orders[0];
    assert_eq!((told.id.to_string(), told.attempt, told.cancelled), (order.clone(), 1, false));
    let package = &told.packages[0];
    assert_eq!(
        (package.name.as_str(), package.version.as_str(), package.file.as_str(), package.sha256.len()),
        ("hello", "1", "hello_1_all.deb", 64)
    );
    let shown = cloud.show(&order).await;
    assert_eq!((&shown["status"], &shown["states"][0]["port_id"]), (&json!("pending"), &json!(port)));

    // What is said of another host, attempt, port or order counts for nothing.
    cloud.say("host-2", &port, &order, 1, State::Installed).await;
    cloud.say(HOST, &port, &order, 2, State::Installed).await;
    cloud.say(HOST, &cloud.port("instance-2").await, &order, 1, State::Installed).await;
    cloud.say(HOST, &port, "7a4e5d1c-0f3b-4f1e-9d56-1f3f0c6b2a11", 1, State::Installed).await;
    assert_eq!(cloud.state(&order, 0).await, "pending");
    cloud.say(HOST, &port, &order, 1, State::Installing).await;
    cloud.say(HOST, &port, &order, 1, State::Downloading).await;
    let shown = cloud.show(&order).await;
    let target = &shown["states"][0];
    assert_eq!(
        (&shown["status"], &target["state"]),
        (&json!("installing"), &json!("installing")),
        "no way back"
    );
    assert_eq!((&target["progress"], &target["output"]), (&json!(50), &json!("dpkg: so")));
    let gone = cloud.place.ask(OWNER, "DELETE", &format!("software-orders/{order}"), Value::Null).await;
    assert_eq!(gone.0, 409, "it is under way");
    cloud.say(HOST, &port, &order, 1, State::Failed).await;
    assert_eq!(cloud.show(&order).await["status"], "failed");
    assert_eq!(cloud.show(&order).await["states"][0]["reason"], "no space");
    cloud.told(&port, <[Order]>::is_empty).await;
    cloud.say(HOST, &port, &order, 1, State::Installed).await;
    assert_eq!(cloud.state(&order, 0).await, "failed", "it ended");

    // Again, and called off while it is under way.
    assert_eq!(cloud.act(OTHER, &order, "retry").await.0, 404);
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 200);
    cloud.told(&port, |orders| orders.len() == 1 && orders[0].attempt == 2).await;
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 409, "it has not ended");
    cloud.say(HOST, &port, &order, 1, State::Installed).await;
    assert_eq!(cloud.state(&order, 0).await, "pending", "that was the attempt before");
    cloud.say(HOST, &port, &order, 2, State::Downloading).await;
    assert_eq!(cloud.act(OWNER, &order, "cancel").await.0, 200);
    cloud.told(&port, |orders| orders.len() == 1 && orders[0].cancelled).await;
    cloud.say(HOST, &port, &order, 2, State::Cancelled).await;
    assert_eq!(cloud.show(&order).await["status"], "cancelled");
    cloud.told(&port, <[Order]>::is_empty).await;

    // What nobody said to have begun is called off at once; its instance hears of that, and says whether it is so.
    let order = cloud.made("hello", json!([port])).await;
    cloud.told(&port, |orders| orders.len() == 1).await;
    let (_, answer) = cloud.act(OWNER, &order, "cancel").await;
    assert_eq!(answer["software_order"]["status"], "cancelled");
    assert_eq!(answer["software_order"]["states"][0]["state"], "cancelled");
    assert_eq!(cloud.act(OWNER, &order, "cancel").await.0, 409, "it is over");
    cloud.told(&port, |orders| orders.len() == 1 && orders[0].cancelled).await;
    cloud.say(HOST, &port, &order, 1, State::Cancelled).await;
    assert_eq!(cloud.show(&order).await["status"], "cancelled");
    cloud.told(&port, <[Order]>::is_empty).await;
    let order = cloud.made("hello", json!([port])).await;
    assert_eq!(cloud.act(OWNER, &order, "cancel").await.0, 200);
    cloud.say(HOST, &port, &order, 1, State::Installed).await;
    assert_eq!(cloud.show(&order).await["status"], "installed", "that was faster");
    cloud.told(&port, <[Order]>::is_empty).await;

    // A port that goes takes its own along.
    let order = cloud.made("hello", json!([{ "port_id": port }])).await;
    let gone = cloud.place.ask(OWNER, "DELETE", &format!("ports/{port}"), Value::Null).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    assert_eq!(cloud.show(&order).await["states"][0]["reason"], "the port was deleted");
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 409, "there is nowhere to");
    let gone = cloud.place.ask(OWNER, "DELETE", &format!("software-orders/{order}"), Value::Null).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
}

async fn the_newest_of_ones_own_is_installed(engine: Engine) {
    let cloud = Ordered::start(engine).await;
    let place = &cloud.place;
    let (package, _) = place.brought("hello", "1.9").await;
    place.more(&package, "hello", "1.10").await;
    let rc = place.more(&package, "hello", "1.11~rc1").await;
    let port = cloud.port("instance-1").await;
    let found = async |wanted: Value| {
        let fields = json!({ "packages": [wanted], "targets": [port] });
        let (status, answer) = cloud.order(OWNER, fields).await;
        (status, answer["software_order"]["packages"][0]["version"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(found(json!({ "name": "hello" })).await, (201, "1.11~rc1".into()));
    let yanked = json!({ "software_version": { "yanked": true } });
    assert_eq!(place.ask(OWNER, "PUT", &format!("software-versions/{rc}"), yanked).await.0, 200);
    assert_eq!(found(json!({ "name": "hello" })).await, (201, "1.10".into()));
    assert_eq!(found(json!({ "name": "hello", "version": "1.11~rc1" })).await.0, 201, "by its version");
    assert_eq!(found(json!({ "package_id": package, "version": "1.9" })).await, (201, "1.9".into()));
    assert_eq!(found(json!({ "name": "hello", "architecture": "amd64" })).await.0, 404);
    assert_eq!(found(json!({ "name": "nothing" })).await.0, 404);
    assert_eq!(found(json!({ "name": "hello", "package_id": package })).await.0, 400);
    assert_eq!(found(json!({ "name": "hello", "colour": "red" })).await.0, 400);

    // Ports of others are not there, nor are routers'.
    let one = json!([{ "name": "hello" }]);
    for targets in [json!(["instance-9"]), json!([{ "port_id": package }]), json!([""]), json!([])] {
        let (status, _) = cloud.order(OWNER, json!({ "packages": one, "targets": targets })).await;
        assert!([400, 404].contains(&status), "{targets}: {status}");
    }
    let theirs = json!({ "packages": one, "targets": [{ "port_id": port }] });
    assert_eq!(cloud.order(OTHER, theirs).await.0, 404);
    let many = json!({ "packages": vec![json!({ "name": "hello" }); 65], "targets": [port] });
    assert_eq!(cloud.order(OWNER, many).await.0, 400);
    // What a port is told has to fit.
    let large = json!({ "packages": vec![json!({ "name": "hello" }); 64], "targets": [port] });
    let mut refused = Value::Null;
    for _ in 0..5 {
        let (status, answer) = cloud.order(OWNER, large.clone()).await;
        if status != 201 {
            refused = answer["NeutronError"]["type"].clone();
            assert_eq!(status, 409, "{answer}");
        }
    }
    assert_eq!(refused, "OverQuota");

    // A port without DHCP cannot be told.
    let dry = place.made(OWNER, "networks", "network", json!({})).await;
    let dry = place.made(OWNER, "ports", "port", json!({ "network_id": dry, "device_id": "dry" })).await;
    let order = cloud.made("hello", json!([dry])).await;
    let shown = cloud.show(&order).await;
    assert_eq!(shown["status"], "failed");
    assert!(shown["states"][0]["reason"].as_str().unwrap_or_default().contains("DHCP"), "{shown}");
}

async fn what_is_ordered_stays(engine: Engine) {
    let cloud = Ordered::start(engine).await;
    let (package, version) = cloud.place.brought("hello", "1").await;
    let port = cloud.port("instance-1").await;
    let order = cloud.made("hello", json!([port])).await;
    let version = format!("software-versions/{version}");
    let (status, answer) = cloud.place.ask(OWNER, "DELETE", &version, Value::Null).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("SoftwareVersionInUse")));
    assert_eq!(cloud.act(OWNER, &order, "cancel").await.0, 200);
    assert_eq!(cloud.place.ask(OWNER, "DELETE", &version, Value::Null).await.0, 204);
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 404, "there is nothing to install");
    let gone = cloud.place.ask(OWNER, "DELETE", &format!("software-packages/{package}"), Value::Null).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
}

async fn of_an_order_and_a_delete_one_is_first(engine: Engine) {
    const ROUNDS: usize = 12;
    let cloud = Ordered::start(engine).await;
    let package = cloud.place.package("hello", "deb").await;
    let port = cloud.port("instance-1").await;
    for round in 0..ROUNDS {
        let version = cloud.place.more(&package, "hello", &format!("1.{round}")).await;
        let fields = json!({ "packages": [{ "name": "hello" }], "targets": [port] });
        let path = format!("software-versions/{version}");
        let (ordered, deleted) = futures_util::future::join(
            cloud.order(OWNER, fields),
            cloud.place.ask(OWNER, "DELETE", &path, Value::Null),
        )
        .await;
        let order = id_of(&ordered.1["software_order"]);
        match (ordered.0, deleted.0) {
            (201, 409) => {
                assert_eq!(cloud.act(OWNER, &order, "cancel").await.0, 200);
                assert_eq!(cloud.place.ask(OWNER, "DELETE", &path, Value::Null).await.0, 204);
            }
            (404, 204) => {}
            other => panic!("round {round}: {other:?} {} {}", ordered.1, deleted.1),
        }
    }
}

async fn orders_of_whom_nobody_can_tell_end(engine: Engine) {
    let cloud = Ordered::start(engine).await;
    cloud.place.brought("hello", "1").await;
    let change = async |path: String, singular: &str, fields: Value| {
        let (status, answer) = cloud.place.ask(OWNER, "PUT", &path, json!({ singular: fields })).await;
        assert_eq!(status, 200, "{answer}");
    };
    let ended = async |order: &str| {
        let shown = cloud.show(order).await["states"][0].clone();
        let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    };
    // Its port is another instance's.
    let port = cloud.port("instance-1").await;
    let order = cloud.made("hello", json!([port])).await;
    change(format!("ports/{port}"), "port", json!({ "device_id": "instance-2" })).await;
    assert_eq!(ended(&order).await, ("cancelled".into(), "the port is another instance's".into()));
    cloud.told(&port, <[Order]>::is_empty).await;
    // It has no lease any more: no address, no DHCP on its subnet, no such subnet.
    let no_lease = ("failed".to_owned(), "the port has no address on a subnet with DHCP any more".to_owned());
    let order = cloud.made("hello", json!([port])).await;
    change(format!("ports/{port}"), "port", json!({ "fixed_ips": [] })).await;
    assert_eq!(ended(&order).await, no_lease);
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 409, "nor can it be told to try again");

    let (_, subnets) = cloud.place.ask(OWNER, "GET", "subnets", Value::Null).await;
    let subnet = format!("subnets/{}", id_of(&subnets["subnets"][0]));
    let port = cloud.port("instance-3").await;
    let order = cloud.made("hello", json!([port])).await;
    change(subnet.clone(), "subnet", json!({ "name": "still served" })).await;
    assert_eq!(ended(&order).await.0, "pending");
    change(subnet.clone(), "subnet", json!({ "enable_dhcp": false })).await;
    assert_eq!(ended(&order).await, no_lease);
    change(subnet, "subnet", json!({ "enable_dhcp": true })).await;
    assert_eq!(cloud.act(OWNER, &order, "retry").await.0, 200);
    assert_eq!(ended(&order).await.0, "pending");
}

/// Orders of ports in two networks, of which two hosts say something, each beginning with another.
async fn who_says_something_of_two_orders_waits_for_nobody(engine: Engine) {
    const ROUNDS: u8 = 40;
    let cloud = Ordered::start(engine).await;
    cloud.place.brought("hello", "1").await;
    let mut ports = vec![cloud.port("instance-1").await, cloud.port("instance-1").await];
    cloud.told(&ports[0], <[Order]>::is_empty).await;
    // The next network is served by whoever has none yet.
    let second = SimulatedHost::start(cloud.bus.clone(), "host-2", [192, 0, 2, 2].into()).await;
    let network = cloud.place.made(OWNER, "networks", "network", json!({})).await;
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24" });
    cloud.place.made(OWNER, "subnets", "subnet", subnet).await;
    for _ in 0..2 {
        let there = json!({ "network_id": network, "device_id": "instance-2" });
        ports.push(cloud.place.made(OWNER, "ports", "port", there).await);
    }
    let orders = [cloud.made("hello", json!(ports)).await, cloud.made("hello", json!(ports)).await];
    let key = |port: &str| Key::new(Kind::Lease, port.parse::<PortId>().expect("an id").0);
    let served = wait::until(LIMIT, || async { second.part(key(&ports[3])).map(drop) });
    assert!(served.await.is_some(), "host-2 serves the second network");

    // Of each network the first port's word is of one order, the second's of the other.
    let said = |percent: u8, host: &str, all: [(&String, &String); 2]| {
        let outcomes = all.map(|(port, order)| {
            let mut outcome = Outcome::new(key(port), 0, PartState::Up);
            let report = software::Report {
                attempt: 1,
                state: State::Downloading,
                progress_percent: percent,
                reason: String::new(),
                output: String::new(),
            };
            outcome.orders.insert(order.parse::<SoftwareOrderId>().expect("an id"), report);
            outcome
        });
        Report { host: host.into(), epoch: String::new(), outcomes: outcomes.to_vec(), skipped: vec![] }
    };
    ports.sort_by_key(|port| second.part(key(port)).is_some());
    // As hosts do, who say it again while the server is busy.
    let say = async |host: &str, report: &Report| {
        let said = wait::until(LIMIT, || async {
            match cloud.bus.ask::<_, ()>(Word::Report, host, report).await {
                Err(BusError::Busy(_)) => None,
                said => said.map(Some).expect("is taken"),
            }
        });
        assert!(said.await.is_some(), "{host} is heard");
    };
    for percent in 1..=ROUNDS {
        let one = said(percent, HOST, [(&ports[0], &orders[0]), (&ports[1], &orders[1])]);
        let other = said(percent, "host-2", [(&ports[2], &orders[1]), (&ports[3], &orders[0])]);
        futures_util::future::join(say(HOST, &one), say("host-2", &other)).await;
    }
    let shown = cloud.show(&orders[0]).await;
    assert_eq!(shown["status"], "installing", "{shown}");
    let Ordered { place, host, .. } = cloud;
    drop((host, second));
    let Home::Database(database) = place.lone.stop().await else { return };
    let behind = database.client().await.expect("connects");
    let alone = wait::until(LIMIT, || async {
        let others = "SELECT COUNT(*) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let others: i64 = behind.query_one(others, &[]).await.expect("counts").get(0);
        (others == 0).then_some(())
    });
    assert!(alone.await.is_some(), "who leaves tells of its deadlocks");
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = behind.query_one(sql, &[]).await.expect("statistics").get(0);
    assert_eq!(deadlocks, 0, "everyone locks in the same order");
}

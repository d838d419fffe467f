//! How often a request waits for the database server. Printed, and held to what it takes.

use bus::Bus;
use db::Db;
use model::desired::Kind;
use model::report::{AgentState, Heartbeat};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Home, Lone, Postgres};

struct Counted {
    lone: Lone,
    db: Db,
}

impl Counted {
    /// The fewest round trips of a few runs of one request: what others do meanwhile is not its own.
    async fn trips(&self, method: &str, path: &str, body: Option<Value>) -> u64 {
        let mut fewest = u64::MAX;
        for _ in 0..20 {
            let before = self.db.round_trips();
            let text = body.as_ref().map(Value::to_string);
            let (status, answer) = self.lone.client.send(method, path, text, &[]).await.expect("an answer");
            assert!(status < 300, "{method} {path}: {status} {answer}");
            fewest = fewest.min(self.db.round_trips() - before);
        }
        println!("{method:6} {:24} {fewest:3} round trips", path.split(['?', '-']).next().unwrap_or(path));
        fewest
    }

    /// As a member of a project.
    async fn ask(&self, path: &str, body: Value) -> Value {
        let project = "11111111111111111111111111111111";
        let who = [("X-User-Id", "u"), ("X-Project-Id", project), ("X-Roles", "member,reader")];
        let asked = self.lone.client.send("POST", path, Some(body.to_string()), &who);
        let (status, answer) = asked.await.expect("an answer");
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    async fn made(&self, path: &str, singular: &str, fields: Value) -> String {
        id_of(&self.ask(path, json!({ singular: fields })).await[singular])
    }
}

/// Round trips of a rule about another group, and of a port with two groups.
const RULE: u64 = 7;
const PORT: u64 = 12;

async fn counted(mut settings: Settings) -> Counted {
    let database = Postgres::database().await.expect("a database");
    // The DHCP task has round trips of its own.
    settings.rules.dhcp_agents_per_network = 0;
    let db = database.open().await.expect("opens");
    let bus = Bus::in_process();
    let lone = Lone::serve(Home::from(database), db.clone(), settings, bus).await.expect("starts");
    let l2 = AgentState {
        agent_type: "Linux bridge agent".into(),
        binary: "simulated".into(),
        topic: "N/A".into(),
        availability_zone: None,
        started_at_us: 0,
        configurations: json!({ "datapath": "kernel", "tunneling_ip": "192.0.2.1", "tunnel_types": ["vxlan"] }),
    };
    let beat = Heartbeat { host: "h".into(), agents: vec![l2], meters: vec![] };
    lone.bus.ask::<_, ()>(Word::Beat, "h", &beat).await.expect("heard");
    Counted { lone, db }
}

#[tokio::test]
async fn round_trips_per_request() {
    let counted = counted(Settings::default()).await;
    let network = counted.lone.client.create("network", json!({})).await.expect("a network");
    let id = id_of(&network);
    let subnet = json!({ "network_id": id, "ip_version": 4, "cidr": "10.0.0.0/16" });
    counted.lone.client.create("subnet", subnet).await.expect("a subnet");
    let port = json!({ "port": { "network_id": id, "binding:host_id": "h" } });
    let limits = [
        (counted.trips("POST", "/v2.0/networks", Some(json!({ "network": {} }))).await, 6),
        (counted.trips("POST", "/v2.0/ports", Some(port)).await, 13),
        (counted.trips("GET", "/v2.0/ports", None).await, 1),
        (counted.trips("GET", &format!("/v2.0/networks/{id}"), None).await, 1),
        (counted.trips("GET", "/v2.0/networks?limit=2&sort_key=name&sort_dir=asc", None).await, 1),
        (
            counted
                .trips("PUT", &format!("/v2.0/networks/{id}"), Some(json!({ "network": { "mtu": 1400 } })))
                .await,
            8,
        ),
    ];
    for (at, (trips, limit)) in limits.into_iter().enumerate() {
        assert!(trips <= limit, "request {at} took {trips} round trips, {limit} should do");
    }
}

/// What a host is told of many networks is read with as many statements as of one.
#[tokio::test]
async fn round_trips_of_a_page() {
    let counted = counted(Settings::default()).await;
    let mut trips = [u64::MAX; 2];
    for (count, trips) in [1, 9].into_iter().zip(&mut trips) {
        for _ in 0..count {
            let network = id_of(&counted.lone.client.create("network", json!({})).await.expect("a network"));
            let port = json!({ "network_id": network, "binding:host_id": "h" });
            counted.lone.client.create("port", port).await.expect("a port");
        }
        for _ in 0..20 {
            let before = counted.db.round_trips();
            let page: SyncAnswer =
                counted.lone.bus.ask(Word::Sync, "h", &SyncAsk::all("h")).await.expect("a page");
            *trips = (*trips).min(counted.db.round_trips() - before);
            assert!(page.parts.iter().filter(|part| part.key.kind == Kind::Network).count() >= count);
        }
    }
    println!("SYNC   1 network {} round trips, 10 networks {}", trips[0], trips[1]);
    assert_eq!(trips[0], trips[1]);
}

/// Rules of one request are read about, written and shown together; the groups of a port are asked for once.
#[tokio::test]
async fn round_trips_for_groups() {
    let mut settings = Settings { auth: server::AuthSettings::Trusting, ..Settings::default() };
    settings.quotas.0.insert("security_group_rule".into(), -1);
    let counted = counted(settings).await;
    let group = counted.made("/v2.0/security-groups", "security_group", json!({ "name": "g" })).await;
    let remote = counted.made("/v2.0/security-groups", "security_group", json!({ "name": "r" })).await;
    let network = counted.made("/v2.0/networks", "network", json!({})).await;
    let mut next = 0;
    let mut rules = |count: usize| {
        let one = |_| {
            next += 1;
            json!({ "security_group_id": group, "direction": "ingress", "protocol": "tcp",
                "port_range_min": next, "port_range_max": next, "remote_group_id": remote })
        };
        json!({ "security_group_rules": (0..count).map(one).collect::<Vec<_>>() })
    };
    let mut trips = [u64::MAX; 2];
    for _ in 0..4 {
        for (count, trips) in [1, 40].into_iter().zip(&mut trips) {
            let before = counted.db.round_trips();
            let answer = counted.ask("/v2.0/security-group-rules", rules(count)).await;
            *trips = (*trips).min(counted.db.round_trips() - before);
            let made = answer["security_group_rules"].as_array().expect("rules");
            let ports: Vec<_> = made.iter().map(|rule| rule["port_range_min"].as_i64()).collect();
            assert!(ports.len() == count && ports.is_sorted(), "as they were asked for: {ports:?}");
        }
    }
    let mut of_port = u64::MAX;
    for _ in 0..4 {
        let before = counted.db.round_trips();
        let port = json!({ "network_id": network, "security_groups": [group, remote] });
        counted.made("/v2.0/ports", "port", port).await;
        of_port = of_port.min(counted.db.round_trips() - before);
    }
    println!("POST   1 rule {} round trips, 40 rules {}; a port of two groups {of_port}", trips[0], trips[1]);
    assert!(trips[1] <= trips[0] + 1, "40 rules take {} round trips, 1 takes {}", trips[1], trips[0]);
    assert!(trips[0] <= RULE && of_port <= PORT, "{trips:?} {of_port}");
}

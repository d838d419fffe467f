//! How often a request waits for the database server. Printed, and held to what it takes.

use bus::Bus;
use db::Db;
use model::report::{AgentState, Heartbeat};
use model::subject::Word;
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
}

async fn counted() -> Counted {
    let database = Postgres::database().await.expect("a database");
    let mut settings = Settings::default();
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
    let beat = Heartbeat { host: "h".into(), agents: vec![l2] };
    lone.bus.ask::<_, ()>(Word::Beat, "h", &beat).await.expect("heard");
    Counted { lone, db }
}

#[tokio::test]
async fn round_trips_per_request() {
    let counted = counted().await;
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

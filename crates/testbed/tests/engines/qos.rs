//! QoS policies that networks get without naming one, and who waits for whom when networks get others.

use std::time::Duration;

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Client, Engine, Home, Lone, Postgres, wait};

testbed::on_both_engines!(
    a_default_policy_that_hosts_do_not_carry_is_put_on_nothing,
    ids_of_others_are_not_chosen
);

const LIMIT: Duration = Duration::from_secs(20);

async fn policy(client: &Client) -> String {
    let fields = json!({ "name": "default", "is_default": true });
    let (status, made) = asked(client, "POST", "qos/policies", json!({ "policy": fields })).await;
    assert_eq!(status, 201, "{made}");
    id_of(&made["policy"])
}

async fn asked(client: &Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = (!body.is_null()).then(|| body.to_string());
    client.send(method, &format!("/v2.0/{path}"), body, &[]).await.expect("an answer")
}

async fn a_default_policy_that_hosts_do_not_carry_is_put_on_nothing(engine: Engine) {
    let lone = Lone::start_on(engine, Settings::default(), Bus::in_process()).await.expect("starts");
    let id = policy(&lone.client).await;
    let (_, made) = asked(&lone.client, "POST", "networks", json!({ "network": {} })).await;
    assert_eq!(made["network"]["qos_policy_id"], json!(id));
    asked(&lone.client, "DELETE", &format!("networks/{}", id_of(&made["network"])), Value::Null).await;
    let rule = json!({ "minimum_bandwidth_rule": { "min_kbps": 100 } });
    let (status, made) =
        asked(&lone.client, "POST", &format!("qos/policies/{id}/minimum_bandwidth_rules"), rule).await;
    assert_eq!(status, 201, "{made}");
    let (status, answer) = asked(&lone.client, "POST", "networks", json!({ "network": {} })).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("QosRuleNotSupported")), "{answer}");
    lone.stop().await;
}

async fn ids_of_others_are_not_chosen(engine: Engine) {
    let mut settings = Settings::default();
    settings.rules.vxlan_ranges = vec![[10, 12]];
    let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let range = json!({ "name": "r", "shared": false, "project_id": "other", "network_type": "vxlan",
        "minimum": 11, "maximum": 12 });
    let (status, made) =
        asked(&lone.client, "POST", "network-segment-ranges", json!({ "network_segment_range": range }))
            .await;
    assert_eq!(status, 201, "{made}");
    let made = lone.client.create("network", json!({})).await.expect("a network");
    assert_eq!(made["provider:segmentation_id"], 10);
    let (status, answer) = asked(&lone.client, "POST", "networks", json!({ "network": {} })).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (503, &json!("NoNetworkAvailable")), "{answer}");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body = json!({ "network": { "project_id": "other" } });
        let (_, made) = asked(&lone.client, "POST", "networks", body).await;
        ids.push(made["network"]["provider:segmentation_id"].as_i64());
    }
    ids.sort_unstable();
    assert_eq!(ids, [Some(11), Some(12)], "they are that project's");
    lone.stop().await;
}

/// Reports lock ports in the order of their ids; who changes a network's policy must, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_networks_policy_locks_ports_as_reports_do() {
    let database = Postgres::database().await.expect("a database");
    let db = database.open().await.expect("opens");
    let lone = Lone::serve(Home::from(database.clone()), db, Settings::default(), Bus::in_process());
    let lone = lone.await.expect("starts");
    let network = id_of(&lone.client.create("network", json!({})).await.expect("a network"));
    let (_, made) = asked(&lone.client, "POST", "qos/policies", json!({ "policy": { "name": "p" } })).await;
    let policy = id_of(&made["policy"]);
    // Until one that came later is before one that was there.
    let mut ports: Vec<String> = Vec::new();
    let (small, large) = loop {
        let port =
            id_of(&lone.client.create("port", json!({ "network_id": network })).await.expect("a port"));
        let first = ports.first().cloned();
        ports.push(port.clone());
        if let Some(first) = first.filter(|first| ports.iter().all(|id| port <= *id) && port < *first) {
            break (port, first);
        }
    };
    let (report, look) =
        (database.client().await.expect("connects"), database.client().await.expect("connects"));
    let lock = "SELECT id FROM ports WHERE id = $1 FOR NO KEY UPDATE";
    report.batch_execute("BEGIN; SET LOCAL lock_timeout = '3s'").await.expect("begins");
    report.query(lock, &[&small]).await.expect("the first");
    let client = Client::at(lone.client.base());
    let change = tokio::spawn(async move {
        let body = json!({ "network": { "qos_policy_id": policy } });
        asked(&client, "PUT", &format!("networks/{network}"), body).await
    });
    let waits = wait::until(LIMIT, || async {
        let sql = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
        let waiting: i64 = look.query_one(sql, &[]).await.ok()?.get(0);
        (waiting > 0).then_some(())
    });
    waits.await.expect("the change waits for the port");
    report.query(lock, &[&large]).await.expect("a port that nobody holds");
    report.batch_execute("COMMIT").await.expect("ends");
    let (status, answer) = change.await.expect("does not panic");
    assert_eq!(status, 200, "{answer}");
    lone.stop().await;
}

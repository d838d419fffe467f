//! Who locks what first: of two that want the same rows, one waits for the other, and never each for the
//! other. Only PostgreSQL has several writers at a time.

use std::time::Duration;

use bus::Bus;
use db::Db;
use serde_json::json;
use server::Settings;
use testbed::client::id_of;
use testbed::wait;

use super::racing::{Asked, Servers};

const LIMIT: Duration = Duration::from_secs(20);

async fn number(db: &Db, sql: &str) -> i64 {
    db.read().await.expect("begins").number(sql, &[]).await.expect("reads")
}

/// Whoever holds a router, to settle it or to note what became of it, gets its ports, whatever changes
/// its gateway port meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_router_gets_its_gateway_port() {
    let (servers, mut holder) = Servers::on_postgres(Settings::default(), &Bus::in_process()).await;
    let db = servers.open().await;
    let client = servers.client(0);
    let (external, subnet) = servers.subnet("203.0.113.0/24", true).await;
    let router = servers.make("router", json!({ "external_gateway_info": { "network_id": external } })).await;
    let ports = client.get(&format!("ports?network_id={external}&device_id={router}")).await.expect("ports");
    let port = id_of(&ports[0]);
    let fixed_ips = json!([{ "subnet_id": subnet, "ip_address": "203.0.113.77" }]);
    let slaac = json!({ "network_id": external, "ip_version": 6, "cidr": "2001:db8::/64",
        "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac" });
    let asked: [Asked; 2] = [
        ("PUT", format!("/v2.0/ports/{port}"), Some(json!({ "port": { "fixed_ips": fixed_ips } }))),
        ("POST", "/v2.0/subnets".into(), Some(json!({ "subnet": slaac }))),
    ];
    for (method, path, body) in asked {
        let settled = wait::until(LIMIT, || async { (number(&db, DUES).await == 0).then_some(()) });
        assert!(settled.await.is_some(), "the router stays due");
        let tx = holder.transaction().await.expect("begins");
        tx.query_one("SELECT id FROM routers WHERE id = $1 FOR NO KEY UPDATE", &[&router])
            .await
            .expect("is locked");
        let (client, what) = (client.clone(), format!("{method} {path}"));
        let asking =
            tokio::spawn(
                async move { client.send(method, &path, body.map(|body| body.to_string()), &[]).await },
            );
        let waits = wait::until(LIMIT, || async { (number(&db, WAITING).await > 0).then_some(()) });
        assert!(waits.await.is_some(), "{what} waits for the router");
        let locked = "SELECT id FROM ports WHERE id = $1 FOR NO KEY UPDATE NOWAIT";
        let got = tx.query_one(locked, &[&port]).await;
        assert!(got.is_ok(), "{what} holds the port while it waits: {got:?}");
        drop(tx);
        let (status, answer) = asking.await.expect("ends").expect("answers");
        assert!(status < 300, "{what}: {status} {answer}");
    }
}

const DUES: &str = "SELECT COUNT(*) FROM router_dues";
const WAITING: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

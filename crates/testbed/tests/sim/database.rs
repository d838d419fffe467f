//! The database locked or gone: a clear answer, nothing lost, recovery by itself.

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::Lone;

async fn started() -> Lone {
    Lone::start(Settings::default(), Bus::in_process()).await.expect("starts")
}

async fn post(lone: &Lone, body: Value) -> (u16, Value) {
    lone.client.send("POST", "/v2.0/networks", Some(body.to_string()), &[]).await.expect("the server answers")
}

fn network(name: &str) -> Value {
    json!({ "network": { "name": name } })
}

#[tokio::test]
async fn locked_by_another_process() {
    let lone = started().await;
    let path = lone.folder().join("neutrino.db");
    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("takes the lock");
    let (status, answer) = post(&lone, network("late")).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (503, &json!("ServiceUnavailable")), "{answer}");
    let (status, answer) =
        lone.client.send("GET", "/v2.0/networks", None, &[]).await.expect("the server answers");
    assert_eq!((status, answer), (200, json!({ "networks": [] })), "readers do not wait for writers");
    other.execute_batch("ROLLBACK").expect("lets go");
    let (status, answer) = post(&lone, network("late")).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn gone_and_back() {
    let lone = started().await;
    let (status, _) = post(&lone, network("first")).await;
    assert_eq!(status, 201);
    let folder = lone.folder();
    let (here, away) = (folder.join("neutrino.db"), folder.join("away.db"));
    // What is in the log must be in the file before the file is moved.
    let other = rusqlite::Connection::open(&here).expect("opens");
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpoints");
    drop(other);
    std::fs::rename(&here, &away).expect("moves");
    for (method, body) in [("POST", Some(network("second").to_string())), ("GET", None)] {
        let (status, answer) =
            lone.client.send(method, "/v2.0/networks", body, &[]).await.expect("the server answers");
        assert_eq!(status, 503, "{method}: {answer}");
        assert!(!here.exists(), "an empty database must not take the place of a full one");
    }
    std::fs::rename(&away, &here).expect("moves back");
    let (status, answer) =
        lone.client.send("GET", "/v2.0/networks?fields=name", None, &[]).await.expect("the server answers");
    assert_eq!((status, answer), (200, json!({ "networks": [{ "name": "first" }] })));
    let (status, _) = post(&lone, network("second")).await;
    assert_eq!(status, 201);
}

//! Databases that older programs left: what migrations make of what is in them.

use std::path::Path;

use db::{Db, Options};
use model::api::network::{NETWORK as NETWORK_TABLE, ProviderSegment};
use model::api::rbac_policy::{AS_EXTERNAL, AS_SHARED, EVERYONE};
use model::{NetworkId, RbacPolicyId};
use rusqlite::Connection;
use serde_json::json;
use testbed::{Engine, Postgres};

testbed::on_both_engines!(networks_are_shared_as_they_were, segments_of_networks_keep_their_order);

const NETWORK: &str = "5eed0000-0000-4000-8000-000000000001";

/// The text of the migrations up to a number, with the notes that they were done.
fn up_to(number: usize) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../db/migrations");
    let files = std::fs::read_dir(folder).expect("the migrations");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut sql = String::from("CREATE TABLE migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL);\n");
    for (at, file) in files.iter().enumerate().take(number) {
        sql += &std::fs::read_to_string(file).expect("reads");
        sql += &format!("\nINSERT INTO migrations (number, name) VALUES ({}, 'older');\n", at + 1);
    }
    sql
}

/// Opens a database in which an older program did this.
async fn opened_after(engine: Engine, folder: &Path, sql: &str) -> Db {
    match engine {
        Engine::Sqlite => {
            let file = folder.join("older.db");
            Connection::open(&file).and_then(|older| older.execute_batch(sql)).expect("an older database");
            Db::open(Options::new(file)).await.expect("opens")
        }
        Engine::Postgres => {
            let database = Postgres::database().await.expect("a database");
            let client = database.client().await.expect("connects");
            client.batch_execute(sql).await.expect("an older database");
            database.open().await.expect("opens")
        }
    }
}

fn segment(network_type: &str, physical: Option<&str>, id: Option<i64>) -> ProviderSegment {
    ProviderSegment {
        network_type: network_type.into(),
        physical_network: physical.map(str::to_owned),
        segmentation_id: id,
    }
}

/// Those of one segment and of several, some of which nobody else can hold.
async fn segments_of_networks_keep_their_order(engine: Engine) {
    let several = [
        segment("vxlan", None, Some(7)),
        segment("local", None, None),
        segment("flat", Some("a"), None),
        segment("vlan", Some("a"), Some(9)),
    ];
    let one = NETWORK.replace("0001", "0002");
    let sql = up_to(7) + &row(NETWORK, true, "NULL", &several) + &row(&one, false, "'local'", &several[1..2]);
    let folder = tempfile::tempdir().expect("a folder");
    let db = opened_after(engine, folder.path(), &sql).await;
    let mut tx = db.read().await.expect("reads");
    for (network, want) in [(NETWORK, &several[..]), (one.as_str(), &several[1..2])] {
        let network: NetworkId = network.parse().expect("an id");
        let found = tx.segments_of(network).await.expect("segments");
        let found: Vec<ProviderSegment> = found.iter().map(|segment| segment.provider()).collect();
        assert_eq!(found, want);
    }
}

/// A network as it was stored.
fn row(id: &str, several: bool, kind: &str, segments: &[ProviderSegment]) -> String {
    format!(
        "INSERT INTO networks VALUES ('{id}', 'p', 'n', TRUE, 'ACTIVE', FALSE, NULL, NULL, FALSE, '{}', {several}, \
         1450, '[]', FALSE, TRUE, {kind}, NULL, NULL, NULL, FALSE, '', '', '[]', 1, 't', 't', 1);\n",
        json!(segments)
    )
}

/// What their own attributes said of everybody, a policy says.
async fn networks_are_shared_as_they_were(engine: Engine) {
    let id = |n: u32| format!("5eed0000-0000-4000-8000-00000000000{n}");
    let mut sql = up_to(7);
    let local = [segment("local", None, None)];
    for (n, shared, external) in [(1, true, false), (2, false, true), (3, true, true), (4, false, false)] {
        sql += &row(&id(n), false, "'local'", &local);
        sql += &format!(
            "UPDATE networks SET shared = {shared}, router_external = {external} WHERE id = '{}';\n",
            id(n)
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let db = opened_after(engine, folder.path(), &sql).await;
    let mut tx = db.read().await.expect("reads");
    for (n, shared, external) in [(1, true, false), (2, false, true), (3, true, true), (4, false, false)] {
        for (action, said) in [(AS_SHARED, shared), (AS_EXTERNAL, external)] {
            let found = tx.same_policy(&id(n), action, EVERYONE).await.expect("policies");
            assert_eq!(found.is_some(), said, "{n} {action}");
            let found = found.map(|id| id.parse::<RbacPolicyId>());
            assert!(found.is_none_or(|id| id.is_ok()), "no id");
        }
        let seen = tx.finds(&NETWORK_TABLE, &id(n), Some("guest")).await.expect("looks");
        assert_eq!(seen, shared || external, "{n}");
    }
}

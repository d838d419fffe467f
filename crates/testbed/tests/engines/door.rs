//! Opening a database: migrations, the epoch, what cannot be stored.

use bus::Bus;
use model::api::RESOURCES;
use serde_json::json;
use server::Settings;
use testbed::{Engine, Home, Lone, Postgres};

testbed::on_both_engines!(
    an_epoch_is_kept_until_the_next_begins,
    text_that_cannot_be_stored_is_refused,
    who_only_looks_neither_makes_a_database_nor_changes_it,
);

/// Servers that start at the same time on an empty database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_together_migrate_once() {
    let database = Postgres::database().await.expect("a database");
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let database = database.clone();
        opening.spawn(async move {
            database.open().await.expect("opens");
        });
    }
    opening.join_all().await;
    let client = database.client().await.expect("connects");
    let rows = client.query("SELECT number FROM migrations ORDER BY number", &[]).await.expect("migrations");
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_column_of_the_tables_exists_and_compares_by_bytes() {
    let database = Postgres::database().await.expect("a database");
    database.open().await.expect("opens");
    let client = database.client().await.expect("connects");
    for table in RESOURCES {
        let sql = "SELECT column_name, data_type, COALESCE(collation_name, '') \
                   FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1";
        let rows = client.query(sql, &[&table.plural]).await.expect("columns");
        let mut found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let mut wanted: Vec<&str> = table.columns().map(|(column, _)| column).collect();
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, wanted, "{}", table.plural);
        for row in rows {
            let (name, ty, collation): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            assert_eq!(ty == "text", collation == "C", "{}.{name} {ty} {collation}", table.plural);
        }
    }
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let database = Postgres::database().await.expect("a database");
    let client = database.client().await.expect("connects");
    let sql = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    client.batch_execute(sql).await.expect("another database");
    let url = database.url.rsplit_once(' ').expect("a name at the end").0;
    let opened = db::Db::open(db::PostgresOptions::new(format!("{url} dbname=latin"))).await;
    let error = opened.err().expect("no").to_string();
    assert!(error.contains("LATIN1"), "{error}");
}

async fn an_epoch_is_kept_until_the_next_begins(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    for name in ["first", "second"] {
        let db = home.open().await.expect("opens");
        let mut tx = db.begin().await.expect("begins");
        tx.begin_epoch(name).await.expect("begins an epoch");
        tx.commit().await.expect("commits");
    }
    let db = home.open().await.expect("opens again");
    let mut tx = db.read().await.expect("reads");
    assert_eq!(tx.epoch().await.expect("an epoch"), "second");
    let mut ends = Vec::new();
    for name in ["first", "second", "of another"] {
        ends.push(tx.epoch_end(name).await.expect("reads"));
    }
    assert_eq!(ends, [Some(0), Some(i64::MAX), None]);
}

async fn text_that_cannot_be_stored_is_refused(engine: Engine) {
    let lone = Lone::start_on(engine, Settings::default(), Bus::in_process()).await.expect("starts");
    let network = lone.client.create("network", json!({})).await.expect("a network");
    for (method, path, body) in [
        ("POST", "/v2.0/networks", Some(r#"{"network": {"description": "a\u0000b"}}"#.to_owned())),
        ("GET", "/v2.0/networks?name=a%00b", None),
        (
            "POST",
            "/v2.0/ports",
            Some(format!(
                r#"{{"port": {{"network_id": {}, "binding:profile": {{"a": ["\u0000"]}}}}}}"#,
                network["id"]
            )),
        ),
    ] {
        let (status, answer) = lone.client.send(method, path, body, &[]).await.expect("an answer");
        assert_eq!(status, 400, "{path} {answer}");
    }
    let (status, answer) =
        lone.client.send("GET", "/v2.0/networks?tags=x", None, &[]).await.expect("an answer");
    assert_eq!((status, answer), (200, json!({ "networks": [] })));
}

async fn who_only_looks_neither_makes_a_database_nor_changes_it(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let options: db::Options = match &home {
        Home::Folder(folder) => db::Options::new(folder.path().join("neutrino.db")),
        Home::Database(database) => database.options().into(),
    };
    let refused = async |why: &str| {
        let error = db::Db::open_existing(options.clone()).await.err().expect("is refused").to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("no server has used it").await;
    if let Home::Folder(folder) = &home {
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let db = home.open().await.expect("a server");
    let looks = db::Db::open_existing(options.clone()).await.expect("it is there");
    let mut tx = looks.read().await.expect("begins");
    let newest = tx.number("SELECT MAX(number) FROM migrations", &[]).await.expect("reads");
    drop(tx);
    // Beside a server of the version before, and of the one after.
    for (sql, why) in [
        ("INSERT INTO migrations (number, name) VALUES (999, 'later')", "use a newer program"),
        ("DELETE FROM migrations WHERE number > 1", "the program of the server"),
    ] {
        let mut tx = db.begin().await.expect("begins");
        tx.execute(sql, &[]).await.expect("another version");
        tx.commit().await.expect("commits");
        refused(why).await;
    }
    let mut tx = db.read().await.expect("begins");
    let left = tx.number("SELECT MAX(number) FROM migrations", &[]).await.expect("reads");
    assert!(newest > 1 && left == 1, "nothing was migrated");
}

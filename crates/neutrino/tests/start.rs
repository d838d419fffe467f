//! Servers that start before their database, or beside its restart: they wait for it. What waiting
//! does not mend is told at once.

use std::path::Path;
use std::time::Duration;

use testbed::postgres::{Postgres, Setup};
use testbed::{Client, Program, wait};

const SOON: Duration = Duration::from_secs(60);

fn server(folder: &Path, url: &str) -> Program {
    let file = folder.join("server.toml");
    let text = format!("server.bind = '127.0.0.1:0'\n[database]\nkind = 'postgresql'\nurl = \"{url}\"\n");
    std::fs::write(&file, text).expect("writes");
    let words = ["--config", file.to_str().expect("text"), "server"];
    let log = folder.join("server.log");
    Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, log).expect("runs")
}

/// Waits until it has ended by itself; what it said.
async fn ends(server: &Program) -> String {
    let ended = wait::until(SOON, || async { (!server.runs()).then_some(()) }).await;
    ended.unwrap_or_else(|| panic!("it goes on: {}", server.said()));
    server.said()
}

#[tokio::test]
async fn a_server_waits_for_its_database_and_says_so_once() {
    let postgres = Postgres::start(Setup::default()).await.expect("PostgreSQL");
    let database = postgres.make().await.expect("a database");
    postgres.stop().await.expect("ends");
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &database.url);
    server.says("waiting for the database", SOON).await.expect("says why it does not begin");
    // More than one look finds nobody.
    wait::pause(Duration::from_secs(1)).await;
    assert!(server.runs(), "{}", server.said());
    postgres.begin().await.expect("PostgreSQL again");
    let client = Client::at(server.says("listens on ", SOON).await.expect("begins"));
    client.get("networks").await.expect("works");
    let said = server.said();
    assert_eq!(said.matches("waiting for the database").count(), 1, "{said}");
}

#[tokio::test]
async fn what_an_operator_has_to_mend_is_not_waited_for() {
    let hba = "local postgres all trust\nlocal all all reject\n".to_owned();
    let setup = Setup { hba: Some(hba), ..Setup::default() };
    let postgres = Postgres::start(setup).await.expect("PostgreSQL");
    let database = postgres.make().await.expect("a database");
    let folder = tempfile::tempdir().expect("a folder");
    let said = ends(&server(folder.path(), &database.url)).await;
    assert!(said.contains("cannot open the database") && said.contains("28000"), "{said}");

    let postgres = Postgres::start(Setup::default()).await.expect("PostgreSQL");
    let database = postgres.make().await.expect("a database");
    let said = ends(&server(folder.path(), &(database.url + "_of_nobody"))).await;
    assert!(said.contains("cannot open the database") && said.contains("3D000"), "{said}");
}

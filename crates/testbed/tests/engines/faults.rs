//! PostgreSQL killed, or with no connection left: a clear answer in time, recovery by itself, and
//! nothing lost that was acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bus::Bus;
use db::{Db, DbError, PostgresOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use server::Settings;
use testbed::postgres::Setup;
use testbed::{Client, Home, Lone, Postgres, wait};

const LIMIT: Duration = Duration::from_secs(30);

async fn post(client: &Client, name: &str) -> (u16, Value) {
    let body = json!({ "network": { "name": name } }).to_string();
    client.send("POST", "/v2.0/networks", Some(body), &[]).await.expect("the server answers")
}

async fn names(client: &Client) -> BTreeSet<String> {
    let listed = client.get("networks?fields=name").await.expect("a list");
    listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["name"].as_str().expect("a name").into())
        .collect()
}

/// As many networks as come.
fn without_quotas() -> Settings {
    let mut settings = Settings::default();
    settings.quotas.0.insert("network".into(), -1);
    settings
}

/// Creates networks until it is told to stop; the names of those that were acknowledged, and of those
/// that were refused because the database was gone.
async fn create_until(
    client: Client,
    mark: &'static str,
    stop: Arc<AtomicBool>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut made, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("{mark}-{n}");
        match post(&client, &name).await {
            (201, _) => drop(made.insert(name)),
            (503, answer) => {
                assert_eq!(answer["NeutronError"]["type"], "ServiceUnavailable", "{answer}");
                refused.insert(name);
                wait::pause(Duration::from_millis(10)).await;
            }
            // It went away during the commit: either may be true.
            (504, _) => {}
            other => panic!("{other:?}"),
        }
    }
    (made, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_under_requests() {
    let postgres = Postgres::start(Setup { durable: true, ..Setup::default() }).await.expect("starts");
    let database = postgres.make().await.expect("a database");
    let lone = Lone::start_in(database, without_quotas(), Bus::in_process()).await.expect("starts");
    let stop = Arc::new(AtomicBool::new(false));
    let creating =
        ["a", "b", "c"].map(|mark| tokio::spawn(create_until(lone.client.clone(), mark, Arc::clone(&stop))));
    for _ in 0..3 {
        let before = names(&lone.client).await.len();
        let more =
            wait::until(LIMIT, || async { (names(&lone.client).await.len() > before + 10).then_some(()) });
        more.await.expect("networks are made");
        postgres.kill().await.expect("killed");
        let asked = Instant::now();
        let (status, _) = lone.client.send("GET", "/v2.0/networks", None, &[]).await.expect("an answer");
        assert_eq!(status, 503);
        assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
        postgres.begin().await.expect("starts again");
        let back = wait::until(LIMIT, || async {
            let (status, _) = lone.client.send("GET", "/v2.0/networks", None, &[]).await.ok()?;
            (status == 200).then_some(())
        });
        back.await.expect("answers again");
    }
    stop.store(true, Ordering::SeqCst);
    let there = wait::until(LIMIT, || async { (post(&lone.client, "last").await.0 == 201).then_some(()) });
    there.await.expect("writes again");
    let mut all = 0;
    for created in creating {
        let (made, refused) = created.await.expect("ran");
        println!("{} acknowledged, {} answered 503", made.len(), refused.len());
        all += refused.len();
        let found = names(&lone.client).await;
        assert!(refused.is_disjoint(&found), "made though refused: {:?}", refused.intersection(&found));
        assert!(made.is_subset(&found), "lost: {:?}", made.difference(&found).collect::<Vec<_>>());
    }
    assert!(all > 0, "no request ran while the database was gone");
    lone.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_ended_by_the_operator_are_replaced() {
    let database = Postgres::database().await.expect("a database");
    let lone =
        Lone::start_in(database.clone(), Settings::default(), Bus::in_process()).await.expect("starts");
    let operator = database.client().await.expect("connects");
    for n in 0..5 {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        operator.query(sql, &[]).await.expect("ends them");
        let name = format!("n-{n}");
        let made = wait::until(LIMIT, || async {
            match post(&lone.client, &name).await.0 {
                201 => Some(()),
                503 => None,
                status => panic!("{status}"),
            }
        });
        made.await.expect("made in the end");
    }
    assert_eq!(names(&lone.client).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_wait_for_a_connection_only_so_long() {
    let database = Postgres::database().await.expect("a database");
    let wait = Duration::from_millis(300);
    let lock_timeout = Duration::from_secs(2);
    let options =
        PostgresOptions { connections: 2, wait, lock_timeout, ..PostgresOptions::new(&database.url) };
    let db = Db::open(options).await.expect("opens");
    let home = Home::from(database.clone());
    let lone = Lone::serve(home, db, Settings::default(), Bus::in_process()).await.expect("starts");
    let mut other = database.client().await.expect("connects");
    let hold = other.transaction().await.expect("begins");
    hold.batch_execute("LOCK TABLE networks IN ACCESS EXCLUSIVE MODE").await.expect("locks");
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..6 {
        let client = lone.client.clone();
        asking.spawn(async move {
            let begun = Instant::now();
            let (status, answer) = post(&client, &format!("n-{n}")).await;
            assert_eq!(answer["NeutronError"]["type"], "ServiceUnavailable", "{answer}");
            (status, begun.elapsed())
        });
    }
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == 503), "{answers:?}");
    let slow = answers.iter().filter(|(_, took)| *took > lock_timeout / 2).count();
    assert!(slow <= 2, "only those with a connection wait for the lock: {answers:?}");
    hold.rollback().await.expect("lets go");
    assert_eq!(post(&lone.client, "after").await.0, 201);
}

/// A client that goes away in the middle of its request leaves no transaction and no lock behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_transactions_hold_nothing() {
    let database = Postgres::database().await.expect("a database");
    let options = PostgresOptions { connections: 1, ..database.options() };
    let db = Db::open(options).await.expect("opens");
    for n in 0..20_i64 {
        let mut tx = db.begin().await.expect("begins");
        tx.execute("UPDATE counters SET value = $1 WHERE name = 'pruned'", &[n.into()]).await.expect("locks");
        let sleeping = tx.number("SELECT 1 FROM pg_sleep(0.05)", &[]);
        assert!(tokio::time::timeout(Duration::from_millis(5), sleeping).await.is_err());
        drop(tx);
        let mut tx = db.begin().await.expect("begins");
        assert_eq!(tx.pruned().await.expect("reads"), 0, "what was not committed is not there");
    }
    let client = database.client().await.expect("connects");
    let sql =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    let open = wait::until(LIMIT, || async {
        let open: i64 = client.query_one(sql, &[]).await.ok()?.get(0);
        (open == 0).then_some(())
    });
    open.await.expect("no transaction stays open");
}

/// A server that hangs is not waited for longer than its own limit and a bit.
#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let database = Postgres::database().await.expect("a database");
    let statement_timeout = Duration::from_millis(300);
    let db = Db::open(PostgresOptions { statement_timeout, ..database.options() }).await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    let pid = tx.number("SELECT pg_backend_pid()", &[]).await.expect("its process");
    let pid = Pid::from_raw(pid.try_into().expect("a process"));
    kill(pid, Signal::SIGSTOP).expect("stops it");
    let asked = Instant::now();
    let error = tx.revision().await.expect_err("no answer");
    assert!(matches!(error, DbError::Unavailable { .. }), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    drop(tx);
    let mut tx = db.begin().await.expect("another connection");
    tx.revision().await.expect("answers");
    kill(pid, Signal::SIGCONT).expect("goes on");
}

/// A transaction of which one statement failed cannot be committed by mistake.
#[tokio::test]
async fn a_failed_transaction_is_not_acknowledged() {
    let db = Postgres::database().await.expect("a database").open().await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    tx.later("UPDATE counters SET value = 7 WHERE name = 'pruned'", vec![]).await.expect("queues");
    tx.later("INSERT INTO counters (name, value) VALUES ('pruned', 0)", vec![]).await.expect("queues");
    let error = tx.number("SELECT 1", &[]).await.expect_err("the key is taken");
    assert!(error.is_conflict(), "{error}");
    assert!(tx.commit().await.is_err());
    let mut tx = db.begin().await.expect("begins");
    assert_eq!(tx.pruned().await.expect("reads"), 0);
    tx.later("INSERT INTO counters (name, value) VALUES ('pruned', 0)", vec![]).await.expect("queues");
    let error = tx.commit().await.expect_err("the key is taken");
    assert!(error.is_conflict(), "{error}");
}

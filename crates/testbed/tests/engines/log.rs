//! The change log under many writers: a reader that asks "what changed since" skips nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use db::{Db, Tx};
use model::Touch;
use model::desired::{Key, Kind, Revision};
use testbed::{Engine, Home, wait};
use uuid::Uuid;

testbed::on_both_engines!(many_writers_and_a_reader, what_is_gone_is_pruned);

const HOST: &str = "reader";
const WRITERS: usize = 8;
const CHANGES: usize = 60;

/// How a writer comes to the revision of its changes.
#[derive(Clone, Copy, PartialEq)]
enum Taking {
    /// As the door does it: the last act of a transaction, under a lock that lasts until the commit.
    AtTheEnd,
    /// From a sequence, when the change is made. A commit may then pass one that took its number before.
    EarlyFromASequence,
}

fn key(n: usize) -> Key {
    Key::new(Kind::Port, Uuid::from_u128(n as u128))
}

/// Marks one part in an open transaction.
async fn mark(tx: &mut Tx<'_>, taking: Taking, part: Key) {
    match taking {
        Taking::AtTheEnd => tx.mark(&[Touch::Part { host: HOST.into(), key: part }]),
        Taking::EarlyFromASequence => {
            let revision = tx.number("SELECT nextval('early')", &[]).await.expect("a number");
            let sql = "INSERT INTO changes (host, kind, id, revision) VALUES ($1, $2, $3, $4)";
            let params =
                [HOST.into(), part.kind.as_str().into(), part.id.to_string().into(), revision.into()];
            tx.execute(sql, &params).await.expect("an insert");
        }
    }
}

/// One question of the reader: what changed since, and what to ask since next.
async fn read(db: &Db, taking: Taking, since: Revision) -> (Vec<Key>, Revision) {
    let mut tx = db.read().await.expect("reads");
    let newest = match taking {
        Taking::AtTheEnd => tx.revision().await,
        Taking::EarlyFromASequence => tx.number("SELECT COALESCE(MAX(revision), 0) FROM changes", &[]).await,
    };
    (tx.changed_since(HOST, since).await.expect("changes"), newest.expect("a revision"))
}

/// Two writers, of whom the one that began first commits last, and a reader that looks in between.
async fn seen_when_commits_cross(taking: Taking) -> BTreeSet<Key> {
    let home = Home::make(Engine::Postgres).await.expect("a database");
    let db = home.open().await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    tx.execute("CREATE SEQUENCE early", &[]).await.expect("a sequence");
    tx.commit().await.expect("commits");

    let mut first = db.begin().await.expect("begins");
    mark(&mut first, taking, key(1)).await;
    let mut second = db.begin().await.expect("begins");
    mark(&mut second, taking, key(2)).await;
    second.commit().await.expect("commits");
    let (mut seen, since) = read(&db, taking, 0).await;
    first.commit().await.expect("commits");
    seen.extend(read(&db, taking, since).await.0);
    seen.into_iter().collect()
}

#[tokio::test]
async fn commits_that_cross_hide_nothing() {
    assert_eq!(seen_when_commits_cross(Taking::AtTheEnd).await, BTreeSet::from([key(1), key(2)]));
}

/// What the lock is for: without it the same reader never hears of the first writer's part.
#[tokio::test]
async fn a_plain_sequence_would_hide_a_change() {
    assert_eq!(seen_when_commits_cross(Taking::EarlyFromASequence).await, BTreeSet::from([key(2)]));
}

async fn many_writers_and_a_reader(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    let left = Arc::new(AtomicUsize::new(WRITERS));
    for writer in 0..WRITERS {
        let (db, left) = (db.clone(), Arc::clone(&left));
        tokio::spawn(async move {
            for n in 0..CHANGES {
                let mut tx = db.begin().await.expect("begins");
                mark(&mut tx, Taking::AtTheEnd, key(writer * CHANGES + n)).await;
                // Work between the mark and the commit, longer for some than for others.
                for _ in 0..(writer + n) % 4 {
                    tx.number("SELECT COUNT(*) FROM ports", &[]).await.expect("counts");
                }
                assert!(tx.commit().await.expect("commits").is_some());
            }
            left.fetch_sub(1, Ordering::SeqCst);
        });
    }
    let (mut seen, mut since, mut asked) = (BTreeSet::new(), 0, 0);
    loop {
        let done = left.load(Ordering::SeqCst) == 0;
        let (keys, newest) = read(&db, Taking::AtTheEnd, since).await;
        seen.extend(keys);
        since = newest;
        asked += 1;
        if done {
            break;
        }
        wait::pause(std::time::Duration::from_millis(1)).await;
    }
    println!("{asked} questions, revision {since}");
    assert_eq!(since, (WRITERS * CHANGES) as i64, "each commit has a revision of its own");
    assert_eq!(seen, (0..WRITERS * CHANGES).map(key).collect(), "the reader skipped parts");
}

async fn what_is_gone_is_pruned(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    let mut revisions = Vec::new();
    for n in 1..=3 {
        let mut tx = db.begin().await.expect("begins");
        mark(&mut tx, Taking::AtTheEnd, key(n)).await;
        revisions.extend(tx.commit().await.expect("commits"));
    }
    assert_eq!(revisions, [1, 2, 3]);
    let mut tx = db.begin().await.expect("begins");
    // No port of these ids exists.
    assert_eq!(tx.prune(2).await.expect("prunes"), 2);
    tx.commit().await.expect("commits");
    let mut tx = db.read().await.expect("reads");
    assert_eq!(tx.pruned().await.expect("a revision"), 2);
    assert_eq!(tx.changed_since(HOST, 0).await.expect("changes"), [key(3)]);
}

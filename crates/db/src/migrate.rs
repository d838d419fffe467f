//! Numbered migrations, each run once, in one transaction with the note that it was.

use rusqlite::Connection;
use tokio_postgres::Client;

use crate::dialect;
use crate::engine::{DbError, Engine};

/// Never edited after landing; a change is the next number. The same text runs on every engine.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../migrations/0001-first.sql")),
    (2, "shared", include_str!("../migrations/0002-shared.sql")),
    (3, "quotas", include_str!("../migrations/0003-quotas.sql")),
    (4, "routers", include_str!("../migrations/0004-routers.sql")),
    (5, "groups", include_str!("../migrations/0005-groups.sql")),
    (6, "software", include_str!("../migrations/0006-software.sql")),
    (7, "pools", include_str!("../migrations/0007-pools.sql")),
    (8, "more", include_str!("../migrations/0008-more.sql")),
    (9, "trunks", include_str!("../migrations/0009-trunks.sql")),
    (10, "helpers", include_str!("../migrations/0010-helpers.sql")),
    (11, "nova", include_str!("../migrations/0011-nova.sql")),
    (12, "found", include_str!("../migrations/0012-found.sql")),
    (13, "sharing", include_str!("../migrations/0013-sharing.sql")),
    (14, "dhcp-placed", include_str!("../migrations/0014-dhcp-placed.sql")),
    (15, "flavors", include_str!("../migrations/0015-flavors.sql")),
    (16, "notifications", include_str!("../migrations/0016-notifications.sql")),
    (17, "metering", include_str!("../migrations/0017-metering.sql")),
    (18, "topologies", include_str!("../migrations/0018-topologies.sql")),
    (19, "ndp-proxies", include_str!("../migrations/0019-ndp-proxies.sql")),
    (20, "local-ips", include_str!("../migrations/0020-local-ips.sql")),
    (21, "logs", include_str!("../migrations/0021-logs.sql")),
];

const NOTES: &str = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)";
const NEWEST: &str = "SELECT COALESCE(MAX(number), 0) FROM migrations";
/// Asks PostgreSQL whether there are notes.
const NOTED: &str = "SELECT to_regclass('migrations') IS NOT NULL";
/// What servers of PostgreSQL that start together wait for; any number that nobody else takes.
const TURN: i64 = 0x6e65_7574_7269_6e6f;

fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.0)
}

fn check_known(done: i64) -> Result<(), DbError> {
    let newest = newest();
    if done > newest {
        return Err(DbError::Migration(format!(
            "the database is at migration {done}, this program knows {newest}: use a newer program"
        )));
    }
    Ok(())
}

/// What is left to do after a migration.
fn statements(done: i64) -> Result<Vec<(String, String)>, DbError> {
    check_known(done)?;
    let mut out = Vec::new();
    for (number, name, sql) in MIGRATIONS.iter().filter(|migration| migration.0 > done) {
        let note = format!("INSERT INTO migrations (number, name) VALUES ({number}, '{name}')");
        out.push((format!("migration {number:04}-{name}"), format!("{sql};\n{note}")));
    }
    Ok(out)
}

/// Refuses a database that a server has not brought to the newest number.
fn check_newest(done: i64) -> Result<(), DbError> {
    check_known(done)?;
    let newest = newest();
    match done {
        done if done == newest => Ok(()),
        0 => Err(DbError::Migration("there are no tables in the database: no server has used it".into())),
        done => Err(DbError::Migration(format!(
            "the database is at migration {done} of {newest}: use the program of the server that runs on it"
        ))),
    }
}

/// Looks whether a file is at the newest number, and changes nothing.
pub fn check_sqlite(connection: &Connection) -> Result<(), DbError> {
    let failed = |source| DbError::from_sqlite("look at migrations", source);
    let noted = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'migrations'";
    let noted: i64 = connection.query_row(noted, [], |row| row.get(0)).map_err(failed)?;
    let done = match noted {
        0 => 0,
        _ => connection.query_row(NEWEST, [], |row| row.get(0)).map_err(failed)?,
    };
    check_newest(done)
}

/// The same of a database of PostgreSQL.
pub async fn check_postgres(client: &Client) -> Result<(), DbError> {
    let failed = |source| DbError::from_postgres("look at migrations", source);
    let done = match client.query_one(NOTED, &[]).await.map_err(failed)?.get(0) {
        false => 0,
        true => client.query_one(NEWEST, &[]).await.map_err(failed)?.get(0),
    };
    check_newest(done)
}

/// Brings a file to the newest number; harmless when it is there.
pub fn sqlite(connection: &mut Connection) -> Result<(), DbError> {
    let failed = |source| DbError::from_sqlite("migrate", source);
    let tx =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    tx.execute_batch(NOTES).map_err(failed)?;
    let done: i64 = tx.query_row(NEWEST, [], |row| row.get(0)).map_err(failed)?;
    for (name, sql) in statements(done)? {
        let sql = dialect::schema(Engine::Sqlite, &sql);
        tx.execute_batch(&sql).map_err(|source| DbError::from_sqlite(&name, source))?;
    }
    tx.commit().map_err(failed)
}

/// The same for a database of PostgreSQL; servers that start together take turns.
pub async fn postgres(client: &mut Client) -> Result<(), DbError> {
    let failed = |source| DbError::from_postgres("migrate", source);
    let tx = client.transaction().await.map_err(failed)?;
    let encoding: String = tx.query_one("SHOW server_encoding", &[]).await.map_err(failed)?.get(0);
    if encoding != "UTF8" {
        let message = format!("the database's encoding is {encoding}; create it with ENCODING 'UTF8'");
        return Err(DbError::Migration(message));
    }
    // A migration may take longer than any statement of a request.
    tx.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await.map_err(failed)?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&TURN]).await.map_err(failed)?;
    if !tx.query_one(NOTED, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        tx.batch_execute(NOTES).await.map_err(failed)?;
    }
    let done: i64 = tx.query_one(NEWEST, &[]).await.map_err(failed)?.get(0);
    for (name, sql) in statements(done)? {
        let sql = dialect::schema(Engine::Postgres, &sql);
        tx.batch_execute(&sql).await.map_err(|source| DbError::from_postgres(&name, source))?;
    }
    tx.commit().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::RESOURCES;

    #[test]
    fn numbers_have_no_gaps_and_again_is_harmless() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.0, at as i64 + 1, "{}", migration.1);
        }
        let mut connection = Connection::open_in_memory().expect("memory");
        sqlite(&mut connection).expect("from empty");
        sqlite(&mut connection).expect("again");
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().expect("memory");
        sqlite(&mut connection).expect("from empty");
        connection.execute("INSERT INTO migrations VALUES (999, 'later')", []).expect("insert");
        assert!(matches!(sqlite(&mut connection), Err(DbError::Migration(_))));
    }

    #[test]
    fn every_column_of_the_tables_exists_and_no_other() {
        let mut connection = Connection::open_in_memory().expect("memory");
        sqlite(&mut connection).expect("from empty");
        for table in RESOURCES {
            let mut wanted: Vec<&str> = table.columns().map(|(column, _)| column).collect();
            let sql = format!("SELECT name FROM pragma_table_info('{}')", table.plural);
            let mut statement = connection.prepare(&sql).expect("pragma");
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
            let mut found: Vec<String> = rows.map(|row| row.expect("name")).collect();
            wanted.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, wanted, "{}", table.plural);
        }
    }
}

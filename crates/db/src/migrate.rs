//! Numbered migrations, each run once, in one transaction with the note that it was.

use rusqlite::Connection;

use crate::DbError;

/// Never edited after landing; a change is the next number.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../migrations/0001-first.sql")),
    (2, "epoch", include_str!("../migrations/0002-epoch.sql")),
];

/// Brings the schema to the newest number; harmless when it is there.
pub fn run(connection: &mut Connection) -> Result<(), DbError> {
    let sqlite = |source| DbError::from_sqlite("migrate", source);
    let tx =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sqlite)?;
    tx.execute_batch("CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)")
        .map_err(sqlite)?;
    let done: i64 = tx
        .query_row("SELECT COALESCE(MAX(number), 0) FROM migrations", [], |row| row.get(0))
        .map_err(sqlite)?;
    let newest = MIGRATIONS.last().map_or(0, |migration| migration.0);
    if done > newest {
        return Err(DbError::Migration(format!(
            "the database is at migration {done}, this program knows {newest}: use a newer program"
        )));
    }
    for (number, name, sql) in MIGRATIONS.iter().filter(|migration| migration.0 > done) {
        tx.execute_batch(sql)
            .map_err(|source| DbError::from_sqlite(&format!("migration {number:04}-{name}"), source))?;
        tx.execute("INSERT INTO migrations (number, name) VALUES (?1, ?2)", (number, name))
            .map_err(sqlite)?;
    }
    tx.commit().map_err(sqlite)
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
        run(&mut connection).expect("from empty");
        run(&mut connection).expect("again");
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().expect("memory");
        run(&mut connection).expect("from empty");
        connection.execute("INSERT INTO migrations VALUES (999, 'later')", []).expect("insert");
        assert!(matches!(run(&mut connection), Err(DbError::Migration(_))));
    }

    #[test]
    fn every_column_of_the_tables_exists_and_no_other() {
        let mut connection = Connection::open_in_memory().expect("memory");
        run(&mut connection).expect("from empty");
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

//! The bare work in SQLite, with the settings of `db/src/engine/sqlite.rs`. CPU time is that of the
//! thread that does it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use anyhow::Context;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, params, params_from_iter};

use super::{Floor, LISTS, PAGE};
use crate::api::Work;
use crate::process;

/// As `db/src/engine/sqlite.rs` opens a database that does not flush at every commit.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 16777216;";

/// The rows of one table as they are.
struct Table {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// What the server's database held after everything was created.
pub struct Rows {
    networks: Table,
    segments: Table,
    subnets: Table,
    ports: Table,
    addresses: Table,
}

impl Rows {
    /// Reads a server's database beside the server.
    pub fn read(database: &Path) -> anyhow::Result<Rows> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        Ok(Rows {
            networks: Table::read(&connection, "networks")?,
            segments: Table::read(&connection, "segment_allocations")?,
            subnets: Table::read(&connection, "subnets")?,
            ports: Table::read(&connection, "ports")?,
            addresses: Table::read(&connection, "ip_allocations")?,
        })
    }
}

impl Table {
    fn read(connection: &Connection, name: &'static str) -> anyhow::Result<Table> {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name} ORDER BY rowid"))?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect();
        let rows = statement.query_map([], row)?.collect::<Result<_, _>>()?;
        Ok(Table { name, columns, rows })
    }

    fn names(&self) -> String {
        self.columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
    }

    fn insert(&self) -> String {
        let marks: Vec<String> = (1..=self.columns.len()).map(|at| format!("?{at}")).collect();
        format!("INSERT INTO {} ({}) VALUES ({})", self.name, self.names(), marks.join(", "))
    }

    fn at(&self, column: &str) -> anyhow::Result<usize> {
        let found = self.columns.iter().position(|name| name == column);
        found.with_context(|| format!("{} has no column {column}", self.name))
    }

    /// The rows by the text of a column.
    fn by(&self, column: &str) -> anyhow::Result<BTreeMap<&str, Vec<&Vec<Value>>>> {
        let at = self.at(column)?;
        let mut out: BTreeMap<&str, Vec<&Vec<Value>>> = BTreeMap::new();
        for row in &self.rows {
            out.entry(text(&row[at])).or_default().push(row);
        }
        Ok(out)
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

/// Does it all again in an empty database that has our tables.
pub fn measure(rows: &Rows, listed: &str, database: &Path) -> anyhow::Result<Floor> {
    let connection = Connection::open(database)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.execute_batch(SETTINGS)?;
    let mut floor = Floor::new();
    floor.insert(
        Work::CreateNetwork,
        with_children(&connection, &rows.networks, &rows.segments, "network_id")?,
    );
    floor.insert(Work::CreateSubnet, subnets(&connection, rows)?);
    floor.insert(Work::CreatePort, with_children(&connection, &rows.ports, &rows.addresses, "port_id")?);
    let id = rows.ports.at("id")?;
    let ids: Vec<&str> = rows.ports.rows.iter().map(|row| text(&row[id])).collect();
    floor.insert(Work::ShowPort, show(&connection, rows, &ids)?);
    floor.insert(Work::ListPorts, list(&connection, rows, listed)?);
    let update = "UPDATE ports SET name = 'renamed', revision_number = revision_number + 1, \
                  updated_at = '2026-01-31T23:59:59Z' WHERE id = ?1";
    floor.insert(Work::UpdatePort, write_each(&connection, update, &ids)?);
    floor.insert(Work::DeletePort, write_each(&connection, "DELETE FROM ports WHERE id = ?1", &ids)?);
    Ok(floor)
}

/// CPU time in ms of each of `count` rounds.
fn timed(count: usize, mut round: impl FnMut(usize) -> rusqlite::Result<()>) -> rusqlite::Result<f64> {
    let before = process::thread_cpu();
    for at in 0..count {
        round(at)?;
    }
    let spent = process::thread_cpu().saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e3 / count.max(1) as f64)
}

fn within(connection: &Connection, act: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    act()?;
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// A row and those that belong to it, in one transaction each.
fn with_children(
    connection: &Connection,
    parents: &Table,
    children: &Table,
    parent: &str,
) -> anyhow::Result<f64> {
    let (insert_parent, insert_child) = (parents.insert(), children.insert());
    let (id, by_parent) = (parents.at("id")?, children.by(parent)?);
    let spent = timed(parents.rows.len(), |at| {
        let row = &parents.rows[at];
        within(connection, || {
            connection.prepare_cached(&insert_parent)?.execute(params_from_iter(row))?;
            for child in by_parent.get(text(&row[id])).into_iter().flatten() {
                connection.prepare_cached(&insert_child)?.execute(params_from_iter(child.iter()))?;
            }
            Ok(())
        })
    })?;
    Ok(spent)
}

/// A subnet's row, and the revision of its network.
fn subnets(connection: &Connection, rows: &Rows) -> anyhow::Result<f64> {
    let (insert, network) = (rows.subnets.insert(), rows.subnets.at("network_id")?);
    let bump = "UPDATE networks SET revision_number = revision_number + 1, updated_at = ?1 WHERE id = ?2";
    let spent = timed(rows.subnets.rows.len(), |at| {
        let row = &rows.subnets.rows[at];
        within(connection, || {
            connection.prepare_cached(&insert)?.execute(params_from_iter(row))?;
            let params = params!["2026-01-31T23:59:59Z", &row[network]];
            connection.prepare_cached(bump)?.execute(params).map(drop)
        })
    })?;
    Ok(spent)
}

fn write_each(connection: &Connection, sql: &str, ids: &[&str]) -> anyhow::Result<f64> {
    let write = |at: usize| connection.prepare_cached(sql)?.execute([ids[at]]).map(drop);
    Ok(timed(ids.len(), |at| within(connection, || write(at)))?)
}

fn show(connection: &Connection, rows: &Rows, ids: &[&str]) -> anyhow::Result<f64> {
    let sql = format!("SELECT {} FROM ports WHERE id = ?1", rows.ports.names());
    Ok(timed(ids.len(), |at| read_all(connection, &sql, ids[at]))?)
}

/// The ports of one network.
fn list(connection: &Connection, rows: &Rows, network: &str) -> anyhow::Result<f64> {
    let sql =
        format!("SELECT {} FROM ports WHERE network_id = ?1 ORDER BY id LIMIT {PAGE}", rows.ports.names());
    Ok(timed(LISTS, |_| read_all(connection, &sql, network))?)
}

/// Looks at every cell of every row.
fn read_all(connection: &Connection, sql: &str, param: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut found = statement.query([param])?;
    while let Some(row) = found.next()? {
        for at in 0..columns {
            match row.get_ref(at)? {
                ValueRef::Text(text) => drop(black_box(text.len())),
                other => drop(black_box(other)),
            }
        }
    }
    Ok(())
}

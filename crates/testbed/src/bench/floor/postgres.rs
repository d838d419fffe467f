//! The bare work in PostgreSQL, over one connection. CPU time is that of PostgreSQL and of the client.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::Context;
use testbed::Postgres;
use testbed::postgres::Database;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::{Floor, LISTS, PAGE};
use crate::api::Work;
use crate::process;

/// Rows of each kind; each transaction waits for the disk.
const ROWS: usize = 1000;

/// A row, with its cells as text.
type Cells = Vec<Option<String>>;

/// The rows of one table as they are.
struct Table {
    name: &'static str,
    columns: Vec<String>,
    /// Their types, as casts have them.
    types: Vec<String>,
    rows: Vec<Cells>,
}

impl Table {
    async fn read(client: &Client, name: &'static str) -> anyhow::Result<Table> {
        let sql = "SELECT column_name::text, udt_name::text FROM information_schema.columns \
                   WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position";
        let described = client.query(sql, &[&name]).await?;
        let columns: Vec<String> = described.iter().map(|row| row.get(0)).collect();
        let types = described.iter().map(|row| row.get(1)).collect();
        let mut rows = Vec::new();
        for message in client.simple_query(&format!("SELECT * FROM {name}")).await? {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..columns.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
        }
        Ok(Table { name, columns, types, rows })
    }

    async fn insert(&self, client: &Client) -> anyhow::Result<Statement> {
        let marks = self.types.iter().enumerate().map(|(at, kind)| format!("${}::text::{kind}", at + 1));
        let marks = marks.collect::<Vec<_>>().join(", ");
        Ok(client.prepare(&format!("INSERT INTO {} VALUES ({marks})", self.name)).await?)
    }

    fn at(&self, column: &str) -> anyhow::Result<usize> {
        let found = self.columns.iter().position(|name| name == column);
        found.with_context(|| format!("{} has no column {column}", self.name))
    }

    fn texts(&self, column: &str) -> anyhow::Result<Vec<&str>> {
        let at = self.at(column)?;
        Ok(self.rows.iter().map(|row| row[at].as_deref().unwrap_or_default()).collect())
    }

    /// The rows by the text of a column.
    fn by(&self, column: &str) -> anyhow::Result<BTreeMap<&str, Vec<&Cells>>> {
        let mut out: BTreeMap<&str, Vec<&Cells>> = BTreeMap::new();
        for (text, row) in self.texts(column)?.into_iter().zip(&self.rows) {
            out.entry(text).or_default().push(row);
        }
        Ok(out)
    }
}

fn params(row: &Cells) -> Vec<&(dyn ToSql + Sync)> {
    row.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

/// What was used so far.
fn used(postgres: u32) -> std::time::Duration {
    process::family_cpu(postgres) + process::own_cpu()
}

/// Does it all again in an empty database; `listed` is the network of the list.
pub async fn measure(postgres: &Postgres, from: &Database, listed: &str) -> anyhow::Result<Floor> {
    let (pid, to) = (postgres.pid()?, postgres.make().await?);
    // Makes our tables.
    drop(to.open().await?);
    let (there, client) = (from.client().await?, to.client().await?);
    let read = async |name| Table::read(&there, name).await;
    let (networks, segments) = (read("networks").await?, read("segment_allocations").await?);
    let (subnets, ports) = (read("subnets").await?, read("ports").await?);
    let addresses = read("ip_allocations").await?;
    let bare = Bare { client: &client, pid };
    let mut floor = Floor::new();
    floor.insert(Work::CreateNetwork, bare.with_children(&networks, &segments, "network_id").await?);
    floor.insert(Work::CreateSubnet, bare.subnets(&subnets).await?);
    floor.insert(Work::CreatePort, bare.with_children(&ports, &addresses, "port_id").await?);
    let ids: Vec<&str> = ports.texts("id")?.into_iter().take(ROWS).collect();
    floor.insert(Work::ShowPort, bare.read("SELECT * FROM ports WHERE id = $1", &ids).await?);
    let list = format!("SELECT * FROM ports WHERE network_id = $1 ORDER BY id LIMIT {PAGE}");
    floor.insert(Work::ListPorts, bare.read(&list, &[listed; LISTS]).await?);
    let update = "UPDATE ports SET name = 'renamed', revision_number = revision_number + 1, \
                  updated_at = '2026-01-31T23:59:59Z' WHERE id = $1";
    floor.insert(Work::UpdatePort, bare.write(update, &ids).await?);
    floor.insert(Work::DeletePort, bare.write("DELETE FROM ports WHERE id = $1", &ids).await?);
    Ok(floor)
}

struct Bare<'a> {
    client: &'a Client,
    pid: u32,
}

impl Bare<'_> {
    /// A row and those that belong to it, in one transaction each. Rows past the first thousand are
    /// written as well, as others refer to them, but in one transaction that does not count.
    async fn with_children(&self, parents: &Table, children: &Table, parent: &str) -> anyhow::Result<f64> {
        let insert = (parents.insert(self.client).await?, children.insert(self.client).await?);
        let (ids, by_parent) = (parents.texts("id")?, children.by(parent)?);
        let write = async |at: usize| -> anyhow::Result<()> {
            self.client.execute(&insert.0, &params(&parents.rows[at])).await?;
            for child in by_parent.get(ids[at]).into_iter().flatten() {
                self.client.execute(&insert.1, &params(child)).await?;
            }
            Ok(())
        };
        self.each(parents.rows.len(), write).await
    }

    /// A subnet's row, and the revision of its network.
    async fn subnets(&self, subnets: &Table) -> anyhow::Result<f64> {
        let bump = "UPDATE networks SET revision_number = revision_number + 1, \
                    updated_at = '2026-01-31T23:59:59Z' WHERE id = $1";
        let (insert, bump) = (subnets.insert(self.client).await?, self.client.prepare(bump).await?);
        let networks = subnets.texts("network_id")?;
        let write = async |at: usize| -> anyhow::Result<()> {
            self.client.execute(&insert, &params(&subnets.rows[at])).await?;
            self.client.execute(&bump, &[&networks[at]]).await?;
            Ok(())
        };
        self.each(subnets.rows.len(), write).await
    }

    async fn write(&self, sql: &str, ids: &[&str]) -> anyhow::Result<f64> {
        let statement = self.client.prepare(sql).await?;
        self.each(ids.len(), async |at: usize| {
            self.client.execute(&statement, &[&ids[at]]).await?;
            Ok(())
        })
        .await
    }

    /// CPU time in ms of each of the first transactions.
    async fn each(
        &self,
        count: usize,
        write: impl AsyncFn(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<f64> {
        let (measured, before) = (count.min(ROWS), used(self.pid));
        for at in 0..measured {
            self.client.batch_execute("BEGIN").await?;
            write(at).await?;
            self.client.batch_execute("COMMIT").await?;
        }
        let spent = used(self.pid).saturating_sub(before);
        self.client.batch_execute("BEGIN").await?;
        for at in measured..count {
            write(at).await?;
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(spent.as_secs_f64() * 1e3 / measured.max(1) as f64)
    }

    async fn read(&self, sql: &str, ids: &[&str]) -> anyhow::Result<f64> {
        let (statement, before) = (self.client.prepare(sql).await?, used(self.pid));
        for id in ids {
            black_box(self.client.query(&statement, &[id]).await?);
        }
        let spent = used(self.pid).saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e3 / ids.len().max(1) as f64)
    }
}

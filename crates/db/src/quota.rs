//! Quotas: limits that differ from the default, and what is used.

use std::collections::BTreeMap;

use model::api::router::ROUTER_ROUTE;
use model::api::software_version::{GIGABYTE, SOFTWARE_GIGABYTES};
use model::api::table::Resource;

use crate::engine::{Cell, DbError, Tx};

impl Tx<'_> {
    /// A project's own limits, by resource.
    pub async fn limits_of(&mut self, project: &str) -> Result<BTreeMap<String, i64>, DbError> {
        let sql = "SELECT resource, most FROM quotas WHERE project_id = $1";
        let mut out = BTreeMap::new();
        let one = |row: &crate::engine::Row<'_>| {
            out.insert(row.text(0).to_owned(), row.int(1));
        };
        self.each(sql, &[project.into()], one).await?;
        Ok(out)
    }

    /// The limits of all projects that have some of their own.
    pub async fn all_limits(&mut self) -> Result<BTreeMap<String, BTreeMap<String, i64>>, DbError> {
        let sql = "SELECT project_id, resource, most FROM quotas";
        let mut out: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        self.each(sql, &[], |row| {
            out.entry(row.text(0).to_owned()).or_default().insert(row.text(1).to_owned(), row.int(2));
        })
        .await?;
        Ok(out)
    }

    pub async fn set_limit(&mut self, project: &str, resource: &str, most: i64) -> Result<(), DbError> {
        let sql = "INSERT INTO quotas (project_id, resource, most) VALUES ($1, $2, $3) \
                   ON CONFLICT (project_id, resource) DO UPDATE SET most = excluded.most";
        self.execute(sql, &[project.into(), resource.into(), most.into()]).await.map(drop)
    }

    /// True when the project had limits of its own.
    pub async fn forget_limits(&mut self, project: &str) -> Result<bool, DbError> {
        Ok(self.execute("DELETE FROM quotas WHERE project_id = $1", &[project.into()]).await? > 0)
    }

    /// A project's own limit of a resource, if it has one, and how many it has, which does not change
    /// until the transaction ends.
    pub async fn room(
        &mut self,
        table: &'static Resource,
        project: &str,
    ) -> Result<(Option<i64>, i64), DbError> {
        self.lock_quota(table.singular, project).await?;
        let sql = format!(
            "SELECT (SELECT most FROM quotas WHERE project_id = $1 AND resource = $2), \
             ({})",
            count(table).unwrap_or_else(|| "0".to_owned())
        );
        let mut found = (None, 0);
        self.each(&sql, &[project.into(), table.singular.into()], |row| {
            let own = if let Cell::Int(most) = row.cell(0) { Some(most) } else { None };
            found = (own, row.int(1));
        })
        .await?;
        Ok(found)
    }

    /// How many of a resource a project has.
    pub async fn used(&mut self, table: &'static Resource, project: &str) -> Result<i64, DbError> {
        match count(table) {
            Some(sql) => self.number(&sql, &[project.into()]).await,
            None => Ok(0),
        }
    }

    /// Bytes that a project's files take, and that those take which are under way; they grow no more until
    /// the transaction ends.
    pub async fn software_bytes(&mut self, project: &str) -> Result<i64, DbError> {
        self.lock_quota(SOFTWARE_GIGABYTES.singular, project).await?;
        self.number(&format!("SELECT {SUM} FROM {BYTES_OF}"), &[project.into()]).await
    }
}

const SUM: &str = "CAST(COALESCE(SUM(size), 0) AS BIGINT)";
const BYTES_OF: &str = "software_versions WHERE project_id = $1 AND status <> 'ERROR'";

/// How much of a resource the project `$1` has; `None` where the limit is of one thing of the project's, so
/// that nothing adds up.
fn count(table: &'static Resource) -> Option<String> {
    if table.singular == ROUTER_ROUTE.singular {
        return None;
    }
    Some(if table.singular == SOFTWARE_GIGABYTES.singular {
        format!("SELECT ({SUM} + {GIGABYTE} - 1) / {GIGABYTE} FROM {BYTES_OF}")
    } else {
        format!("SELECT COUNT(*) FROM {} WHERE project_id = $1", table.plural)
    })
}

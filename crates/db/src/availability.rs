//! How full networks are.

use model::api::query::{Filter, Query};
use serde_json::Value;

use crate::engine::{Cell, DbError, Param, Tx};

/// A network, and one of its subnets if it has some.
#[derive(Debug, Clone)]
pub struct Fullness {
    pub network_id: String,
    pub network_name: String,
    pub project_id: String,
    pub subnet: Option<SubnetFullness>,
}

#[derive(Debug, Clone)]
pub struct SubnetFullness {
    pub id: String,
    pub name: String,
    pub cidr: String,
    pub ip_version: i64,
    /// As JSON.
    pub allocation_pools: String,
}

/// Where the attributes that are asked for stand.
const COLUMNS: [(&str, &str); 5] = [
    ("network_id", "n.id"),
    ("network_name", "n.name"),
    ("project_id", "n.project_id"),
    ("tenant_id", "n.project_id"),
    ("ip_version", "s.ip_version"),
];

impl Tx<'_> {
    /// Networks that fit the filters, in the order of their ids, each with its subnets.
    pub async fn fullness(&mut self, query: &Query) -> Result<Vec<Fullness>, DbError> {
        let (conditions, params) = conditions(query);
        let sql = format!(
            "SELECT n.id, n.name, n.project_id, s.id, s.name, s.cidr, s.ip_version, s.allocation_pools \
             FROM networks n LEFT JOIN subnets s ON s.network_id = n.id \
             WHERE 1 = 1{conditions} ORDER BY n.id, s.created_us, s.id"
        );
        let mut found = Vec::new();
        self.each(&sql, &params, |row| {
            let has_subnet = row.cell(3) != Cell::Null;
            let subnet = has_subnet.then(|| SubnetFullness {
                id: row.text(3).to_owned(),
                name: row.text(4).to_owned(),
                cidr: row.text(5).to_owned(),
                ip_version: row.int(6),
                allocation_pools: row.text(7).to_owned(),
            });
            found.push(Fullness {
                network_id: row.text(0).to_owned(),
                network_name: row.text(1).to_owned(),
                project_id: row.text(2).to_owned(),
                subnet,
            });
        })
        .await?;
        Ok(found)
    }

    /// Shows each address in use on the subnets of `fullness` with its subnet; none of them is kept.
    pub async fn each_address_used(
        &mut self,
        query: &Query,
        mut show: impl FnMut(&str, &str) + Send,
    ) -> Result<(), DbError> {
        let (conditions, params) = conditions(query);
        let sql = format!(
            "SELECT a.subnet_id, a.ip_address FROM ip_allocations a JOIN subnets s ON s.id = a.subnet_id \
             JOIN networks n ON n.id = s.network_id WHERE 1 = 1{conditions}"
        );
        self.each(&sql, &params, |row| show(row.text(0), row.text(1))).await
    }
}

/// What filters say of networks and subnets, as SQL, and its values.
fn conditions(query: &Query) -> (String, Vec<Param<'static>>) {
    let mut params: Vec<Param<'static>> = Vec::new();
    let mut conditions = String::new();
    for filter in &query.filters {
        let Filter::In { attr, values } = filter else { continue };
        let Some((_, column)) = COLUMNS.iter().find(|(name, _)| name == attr) else { continue };
        let mut marks = Vec::new();
        for value in values {
            params.push(match value {
                Value::Number(number) => number.as_i64().map_or(Param::Null, Param::Int),
                other => other.as_str().unwrap_or_default().to_owned().into(),
            });
            marks.push(format!("${}", params.len()));
        }
        conditions.push_str(&format!(" AND {column} IN ({})", marks.join(", ")));
    }
    (conditions, params)
}

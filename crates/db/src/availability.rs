//! How full networks are.

use std::collections::BTreeMap;

use model::api::query::{Filter, Query};
use model::api::subnet::Pool;
use serde_json::{Value, json};

use crate::dialect;
use crate::engine::{Cell, DbError, Param, Tx};
use crate::port::ip_key;

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
    pub used: i64,
    /// Of those, in its pools.
    pub used_of_pools: i64,
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
        let sql = format!(
            "SELECT n.id, n.name, n.project_id, s.id, s.name, s.cidr, s.ip_version, s.allocation_pools, \
             (SELECT COUNT(*) FROM ip_allocations a WHERE a.subnet_id = s.id) \
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
                used: row.int(8),
                used_of_pools: 0,
            });
            found.push(Fullness {
                network_id: row.text(0).to_owned(),
                network_name: row.text(1).to_owned(),
                project_id: row.text(2).to_owned(),
                subnet,
            });
        })
        .await?;
        self.add_used_of_pools(&mut found).await?;
        Ok(found)
    }

    /// Pools do not overlap, so no address is counted twice.
    async fn add_used_of_pools(&mut self, found: &mut [Fullness]) -> Result<(), DbError> {
        let subnets = || found.iter().filter_map(|row| row.subnet.as_ref());
        let ranges = subnets().flat_map(|subnet| {
            let pools: Vec<Pool> = serde_json::from_str(&subnet.allocation_pools).unwrap_or_default();
            let id = subnet.id.clone();
            pools.into_iter().map(
                move |pool| json!({ "subnet": id, "first": ip_key(pool.start), "last": ip_key(pool.end) }),
            )
        });
        let ranges: Vec<Value> = ranges.collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let engine = self.engine();
        let items = dialect::json_items(engine, "$1");
        let [subnet, first, last] =
            ["subnet", "first", "last"].map(|field| dialect::json_field(engine, "item.value", field));
        let sql = format!(
            "SELECT a.subnet_id, COUNT(*) FROM {items} AS item JOIN ip_allocations a ON a.subnet_id = {subnet} \
             AND a.ip_key BETWEEN {first} AND {last} GROUP BY a.subnet_id"
        );
        let mut used: BTreeMap<String, i64> = BTreeMap::new();
        self.each(&sql, &[json!(ranges).to_string().into()], |row| {
            used.insert(row.text(0).to_owned(), row.int(1));
        })
        .await?;
        for subnet in found.iter_mut().filter_map(|row| row.subnet.as_mut()) {
            subnet.used_of_pools = used.get(&subnet.id).copied().unwrap_or_default();
        }
        Ok(())
    }
}

//! Install orders: what they can be of, whom they reach, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use model::api::software_order::{OrderTarget, Resolved, SoftwareOrder};
use model::api::software_package::{SOFTWARE_PACKAGE, SoftwarePackage};
use model::api::software_version::{SoftwareVersion, Status};
use model::software::{Order, State};
use model::{NetworkId, PortId, SoftwareOrderId};
use serde_json::{Map, Value, json};

use crate::dialect;
use crate::engine::{DbError, Param, Row, Tx};

/// A version with a file, its package, and whether everybody sees that.
pub type CandidateRow = (SoftwarePackage, bool, SoftwareVersion);

/// A port's orders that have not ended: how many, and of how many packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BehindRow {
    pub orders: usize,
    pub packages: usize,
}

const NOT_ENDED: &str = "state IN ('pending', 'downloading', 'installing')";
const TARGET: &str = "SELECT order_id, port_id, instance, state, progress, reason, output, attempt, \
    CASE WHEN cancelled THEN 1 ELSE 0 END, updated_at FROM software_order_targets";

impl Tx<'_> {
    /// Packages that a project sees, of some names or ids.
    pub async fn software_named(
        &mut self,
        project: &str,
        names: &BTreeSet<&str>,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<CandidateRow>, DbError> {
        let engine = self.engine();
        let condition = format!(
            "(name IN {} OR id IN {}) AND ({}) ORDER BY id",
            dialect::among(engine, "$1"),
            dialect::among(engine, "$2"),
            dialect::seen_by(engine, &SOFTWARE_PACKAGE, "$3")
        );
        let params: Vec<Param> =
            vec![json!(names).to_string().into(), json!(ids).to_string().into(), project.into()];
        let packages: Vec<SoftwarePackage> = self.find(&SOFTWARE_PACKAGE, &condition, &params).await?;
        let mut by_id = BTreeMap::new();
        for package in packages {
            let public = "SELECT COUNT(*) FROM rbac_policies WHERE object_id = $1 AND target_tenant = '*'";
            let public = package.shared || self.number(public, &[package.id.to_string().into()]).await? > 0;
            by_id.insert(package.id.to_string(), (package, public));
        }
        let sql = format!(
            "SELECT id, package_id, version, architecture, filename, size, sha256, \
             CASE WHEN yanked THEN 1 ELSE 0 END FROM software_versions \
             WHERE status = 'ACTIVE' AND taken IS NOT NULL AND package_id IN {} ORDER BY id",
            dialect::among(engine, "$1")
        );
        let ids: Vec<&String> = by_id.keys().collect();
        let mut out = Vec::new();
        self.each(&sql, &[json!(ids).to_string().into()], |row| {
            let found = by_id.get(row.text(1)).zip(row.text(0).parse().ok());
            out.extend(found.map(|((package, public), id)| {
                let version = SoftwareVersion { id, ..candidate(row, package) };
                (package.clone(), *public, version)
            }));
        })
        .await?;
        Ok(out)
    }

    /// Ports of a project by their ids or by their instances, and the networks that they are in.
    pub async fn ports_behind(
        &mut self,
        project: &str,
        ports: &BTreeSet<String>,
        instances: &BTreeSet<String>,
    ) -> Result<Vec<(String, String, NetworkId)>, DbError> {
        let engine = self.engine();
        let sql = format!(
            "SELECT id, device_id, network_id FROM ports WHERE project_id = $1 \
             AND device_owner NOT LIKE 'network:%' AND (id IN {} OR device_id IN {}) ORDER BY id",
            dialect::among(engine, "$2"),
            dialect::among(engine, "$3")
        );
        let params: Vec<Param> =
            vec![project.into(), json!(ports).to_string().into(), json!(instances).to_string().into()];
        let mut out = Vec::new();
        self.each(&sql, &params, |row| {
            let network = row.text(2).parse().ok();
            out.extend(network.map(|network| (row.text(0).to_owned(), row.text(1).to_owned(), network)));
        })
        .await?;
        Ok(out)
    }

    /// What a port is told already.
    pub async fn orders_behind(&mut self, port: PortId) -> Result<BehindRow, DbError> {
        let orders = self.orders_of_ports(&[port.to_string()]).await?.remove(&port).unwrap_or_default();
        Ok(BehindRow { orders: orders.len(), packages: orders.iter().map(|of| of.packages.len()).sum() })
    }

    /// What instances behind some ports are to install, by port, the oldest order first.
    pub async fn orders_of_ports(
        &mut self,
        ports: &[String],
    ) -> Result<BTreeMap<PortId, Vec<Order>>, DbError> {
        let sql = format!(
            "SELECT t.port_id, o.id, o.packages, t.attempt, CASE WHEN t.cancelled THEN 1 ELSE 0 END \
             FROM software_order_targets t JOIN software_orders o ON o.id = t.order_id \
             JOIN ports p ON p.id = t.port_id AND p.device_id = t.instance \
             WHERE t.port_id IN {} AND t.{NOT_ENDED} ORDER BY o.created_us, o.id",
            dialect::among(self.engine(), "$1")
        );
        let mut out: BTreeMap<PortId, Vec<Order>> = BTreeMap::new();
        self.each(&sql, &[json!(ports).to_string().into()], |row| {
            let ids = row.text(0).parse().ok().zip(row.text(1).parse().ok());
            let packages: Vec<Resolved> = serde_json::from_str(row.text(2)).unwrap_or_default();
            if let Some((port, id)) = ids {
                let packages = packages.iter().map(Resolved::ordered).collect();
                let attempt = u32::try_from(row.int(3)).unwrap_or_default();
                let order = Order { id, attempt, cancelled: row.int(4) != 0, packages };
                out.entry(port).or_default().push(order);
            }
        })
        .await?;
        Ok(out)
    }

    /// Writes what an order is of, and its targets.
    pub async fn begin_order(
        &mut self,
        order: &SoftwareOrder,
        targets: &[OrderTarget],
    ) -> Result<(), DbError> {
        let versions: BTreeSet<String> = order.packages.iter().map(|of| of.version_id.to_string()).collect();
        for version in versions {
            let sql = "INSERT INTO software_order_versions (order_id, version_id) VALUES ($1, $2)";
            self.later(sql, vec![order.id.to_string().into(), version.into()]).await?;
        }
        for target in targets {
            let sql = "INSERT INTO software_order_targets (state, progress, reason, output, attempt, cancelled, \
                       updated_at, instance, order_id, port_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
            self.later(sql, written(target, true)).await?;
        }
        Ok(())
    }

    pub async fn save_target(&mut self, target: &OrderTarget) -> Result<(), DbError> {
        let sql = "UPDATE software_order_targets SET state = $1, progress = $2, reason = $3, output = $4, \
                   attempt = $5, cancelled = $6, updated_at = $7 WHERE order_id = $8 AND port_id = $9";
        self.later(sql, written(target, false)).await
    }

    /// The targets of an order, in the order of their ports.
    pub async fn targets_of(&mut self, order: SoftwareOrderId) -> Result<Vec<OrderTarget>, DbError> {
        self.targets("order_id = $1 ORDER BY port_id", &[order.to_string().into()]).await
    }

    /// An order's target behind a port.
    pub async fn order_target(
        &mut self,
        order: SoftwareOrderId,
        port: PortId,
    ) -> Result<Option<OrderTarget>, DbError> {
        let ids = [order.to_string().into(), port.to_string().into()];
        Ok(self.targets("order_id = $1 AND port_id = $2", &ids).await?.pop())
    }

    /// Targets behind a port that have not ended.
    pub async fn targets_behind(&mut self, port: PortId) -> Result<Vec<OrderTarget>, DbError> {
        let condition = format!("port_id = $1 AND {NOT_ENDED} ORDER BY order_id");
        self.targets(&condition, &[port.to_string().into()]).await
    }

    /// Ports of a network behind which some order has not ended.
    pub async fn ports_with_orders(&mut self, network: NetworkId) -> Result<Vec<String>, DbError> {
        let sql = format!(
            "SELECT DISTINCT p.id FROM ports p JOIN software_order_targets t ON t.port_id = p.id \
             WHERE p.network_id = $1 AND t.{NOT_ENDED} ORDER BY p.id"
        );
        self.texts(&sql, &[network.to_string().into()]).await
    }

    async fn targets(&mut self, condition: &str, params: &[Param<'_>]) -> Result<Vec<OrderTarget>, DbError> {
        let mut out = Vec::new();
        self.each(&format!("{TARGET} WHERE {condition}"), params, |row| out.extend(target(row))).await?;
        Ok(out)
    }

    /// The networks of some ports.
    pub async fn networks_of_ports(&mut self, ports: &[String]) -> Result<Vec<String>, DbError> {
        let sql = format!(
            "SELECT DISTINCT network_id FROM ports WHERE id IN {} ORDER BY network_id",
            dialect::among(self.engine(), "$1")
        );
        self.texts(&sql, &[json!(ports).to_string().into()]).await
    }
}

fn candidate(row: &Row<'_>, package: &SoftwarePackage) -> SoftwareVersion {
    let text = |at| Some(row.text(at).to_owned());
    SoftwareVersion {
        id: uuid::Uuid::nil().into(),
        package_id: package.id,
        project_id: package.project_id.clone(),
        description: String::new(),
        version: text(2),
        architecture: text(3),
        filename: text(4),
        size: Some(row.int(5)),
        sha256: text(6),
        status: Status::Active,
        status_reason: String::new(),
        yanked: row.int(7) != 0,
        control: Value::Null,
        upload_offset: 0,
        upload_id: None,
        taken: None,
        rest: Map::new(),
    }
}

fn target(row: &Row<'_>) -> Option<OrderTarget> {
    Some(OrderTarget {
        order_id: row.text(0).parse().ok()?,
        port_id: row.text(1).parse().ok()?,
        instance: row.text(2).to_owned(),
        state: State::ALL.into_iter().find(|state| state.as_str() == row.text(3))?,
        progress: u8::try_from(row.int(4)).unwrap_or(100),
        reason: row.text(5).to_owned(),
        output: row.text(6).to_owned(),
        attempt: u32::try_from(row.int(7)).unwrap_or_default(),
        cancelled: row.int(8) != 0,
        updated_at: row.text(9).to_owned(),
    })
}

/// What a statement binds for a target.
fn written(of: &OrderTarget, with_instance: bool) -> Vec<Param<'static>> {
    let mut out: Vec<Param<'static>> = vec![
        of.state.as_str().into(),
        i64::from(of.progress).into(),
        of.reason.clone().into(),
        of.output.clone().into(),
        i64::from(of.attempt).into(),
        Param::Bool(of.cancelled),
        of.updated_at.clone().into(),
    ];
    if with_instance {
        out.push(of.instance.clone().into());
    }
    out.push(of.order_id.to_string().into());
    out.push(of.port_id.to_string().into());
    out
}

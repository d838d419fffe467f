//! Trunks: which ports are in which, and where these should be.

use std::collections::{BTreeMap, BTreeSet};

use model::api::trunk::{SUBPORT_OWNER, SubPort};
use model::desired::Trunked;
use model::{PortId, TrunkId};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Row, Tx};

/// A port that is in a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InTrunk {
    pub port: PortId,
    pub trunk: TrunkId,
    pub is_parent: bool,
}

impl Tx<'_> {
    /// Those of some ports that are in a trunk.
    pub async fn in_trunks(&mut self, ports: &[PortId]) -> Result<Vec<InTrunk>, DbError> {
        let among = dialect::among(self.engine(), "$1");
        let sql = format!(
            "SELECT port_id, trunk_id, 0 FROM subports WHERE port_id IN {among} \
             UNION ALL SELECT port_id, id, 1 FROM trunks WHERE port_id IN {among}"
        );
        let mut found = Vec::new();
        self.each(&sql, &[json!(ports).to_string().into()], |row| {
            let ids = row.text(0).parse().ok().zip(row.text(1).parse().ok());
            found.extend(ids.map(|(port, trunk)| InTrunk { port, trunk, is_parent: row.int(2) == 1 }));
        })
        .await?;
        Ok(found)
    }

    /// In the order of their tags.
    pub async fn subports_of(&mut self, trunk: TrunkId) -> Result<Vec<SubPort>, DbError> {
        let sql = "SELECT port_id, segmentation_type, segmentation_id FROM subports WHERE trunk_id = $1 \
                   ORDER BY segmentation_type, segmentation_id";
        let mut found = Vec::new();
        self.each(sql, &[trunk.to_string().into()], |row| {
            found.extend(row.text(0).parse().ok().map(|port_id| SubPort {
                port_id,
                segmentation_type: row.text(1).to_owned(),
                segmentation_id: row.int(2),
            }));
        })
        .await?;
        Ok(found)
    }

    /// A conflict when the port or the tag is taken meanwhile.
    pub async fn add_subport(&mut self, trunk: TrunkId, subport: &SubPort) -> Result<(), DbError> {
        let sql = "INSERT INTO subports (port_id, trunk_id, segmentation_type, segmentation_id) \
                   VALUES ($1, $2, $3, $4)";
        let params = vec![
            subport.port_id.to_string().into(),
            trunk.to_string().into(),
            subport.segmentation_type.clone().into(),
            subport.segmentation_id.into(),
        ];
        self.later(sql, params).await
    }

    pub async fn remove_subport(&mut self, port: PortId) -> Result<(), DbError> {
        self.later("DELETE FROM subports WHERE port_id = $1", vec![port.to_string().into()]).await
    }

    /// The networks of a trunk's ports.
    pub async fn networks_of_trunk(&mut self, trunk: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT DISTINCT p.network_id FROM ports p WHERE p.id IN \
                   (SELECT port_id FROM trunks WHERE id = $1 UNION \
                    SELECT port_id FROM subports WHERE trunk_id = $1)";
        self.texts(sql, &[trunk.into()]).await
    }

    /// The status that the API shows of a trunk.
    pub async fn trunk_is_broken(&mut self, trunk: TrunkId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM subports s JOIN ports c ON c.id = s.port_id \
                   WHERE s.trunk_id = $1 AND c.vif_type = 'binding_failed'";
        Ok(self.number(sql, &[trunk.to_string().into()]).await? > 0)
    }

    /// Where a subport should be: at its parent's host, if that has one. `None`: it is in no trunk.
    pub async fn host_of_parent(&mut self, subport: PortId) -> Result<Option<String>, DbError> {
        let sql = "SELECT p.host FROM subports s JOIN trunks t ON t.id = s.trunk_id \
                   JOIN ports p ON p.id = t.port_id WHERE s.port_id = $1";
        Ok(self.texts(sql, &[subport.to_string().into()]).await?.pop())
    }

    /// Ports that are not where their trunk's parent is, and those that are in no trunk any more.
    pub async fn trunk_misfits(&mut self, after: &str, most: u32) -> Result<Vec<PortId>, DbError> {
        let sql = format!(
            "SELECT id FROM (SELECT c.id FROM subports s JOIN trunks t ON t.id = s.trunk_id \
             JOIN ports p ON p.id = t.port_id JOIN ports c ON c.id = s.port_id \
             WHERE c.host <> p.host OR (p.host <> '' AND c.device_owner <> '{SUBPORT_OWNER}') \
             UNION SELECT o.id FROM ports o WHERE o.device_owner = '{SUBPORT_OWNER}' \
             AND NOT EXISTS (SELECT 1 FROM subports s WHERE s.port_id = o.id)) misfits \
             WHERE id > $1 ORDER BY id LIMIT {most}"
        );
        let found = self.texts(&sql, &[after.into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The parent of a subport.
    pub async fn parent_of(&mut self, subport: PortId) -> Result<Option<PortId>, DbError> {
        let sql = "SELECT t.port_id FROM subports s JOIN trunks t ON t.id = s.trunk_id WHERE s.port_id = $1";
        Ok(self.texts(sql, &[subport.to_string().into()]).await?.pop().and_then(|id| id.parse().ok()))
    }

    /// What hosts must know of some ports' trunks. A parent lets a tag through only while the device that takes
    /// its frames is there: without one they would reach the parent's own network, with their tag.
    pub(crate) async fn trunked(&mut self, ports: &[PortId]) -> Result<BTreeMap<PortId, Trunked>, DbError> {
        let mut found: BTreeMap<PortId, Trunked> = BTreeMap::new();
        if ports.is_empty() {
            return Ok(found);
        }
        let among = dialect::among(self.engine(), "$1");
        let asked: BTreeSet<PortId> = ports.iter().copied().collect();
        let sql = format!(
            "SELECT s.port_id, t.port_id, s.segmentation_id, \
             CASE WHEN c.l2_ready = TRUE AND c.host = p.host THEN 1 ELSE 0 END FROM subports s \
             JOIN trunks t ON t.id = s.trunk_id JOIN ports c ON c.id = s.port_id \
             JOIN ports p ON p.id = t.port_id WHERE s.port_id IN {among} OR t.port_id IN {among}"
        );
        self.each(&sql, &[json!(ports).to_string().into()], |row| {
            let Some((child, parent, vid)) = read(row) else { return };
            if asked.contains(&child) {
                found.insert(child, Trunked::Tagged { parent, vid });
            }
            let carries = found.entry(parent).or_insert_with(|| Trunked::Parent { vids: [].into() });
            if let Trunked::Parent { vids } = carries
                && row.int(3) == 1
            {
                vids.insert(vid);
            }
        })
        .await?;
        Ok(found)
    }

    /// Notes that ports of trunks may have to follow their parents.
    pub fn trunks_due(&mut self) {
        self.trunks = true;
    }

    pub fn has_trunks_due(&self) -> bool {
        self.trunks
    }
}

fn read(row: &Row<'_>) -> Option<(PortId, PortId, u16)> {
    Some((row.text(0).parse().ok()?, row.text(1).parse().ok()?, u16::try_from(row.int(2)).ok()?))
}

//! Segments: who holds which tunnel id, VLAN or physical network, and which a network has.

use model::NetworkId;
use model::api::segment::{SEGMENT, Segment};

use crate::engine::{DbError, Tx};

/// One segment that a network holds; `physical_network` is empty and the id 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    pub network_type: String,
    pub physical_network: String,
    pub segmentation_id: i64,
}

impl Tx<'_> {
    /// The segments of a network, in the order that hosts try them.
    pub async fn segments_of(&mut self, network: NetworkId) -> Result<Vec<Segment>, DbError> {
        self.find(&SEGMENT, "network_id = $1 ORDER BY position", &[network.to_string().into()]).await
    }

    /// Gives a segment to a network; a conflict when it is held.
    pub async fn hold_segment(&mut self, segment: &Allocated, network: NetworkId) -> Result<(), DbError> {
        let sql = "INSERT INTO segment_allocations \
                   (network_type, physical_network, segmentation_id, network_id) VALUES ($1, $2, $3, $4)";
        let params = vec![
            segment.network_type.as_str().into(),
            segment.physical_network.as_str().into(),
            segment.segmentation_id.into(),
            network.to_string().into(),
        ];
        self.later(sql, params).await
    }

    pub async fn segment_held(&mut self, segment: &Allocated) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM segment_allocations \
                   WHERE network_type = $1 AND physical_network = $2 AND segmentation_id = $3";
        let params = [
            segment.network_type.as_str().into(),
            segment.physical_network.as_str().into(),
            segment.segmentation_id.into(),
        ];
        Ok(self.number(sql, &params).await? > 0)
    }

    /// The lowest free id between two (both included).
    pub async fn free_segment(
        &mut self,
        network_type: &str,
        physical_network: &str,
        from: i64,
        to: i64,
    ) -> Result<Option<i64>, DbError> {
        let first = Allocated {
            network_type: network_type.to_owned(),
            physical_network: physical_network.to_owned(),
            segmentation_id: from,
        };
        if from > to {
            return Ok(None);
        }
        if !self.segment_held(&first).await? {
            return Ok(Some(from));
        }
        // The end of the run of held ids that begins at `from`.
        let sql = "SELECT s.segmentation_id + 1 FROM segment_allocations s \
                   WHERE s.network_type = $1 AND s.physical_network = $2 \
                   AND s.segmentation_id BETWEEN $3 AND $4 AND NOT EXISTS \
                   (SELECT 1 FROM segment_allocations n WHERE n.network_type = s.network_type \
                    AND n.physical_network = s.physical_network \
                    AND n.segmentation_id = s.segmentation_id + 1) \
                   ORDER BY s.segmentation_id LIMIT 1";
        let params = [network_type.into(), physical_network.into(), from.into(), (to - 1).into()];
        let mut free = None;
        self.each(sql, &params, |row| free = Some(row.int(0))).await?;
        Ok(free)
    }

    /// Drops a network's segments before it takes others.
    pub async fn release_segments(&mut self, network: NetworkId) -> Result<(), DbError> {
        let sql = "DELETE FROM segment_allocations WHERE network_id = $1";
        self.later(sql, vec![network.to_string().into()]).await
    }
}

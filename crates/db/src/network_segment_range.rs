//! Ranges that segments are chosen from: whose they are, and what of them is used.

use model::api::network_segment_range::{NETWORK_SEGMENT_RANGE, NetworkSegmentRange};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// All of them, by type and ids.
    pub async fn segment_ranges(&mut self) -> Result<Vec<NetworkSegmentRange>, DbError> {
        let condition = "id <> '' ORDER BY network_type, physical_network, minimum";
        self.find(&NETWORK_SEGMENT_RANGE, condition, &[]).await
    }

    /// All of them, which nobody else changes until the transaction ends.
    pub async fn lock_segment_ranges(&mut self) -> Result<Vec<NetworkSegmentRange>, DbError> {
        let sql = "UPDATE counters SET value = value + 1 WHERE name = 'segment_ranges'";
        self.execute(sql, &[]).await?;
        self.find(&NETWORK_SEGMENT_RANGE, "id <> '' ORDER BY id", &[]).await
    }

    /// The lowest and highest id of a range that networks have.
    pub async fn used_of(&mut self, range: &NetworkSegmentRange) -> Result<Option<(i64, i64)>, DbError> {
        let sql = "SELECT COUNT(*), COALESCE(MIN(segmentation_id), 0), COALESCE(MAX(segmentation_id), 0) \
                   FROM segment_allocations WHERE network_type = $1 AND physical_network = $2 \
                   AND segmentation_id BETWEEN $3 AND $4";
        let params = [
            range.network_type.as_str().into(),
            range.physical_network.as_str().into(),
            range.minimum.into(),
            range.maximum.into(),
        ];
        let mut found = None;
        self.each(sql, &params, |row| found = (row.int(0) > 0).then(|| (row.int(1), row.int(2)))).await?;
        Ok(found)
    }
}

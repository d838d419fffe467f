//! Ranges that segments are chosen from: facts in, decision, rows out.

use cloud::segment::range;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::network_segment_range::{
    NETWORK_SEGMENT_RANGE, NetworkSegmentRange, NetworkSegmentRangeCreate, NetworkSegmentRangeUpdate,
};

use crate::app::App;
use crate::error::Fault;

/// Stores the ranges of the configuration, as far as it says others than it did.
pub async fn begin(app: &App) -> Result<(), db::DbError> {
    let mut tx = app.db().begin().await?;
    let stored = tx.lock_segment_ranges().await?;
    let wanted = range::of_rules(app.rules(), &mut app.stamp());
    let known = |range: &NetworkSegmentRange, among: &[NetworkSegmentRange]| {
        among.iter().any(|other| other.default && range::same(range, other))
    };
    for gone in stored.iter().filter(|range| range.default && !known(range, &wanted)) {
        tx.delete(&NETWORK_SEGMENT_RANGE, gone.id).await?;
    }
    for range in wanted.iter().filter(|range| !known(range, &stored)) {
        tx.insert(&NETWORK_SEGMENT_RANGE, range).await?;
    }
    app.commit(tx).await
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: NetworkSegmentRangeCreate,
) -> Result<String, Fault> {
    let others = tx.lock_segment_ranges().await?;
    let range = range::create(new, &others, stamp)?;
    tx.insert(&NETWORK_SEGMENT_RANGE, &range).await?;
    Ok(range.id.to_string())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<NetworkSegmentRange, Fault> {
    let found = tx.get(&NETWORK_SEGMENT_RANGE, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &NETWORK_SEGMENT_RANGE, id: id.to_owned() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: NetworkSegmentRangeUpdate,
) -> Result<(), Fault> {
    let others = tx.lock_segment_ranges().await?;
    let before = load(tx, id).await?;
    let used = tx.used_of(&before).await?;
    let after = range::update(&before, change, used, &others)?;
    tx.update(&NETWORK_SEGMENT_RANGE, before.id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    tx.lock_segment_ranges().await?;
    let range = load(tx, id).await?;
    let used = tx.used_of(&range).await?;
    range::delete(&range, used)?;
    tx.delete(&NETWORK_SEGMENT_RANGE, range.id).await?;
    Ok(())
}

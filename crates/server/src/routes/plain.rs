//! Resources without rules of their own: the table says it all.

use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::Given;
use model::api::table::Resource;
use serde_json::{Map, Value};

use crate::error::Fault;

type Fields = Map<String, Value>;

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    table: &'static Resource,
    given: Given,
) -> Result<String, Fault> {
    let id = stamp.uuid().to_string();
    let mut row: Fields = given.typed()?;
    row.insert("id".into(), id.clone().into());
    cloud::standard::begin(&mut row, stamp);
    tx.insert(table, &row).await?;
    Ok(id)
}

async fn load(tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Result<Fields, Fault> {
    let found = tx.get(table, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    table: &'static Resource,
    id: &str,
    given: Given,
) -> Result<(), Fault> {
    let before = load(tx, table, id).await?;
    let mut after = before.clone();
    after.extend(given.typed::<Fields>()?);
    tx.update(table, id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Result<(), Fault> {
    load(tx, table, id).await?;
    tx.delete(table, id).await?;
    Ok(())
}

//! Metering: facts in, decision, rows out. Routers that count by a label are told of its rules.

use cloud::metering::{self, MeteringRefusal};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::MeteringLabelId;
use model::api::metering::{
    METERING_LABEL, METERING_LABEL_RULE, MeteringLabel, MeteringLabelCreate, MeteringLabelRule,
    MeteringLabelRuleCreate,
};

use crate::error::Fault;
use crate::guard::Guard;

fn refused(refusal: MeteringRefusal) -> Fault {
    Refusal::from(refusal).into()
}

pub async fn create_label(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: MeteringLabelCreate,
) -> Result<String, Fault> {
    let others = tx.metering_labels_of(&new.project_id).await?;
    let label = metering::create_label(new, others, stamp).map_err(refused)?;
    tx.insert(&METERING_LABEL, &label).await?;
    Ok(label.id.to_string())
}

pub async fn delete_label(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let not_found = || Refusal::NotFound { table: &METERING_LABEL, id: id.to_owned() };
    let label: MeteringLabel = tx.get(&METERING_LABEL, id).await?.ok_or_else(not_found)?;
    changed(tx, stamp, label.id).await?;
    tx.delete(&METERING_LABEL, id).await?;
    Ok(())
}

/// The label is locked.
pub async fn create_rule(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: MeteringLabelRuleCreate,
) -> Result<String, Fault> {
    let id = new.metering_label_id;
    let label: Option<MeteringLabel> = tx.get(&METERING_LABEL, id).await?;
    let label = label.filter(|label| guard.project().is_none_or(|mine| mine == label.project_id));
    let label = label.ok_or_else(|| refused(MeteringRefusal::LabelNotFound(id)))?;
    let others = tx.metering_rules_of(id).await?;
    let rule = metering::create_rule(new, &label, &others, stamp).map_err(refused)?;
    tx.insert(&METERING_LABEL_RULE, &rule).await?;
    changed(tx, stamp, id).await?;
    Ok(rule.id)
}

pub async fn delete_rule(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let not_found = || Refusal::NotFound { table: &METERING_LABEL_RULE, id: id.to_owned() };
    let rule: MeteringLabelRule = tx.get(&METERING_LABEL_RULE, id).await?.ok_or_else(not_found)?;
    tx.delete(&METERING_LABEL_RULE, id).await?;
    changed(tx, stamp, rule.metering_label_id).await
}

async fn changed(tx: &mut Tx<'_>, stamp: &Stamp, label: MeteringLabelId) -> Result<(), Fault> {
    for router in tx.metered_routers(label).await? {
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

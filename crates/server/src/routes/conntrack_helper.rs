//! Conntrack helpers of routers: facts in, decision, rows out. The router is locked.

use cloud::{Refusal, Stamp, conntrack_helper};
use db::Tx;
use model::RouterId;
use model::api::conntrack_helper::{
    CONNTRACK_HELPER, ConntrackHelper, ConntrackHelperCreate, ConntrackHelperUpdate,
};
use model::api::router::ROUTER;

use crate::app::App;
use crate::error::Fault;

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: ConntrackHelperCreate,
) -> Result<String, Fault> {
    let others = tx.helpers_of(new.router_id).await?;
    let made = conntrack_helper::create(new, &others, app.rules(), stamp)?;
    tx.insert(&CONNTRACK_HELPER, &made).await?;
    changed(tx, stamp, made.router_id).await?;
    Ok(made.id)
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<ConntrackHelper, Fault> {
    let found = tx.get(&CONNTRACK_HELPER, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &CONNTRACK_HELPER, id: id.to_owned() }.into())
}

pub async fn update(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: ConntrackHelperUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let others = tx.helpers_of(before.router_id).await?;
    let after = conntrack_helper::update(&before, change, &others, app.rules())?;
    if after != before {
        tx.update(&CONNTRACK_HELPER, id, &before, &after, &stamp.now).await?;
        changed(tx, stamp, before.router_id).await?;
    }
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let helper = load(tx, id).await?;
    tx.delete(&CONNTRACK_HELPER, id).await?;
    changed(tx, stamp, helper.router_id).await
}

/// The router shows its helpers, and its hosts have them.
async fn changed(tx: &mut Tx<'_>, stamp: &Stamp, router: RouterId) -> Result<(), Fault> {
    tx.bump(&ROUTER, router, &stamp.now).await?;
    Ok(tx.router_due(router, stamp.now_us).await?)
}

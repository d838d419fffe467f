//! Address groups: facts in, decision, rows out.

use axum::http::{Method, StatusCode};
use cloud::address_group::Change;
use cloud::view::group as view;
use cloud::{Refusal, Stamp, address_group};
use db::Tx;
use model::api::address_group::{ADDRESS_GROUP, AddressGroup, AddressGroupCreate, addresses};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

pub async fn create(tx: &mut Tx<'_>, stamp: &mut Stamp, new: AddressGroupCreate) -> Result<String, Fault> {
    let group = address_group::create(new, stamp);
    tx.insert(&ADDRESS_GROUP, &group).await?;
    Ok(group.id.to_string())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<AddressGroup, Fault> {
    let found = tx.get(&ADDRESS_GROUP, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &ADDRESS_GROUP, id: id.to_owned() }.into())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let group = load(tx, id).await?;
    if tx.rules_about_addresses(group.id).await? {
        return Err(Refusal::AddressGroupInUse(group.id).into());
    }
    tx.forget_templates(id).await?;
    tx.forget_policies(id).await?;
    tx.delete(&ADDRESS_GROUP, group.id).await?;
    Ok(())
}

/// `add_addresses` and `remove_addresses`.
pub async fn dispatch(app: &App, call: &Call, id: &str, action: &str) -> Result<Answer, Fault> {
    let change: Change = match (action, &call.method) {
        ("add_addresses", &Method::PUT) => address_group::add,
        ("remove_addresses", &Method::PUT) => address_group::remove,
        ("add_addresses" | "remove_addresses", _) => return Err(Fault::MethodNotAllowed),
        _ => return Err(Fault::NoSuchUrl),
    };
    let body = super::parsed(call, &ADDRESS_GROUP)?;
    let asked = addresses(&body)?;
    let item = retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&ADDRESS_GROUP, id).await?;
        let guard = Guard::of(app, call);
        guard.act(&mut tx, &ADDRESS_GROUP, id, "update_address_group").await?;
        let before = load(&mut tx, id).await?;
        let after = change(&before, &asked)?;
        tx.update(&ADDRESS_GROUP, before.id, &before, &after, &app.stamp().now).await?;
        if before.addresses != after.addresses {
            tx.mark(&view::of_addresses(before.id));
        }
        let shown = guard.answers(&ADDRESS_GROUP);
        let item = tx.show(&ADDRESS_GROUP, id, &[], &shown).await?.unwrap_or_default();
        app.commit(tx).await?;
        Ok(item)
    })
    .await?;
    Ok(super::wrapped(StatusCode::OK, ADDRESS_GROUP.singular, &item))
}

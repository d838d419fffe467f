//! Address scopes: facts in, decision, rows out.

use cloud::{Refusal, Stamp, address_scope};
use db::Tx;
use model::api::address_scope::{ADDRESS_SCOPE, AddressScope, AddressScopeCreate, AddressScopeUpdate};
use model::api::rbac_policy::{AS_SHARED, ObjectType};

use crate::error::Fault;
use crate::routes::rbac_policy;

pub async fn create(tx: &mut Tx<'_>, stamp: &mut Stamp, new: AddressScopeCreate) -> Result<String, Fault> {
    let shared = new.shared;
    let scope = address_scope::create(new, stamp);
    tx.insert(&ADDRESS_SCOPE, &scope).await?;
    if shared {
        rbac_policy::share_with_everyone(
            tx,
            stamp,
            ObjectType::AddressScope,
            &scope.id.to_string(),
            AS_SHARED,
            &scope.project_id,
        )
        .await?;
    }
    Ok(scope.id.to_string())
}

pub async fn load(tx: &mut Tx<'_>, id: &str) -> Result<AddressScope, Fault> {
    let found = tx.get(&ADDRESS_SCOPE, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &ADDRESS_SCOPE, id: id.to_owned() }.into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    id: &str,
    change: AddressScopeUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let was_shared = tx.is_shared_with(id, "*").await?;
    let shared = change.shared == Some(true);
    let after = address_scope::update(&before, change, was_shared)?;
    if shared && !was_shared {
        rbac_policy::share_with_everyone(
            tx,
            stamp,
            ObjectType::AddressScope,
            id,
            AS_SHARED,
            &before.project_id,
        )
        .await?;
    }
    tx.update(&ADDRESS_SCOPE, before.id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let scope = load(tx, id).await?;
    if !tx.pools_beside(id, "").await?.is_empty() {
        return Err(Refusal::AddressScopeInUse(scope.id).into());
    }
    tx.forget_policies(id).await?;
    tx.delete(&ADDRESS_SCOPE, scope.id).await?;
    Ok(())
}

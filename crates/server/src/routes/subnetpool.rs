//! Subnet pools: facts in, decision, rows out.

use axum::http::Method;
use cloud::subnetpool::{ScopeFacts, Taken};
use cloud::{Refusal, Stamp, subnetpool};
use db::Tx;
use ipnet::IpNet;
use model::NetworkId;
use model::api::address_scope::ADDRESS_SCOPE;
use model::api::network::NETWORK;
use model::api::rbac_policy::{AS_SHARED, ObjectType};
use model::api::subnetpool::{
    SUBNETPOOL, Subnetpool, SubnetpoolCreate, SubnetpoolUpdate, onboarded, prefixes,
};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;
use crate::routes::{address_scope, network, rbac_policy};

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: SubnetpoolCreate,
) -> Result<String, Fault> {
    let shared = new.shared;
    let pool = subnetpool::create(new, stamp)?;
    check_default(tx, &pool, None).await?;
    check_scope(tx, guard, &pool).await?;
    tx.insert(&SUBNETPOOL, &pool).await?;
    let id = pool.id.to_string();
    if shared {
        rbac_policy::share_with_everyone(tx, stamp, ObjectType::Subnetpool, &id, AS_SHARED, &pool.project_id)
            .await?;
    }
    Ok(id)
}

pub async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Subnetpool, Fault> {
    let found = tx.get(&SUBNETPOOL, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SUBNETPOOL, id: id.to_owned() }.into())
}

/// The ranges that subnets have from a pool.
pub async fn taken(tx: &mut Tx<'_>, pool: &Subnetpool) -> Result<Vec<Taken>, Fault> {
    let rows = tx.taken_from_pool(&pool.id.to_string()).await?;
    let read = |(range, project_id): (String, String)| Some(Taken { range: range.parse().ok()?, project_id });
    Ok(rows.into_iter().filter_map(read).collect())
}

async fn ranges(tx: &mut Tx<'_>, pool: &Subnetpool) -> Result<Vec<IpNet>, Fault> {
    Ok(taken(tx, pool).await?.into_iter().map(|taken| taken.range).collect())
}

/// Each family has one default pool.
async fn check_default(tx: &mut Tx<'_>, pool: &Subnetpool, before: Option<&Subnetpool>) -> Result<(), Fault> {
    let is_new = pool.is_default && before.is_none_or(|before| !before.is_default);
    match tx.default_pool(pool.ip_version).await?.filter(|_| is_new) {
        Some(other) => {
            let why = format!("Subnet pool {other} is the default of IPv{} already.", pool.ip_version);
            Err(Refusal::Input(why).into())
        }
        None => Ok(()),
    }
}

/// May the pool, as it is to be, be in its address scope?
async fn check_scope(tx: &mut Tx<'_>, guard: &Guard<'_>, pool: &Subnetpool) -> Result<(), Fault> {
    let Some(id) = &pool.address_scope_id else { return Ok(()) };
    tx.lock_scopes(std::slice::from_ref(id)).await?;
    // A scope that the caller does not find is none.
    if !tx.finds(&ADDRESS_SCOPE, id, guard.project()).await? {
        return Err(Refusal::NotFound { table: &ADDRESS_SCOPE, id: id.clone() }.into());
    }
    let scope = address_scope::load(tx, id).await?;
    let own = pool.id.to_string();
    let others = tx.pools_beside(id, &own).await?.into_iter().flat_map(|pool| pool.prefixes).collect();
    let mixes = tx.network_mixes(&own).await?;
    Ok(subnetpool::check_scope(pool, &ScopeFacts { scope, others }, mixes)?)
}

/// A pool in another project's scope stays as it is.
async fn check_owner_of_scope(tx: &mut Tx<'_>, guard: &Guard<'_>, before: &Subnetpool) -> Result<(), Fault> {
    let Some(id) = &before.address_scope_id else { return Ok(()) };
    let scope = address_scope::load(tx, id).await?;
    if guard.is_admin() || scope.project_id == guard.caller_project() {
        return Ok(());
    }
    let why = format!("The subnet pool is in the address scope {id} of another project, and stays as it is.");
    Err(Refusal::BadPoolUpdate(why).into())
}

/// Stores what a pool became.
async fn store(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    before: &Subnetpool,
    after: &Subnetpool,
) -> Result<(), Fault> {
    check_default(tx, after, Some(before)).await?;
    check_owner_of_scope(tx, guard, before).await?;
    if before.address_scope_id.is_some() && after.address_scope_id.is_none() {
        let mixes = tx.network_mixes(&before.id.to_string()).await?;
        if mixes {
            return Err(Refusal::MixedScopes.into());
        }
    }
    check_scope(tx, guard, after).await?;
    tx.update(&SUBNETPOOL, before.id, before, after, &stamp.now).await?;
    Ok(())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    id: &str,
    change: SubnetpoolUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let after = subnetpool::update(&before, change)?;
    store(tx, stamp, guard, &before, &after).await
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let pool = load(tx, id).await?;
    if !tx.taken_from_pool(id).await?.is_empty() {
        return Err(Refusal::SubnetPoolInUse(pool.id).into());
    }
    tx.forget_policies(id).await?;
    tx.delete(&SUBNETPOOL, pool.id).await?;
    Ok(())
}

/// `add_prefixes`, `remove_prefixes`, `onboard_network_subnets`.
pub async fn dispatch(app: &App, call: &Call, id: &str, action: &str) -> Result<Answer, Fault> {
    if call.method != Method::PUT {
        return Err(Fault::NoSuchUrl);
    }
    let body = || super::parsed(call, &SUBNETPOOL);
    match action {
        "add_prefixes" | "remove_prefixes" => {
            let asked = prefixes(&body()?)?;
            retry::whole(|| change_prefixes(app, call, id, action, &asked)).await
        }
        "onboard_network_subnets" => {
            let body = body()?;
            let id_of = onboarded(&body)?;
            let unknown = || Refusal::NotFound { table: &NETWORK, id: id_of.to_owned() };
            let network = id_of.parse().map_err(|_| unknown())?;
            retry::whole(|| onboard(app, call, id, network)).await
        }
        _ => Err(Fault::NoSuchUrl),
    }
}

async fn change_prefixes(
    app: &App,
    call: &Call,
    id: &str,
    action: &str,
    asked: &[IpNet],
) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock_pools(&[id.to_owned()]).await?;
    let guard = Guard::of(app, call);
    guard.act(&mut tx, &SUBNETPOOL, id, action).await?;
    let before = load(&mut tx, id).await?;
    let after = if action == "add_prefixes" {
        subnetpool::add(&before, asked)?
    } else {
        subnetpool::remove(&before, asked, &ranges(&mut tx, &before).await?)?
    };
    store(&mut tx, &app.stamp(), &guard, &before, &after).await?;
    app.commit(tx).await?;
    Ok(Answer::ok(&json!({ "prefixes": after.prefixes })))
}

/// The subnets of a network come to a pool, with their ranges.
async fn onboard(app: &App, call: &Call, id: &str, of: NetworkId) -> Result<Answer, Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock_network(of).await?;
    tx.lock_pools(&[id.to_owned()]).await?;
    let guard = Guard::of(app, call);
    guard.act(&mut tx, &SUBNETPOOL, id, "onboard_network_subnets").await?;
    let from = network::load(&mut tx, of).await?;
    if !guard.is_admin() && from.project_id != guard.caller_project() {
        // Whose it is not is not told whether it is there.
        return Err(Refusal::NotFound { table: &NETWORK, id: of.to_string() }.into());
    }
    let before = load(&mut tx, id).await?;
    let coming = tx.subnets_of(of).await?;
    let coming = coming.iter().filter(|subnet| subnet.ip_version == before.ip_version);
    let (there, coming): (Vec<_>, Vec<_>) =
        coming.partition(|subnet| subnet.subnetpool_id.as_deref() == Some(id));
    let coming: Vec<IpNet> = coming.into_iter().map(|subnet| subnet.cidr).collect();
    let stamp = app.stamp();
    if !coming.is_empty() || !there.is_empty() {
        let after = subnetpool::onboard(&before, &coming, &ranges(&mut tx, &before).await?)?;
        store(&mut tx, &stamp, &guard, &before, &after).await?;
    }
    let moved = tx.move_to_pool(of, &before, &stamp.now).await?;
    if !moved.is_empty() {
        tx.bump(&NETWORK, of, &stamp.now).await?;
    }
    app.commit(tx).await?;
    let moved = moved.into_iter().map(|(id, cidr)| json!({ "id": id, "cidr": cidr }));
    Ok(Answer::ok(&Value::Array(moved.collect())))
}

//! Flavors, their service profiles, and who provides what: facts in, decision, rows out.

use axum::http::{Method, StatusCode};
use cloud::flavor::{self, FlavorRefusal, PROVIDERS, Provider};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::body;
use model::api::flavor::{
    FLAVOR, FLAVORS_PROFILE, Flavor, FlavorAsk, L3, SERVICE_PROFILE, SERVICE_PROVIDER, ServiceProfile,
    ServiceProfileAsk,
};
use model::api::router::RouterCreate;
use model::api::table::Resource;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

async fn load<T: DeserializeOwned + Send>(
    tx: &mut Tx<'_>,
    table: &'static Resource,
    id: &str,
) -> Result<T, Fault> {
    let found = tx.get(table, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table, id: id.to_owned() }.into())
}

pub async fn create(tx: &mut Tx<'_>, stamp: &mut Stamp, new: FlavorAsk) -> Result<String, Fault> {
    let made = flavor::create(new, stamp);
    tx.insert(&FLAVOR, &made).await?;
    Ok(made.id)
}

pub async fn update(tx: &mut Tx<'_>, stamp: &Stamp, id: &str, change: FlavorAsk) -> Result<(), Fault> {
    let before: Flavor = load(tx, &FLAVOR, id).await?;
    tx.update(&FLAVOR, id, &before, &flavor::update(&before, change), &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    load::<Flavor>(tx, &FLAVOR, id).await?;
    if tx.flavor_has_routers(id).await? {
        return Err(refused(FlavorRefusal::InUse(id.to_owned())));
    }
    tx.delete(&FLAVOR, id).await?;
    Ok(())
}

fn refused(refusal: FlavorRefusal) -> Fault {
    Refusal::from(refusal).into()
}

pub async fn create_profile(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: ServiceProfileAsk,
) -> Result<String, Fault> {
    let made = flavor::create_profile(new, stamp)?;
    tx.insert(&SERVICE_PROFILE, &made).await?;
    Ok(made.id)
}

pub async fn update_profile(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: ServiceProfileAsk,
) -> Result<(), Fault> {
    let before: ServiceProfile = load(tx, &SERVICE_PROFILE, id).await?;
    let after = flavor::update_profile(&before, change, tx.profile_is_tied(id).await?)?;
    tx.update(&SERVICE_PROFILE, id, &before, &after, &stamp.now).await?;
    Ok(())
}

pub async fn delete_profile(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    load::<ServiceProfile>(tx, &SERVICE_PROFILE, id).await?;
    flavor::check_untied(id, tx.profile_is_tied(id).await?)?;
    tx.delete(&SERVICE_PROFILE, id).await?;
    Ok(())
}

/// A router's flavor is there, and makes such routers. Its row is locked: it stays until the router is there.
pub async fn check_router(tx: &mut Tx<'_>, new: &RouterCreate) -> Result<(), Fault> {
    let Some(id) = &new.flavor_id else { return Ok(()) };
    if tx.get::<Flavor>(&FLAVOR, id).await?.is_none() {
        return Err(refused(FlavorRefusal::NotFound(id.clone())));
    }
    Ok(flavor::check_create(provider(tx, id).await?, new)?)
}

async fn provider(tx: &mut Tx<'_>, id: &str) -> Result<Provider, Fault> {
    Ok(flavor::next(id, tx.first_profile(id).await?.as_ref())?)
}

/// `/v2.0/flavors/{id}/...`
pub async fn dispatch(app: &App, call: &Call, id: &str, below: &[&str]) -> Result<Answer, Fault> {
    match (below, &call.method) {
        (["service_profiles"], &Method::POST) => tie(app, call, id).await,
        (["service_profiles", profile], &Method::DELETE) => untie(app, call, id, profile).await,
        (["next_providers", _], &Method::GET) => next(app, call, id).await,
        (["service_profiles"] | ["service_profiles", _] | ["next_providers", _], _) => {
            Err(Fault::MethodNotAllowed)
        }
        _ => Err(Fault::NoSuchUrl),
    }
}

async fn tie(app: &App, call: &Call, id: &str) -> Result<Answer, Fault> {
    let asked = body::item(&FLAVORS_PROFILE, super::parsed(call, &FLAVORS_PROFILE)?)?;
    let given = body::create(&FLAVORS_PROFILE, asked, &call.caller.project_id)?;
    let profile = given.0.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&FLAVOR, id).await?;
        tx.lock(&SERVICE_PROFILE, &profile).await?;
        Guard::of(app, call).create_all(&mut tx, &FLAVORS_PROFILE, std::slice::from_ref(&given)).await?;
        load::<Flavor>(&mut tx, &FLAVOR, id).await?;
        load::<ServiceProfile>(&mut tx, &SERVICE_PROFILE, &profile).await?;
        if tx.has_profile(id, &profile).await? {
            return Err(refused(FlavorRefusal::Tied { flavor: id.into(), profile: profile.clone() }));
        }
        tx.tie_profile(id, &profile).await?;
        Ok(app.commit(tx).await?)
    })
    .await?;
    // The flavor's id and nothing else, as the reference answers.
    let answer = json!({ "service_profile": { "id": id } });
    Ok(Answer { status: StatusCode::CREATED, json: answer.to_string().into_bytes() })
}

async fn untie(app: &App, call: &Call, id: &str, profile: &str) -> Result<Answer, Fault> {
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&FLAVOR, id).await?;
        let guard = Guard::of(app, call);
        guard.may("delete_flavor_service_profile", guard.caller_project()).map_err(|refused| {
            let sees = guard.may("get_flavor_service_profile", guard.caller_project()).is_ok();
            if sees { refused } else { Fault::NotForYou }
        })?;
        if !tx.has_profile(id, profile).await? {
            return Err(refused(FlavorRefusal::NotTied { flavor: id.into(), profile: profile.into() }));
        }
        tx.untie_profile(id, profile).await?;
        Ok(app.commit(tx).await?)
    })
    .await?;
    Ok(Answer::empty())
}

async fn next(app: &App, call: &Call, id: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    let guard = Guard::of(app, call);
    guard.may("get_flavor", guard.caller_project()).map_err(|_| Fault::NotForYou)?;
    load::<Flavor>(&mut tx, &FLAVOR, id).await?;
    let Provider { name, driver, .. } = provider(&mut tx, id).await?;
    let metainfo = tx.first_profile(id).await?.and_then(|profile| profile.metainfo);
    let next = json!({ "provider": name, "driver": driver, "metainfo": metainfo });
    Ok(Answer::ok(&json!({ "next_provider": next })))
}

/// `/v2.0/service-providers`
pub fn providers(app: &App, call: &Call) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::MethodNotAllowed);
    }
    let asked: Vec<(String, String)> = form_urlencoded::parse(call.query.as_bytes()).into_owned().collect();
    let said = |key: &str| -> Vec<&str> {
        asked.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    };
    let guard = Guard::of(app, call);
    let may = guard.may("get_service_provider", guard.caller_project()).is_ok();
    // What it cannot filter by it passes over.
    let fits = |provider: &Provider| {
        let among = |key: &str, is: &str| {
            let wanted = said(key);
            wanted.is_empty() || wanted.iter().any(|value| value.eq_ignore_ascii_case(is))
        };
        among("name", provider.name) && among("service_type", L3) && among("default", "false")
    };
    let fields = super::fields(&SERVICE_PROVIDER, call);
    let shown = |provider: Provider| -> Map<String, Value> {
        let parts = [("service_type", json!(L3)), ("name", json!(provider.name)), ("default", json!(false))];
        let parts =
            parts.into_iter().filter(|(name, _)| fields.is_empty() || fields.iter().any(|f| f == name));
        parts.map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let listed: Vec<_> = PROVIDERS.into_iter().filter(|_| may).filter(fits).map(shown).collect();
    Ok(Answer::ok(&json!({ "service_providers": listed })))
}

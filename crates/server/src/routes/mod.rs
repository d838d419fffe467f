//! From a URL to the resource's own logic. The generic part of every collection is here.
//!
//! Every write has the same steps: parse by the table, load facts, decide in `cloud`, save,
//! mark what changed for hosts, answer with the stored resource.

mod address_group;
mod address_scope;
pub mod agent;
mod auto_allocated_topology;
mod availability;
mod conntrack_helper;
mod dhcp_agent;
mod discovery;
mod flavor;
pub mod floatingip;
mod floatingip_pool;
mod l3_agent;
mod local_ip;
mod lock;
mod log;
mod metering;
mod names;
mod ndp_proxy;
pub mod network;
pub mod network_segment_range;
mod plain;
pub mod port;
mod port_forwarding;
pub mod qos;
mod quota;
mod rbac_policy;
pub mod router;
mod security_group;
mod security_group_rule;
mod segment;
pub mod software_file;
pub mod software_finish;
pub mod software_order;
mod software_package;
pub mod software_version;
pub mod subnet;
mod subnetpool;
mod tag;
mod trunk;

use axum::http::{Method, StatusCode};
use cloud::{Refusal, Stamp};
use db::{Page, Reader, Tx};
use model::api::local_ip::association_id;
use model::api::query::Filter;
use model::api::security_group_rule::SECURITY_GROUP_RULE;
use model::api::table::{Parent, Resource};
use model::api::{Given, Invalid, body, query};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call, IfMatch};
use crate::routes::names::{hyphened, table, table_below};
use crate::{notification, retry};

pub async fn dispatch(app: &App, call: &Call) -> Result<Answer, Fault> {
    let path = hyphened(&call.path);
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [] => discovery::versions(call),
        ["openapi"] => discovery::openapi(call),
        ["v2.0"] => discovery::resources(call),
        ["v2.0", "extensions"] => discovery::extensions(call),
        ["v2.0", "extensions", alias] => discovery::extension(call, alias),
        ["v2.0", "quotas", below @ ..] => quota::dispatch(app, call, below).await,
        ["v2.0", "floatingip-pools"] => floatingip_pool::dispatch(app, call, None).await,
        ["v2.0", "floatingip-pools", id] => floatingip_pool::dispatch(app, call, Some(id)).await,
        ["v2.0", "auto-allocated-topology", project] => {
            auto_allocated_topology::dispatch(app, call, project).await
        }
        ["v2.0", "availability-zones"] => availability::zones(app, call).await,
        ["v2.0", "network-ip-availabilities"] => availability::networks(app, call, None).await,
        ["v2.0", "network-ip-availabilities", id] => availability::networks(app, call, Some(id)).await,
        ["v2.0", "service-providers"] => flavor::providers(app, call),
        // Where openstacksdk looks for tags of these.
        ["v2.0", "qos", of @ "policies", id, "tags"] => tag::dispatch(app, call, of, id, None).await,
        ["v2.0", "qos", of @ "policies", id, "tags", tag] => {
            tag::dispatch(app, call, of, id, Some(tag)).await
        }
        ["v2.0", "qos", below @ ..] => qos::dispatch(app, call, below).await,
        ["v2.0", "log", "loggable-resources"] => log::loggable(app, call),
        ["v2.0", "log", path] => collection(app, call, table(&format!("log/{path}"))?).await,
        ["v2.0", "log", path, id] => member(app, call, table(&format!("log/{path}"))?, id).await,
        ["v2.0", "metering", path] => collection(app, call, table(&format!("metering/{path}"))?).await,
        ["v2.0", "metering", path, id] => member(app, call, table(&format!("metering/{path}"))?, id).await,
        ["v2.0", path] => collection(app, call, table(path)?).await,
        ["v2.0", path, id] => member(app, call, table(path)?, id).await,
        ["v2.0", of, id, "tags"] => tag::dispatch(app, call, of, id, None).await,
        ["v2.0", of, id, "tags", tag] => tag::dispatch(app, call, of, id, Some(tag)).await,
        ["v2.0", "agents", id, "dhcp-networks"] => dhcp_agent::networks(app, call, id, None).await,
        ["v2.0", "agents", id, "dhcp-networks", network] => {
            dhcp_agent::networks(app, call, id, Some(network)).await
        }
        ["v2.0", "networks", id, "dhcp-agents"] => dhcp_agent::agents(app, call, id).await,
        ["v2.0", "agents", id, "l3-routers"] => l3_agent::routers(app, call, id, None).await,
        ["v2.0", "agents", id, "l3-routers", router] => l3_agent::routers(app, call, id, Some(router)).await,
        ["v2.0", "routers", id, "l3-agents"] => l3_agent::agents(app, call, id).await,
        ["v2.0", "software-orders", id, action] => software_order::dispatch(app, call, id, action).await,
        ["v2.0", "address-groups", id, action] => address_group::dispatch(app, call, id, action).await,
        ["v2.0", "subnetpools", id, action] => subnetpool::dispatch(app, call, id, action).await,
        ["v2.0", "flavors", id, below @ ..] if below != ["tags"] => {
            flavor::dispatch(app, call, id, below).await
        }
        ["v2.0", "routers", _, path @ ("conntrack_helpers" | "conntrack-helpers")] => {
            collection(app, call, table_below("routers", path)?).await
        }
        ["v2.0", "local-ips", _, path @ ("port_associations" | "port-associations")] => {
            collection(app, call, table_below("local-ips", path)?).await
        }
        ["v2.0", "local-ips", local_ip, path @ ("port_associations" | "port-associations"), port] => {
            member(app, call, table_below("local-ips", path)?, &association_id(local_ip, port)).await
        }
        ["v2.0", "trunks", id, action] => trunk::dispatch(app, call, id, action).await,
        ["v2.0", "routers", id, action] => router::action::dispatch(app, call, id, action).await,
        ["v2.0", "ports", id, "bindings", below @ ..] => port::bindings(app, call, id, below).await,
        ["v2.0", of, _, path] => collection(app, call, table_below(of, path)?).await,
        ["v2.0", of, _, path, id] => member(app, call, table_below(of, path)?, id).await,
        ["v2.0", ..] => Err(Fault::NoSuchUrl),
        _ => Err(Fault::NothingOutside),
    }
}

/// What the URL names as that which the collection lies below.
fn parent<'a>(call: &'a Call, table: &Resource) -> Option<(Parent, &'a str)> {
    let parent = table.parent?;
    // "", "v2.0", and the path of the collection that it is in.
    Some((parent, call.path.split('/').nth(2 + parent.table.path.split('/').count())?))
}

/// The caller finds what the URL leads below, and below it the resource that it names.
async fn check_parent(
    tx: &mut Tx<'_>,
    call: &Call,
    guard: &Guard<'_>,
    table: &'static Resource,
    id: Option<&str>,
) -> Result<(), Fault> {
    let Some((of, parent)) = parent(call, table) else { return Ok(()) };
    if !tx.finds(of.table, parent, guard.project()).await? {
        return Err(unknown(of.table, parent));
    }
    match id {
        Some(id) if !tx.is_below(table, id, parent).await? => Err(unknown(table, id)),
        _ => Ok(()),
    }
}

async fn collection(app: &App, call: &Call, table: &'static Resource) -> Result<Answer, Fault> {
    match call.method {
        Method::GET => list(app, call, table).await,
        Method::POST if table.ops.create => create(app, call, table).await,
        Method::POST => refuse_create(app, call, table).await,
        Method::PUT | Method::DELETE => Err(unknown(table, "None")),
        _ => Err(Fault::MethodNotAllowed),
    }
}

/// A collection that nothing is created in still judges what it is sent.
async fn refuse_create(app: &App, call: &Call, table: &'static Resource) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    for item in body::items(table, parsed(call, table)?)?.items {
        let given = body::create(table, item, &call.caller.project_id)?;
        Guard::of(app, call).create_all(&mut tx, table, &[given]).await?;
    }
    Err(Fault::AgentsReportThemselves)
}

async fn member(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<Answer, Fault> {
    match call.method {
        Method::GET => show(app, call, table, id).await,
        Method::PUT if table.ops.update => update(app, call, table, id).await,
        Method::DELETE => delete(app, call, table, id).await,
        _ => Err(Fault::MethodNotAllowed),
    }
}

fn unknown(table: &'static Resource, id: &str) -> Fault {
    Refusal::NotFound { table, id: id.to_owned() }.into()
}

async fn list(app: &App, call: &Call, table: &'static Resource) -> Result<Answer, Fault> {
    let max = Some(app.settings().pagination_max_limit).filter(|max| *max > 0);
    let mut query = query::parse(table, &call.query, max)?;
    let guard = Guard::of(app, call);
    security_group::look(app, &guard, table, &query.filters).await?;
    let mut tx = app.db().read().await?;
    let begin = format!("{{\"{}\":[", table.plural).into_bytes();
    check_parent(&mut tx, call, &guard, table, None).await?;
    if let Some((of, parent)) = parent(call, table) {
        query.filters.push(Filter::In { attr: of.column, values: vec![parent.into()] });
    }
    let page = match tx.list(table, &query, &guard.reads(table), begin.clone()).await? {
        Some(page) => page,
        // The reference pages these in its memory, and finds nothing after a marker that is not there.
        None if ["agent", "flavor", "service_profile"].contains(&table.singular) => {
            Page { json: begin, ..Page::default() }
        }
        None => return Err(unknown(table, query.marker.as_deref().unwrap_or_default())),
    };
    let mut json = page.json;
    json.push(b']');
    let ids = page.first.as_deref().zip(page.last.as_deref());
    let base = format!("{}{}", call.base, call.path);
    let links = query::links(&base, &call.query, &query, page.read, ids);
    if query.limit.is_some() {
        let links: Vec<Value> =
            links.into_iter().map(|(rel, href)| json!({ "rel": rel, "href": href })).collect();
        json.extend_from_slice(format!(",\"{}_links\":{}", table.plural, json!(links)).as_bytes());
    }
    json.push(b'}');
    Ok(Answer { status: StatusCode::OK, json })
}

async fn show(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<Answer, Fault> {
    let fields = fields(table, call);
    let mut tx = app.db().read().await?;
    let guard = Guard::of(app, call);
    check_parent(&mut tx, call, &guard, table, Some(id)).await?;
    match tx.show(table, id, &fields, &guard.reads(table)).await? {
        Some(item) => Ok(wrapped(StatusCode::OK, table.singular, &item)),
        None => Err(guard.unseen(&mut tx, table, id).await),
    }
}

/// The attributes asked for; all if there are none. The reference's older stack answers what it was
/// sent whole.
fn fields(table: &Resource, call: &Call) -> Vec<String> {
    if !table.core && call.method != Method::GET {
        return vec![];
    }
    form_urlencoded::parse(call.query.as_bytes())
        .filter(|(name, value)| name == "fields" && (table.core || !value.is_empty()))
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn wrapped(status: StatusCode, key: &str, item: &[u8]) -> Answer {
    let mut json = Vec::with_capacity(item.len() + key.len() + 5);
    json.extend_from_slice(format!("{{\"{key}\":").as_bytes());
    json.extend_from_slice(item);
    json.push(b'}');
    Answer { status, json }
}

fn parsed(call: &Call, table: &Resource) -> Result<Value, Fault> {
    if call.body.is_empty() && !table.core {
        return Err(match call.method {
            Method::POST => Invalid::request("The request needs a body.").into(),
            _ => Fault::NoBody,
        });
    }
    serde_json::from_slice(&call.body).map_err(|error| {
        let why = error.to_string();
        if table.core { Fault::NotJson(why) } else { Fault::NotJsonForExtension(why) }
    })
}

async fn create(app: &App, call: &Call, table: &'static Resource) -> Result<Answer, Fault> {
    let asked = body::items(table, parsed(call, table)?)?;
    let most = app.settings().max_bulk_items;
    if asked.items.len() > most {
        let message = format!("A request creates at most {most} {}; send several.", table.plural);
        return Err(Invalid::request(message).into());
    }
    let guard = Guard::of(app, call);
    let mut given = Vec::new();
    for item in asked.items {
        let mut item = body::create(table, item, &call.caller.project_id)?;
        guard.project_of(&item)?;
        if let Some((of, parent)) = parent(call, table) {
            item.0.insert(of.column, parent.into());
        }
        given.push(item);
    }
    let fields = fields(table, call);
    let items = retry::whole(|| create_all(app, call, &guard, table, given.clone(), &fields)).await?;
    if asked.bulk {
        let list = [b"[".as_slice(), &items.join(&b','), b"]"].concat();
        return Ok(wrapped(StatusCode::CREATED, table.plural, &list));
    }
    Ok(wrapped(StatusCode::CREATED, table.singular, &items.concat()))
}

/// One transaction for all items: one that is refused leaves none.
async fn create_all(
    app: &App,
    call: &Call,
    guard: &Guard<'_>,
    table: &'static Resource,
    given: Vec<Given>,
    fields: &[String],
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut tx = app.db().begin().await?;
    lock::create(&mut tx, table, &given).await?;
    let mut stamp = app.stamp();
    guard.create_all(&mut tx, table, &given).await?;
    check_parent(&mut tx, call, guard, table, None).await?;
    security_group_rule::check_together(table, &given)?;
    quota::check(app, &mut tx, table, &given).await?;
    security_group::defaults_of(&mut tx, &mut stamp, table, &given).await?;
    let mut ids = Vec::new();
    if table.singular == SECURITY_GROUP_RULE.singular {
        ids = security_group_rule::create_all(&mut tx, &mut stamp, guard, given).await?;
    } else {
        for item in given {
            stamp.now_us += 1;
            // Many items take a while: others get their turn on this thread.
            tokio::task::yield_now().await;
            ids.push(create_one(app, &mut tx, &mut stamp, guard, table, item).await?);
        }
    }
    let shown = Reader { shows_unknown: true, ..guard.answers(table) };
    let items = tx.show_all(table, &ids, fields, &shown).await?;
    notification::created(app, call, &mut tx, (table.singular, table.plural), &items).await?;
    app.commit(tx).await?;
    Ok(items)
}

async fn create_one(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    table: &'static Resource,
    given: Given,
) -> Result<String, Fault> {
    match table.singular {
        "network" => {
            qos::check_asked(tx, guard, &given).await?;
            Ok(network::create(app, tx, stamp, given.typed()?).await?.to_string())
        }
        "subnet" => Ok(subnet::create(app, tx, stamp, guard.project(), given.typed()?).await?.to_string()),
        "port" => {
            router::check_device(tx, guard, &given, None).await?;
            let network = given.0.get("network_id").and_then(Value::as_str).unwrap_or_default();
            let network = network::load(tx, network).await?;
            qos::check_asked(tx, guard, &given).await?;
            let groups = security_group::asked_for(tx, guard, &given).await?;
            Ok(port::create_in(app, tx, stamp, &network, given.typed()?, &groups).await?.id.to_string())
        }
        "floatingip" => Ok(floatingip::create(app, tx, stamp, guard, given.typed()?).await?.to_string()),
        "port_forwarding" => Ok(port_forwarding::create(tx, stamp, guard, given.typed()?).await?.to_string()),
        "flavor" => flavor::create(tx, stamp, given.typed()?).await,
        "service_profile" => flavor::create_profile(tx, stamp, given.typed()?).await,
        "conntrack_helper" => conntrack_helper::create(app, tx, stamp, given.typed()?).await,
        "metering_label" => metering::create_label(tx, stamp, given.typed()?).await,
        "metering_label_rule" => metering::create_rule(tx, stamp, guard, given.typed()?).await,
        "ndp_proxy" => ndp_proxy::create(tx, stamp, guard, given.typed()?).await,
        "local_ip" => local_ip::create(app, tx, stamp, guard, given.typed()?).await,
        "log" => log::create(tx, stamp, guard, given.typed()?).await,
        "port_association" => local_ip::associate(tx, stamp, guard, given.typed()?).await,
        "router" => Ok(router::create(app, tx, stamp, guard, given.typed()?).await?.to_string()),
        "security_group" => Ok(security_group::create(app, tx, stamp, given.typed()?).await?.to_string()),
        "default_security_group_rule" => security_group_rule::create_default(tx, stamp, given.typed()?).await,
        "address_group" => address_group::create(tx, stamp, given.typed()?).await,
        "software_package" => software_package::create(tx, stamp, given.typed()?).await,
        "software_version" => software_version::create(app, tx, stamp, guard, given.typed()?).await,
        "software_order" => software_order::create(tx, stamp, given.typed()?).await,
        "address_scope" => address_scope::create(tx, stamp, given.typed()?).await,
        "subnetpool" => subnetpool::create(tx, stamp, guard, given.typed()?).await,
        "rbac_policy" => rbac_policy::create(tx, stamp, guard, given.typed()?).await,
        "policy" => qos::create(tx, stamp, guard, given.typed()?).await,
        name if qos::is_rule(name) => qos::rule::create(tx, stamp, table, given).await,
        "segment" => segment::create(app, tx, stamp, given.typed()?).await,
        "trunk" => trunk::create(tx, stamp, guard, given.typed()?).await,
        "network_segment_range" => network_segment_range::create(tx, stamp, given.typed()?).await,
        _ => plain::create(tx, stamp, table, given).await,
    }
}

async fn update(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<Answer, Fault> {
    let given = body::update(table, body::item(table, parsed(call, table)?)?)?;
    let item = retry::whole(|| update_once(app, call, table, id, given.clone())).await?;
    Ok(wrapped(StatusCode::OK, table.singular, &item))
}

async fn update_once(
    app: &App,
    call: &Call,
    table: &'static Resource,
    id: &str,
    given: Given,
) -> Result<Vec<u8>, Fault> {
    let mut tx = app.db().begin().await?;
    let below = parent(call, table).map(|(_, parent)| parent);
    lock::change(&mut tx, table, id, below, Some(&given)).await?;
    let guard = Guard::of(app, call);
    check_parent(&mut tx, call, &guard, table, Some(id)).await?;
    guard.update(&mut tx, table, id, &given).await?;
    check_revision(&mut tx, call, table, id).await?;
    let mut stamp = app.stamp();
    match table.singular {
        "network" => {
            let before = network::load(&mut tx, id).await?;
            qos::check_asked(&mut tx, &guard, &given).await?;
            network::update(app, &mut tx, &mut stamp, before, given.typed()?).await?
        }
        "subnet" => subnet::update(app, &mut tx, &mut stamp, id, given.typed()?).await?,
        "port" => {
            let before = port::load(&mut tx, id).await?;
            router::check_device(&mut tx, &guard, &given, Some(&before)).await?;
            qos::check_asked(&mut tx, &guard, &given).await?;
            let groups = security_group::asked_for(&mut tx, &guard, &given).await?;
            port::update_asked(app, &mut tx, &mut stamp, before, given.typed()?, &groups).await?
        }
        "floatingip" => floatingip::update(&mut tx, &stamp, &guard, id, given).await?,
        "port_forwarding" => port_forwarding::update(&mut tx, &stamp, &guard, id, given.typed()?).await?,
        "flavor" => flavor::update(&mut tx, &stamp, id, given.typed()?).await?,
        "service_profile" => flavor::update_profile(&mut tx, &stamp, id, given.typed()?).await?,
        "log" => log::update(&mut tx, &stamp, id, given).await?,
        "conntrack_helper" => conntrack_helper::update(app, &mut tx, &stamp, id, given.typed()?).await?,
        "router" => router::update(app, &mut tx, &mut stamp, &guard, id, given.typed()?).await?,
        "security_group" => security_group::update(&mut tx, &stamp, id, given.typed()?).await?,
        "software_package" => software_package::update(&mut tx, &stamp, id, given.typed()?).await?,
        "software_version" => software_version::update(&mut tx, &stamp, id, given.typed()?).await?,
        "address_scope" => address_scope::update(&mut tx, &mut stamp, id, given.typed()?).await?,
        "subnetpool" => subnetpool::update(&mut tx, &stamp, &guard, id, given.typed()?).await?,
        "rbac_policy" => rbac_policy::update(&mut tx, &stamp, &guard, id, given.typed()?).await?,
        "policy" => qos::update(&mut tx, &mut stamp, &guard, id, given.typed()?).await?,
        name if qos::is_rule(name) => qos::rule::update(&mut tx, &stamp, table, id, given).await?,
        "segment" => segment::update(&mut tx, &stamp, id, given.typed()?).await?,
        "trunk" => trunk::update(&mut tx, &stamp, id, given.typed()?).await?,
        "network_segment_range" => network_segment_range::update(&mut tx, &stamp, id, given.typed()?).await?,
        _ => plain::update(&mut tx, &stamp, table, id, given).await?,
    }
    let fields = fields(table, call);
    let shown = guard.answers(table);
    let item = tx.show(table, id, &fields, &shown).await?.ok_or_else(|| unknown(table, id))?;
    notification::updated(app, call, &mut tx, (table.singular, id), &item).await?;
    app.commit(tx).await?;
    Ok(item)
}

async fn delete(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<Answer, Fault> {
    retry::whole(|| delete_once(app, call, table, id)).await?;
    if table.singular == "agent" {
        app.sweep_dhcp();
    }
    Ok(Answer::empty())
}

async fn delete_once(app: &App, call: &Call, table: &'static Resource, id: &str) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let below = parent(call, table).map(|(_, parent)| parent);
    lock::change(&mut tx, table, id, below, None).await?;
    let guard = Guard::of(app, call);
    check_parent(&mut tx, call, &guard, table, Some(id)).await?;
    guard.delete(&mut tx, table, id).await?;
    if !call.body.is_empty() {
        if !table.core {
            parsed(call, table)?;
        }
        return Err(Invalid::request("DELETE takes no body.").into());
    }
    check_revision(&mut tx, call, table, id).await?;
    let mut stamp = app.stamp();
    let before = match notification::is_on(app) {
        true => tx.show(table, id, &[], &guard.answers(table)).await?,
        false => None,
    };
    match table.singular {
        "network" => network::delete(&mut tx, &stamp, id).await?,
        "subnet" => subnet::delete(app, &mut tx, &stamp, id).await?,
        "port" => {
            floatingip::check_port_delete(&mut tx, &guard, id).await?;
            port::delete_by_id(&mut tx, &stamp, id).await?;
        }
        "floatingip" => floatingip::delete(&mut tx, &stamp, id).await?,
        "port_forwarding" => port_forwarding::delete(&mut tx, &stamp, id).await?,
        "flavor" => flavor::delete(&mut tx, id).await?,
        "service_profile" => flavor::delete_profile(&mut tx, id).await?,
        "conntrack_helper" => conntrack_helper::delete(&mut tx, &stamp, id).await?,
        "metering_label" => metering::delete_label(&mut tx, &stamp, id).await?,
        "metering_label_rule" => metering::delete_rule(&mut tx, &stamp, id).await?,
        "ndp_proxy" => ndp_proxy::delete(&mut tx, &stamp, id).await?,
        "local_ip" => local_ip::delete(&mut tx, &stamp, id).await?,
        "log" => log::delete(&mut tx, id).await?,
        "port_association" => local_ip::dissociate(&mut tx, id).await?,
        "router" => router::delete(app, &mut tx, &mut stamp, id).await?,
        "security_group" => security_group::delete(&mut tx, &stamp, &guard, id).await?,
        "security_group_rule" => security_group_rule::delete(&mut tx, &stamp, id).await?,
        "address_group" => address_group::delete(&mut tx, id).await?,
        "address_scope" => address_scope::delete(&mut tx, id).await?,
        "subnetpool" => subnetpool::delete(&mut tx, id).await?,
        "rbac_policy" => rbac_policy::delete(&mut tx, &stamp, id).await?,
        "policy" => qos::delete(&mut tx, id).await?,
        name if qos::is_rule(name) => qos::rule::delete(&mut tx, &stamp, table, id).await?,
        "segment" => segment::delete(&mut tx, &stamp, id).await?,
        "trunk" => trunk::delete(&mut tx, id).await?,
        "network_segment_range" => network_segment_range::delete(&mut tx, id).await?,
        "software_package" => software_package::delete(&mut tx, id, forced(call)).await?,
        "software_version" => software_version::delete(&mut tx, id, forced(call)).await?,
        "software_order" => software_order::delete(&mut tx, id, forced(call)).await?,
        "agent" => agent::delete(&mut tx, &stamp, id).await?,
        _ => plain::delete(&mut tx, table, id).await?,
    }
    notification::deleted(app, call, &mut tx, (table.singular, id), before).await?;
    Ok(app.commit(tx).await?)
}

/// `?force=true`
fn forced(call: &Call) -> bool {
    form_urlencoded::parse(call.query.as_bytes()).any(|(name, value)| name == "force" && value == "true")
}

/// `If-Match`, inside the transaction that changes the resource.
async fn check_revision(
    tx: &mut Tx<'_>,
    call: &Call,
    table: &'static Resource,
    id: &str,
) -> Result<(), Fault> {
    let asked = match call.if_match {
        IfMatch::Any => return Ok(()),
        IfMatch::Malformed => {
            return Err(Fault::IfMatchMalformed);
        }
        IfMatch::Revision(asked) => asked,
    };
    if table.attr("revision_number").is_none() {
        return Ok(());
    }
    match tx.revision_of(table, id).await? {
        None => Err(unknown(table, id)),
        Some(stored) if stored != asked => Err(Refusal::RevisionMismatch { stored, asked }.into()),
        Some(_) => Ok(()),
    }
}

//! Trunks: facts in, decision, rows out. Where subports are is settled by a task.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::http::{Method, StatusCode};
use cloud::trunk::{self, PortFacts};
use cloud::{Refusal, Stamp, bind};
use db::Tx;
use model::api::network::Network;
use model::api::port::{PORT, Port};
use model::api::trunk::{SubPortAsk, TRUNK, Trunk, TrunkCreate, TrunkUpdate, subports};
use model::desired::{Key, Kind};
use model::{NetworkId, PortId, Touch};
use serde_json::json;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;
use crate::routes::network;

/// What is there of some ports, and whether the caller finds it.
struct Known {
    ports: BTreeMap<PortId, (Port, bool, Option<bool>)>,
    networks: BTreeMap<NetworkId, Network>,
}

impl Known {
    async fn of(tx: &mut Tx<'_>, guard: &Guard<'_>, ids: &[PortId]) -> Result<Known, Fault> {
        let (mut ports, mut networks) = (BTreeMap::new(), BTreeMap::new());
        let in_trunks = tx.in_trunks(ids).await?;
        for id in ids {
            let Some(port) = tx.get::<Port>(&PORT, id).await? else { continue };
            let found = tx.finds(&PORT, &id.to_string(), guard.project()).await?;
            let at = in_trunks.iter().find(|at| at.port == *id).map(|at| at.is_parent);
            if let Entry::Vacant(place) = networks.entry(port.network_id) {
                place.insert(network::load(tx, port.network_id).await?);
            }
            ports.insert(*id, (port, found, at));
        }
        Ok(Known { ports, networks })
    }

    fn facts(&self) -> BTreeMap<PortId, PortFacts<'_>> {
        let facts = self.ports.iter().filter_map(|(id, (port, found, in_trunk))| {
            let network = self.networks.get(&port.network_id)?;
            Some((*id, PortFacts { port, network, found: *found, in_trunk: *in_trunk }))
        });
        facts.collect()
    }

    fn mtu(&self, port: PortId) -> Option<i64> {
        self.facts().get(&port).filter(|facts| facts.found).map(|facts| facts.network.mtu)
    }

    fn touch(&self, tx: &mut Tx<'_>) {
        let touches = self.ports.iter().filter_map(|(id, (port, ..))| {
            let host = bind::host(port)?.to_owned();
            Some(Touch::Part { host, key: Key::new(Kind::Port, id.0) })
        });
        let touches: Vec<Touch> = touches.collect();
        tx.mark(&touches);
    }
}

fn ids(parent: PortId, asked: &[SubPortAsk]) -> Vec<PortId> {
    std::iter::once(parent).chain(asked.iter().map(|ask| ask.port_id)).collect()
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: TrunkCreate,
) -> Result<String, Fault> {
    let known = Known::of(tx, guard, &ids(new.port_id, &new.sub_ports)).await?;
    trunk::check_parent(new.port_id, known.facts().get(&new.port_id))?;
    let wanted = trunk::subports(&new.sub_ports, new.port_id, known.mtu(new.port_id), &known.facts())?;
    let made = trunk::create(new, stamp);
    trunk::add(&Trunk { admin_state_up: true, ..made.clone() }, &[], &wanted, false)?;
    tx.insert(&TRUNK, &made).await?;
    for subport in &wanted {
        tx.add_subport(made.id, subport).await?;
    }
    tx.trunks_due();
    Ok(made.id.to_string())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Trunk, Fault> {
    let found = tx.get(&TRUNK, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &TRUNK, id: id.to_owned() }.into())
}

pub async fn update(tx: &mut Tx<'_>, stamp: &Stamp, id: &str, change: TrunkUpdate) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    tx.update(&TRUNK, before.id, &before, &trunk::update(&before, change), &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let gone = load(tx, id).await?;
    let parent: Option<Port> = tx.get(&PORT, gone.port_id).await?;
    trunk::delete(&gone, parent.as_ref().map_or("", |port| &port.host))?;
    tx.delete(&TRUNK, gone.id).await?;
    tx.trunks_due();
    Ok(())
}

/// Refuses a port that is in a trunk.
pub async fn check_free(tx: &mut Tx<'_>, port: PortId) -> Result<(), Fault> {
    let found = tx.in_trunks(&[port]).await?.pop();
    Ok(trunk::check_free(port, found.map(|at| (at.trunk, at.is_parent)))?)
}

/// Locks the networks of a trunk's ports, and then it.
pub async fn lock(tx: &mut Tx<'_>, id: &str, asked: &[SubPortAsk]) -> Result<(), Fault> {
    let mut networks = tx.networks_of_trunk(id).await?;
    for ask in asked {
        networks.extend(tx.network_of(&PORT, &ask.port_id.to_string()).await?);
    }
    tx.lock_networks(&networks).await?;
    Ok(tx.lock(&TRUNK, id).await?)
}

/// `get_subports`, `add_subports` and `remove_subports`.
pub async fn dispatch(app: &App, call: &Call, id: &str, action: &str) -> Result<Answer, Fault> {
    let adds = match (action, &call.method) {
        ("get_subports", &Method::GET) => return look(app, call, id).await,
        ("add_subports", &Method::PUT) => true,
        ("remove_subports", &Method::PUT) => false,
        ("get_subports" | "add_subports" | "remove_subports", _) => return Err(Fault::MethodNotAllowed),
        _ => return Err(Fault::NoSuchUrl),
    };
    let asked = super::parsed(call, &TRUNK)?;
    let item = retry::whole(async || {
        let mut tx = app.db().begin().await?;
        let guard = Guard::of(app, call);
        // What it may be asked for is said after who may ask.
        let listed = subports(&asked);
        lock(&mut tx, id, listed.as_deref().unwrap_or_default()).await?;
        guard.act(&mut tx, &TRUNK, id, action).await?;
        let before = load(&mut tx, id).await?;
        change(&mut tx, &guard, &before, listed?, adds).await?;
        let shown = guard.answers(&TRUNK);
        let item = tx.show(&TRUNK, id, &[], &shown).await?.unwrap_or_default();
        app.commit(tx).await?;
        Ok(item)
    })
    .await?;
    // Without a key around it, as the reference answers.
    Ok(Answer { status: StatusCode::OK, json: item })
}

async fn change(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    of: &Trunk,
    asked: Vec<SubPortAsk>,
    adds: bool,
) -> Result<(), Fault> {
    let has = tx.subports_of(of.id).await?;
    if !adds {
        let gone = trunk::remove(of, &has, &asked)?;
        let known = Known::of(tx, guard, &ids(of.port_id, &asked)).await?;
        for port in gone {
            tx.remove_subport(port).await?;
        }
        known.touch(tx);
    } else {
        let known = Known::of(tx, guard, &ids(of.port_id, &asked)).await?;
        let more = trunk::subports(&asked, of.port_id, known.mtu(of.port_id), &known.facts())?;
        trunk::add(of, &has, &more, tx.trunk_is_broken(of.id).await?)?;
        for subport in &more {
            tx.add_subport(of.id, subport).await?;
        }
        known.touch(tx);
    }
    tx.trunks_due();
    Ok(())
}

async fn look(app: &App, call: &Call, id: &str) -> Result<Answer, Fault> {
    let mut tx = app.db().read().await?;
    Guard::of(app, call).act(&mut tx, &TRUNK, id, "get_subports").await?;
    let found = load(&mut tx, id).await?;
    Ok(Answer::ok(&json!({ "sub_ports": tx.subports_of(found.id).await? })))
}

//! `/v2.0/auto-allocated-topology/{project}`: a network with a way out, made when it is asked for. All of it is
//! made in one transaction, so there is never a part of it, nor a second.

use axum::http::Method;
use cloud::{Caller, Refusal, Stamp, auto_allocated_topology as topology};
use db::Tx;
use model::api::auto_allocated_topology::AUTO_ALLOCATED_TOPOLOGY;
use model::api::network::NETWORK;
use model::api::router::{InterfaceAsk, ROUTER};
use model::api::subnet::SUBNET;
use model::api::table::Resource;
use model::api::{Given, body};
use serde_json::{Value, json};

use super::router::{self, action::Way, interface};
use super::{create_one, lock, network};
use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};
use crate::retry;

/// In place of a project: the caller's own.
const OWN: &str = "None";
/// A field that asks whether there could be one.
const DRY_RUN: &str = "dry-run";
const PASSED: &str = "dry-run=pass";

pub async fn dispatch(app: &App, call: &Call, asked: &str) -> Result<Answer, Fault> {
    let guard = Guard::of(app, call);
    let project = if asked == OWN { guard.caller_project() } else { asked };
    if project.is_empty() {
        return Err(Fault::NoProject);
    }
    if !guard.is_admin() && project != guard.caller_project() {
        return Err(Fault::NotAuthorized);
    }
    guard.may("get_auto_allocated_topology", project).map_err(|_| Fault::NotForYou)?;
    match call.method {
        Method::GET => show(app, call, project).await,
        Method::DELETE => {
            guard.may("delete_auto_allocated_topology", project)?;
            retry::whole(|| delete(app, project)).await?;
            Ok(Answer::empty())
        }
        _ => Err(Fault::MethodNotAllowed),
    }
}

async fn show(app: &App, call: &Call, project: &str) -> Result<Answer, Fault> {
    let fields = super::fields(&AUTO_ALLOCATED_TOPOLOGY, call);
    let shown = if fields.iter().any(|field| field == DRY_RUN) {
        topology::check(app.db().read().await?.topology_ground().await?)?;
        json!({ "id": PASSED, "project_id": project })
    } else if let Some(field) = fields.first() {
        return Err(Refusal::Request(format!("{field} is no field; {DRY_RUN} is one.")).into());
    } else {
        let network = retry::whole(|| allocate(app, project)).await?;
        json!({ "id": network, "project_id": project, "tenant_id": project })
    };
    Ok(Answer::ok(&json!({ AUTO_ALLOCATED_TOPOLOGY.singular: shown })))
}

/// The project's network, made if there is none. Whoever may ask for it need not be one who may make its parts.
async fn allocate(app: &App, project: &str) -> Result<String, Fault> {
    if let Some(found) = app.db().read().await?.topology_of(project).await? {
        return Ok(found.network_id);
    }
    let mut tx = app.db().begin().await?;
    let (external, pools) = topology::check(tx.topology_ground().await?)?;
    tx.lock_networks(std::slice::from_ref(&external)).await?;
    let maker = Maker { app, caller: Caller::everyone(project) };
    let mut stamp = app.stamp();
    let made = maker.make(&mut tx, &mut stamp, &external, &pools).await;
    let (network, router) = made.map_err(|fault| match fault {
        Fault::Refused(refusal) => topology::failed(&refusal).into(),
        fault => fault,
    })?;
    tx.keep_topology(project, &network, &router).await?;
    app.commit(tx).await?;
    Ok(network)
}

struct Maker<'a> {
    app: &'a App,
    caller: Caller,
}

impl Maker<'_> {
    /// The network and the router.
    async fn make(
        &self,
        tx: &mut Tx<'_>,
        stamp: &mut Stamp,
        external: &str,
        pools: &[(i64, String)],
    ) -> Result<(String, String), Fault> {
        let network = self.one(tx, stamp, &NETWORK, topology::network()).await?;
        let mut subnets = Vec::new();
        for pool in pools {
            subnets.push(self.one(tx, stamp, &SUBNET, topology::subnet(&network, pool)).await?);
        }
        let router = self.one(tx, stamp, &ROUTER, topology::router(external)).await?;
        let guard = Guard::for_caller(self.app, &self.caller);
        for subnet in subnets {
            let ask = InterfaceAsk::of(&json!({ "subnet_id": subnet }));
            let act = ("add_router_interface", Way::Add);
            interface::change(self.app, tx, &guard, &router, act, ask).await?;
        }
        Ok((network, router))
    }

    async fn one(
        &self,
        tx: &mut Tx<'_>,
        stamp: &mut Stamp,
        table: &'static Resource,
        item: Value,
    ) -> Result<String, Fault> {
        let given: Given = body::create(table, item, &self.caller.project_id)?;
        lock::create(tx, table, std::slice::from_ref(&given)).await?;
        stamp.now_us += 1;
        create_one(self.app, tx, stamp, &Guard::for_caller(self.app, &self.caller), table, given).await
    }
}

/// All of it, or nothing: what instances use stays.
async fn delete(app: &App, project: &str) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let Some(found) = tx.topology_of(project).await? else { return Ok(()) };
    let caller = Caller::everyone(project);
    let guard = Guard::for_caller(app, &caller);
    let mut stamp = app.stamp();
    let id = found.network_id;
    match &found.router_id {
        Some(router) => tx.lock_router_whole(router, std::slice::from_ref(&id)).await?,
        None => tx.lock(&NETWORK, &id).await?,
    }
    if let Some(router) = &found.router_id {
        let network = network::load(&mut tx, &id).await?;
        for subnet in tx.subnets_of(network.id).await? {
            let ask = InterfaceAsk::of(&json!({ "subnet_id": subnet.id }));
            let act = ("remove_router_interface", Way::Remove);
            match interface::change(app, &mut tx, &guard, router, act, ask).await {
                // Its owner took it before.
                Err(Fault::Refused(Refusal::InterfaceNotFoundForSubnet { .. })) => {}
                done => drop(done?),
            }
        }
        router::delete(app, &mut tx, &mut stamp, router).await?;
    }
    network::delete(&mut tx, &stamp, &id).await?;
    Ok(app.commit(tx).await.map(drop)?)
}

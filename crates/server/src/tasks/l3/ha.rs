//! HA routers: the network of a project's, the number of each in it, and a leg for each agent.

use cloud::l3::ha;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::body;
use model::api::network::NETWORK;
use model::api::port::PORT;
use model::api::router::{Router, RouterPortKind};
use model::api::subnet::SUBNET;
use model::{NetworkId, PortId};

use crate::app::App;
use crate::error::Fault;
use crate::routes::{network, port, router, subnet};

/// Makes what the router's agents need to hear of each other, and takes away the legs of others.
pub async fn legs(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, row: &Router) -> Result<(), Fault> {
    let legs: Vec<PortId> = tx
        .router_ports_of(row.id)
        .await?
        .iter()
        .filter(|leg| leg.kind == RouterPortKind::Ha)
        .map(|leg| leg.port_id)
        .collect();
    if !row.ha {
        for leg in legs {
            router::drop_leg(tx, stamp, leg).await?;
        }
        return Ok(());
    }
    let agents = tx.ha_agents(row.id).await?;
    if agents.is_empty() && legs.is_empty() {
        return Ok(());
    }
    let network = match tx.ha_network(&row.project_id).await? {
        Some(network) => network,
        None => make_network(app, tx, stamp, &row.project_id).await?,
    };
    if row.ha_vr_id.is_none() {
        let taken = tx.vr_ids(network).await?;
        let vr_id = ha::vr_id(&taken, stamp)
            .ok_or(Refusal::TooManyHaRouters { router: row.id, limit: ha::VR_IDS })?;
        tx.hold_vr_id(network, row.id, vr_id).await?;
    }
    for leg in legs.iter().filter(|leg| agents.iter().all(|(_, has)| *has != Some(**leg))) {
        router::drop_leg(tx, stamp, *leg).await?;
    }
    for (agent, has) in agents {
        if has.is_some_and(|leg| legs.contains(&leg)) {
            continue;
        }
        let ask = ha::port(network, row.id, &row.project_id);
        let made = port::create(app, tx, stamp, body::create(&PORT, ask, "")?.typed()?).await?;
        tx.add_router_port(row.id, made.id, network, RouterPortKind::Ha).await?;
        tx.set_ha_port(row.id, agent, made.id).await?;
    }
    Ok(())
}

async fn make_network(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    project: &str,
) -> Result<NetworkId, Fault> {
    let ask = body::create(&NETWORK, ha::network(project), "")?;
    let made = network::create(app, tx, stamp, ask.typed()?).await?;
    let ask = body::create(&SUBNET, ha::subnet(made, project), "")?;
    subnet::create(app, tx, stamp, None, ask.typed()?).await?;
    tx.set_ha_network(project, made).await?;
    Ok(made)
}

/// A router that is no HA router gives its number back; with a project's last the network goes.
pub async fn leave(tx: &mut Tx<'_>, stamp: &Stamp, row: &Router) -> Result<(), Fault> {
    if row.ha || row.ha_vr_id.is_none() {
        return Ok(());
    }
    tx.release_vr_id(row.id).await?;
    let Some(network) = tx.ha_network(&row.project_id).await? else { return Ok(()) };
    if tx.vr_ids(network).await?.is_empty() {
        tx.forget_ha_network(network).await?;
        network::delete(tx, stamp, &network.to_string()).await?;
    }
    Ok(())
}

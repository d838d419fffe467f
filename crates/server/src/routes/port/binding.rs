//! Where a port is bound, and how its host carries it.

use cloud::Stamp;
use cloud::bind::{self, Asked, Binding};
use cloud::l3::plan::Place;
use cloud::segment::of;
use db::Tx;
use model::api::network::Network;
use model::api::port::Port;
use model::api::subnet::Subnet;
use model::api::trunk::SUBPORT_OWNER;

use super::save;
use crate::app::App;
use crate::error::Fault;
use crate::routes::{network, segment};

/// Whether and how a host carries a port of a network.
pub(super) async fn bind_to(
    app: &App,
    tx: &mut Tx<'_>,
    host: &str,
    asked: Asked<'_>,
    network: &Network,
) -> Result<Binding, Fault> {
    if bind::is_distributed(asked.device_owner) {
        return Ok(bind::distributed());
    }
    let mut agents = vec![];
    if !host.is_empty() {
        tx.share_host(host).await?;
        agents = tx.agents_of_host(host).await?;
    }
    let l2 = agents.iter().find(|agent| agent.topic == bind::L2_TOPIC);
    Ok(bind::bind(host, asked, network, l2, app.alive_since_us()))
}

/// Binds a port anew where it failed before; true when it is bound then.
pub async fn bind_again(app: &App, tx: &mut Tx<'_>, stamp: &Stamp, before: &Port) -> Result<bool, Fault> {
    let network = network::load(tx, before.network_id).await?;
    let binding = bind_to(app, tx, &before.host, Asked::of(before), &network).await?;
    if binding.vif_type == before.vif_type {
        return Ok(false);
    }
    let subnets = tx.subnets_of(network.id).await?;
    if before.device_owner == SUBPORT_OWNER && !reaches(tx, &network, &subnets, before).await? {
        return Ok(false);
    }
    let mut after = before.clone();
    cloud::port::rebind(&mut after, &before.host, binding);
    save(tx, stamp, &network, &subnets, before, after).await?;
    Ok(true)
}

/// A port of a trunk was brought to its parent's host, whether or not its addresses are reached there.
async fn reaches(tx: &mut Tx<'_>, network: &Network, subnets: &[Subnet], port: &Port) -> Result<bool, Fault> {
    match segment::reachable(tx, network, subnets, &port.host).await {
        Ok(reachable) => {
            let lacks_addresses = of::waits_for_host(port) && !reachable.is_empty();
            Ok(!lacks_addresses && of::check_reachable(port, None, &port.host, &reachable).is_ok())
        }
        Err(Fault::Refused(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Binds a port of a router where it should be; what is there already is left as it is.
pub async fn bind_at(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: &Port,
    place: Place<'_>,
) -> Result<(), Fault> {
    let host = if let Place::On(host) = place { host } else { "" };
    let right = match place {
        Place::On(_) => before.vif_type != bind::UNBOUND,
        Place::Everywhere => before.vif_type == bind::DISTRIBUTED,
        Place::Nowhere => before.vif_type == bind::UNBOUND,
    };
    if right && before.host == host {
        return Ok(());
    }
    let network = network::load(tx, before.network_id).await?;
    let binding = match place {
        Place::Everywhere => bind::distributed(),
        Place::On(_) | Place::Nowhere => bind_to(app, tx, host, Asked::of(before), &network).await?,
    };
    let subnets = tx.subnets_of(network.id).await?;
    let mut after = before.clone();
    after.host = host.to_owned();
    cloud::port::rebind(&mut after, &before.host, binding);
    save(tx, stamp, &network, &subnets, before, after).await
}

//! Hosts' own ports in external networks: there is one while a host carries a floating IP of it.

use std::collections::BTreeSet;

use cloud::l3::AGENT_GATEWAY;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::NetworkId;
use model::l3::RouterFacts;
use model::report::L3_AGENT;

use crate::app::App;
use crate::error::Fault;
use crate::retry;
use crate::routes::{network, port};

/// Makes the ports that hosts need for the router's floating IPs, and takes away those that `changed`
/// hosts need no more; false when a host goes without.
pub async fn settle(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    facts: &RouterFacts,
    changed: &BTreeSet<String>,
) -> Result<bool, Fault> {
    let wanted = cloud::view::router::ways(facts);
    let mut whole = true;
    let mut networks: BTreeSet<NetworkId> = wanted.iter().map(|(network, _)| *network).collect();
    networks.extend(facts.row.gw_network_id);
    for network in networks {
        let have: BTreeSet<String> = tx.hosts_with_way(network, AGENT_GATEWAY).await?.into_iter().collect();
        for (_, host) in wanted.iter().filter(|(of, host)| *of == network && !have.contains(host)) {
            whole &= make(app, tx, stamp, network, host).await?;
        }
        for host in changed.intersection(&have) {
            let mut had = tx.ways_of_host(network, host, AGENT_GATEWAY).await?;
            let needs = wanted.contains(&(network, host.clone()));
            // Another router's floating IPs may need it.
            let keeps = needs || tx.way_is_used(network, host).await?;
            for row in had.drain(usize::from(keeps).min(had.len())..) {
                let of = network::load(tx, network).await?;
                port::delete(tx, stamp, &of, row).await?;
            }
        }
    }
    Ok(whole)
}

/// Takes away ways that carry nothing. Settling does it when a floating IP leaves its router, as long as
/// the router still leads to the network; what came to rest elsewhere is found here.
pub async fn sweep(app: &App) -> Result<(), Fault> {
    let mut tx = app.db().read().await?;
    let idle = tx.idle_ways(AGENT_GATEWAY).await?;
    drop(tx);
    for (network, host) in idle {
        retry::whole(|| drop_idle(app, network, &host)).await?;
    }
    Ok(())
}

async fn drop_idle(app: &App, id: NetworkId, host: &str) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock_network(id).await?;
    // Behind the lock nobody makes one, nor comes to need it.
    if tx.way_is_used(id, host).await? {
        return Ok(());
    }
    let stamp = app.stamp();
    let had = tx.ways_of_host(id, host, AGENT_GATEWAY).await?;
    tx.lock_ports(&had.iter().map(|row| row.id.to_string()).collect::<Vec<_>>()).await?;
    for row in had {
        let of = network::load(&mut tx, id).await?;
        port::delete(&mut tx, &stamp, &of, row).await?;
    }
    Ok(app.commit(tx).await?)
}

/// False when there is no address for the host.
async fn make(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    network: NetworkId,
    host: &str,
) -> Result<bool, Fault> {
    let agents = tx.agents_of_host(host).await?;
    let agent = agents.iter().find(|agent| agent.agent_type == L3_AGENT);
    let device_id = agent.map(|agent| agent.id.to_string()).unwrap_or_default();
    let mut new = cloud::port::service_port("", network, AGENT_GATEWAY, device_id);
    new.host = Some(host.to_owned());
    match port::create(app, tx, stamp, new).await {
        Err(Fault::Refused(Refusal::NoAddressLeft { .. })) => {
            tracing::warn!(network.id = %network, host.name = host, "no address is left for the host's floating IPs");
            Ok(false)
        }
        made => made.map(|_| true),
    }
}

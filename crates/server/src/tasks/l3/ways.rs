//! Hosts' own ports in external networks: there is one while a host carries a floating IP of it.

use std::collections::BTreeSet;

use cloud::l3::AGENT_GATEWAY;
use cloud::l3::schedule::L3_AGENT;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::network::Network;
use model::l3::RouterFacts;
use model::{NetworkId, RouterId};

use crate::app::App;
use crate::error::Fault;
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

/// Takes away a network's ports of the router's hosts that no floating IP needs: the router does not
/// lead there any more when it is settled.
pub async fn leave(tx: &mut Tx<'_>, stamp: &Stamp, router: RouterId, network: &Network) -> Result<(), Fault> {
    for way in tx.ways_of_router(router, network.id, AGENT_GATEWAY).await? {
        if !tx.way_is_used(network.id, &way.host).await? {
            port::delete(tx, stamp, network, way).await?;
        }
    }
    Ok(())
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

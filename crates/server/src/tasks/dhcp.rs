//! Settles which agents serve a network's DHCP, and the DHCP ports they need.

use std::time::Duration;

use cloud::dhcp::{self, DHCP_AGENT};
use cloud::{Stamp, port};
use db::Tx;
use model::api::network::{NETWORK, Network};
use model::api::port::{PORT, Port, PortUpdate};
use model::{NetworkId, Touch};
use tokio::time::MissedTickBehavior;

use crate::app::{App, Nudges};
use crate::error::Fault;
use crate::routes;

/// All networks are looked at this often.
const SWEEP: Duration = Duration::from_secs(30);

pub async fn run(app: App, mut nudges: Nudges) {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut networks = tokio::select! {
            nudge = nudges.recv() => match nudge {
                Some(network) => vec![network],
                None => return,
            },
            _ = sweep.tick() => misfits(&app).await,
        };
        while let Ok(network) = nudges.try_recv() {
            networks.push(network);
        }
        networks.sort_unstable();
        networks.dedup();
        for network in networks {
            if let Err(fault) = settle(&app, network).await {
                tracing::warn!(%fault, network.id = %network, "DHCP of the network not settled; tried again later");
            }
        }
    }
}

async fn misfits(app: &App) -> Vec<NetworkId> {
    let found = async {
        let mut tx = app.db().read().await?;
        Ok::<_, Fault>(tx.dhcp_misfits(app.alive_since_us()).await?)
    };
    found.await.unwrap_or_default()
}

/// Brings one network's DHCP to what its subnets and the live agents ask for.
async fn settle(app: &App, id: NetworkId) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    let Some(network) = tx.get::<Network>(&NETWORK, id).await? else { return Ok(()) };
    let subnets = tx.subnets_of(id).await?;
    let agents = tx.agents_of_type(DHCP_AGENT).await?;
    let serving: Vec<_> = tx.dhcp_agents_of(id).await?.iter().map(|agent| agent.id).collect();
    let load = tx.dhcp_load().await?;
    let since = app.alive_since_us();
    let plan = dhcp::plan(&network, &subnets, &serving, &agents, &load, since, app.rules());
    let mut touches = Vec::new();
    let host = |id| agents.iter().find(|agent| agent.id == id).map(|agent| agent.host.clone());
    for agent in plan.unbind {
        tx.unbind_dhcp(id, agent).await?;
        touches.extend(host(agent).map(|host| Touch::Service { host, network: id }));
    }
    for agent in plan.bind {
        tx.bind_dhcp(id, agent).await?;
        touches.extend(host(agent).map(|host| Touch::Service { host, network: id }));
    }
    tx.mark(&touches).await?;
    let hosts = tx.dhcp_hosts_of(id).await?;
    settle_ports(app, &mut tx, &network, hosts).await?;
    Ok(app.commit(tx).await?)
}

/// One DHCP port per serving host, with one address on each DHCP subnet.
async fn settle_ports(
    app: &App,
    tx: &mut Tx<'_>,
    network: &Network,
    hosts: Vec<String>,
) -> Result<(), Fault> {
    let mut stamp = app.stamp();
    let subnets = tx.subnets_of(network.id).await?;
    let condition = "network_id = $1 AND device_owner = 'network:dhcp' ORDER BY created_us, id";
    let ports: Vec<Port> = tx.find(&PORT, condition, &[network.id.to_string().into()]).await?;
    // Ports that users made for DHCP servers of their own are theirs.
    let ours = |port: &Port| port.device_id == dhcp::device_id(&port.host, network);
    let (mut right, mut spare): (Vec<Port>, Vec<Port>) =
        ports.into_iter().filter(ours).partition(|port| hosts.contains(&port.host));
    for host in
        hosts.iter().filter(|host| right.iter().all(|port| port.host != **host)).cloned().collect::<Vec<_>>()
    {
        let device_id = dhcp::device_id(&host, network);
        match spare.pop() {
            // The port of an agent that is gone keeps its addresses and moves.
            Some(port) => {
                let change = PortUpdate {
                    host: Some(Some(host)),
                    device_id: Some(device_id),
                    ..PortUpdate::default()
                };
                routes::port::update(app, tx, &mut stamp, port, change).await?;
            }
            None => {
                let mut new = port::dhcp_port(network, &host, device_id);
                new.fixed_ips = Some(dhcp::wanted_addresses(&[], &subnets));
                right.push(routes::port::create(app, tx, &mut stamp, new).await?);
            }
        }
    }
    for port in right {
        settle_addresses(app, tx, &mut stamp, port, &dhcp_subnets(&subnets)).await?;
    }
    for port in spare {
        routes::port::delete(tx, network, port).await?;
    }
    Ok(())
}

fn dhcp_subnets(subnets: &[model::api::subnet::Subnet]) -> Vec<model::api::subnet::Subnet> {
    subnets.iter().filter(|subnet| subnet.enable_dhcp).cloned().collect()
}

async fn settle_addresses(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    port: Port,
    subnets: &[model::api::subnet::Subnet],
) -> Result<(), Fault> {
    let had =
        |subnet: &model::api::subnet::Subnet| port.fixed_ips.iter().any(|fixed| fixed.subnet_id == subnet.id);
    if subnets.iter().all(had) {
        return Ok(());
    }
    let wanted = dhcp::wanted_addresses(&port.fixed_ips, subnets);
    let change = PortUpdate { fixed_ips: Some(wanted), ..PortUpdate::default() };
    routes::port::update(app, tx, stamp, port, change).await
}

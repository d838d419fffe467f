//! Settles which agents serve a network's DHCP, and the DHCP ports they need.

use std::time::Duration;

use cloud::dhcp;
use cloud::{Refusal, Stamp, port};
use db::Tx;
use model::api::network::{NETWORK, Network};
use model::api::port::{PORT, Port, PortUpdate};
use model::api::subnet::Subnet;
use model::report::DHCP_AGENT;
use model::{NetworkId, Touch};

use crate::app::App;
use crate::error::Fault;
use crate::nudge::{self, Nudge, Nudges};
use crate::{retry, routes};

/// All networks are looked at this often.
const SWEEP: Duration = Duration::from_secs(30);

/// Networks looked at in one go.
const PAGE: u32 = 200;

pub async fn run(app: App, mut nudges: Nudges<NetworkId>) {
    let mut sweep = nudge::sweep(SWEEP);
    while let Some(due) = nudges.next(&mut sweep).await {
        for nudge in due {
            match nudge {
                Nudge::One(network) => settle_or_tell(&app, network, Turn::Wait).await,
                Nudge::All => {
                    if let Err(fault) = settle_misfits(&app).await {
                        tracing::warn!(%fault, "networks without fitting DHCP not found; tried again later");
                    }
                }
            }
        }
    }
}

/// Every network that does not fit, page by page: one that cannot be settled stops no other.
async fn settle_misfits(app: &App) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let mut tx = app.db().read().await?;
        let since = app.alive_since_us();
        let agents = tx.agents_of_type(DHCP_AGENT).await?;
        let live = agents.iter().filter(|agent| agent.admin_state_up && agent.heartbeat_us > since).count();
        let wanted = live.min(app.rules().dhcp_agents_per_network);
        let found = tx.dhcp_misfits(&after, since, i64::try_from(wanted).unwrap_or(i64::MAX), PAGE).await?;
        drop(tx);
        let Some(last) = found.last() else { return Ok(()) };
        after = last.to_string();
        for network in found {
            settle_or_tell(app, network, Turn::LeaveToOther).await;
        }
    }
}

/// What to do about a network that another server has locked.
#[derive(Clone, Copy)]
enum Turn {
    Wait,
    LeaveToOther,
}

async fn settle_or_tell(app: &App, network: NetworkId, turn: Turn) {
    if let Err(fault) = retry::whole(|| settle(app, network, turn)).await {
        tracing::warn!(%fault, network.id = %network, "DHCP of the network not settled; tried again later");
    }
}

/// Brings one network's DHCP to what its subnets and the live agents ask for.
async fn settle(app: &App, id: NetworkId, turn: Turn) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    match turn {
        Turn::Wait => tx.lock_network(id).await?,
        Turn::LeaveToOther if tx.try_lock_network(id).await? => {}
        Turn::LeaveToOther => return Ok(()),
    }
    tx.lock_ports_of(id).await?;
    let Some(network) = tx.get::<Network>(&NETWORK, id).await? else { return Ok(()) };
    let subnets = tx.subnets_of(id).await?;
    let told = tx.dhcp_told(id).await?;
    let facts = dhcp::Facts {
        agents: tx.agents_of_type(DHCP_AGENT).await?,
        load: tx.dhcp_load().await?,
        serving: tx.dhcp_agents_of(id).await?.iter().map(|agent| agent.id).collect(),
        placed: told.placed,
        taken: told.taken,
        alive_since_us: app.alive_since_us(),
    };
    let plan = dhcp::plan(&network, &subnets, &facts, app.rules());
    let mut touches = Vec::new();
    let host = |id| facts.agents.iter().find(|agent| agent.id == id).map(|agent| agent.host.clone());
    for agent in plan.unbind {
        tx.unbind_dhcp(id, agent).await?;
        touches.extend(host(agent).map(|host| Touch::Service { host, network: id }));
    }
    for agent in plan.bind {
        tx.bind_dhcp(id, agent).await?;
        touches.extend(host(agent).map(|host| Touch::Service { host, network: id }));
    }
    tx.mark(&touches);
    // Without a subnet to serve, an agent that an operator gave it to waits for one.
    let serves = subnets.iter().any(|subnet| subnet.enable_dhcp);
    let hosts = if serves { tx.dhcp_hosts_of(id).await? } else { vec![] };
    settle_ports(app, &mut tx, &network, hosts).await?;
    routes::port::settle_waiting(app, &mut tx, &app.stamp(), id).await?;
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
    let ports = tx.dhcp_ports(network.id).await?;
    let (mut right, mut spare): (Vec<Port>, Vec<Port>) =
        ports.into_iter().partition(|port| hosts.contains(&port.host));
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
                let id = port.id;
                routes::port::update(app, tx, &mut stamp, port, change).await?;
                right.extend(tx.get::<Port>(&PORT, id).await?);
            }
            None => {
                let mut new = port::dhcp_port(network, &host, device_id);
                new.fixed_ips = Some(dhcp::wanted_addresses(&[], &subnets));
                let made = match routes::port::create(app, tx, &mut stamp, new.clone()).await {
                    // With a full subnet, the others are served.
                    Err(Fault::Refused(Refusal::NoAddressLeft { .. })) => {
                        new.fixed_ips = Some(vec![]);
                        routes::port::create(app, tx, &mut stamp, new).await?
                    }
                    made => made?,
                };
                right.push(made);
            }
        }
    }
    for port in right {
        settle_addresses(app, tx, &mut stamp, port, &subnets).await?;
    }
    for port in spare {
        routes::port::delete(tx, &stamp, network, port).await?;
    }
    Ok(())
}

/// One address on each DHCP subnet, and no other; a full subnet keeps the rest from nothing.
async fn settle_addresses(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    port: Port,
    subnets: &[Subnet],
) -> Result<(), Fault> {
    let mut wanted = dhcp::wanted_addresses(&port.fixed_ips, subnets);
    let fits = wanted.len() == port.fixed_ips.len() && wanted.iter().all(|ask| ask.ip_address.is_some());
    if fits {
        return Ok(());
    }
    loop {
        let change = PortUpdate { fixed_ips: Some(wanted.clone()), ..PortUpdate::default() };
        match routes::port::update(app, tx, stamp, port.clone(), change).await {
            Err(Fault::Refused(Refusal::NoAddressLeft { subnets, .. })) => {
                tracing::warn!(network.id = %port.network_id, ?subnets, "no address is left for DHCP");
                wanted.retain(|ask| ask.subnet_id.is_none_or(|id| !subnets.contains(&id)));
            }
            outcome => return outcome,
        }
    }
}

//! Which routers a change makes due: looks up what `cloud::l3::listen` asks for, and no more.

use std::collections::BTreeMap;

use cloud::Stamp;
use cloud::bind;
use cloud::l3::listen::{self, Behind, PortFacts};
use db::Tx;
use model::api::floatingip::FloatingIp;
use model::api::port::Port;
use model::api::port_forwarding::PortForwarding;
use model::api::subnet::Subnet;
use model::desired::{Key, Kind};
use model::{NetworkId, RouterId, Touch};

use crate::error::Fault;

/// A port was created, changed or deleted.
pub async fn port(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: Option<&Port>,
    after: Option<&Port>,
) -> Result<(), Fault> {
    let Some(port) = after.or(before) else { return Ok(()) };
    let mut facts = around(tx, port).await?;
    let hosts = [before.and_then(bind::host), after.and_then(bind::host)];
    if before.is_some() && !facts.behind.is_empty() && hosts[0] != hosts[1] {
        facts.floating = tx.routers_of_fixed_port(port.id).await?;
    }
    // As if it were the only port behind each router: mostly that is enough to know that none is due.
    if listen::of_port(before, after, &facts).is_empty() {
        return Ok(());
    }
    for behind in &mut facts.behind {
        for host in hosts.into_iter().flatten() {
            if tx.others_on_host(port.network_id, port.id, &behind.subnets, host).await? {
                behind.users.insert(host.to_owned());
            }
        }
        behind.baremetal = tx.others_baremetal(port.network_id, port.id, &behind.subnets).await?;
        behind.ipv6 = tx.others_ipv6(port.network_id, port.id, &behind.subnets).await?;
    }
    for router in listen::of_port(before, after, &facts) {
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

async fn around(tx: &mut Tx<'_>, port: &Port) -> Result<PortFacts, Fault> {
    let mut facts = PortFacts::default();
    let mut behind: BTreeMap<RouterId, Behind> = BTreeMap::new();
    for row in tx.routers_around(port.network_id).await? {
        if row.port == port.id {
            facts.own = Some(row.router);
        } else if let (true, Some(subnet)) = (row.is_interface, row.subnet) {
            let behind = behind.entry(row.router).or_insert_with(|| Behind {
                router: row.router,
                distributed: row.distributed,
                subnets: Default::default(),
                users: Default::default(),
                baremetal: false,
                ipv6: false,
            });
            behind.subnets.insert(subnet);
        }
    }
    facts.behind = behind.into_values().collect();
    Ok(facts)
}

/// A floating IP was created, changed or deleted.
pub async fn floatingip(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: Option<&FloatingIp>,
    after: Option<&FloatingIp>,
) -> Result<(), Fault> {
    for router in listen::of_floatingip(before, after) {
        tx.router_due(router, stamp.now_us).await?;
    }
    Ok(())
}

/// A forwarding of a router was created, changed or deleted.
pub async fn forwarding(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    router: Option<RouterId>,
    before: Option<&PortForwarding>,
    after: Option<&PortForwarding>,
) -> Result<(), Fault> {
    match router.filter(|_| listen::is_of_forwarding(before, after)) {
        Some(router) => Ok(tx.router_due(router, stamp.now_us).await?),
        None => Ok(()),
    }
}

/// A subnet changed: routers with a port in its network may have to tell, and hosts' own ways to it.
pub async fn subnet(tx: &mut Tx<'_>, stamp: &Stamp, before: &Subnet, after: &Subnet) -> Result<(), Fault> {
    if !listen::is_of_subnet(before, after) {
        return Ok(());
    }
    for row in tx.routers_around(before.network_id).await? {
        if row.subnet == Some(before.id) {
            tx.router_due(row.router, stamp.now_us).await?;
        }
    }
    ways(tx, before.network_id).await
}

async fn ways(tx: &mut Tx<'_>, network: NetworkId) -> Result<(), Fault> {
    let key = Key::new(Kind::Fip, network.0);
    let hosts = tx.hosts_with_way(network, cloud::l3::AGENT_GATEWAY).await?;
    let touches: Vec<Touch> = hosts.into_iter().map(|host| Touch::Part { host, key }).collect();
    tx.mark(&touches);
    Ok(())
}

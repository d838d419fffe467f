//! Subnets: facts in, decision, rows out.

use std::collections::BTreeSet;

use cloud::ipam::{self, PlanFacts};
use cloud::segment::routes;
use cloud::subnet::{CreateFacts, check_create};
use cloud::subnetpool::Taken;
use cloud::{AUTO_DELETE_OWNERS, ROUTER_INTERFACE_OWNERS, Refusal, Stamp};
use db::Tx;
use ipnet::IpNet;
use model::api::network::{NETWORK, Network};
use model::api::port::{FixedIp, PORT};
use model::api::subnet::{SUBNET, Subnet, SubnetCreate, SubnetUpdate};
use model::api::subnetpool::{SUBNETPOOL, Subnetpool};
use model::desired::{Key, Kind};
use model::{SubnetId, Touch};

use crate::app::App;
use crate::error::Fault;
use crate::listen;
use crate::routes::{network, port, segment, software_order, subnetpool};

/// `seer`: the project that a pool must be found by; `None` finds all.
pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    seer: Option<&str>,
    new: SubnetCreate,
) -> Result<SubnetId, Fault> {
    let said = check_create(&new, app.rules())?;
    tx.lock_network(new.network_id).await?;
    let network = network::load(tx, new.network_id).await?;
    let pool = pool_of(tx, seer, &new).await?;
    let mut siblings = tx.subnets_of(network.id).await?;
    segment::check_new_subnet(tx, network.id, new.segment_id.as_deref(), &siblings).await?;
    let scope = tx.scope_of_network(network.id, new.ip_version).await?;
    let facts = CreateFacts { said, network: &network, siblings: &siblings, scope, pool };
    let subnet = cloud::subnet::create(new, &facts, app.rules(), stamp)?;
    tx.insert(&SUBNET, &subnet).await?;
    tx.bump(&NETWORK, network.id, &stamp.now).await?;
    siblings.push(subnet.clone());
    settle_routes(app, tx, stamp, &siblings, None).await?;
    if subnet.is_auto_address() {
        give_auto_addresses(app, tx, stamp, &network, &subnet).await?;
    }
    mark_served(tx, &subnet, false).await?;
    app.nudge_dhcp(network.id);
    Ok(subnet.id)
}

/// The pool that a subnet is to be from, and what is taken from it; nobody takes more meanwhile, nor moves
/// a pool of the network to another address scope.
async fn pool_of(
    tx: &mut Tx<'_>,
    seer: Option<&str>,
    new: &SubnetCreate,
) -> Result<Option<(Subnetpool, Vec<Taken>)>, Fault> {
    let id = match &new.subnetpool_id {
        None if new.use_default_subnetpool => {
            let found = match tx.default_pool(new.ip_version).await? {
                Some(id) if tx.finds(&SUBNETPOOL, &id, seer).await? => Some(id),
                _ => None,
            };
            let none =
                || Refusal::Request(format!("There is no default subnet pool for IPv{}.", new.ip_version));
            Some(found.ok_or_else(none)?)
        }
        said => said.clone(),
    };
    let siblings = tx.subnets_of(new.network_id).await?;
    let others = siblings.into_iter().filter_map(|subnet| subnet.subnetpool_id);
    let pools: BTreeSet<String> = others.chain(id.clone()).collect();
    tx.lock_pools(&pools.into_iter().collect::<Vec<_>>()).await?;
    let Some(id) = id else { return Ok(None) };
    if !new.use_default_subnetpool && !tx.finds(&SUBNETPOOL, &id, seer).await? {
        return Err(Refusal::NotFound { table: &SUBNETPOOL, id }.into());
    }
    let pool = subnetpool::load(tx, &id).await?;
    let taken = subnetpool::taken(tx, &pool).await?;
    Ok(Some((pool, taken)))
}

/// The subnets of a network whose subnets are on segments lead to each other.
async fn settle_routes(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    subnets: &[Subnet],
    gone: Option<IpNet>,
) -> Result<(), Fault> {
    for before in subnets.iter().filter(|subnet| subnet.segment_id.is_some()) {
        let after = routes::follow(before, subnets, gone, app.rules());
        tx.update(&SUBNET, before.id, before, &after, &stamp.now).await?;
    }
    Ok(())
}

/// Every port of the network gets the address it makes for itself on the subnet.
async fn give_auto_addresses(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    network: &Network,
    subnet: &Subnet,
) -> Result<(), Fault> {
    let subnets = tx.subnets_of(network.id).await?;
    tx.lock_routers_by(network.id).await?;
    tx.lock_ports_of(network.id).await?;
    for before in tx.ports_of(network.id).await? {
        let facts = PlanFacts {
            network: network.id,
            subnets: std::slice::from_ref(subnet),
            mac: before.mac_address,
            device_owner: &before.device_owner,
        };
        let wants = ipam::plan(Some(&[]), &facts)?;
        let mut fixed_ips = before.fixed_ips.clone();
        for want in wants {
            if let ipam::Want::Exactly(fixed) = want {
                tx.hold_address(fixed.subnet_id, fixed.ip_address, before.id).await?;
                fixed_ips.push(fixed);
            }
        }
        port::set_addresses(app, tx, stamp, network, &subnets, &before, fixed_ips).await?;
    }
    Ok(())
}

/// Tells those who serve the network's DHCP; with `leases` also to look at every lease again.
async fn mark_served(tx: &mut Tx<'_>, subnet: &Subnet, leases: bool) -> Result<(), Fault> {
    let network = subnet.network_id;
    let mut touches = Vec::new();
    for host in tx.dhcp_hosts_of(network).await? {
        touches.push(if leases {
            Touch::Service { host, network }
        } else {
            Touch::Part { host, key: Key::new(Kind::Dhcp, network.0) }
        });
    }
    tx.mark(&touches);
    Ok(())
}

pub async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Subnet, Fault> {
    let found = tx.get(&SUBNET, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SUBNET, id: id.to_owned() }.into())
}

pub async fn update(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    id: &str,
    change: SubnetUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let holder = match (change.gateway_ip, before.gateway_ip) {
        (Some(_), Some(gateway)) => {
            let routers = tx.addresses_by_owner(before.id, &ROUTER_INTERFACE_OWNERS, true).await?;
            let held = routers.into_iter().find(|row| row.ip_address == gateway.to_string());
            held.map(|row| row.port_id)
        }
        _ => None,
    };
    segment::check_subnet(tx, &before, &change).await?;
    let subnets = match before.segment_id {
        Some(_) => tx.subnets_of(before.network_id).await?,
        None => vec![],
    };
    let after = cloud::subnet::update(&before, change, holder, &subnets, app.rules())?;
    tx.update(&SUBNET, before.id, &before, &after, &stamp.now).await?;
    if after != before {
        tx.bump(&NETWORK, before.network_id, &stamp.now).await?;
        mark_served(tx, &before, after.enable_dhcp != before.enable_dhcp).await?;
        if before.enable_dhcp && !after.enable_dhcp {
            software_order::subnet_changes(tx, stamp, before.network_id).await?;
        }
        listen::subnet(tx, stamp, &before, &after).await?;
        app.nudge_dhcp(before.network_id);
    }
    Ok(())
}

pub async fn delete(app: &App, tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let subnet = load(tx, id).await?;
    let holders = if subnet.is_auto_address() {
        tx.addresses_by_owner(subnet.id, &ROUTER_INTERFACE_OWNERS, true).await?
    } else {
        tx.addresses_by_owner(subnet.id, &AUTO_DELETE_OWNERS, false).await?
    };
    cloud::subnet::delete(&subnet, holders.into_iter().map(|row| row.port_id).collect())?;
    let network = network::load(tx, subnet.network_id).await?;
    let mut subnets = tx.subnets_of(network.id).await?;
    tx.lock_routers_by(network.id).await?;
    tx.lock_ports_of(network.id).await?;
    let ports = tx.ports_with_address_on(subnet.id).await?;
    let ids: Vec<String> = ports.iter().map(ToString::to_string).collect();
    tx.lock_orders_behind(&ids).await?;
    for id in ports {
        let Some(before) = tx.get::<model::api::port::Port>(&PORT, id).await? else { continue };
        let (gone, left): (Vec<FixedIp>, Vec<FixedIp>) =
            before.fixed_ips.iter().partition(|fixed| fixed.subnet_id == subnet.id);
        for fixed in gone {
            tx.release_address(fixed.subnet_id, fixed.ip_address).await?;
        }
        port::set_addresses(app, tx, stamp, &network, &subnets, &before, left).await?;
    }
    tx.delete(&SUBNET, subnet.id).await?;
    tx.bump(&NETWORK, network.id, &stamp.now).await?;
    subnets.retain(|other| other.id != subnet.id);
    settle_routes(app, tx, stamp, &subnets, Some(subnet.cidr)).await?;
    mark_served(tx, &subnet, false).await?;
    app.nudge_dhcp(network.id);
    Ok(())
}

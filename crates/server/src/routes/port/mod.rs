//! Ports: facts in, decision, rows out.
//!
//! ```text
//! addresses   which ones a port gets          binding   where it is, and could be: bindings
//! ```

mod addresses;
mod binding;
mod bindings;

use cloud::bind::{self, Asked};
use cloud::instance;
use cloud::ipam::{self, PlanFacts};
use cloud::port::{CreateFacts, UpdateFacts};
use cloud::security_group::Found;
use cloud::segment::of;
use cloud::view::{self, PortFacts};
use cloud::{Refusal, Stamp, status};
use db::Tx;
use model::api::network::Network;
use model::api::port::{FixedIp, PORT, Port, PortCreate, PortUpdate};
use model::api::subnet::Subnet;
use model::report::DHCP_AGENT;
use model::{NetworkId, PortId};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::listen;
use crate::routes::{
    floatingip, local_ip, ndp_proxy, network, router, security_group, segment, software_order, trunk,
};
use addresses::{as_asked, check_subnets_exist, find_addresses, mac};
use binding::bind_to;

pub use binding::{bind_again, bind_at};
pub use bindings::dispatch as bindings;

/// A port of the server's own, which names no groups.
pub async fn create(app: &App, tx: &mut Tx<'_>, stamp: &mut Stamp, new: PortCreate) -> Result<Port, Fault> {
    tx.lock_network(new.network_id).await?;
    let network = network::load(tx, new.network_id).await?;
    create_in(app, tx, stamp, &network, new, &[]).await
}

/// In a network that is locked. `found`: what there is of the groups that the port names.
pub async fn create_in(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    network: &Network,
    mut new: PortCreate,
    found: &[Found],
) -> Result<Port, Fault> {
    if bind::is_distributed(&new.device_owner) {
        new.host = None;
    }
    cloud::port::check_create(&new, network)?;
    let subnets = tx.subnets_of(network.id).await?;
    let id = PortId(stamp.uuid());
    let mac = mac(app, tx, stamp, network.id, new.mac_address).await?;
    let host = new.host.clone().unwrap_or_default();
    let reachable = segment::reachable(tx, network, &subnets, &host).await?;
    let facts = PlanFacts { network: network.id, subnets: &reachable, mac, device_owner: &new.device_owner };
    check_subnets_exist(tx, new.fixed_ips.as_deref(), &subnets).await?;
    let deferred = new.fixed_ips.is_none() && host.is_empty() && of::is_routed(&subnets);
    let wants = if deferred { vec![] } else { ipam::plan(new.fixed_ips.as_deref(), &facts)? };
    let fixed_ips = find_addresses(tx, stamp, wants, &facts, &[]).await?;
    let asked = Asked { port: id, vnic_type: &new.vnic_type, device_owner: &new.device_owner };
    let binding = bind_to(app, tx, &host, asked, network).await?;
    let wanted = cloud::port::groups_wanted(&new, network);
    let groups = security_group::of_port(tx, stamp, &new.project_id, wanted, found).await?;
    let facts = CreateFacts { id, mac, fixed_ips, deferred, binding, groups };
    let port = cloud::port::create(new, network, facts, app.rules(), stamp)?;
    tx.insert(&PORT, &port).await?;
    tx.set_port_groups(None, (&port, view::group::filtered_on(&port))).await?;
    for fixed in &port.fixed_ips {
        tx.hold_address(fixed.subnet_id, fixed.ip_address, id).await?;
    }
    mark(tx, stamp, network, &subnets, None, Some(&port)).await?;
    Ok(port)
}

/// Notes for hosts what the change of a port means to them.
async fn mark(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    network: &Network,
    subnets: &[Subnet],
    before: Option<&Port>,
    after: Option<&Port>,
) -> Result<(), Fault> {
    let dhcp_hosts = tx.dhcp_hosts_of(network.id).await?;
    let (old_host, new_host) = (before.and_then(bind::host), after.and_then(bind::host));
    let (mut first_on_host, mut last_on_host) = (false, false);
    if old_host != new_host {
        if let Some(host) = new_host {
            first_on_host = tx.network_joins_host(network.id, host).await?;
        }
        if let Some(host) = old_host {
            last_on_host = tx.network_leaves_host(network.id, host).await?;
        }
    }
    let routed = !view::carries_tunnels(network) && tx.is_routed_everywhere(network.id).await?;
    let dhcp_hosts = &dhcp_hosts;
    let facts = PortFacts { network, subnets, routed, dhcp_hosts, first_on_host, last_on_host };
    tx.mark(&view::of_port(before, after, &facts));
    listen::port(tx, stamp, before, after).await
}

/// A port that the caller finds.
pub async fn visible(tx: &mut Tx<'_>, guard: &Guard<'_>, id: &str) -> Result<Option<Port>, Fault> {
    match tx.finds(&PORT, id, guard.project()).await? {
        true => Ok(tx.get(&PORT, id).await?),
        false => Ok(None),
    }
}

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<Port, Fault> {
    let found = tx.get(&PORT, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &PORT, id: id.to_string() }.into())
}

/// A user's change of a port; `found` are the groups that it names.
pub async fn update_asked(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Port,
    change: PortUpdate,
    found: &[Found],
) -> Result<(), Fault> {
    let Some(row) = tx.router_port(before.id).await? else {
        return update_with(app, tx, stamp, before, change, found).await;
    };
    cloud::router::check_leg(&before, &change)?;
    update_with(app, tx, stamp, before.clone(), change, found).await?;
    let after = load(tx, before.id).await?;
    cloud::router::check_leg_stays(row.kind, &before, &after)?;
    router::follow(tx, stamp, &after).await
}

/// A change of the server's own, which names no groups.
pub async fn update(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Port,
    change: PortUpdate,
) -> Result<(), Fault> {
    update_with(app, tx, stamp, before, change, &[]).await
}

async fn update_with(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Port,
    mut change: PortUpdate,
    found: &[Found],
) -> Result<(), Fault> {
    if bind::is_distributed(change.device_owner.as_deref().unwrap_or(&before.device_owner)) {
        change.host = Some(None);
    }
    cloud::port::check_update(&before, &change)?;
    if let Some(asked) = &change.security_groups {
        cloud::security_group::check_of_port(asked, found)?;
    }
    let network = network::load(tx, before.network_id).await?;
    let subnets = tx.subnets_of(network.id).await?;
    let new_mac = match change.mac_address {
        Some(asked) if asked != Some(before.mac_address) => {
            Some(mac(app, tx, stamp, network.id, asked).await?)
        }
        _ => None,
    };
    let owner = change.device_owner.as_deref().unwrap_or(&before.device_owner).to_owned();
    let host = match &change.host {
        Some(host) => host.clone().unwrap_or_default(),
        None => before.host.clone(),
    };
    let moves = host != before.host;
    let reachable =
        if moves { segment::reachable(tx, &network, &subnets, &host).await? } else { subnets.clone() };
    let facts = PlanFacts {
        network: network.id,
        subnets: &reachable,
        mac: new_mac.unwrap_or(before.mac_address),
        device_owner: &owner,
    };
    let fixed_ips = match (&change.fixed_ips, new_mac) {
        // Addresses that waited for a host.
        (None, None) if moves && !host.is_empty() && of::waits_for_host(&before) => {
            Some(find_addresses(tx, stamp, ipam::plan(None, &facts)?, &facts, &[]).await?)
        }
        (None, None) => None,
        (asked, _) => {
            let asked = asked.clone().unwrap_or_else(|| as_asked(&before, &subnets));
            check_subnets_exist(tx, Some(&asked), &subnets).await?;
            let (kept, wants) = ipam::keep_and_plan(&before.fixed_ips, &asked, &facts)?;
            Some(find_addresses(tx, stamp, wants, &facts, &kept).await?)
        }
    };
    of::check_reachable(&before, fixed_ips.as_deref(), &host, &reachable)?;
    let vnic_type = change.vnic_type.as_deref().unwrap_or(&before.vnic_type).to_owned();
    let binding = match cloud::port::rebinds(&before, &change) {
        true => {
            let asked = Asked { port: before.id, vnic_type: &vnic_type, device_owner: &owner };
            Some(bind_to(app, tx, &host, asked, &network).await?)
        }
        false => None,
    };
    if moves {
        tx.drop_binding(before.id, &host).await?;
    }
    let needs_dhcp = needs_dhcp(app, tx, &before).await?;
    let facts = UpdateFacts { mac: new_mac, fixed_ips, binding, needs_dhcp };
    let after = cloud::port::update(&before, change, facts, app.rules())?;
    save(tx, stamp, &network, &subnets, &before, after).await
}

/// Stores that a port cannot be where a change wants it: its addresses stay as they are.
pub async fn fail_binding(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: Port,
    change: PortUpdate,
) -> Result<(), Fault> {
    let network = network::load(tx, before.network_id).await?;
    let subnets = tx.subnets_of(network.id).await?;
    if let Some(Some(host)) = &change.host {
        tx.drop_binding(before.id, host).await?;
    }
    let facts = UpdateFacts { mac: None, fixed_ips: None, binding: Some(bind::failed()), needs_dhcp: false };
    let after = cloud::port::update(&before, change, facts, app.rules())?;
    save(tx, stamp, &network, &subnets, &before, after).await
}

/// Stores a changed port: nothing else does, so that Nova hears of all it has to.
pub async fn store(tx: &mut Tx<'_>, before: &Port, after: &Port, now: &str) -> Result<(), Fault> {
    tx.tell_nova(instance::events(Some(before), Some(after)));
    Ok(tx.update(&PORT, before.id, before, after, now).await.map(drop)?)
}

/// Stores a changed port, its addresses, and what it means to hosts.
async fn save(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    network: &Network,
    subnets: &[Subnet],
    before: &Port,
    mut after: Port,
) -> Result<(), Fault> {
    floatingip::port_changes(tx, stamp, before, &after).await?;
    local_ip::port_changes(tx, before, &after).await?;
    software_order::port_changes(tx, stamp, subnets, before, &after).await?;
    ndp_proxy::port_changes(tx, stamp, before, Some(&after)).await?;
    if before.host != after.host || before.device_owner != after.device_owner {
        tx.trunks_due();
    }
    if view::lease(before, subnets) != view::lease(&after, subnets) {
        after.dhcp_ready = false;
    }
    let (old_host, host) = (view::group::filtered_on(before), view::group::filtered_on(&after));
    tx.set_port_groups(Some((before, old_host)), (&after, host)).await?;
    for fixed in before.fixed_ips.iter().filter(|fixed| !after.fixed_ips.contains(fixed)) {
        tx.release_address(fixed.subnet_id, fixed.ip_address).await?;
    }
    for fixed in after.fixed_ips.iter().filter(|fixed| !before.fixed_ips.contains(fixed)) {
        tx.hold_address(fixed.subnet_id, fixed.ip_address, before.id).await?;
    }
    store(tx, before, &after, &stamp.now).await?;
    mark(tx, stamp, network, subnets, Some(before), Some(&after)).await
}

/// Stores a port's new list of addresses, which are held already.
pub async fn set_addresses(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    network: &Network,
    subnets: &[Subnet],
    before: &Port,
    fixed_ips: Vec<FixedIp>,
) -> Result<(), Fault> {
    if before.fixed_ips == fixed_ips {
        return Ok(());
    }
    let facts = UpdateFacts { mac: None, fixed_ips: Some(fixed_ips), binding: None, needs_dhcp: true };
    let mut after = cloud::port::update(before, PortUpdate::default(), facts, app.rules())?;
    after.dhcp_ready = false;
    software_order::port_changes(tx, stamp, subnets, before, &after).await?;
    ndp_proxy::port_changes(tx, stamp, before, Some(&after)).await?;
    store(tx, before, &after, &stamp.now).await?;
    mark(tx, stamp, network, subnets, Some(before), Some(&after)).await?;
    router::follow(tx, stamp, &after).await
}

/// A port waits for DHCP when it has an address on a DHCP subnet, and an agent serves the network or
/// could.
pub async fn needs_dhcp(app: &App, tx: &mut Tx<'_>, port: &Port) -> Result<bool, Fault> {
    let subnets: Vec<Subnet> = tx.subnets_of(port.network_id).await?;
    if !status::may_need_dhcp(port) || view::lease(port, &subnets).is_none() {
        return Ok(false);
    }
    if !tx.dhcp_agents_of(port.network_id).await?.is_empty() {
        return Ok(true);
    }
    let since = app.alive_since_us();
    let agents = tx.agents_of_type(DHCP_AGENT).await?;
    let wanted = app.rules().dhcp_agents_per_network > 0;
    Ok(wanted && agents.iter().any(|agent| agent.admin_state_up && agent.heartbeat_us > since))
}

/// Ports that wait for DHCP may not have to any more.
pub async fn settle_waiting(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    network: NetworkId,
) -> Result<(), Fault> {
    for before in tx.waiting_ports(network).await? {
        let mut after = before.clone();
        after.status = status::of(&after, needs_dhcp(app, tx, &after).await?).into();
        store(tx, &before, &after, &stamp.now).await?;
    }
    Ok(())
}

pub async fn delete_by_id(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let port = load(tx, id).await?;
    if tx.router_port(port.id).await?.is_some() || tx.is_floatingip_port(port.id).await? {
        return Err(Refusal::ServicePortInUse { port: port.id, owner: port.device_owner }.into());
    }
    let network = network::load(tx, port.network_id).await?;
    delete(tx, stamp, &network, port).await
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, network: &Network, port: Port) -> Result<(), Fault> {
    trunk::check_free(tx, port.id).await?;
    local_ip::port_goes(tx, port.id).await?;
    floatingip::port_goes(tx, stamp, &port).await?;
    software_order::port_goes(tx, stamp, &port).await?;
    ndp_proxy::port_changes(tx, stamp, &port, None).await?;
    let subnets = tx.subnets_of(network.id).await?;
    tx.delete(&PORT, port.id).await?;
    tx.tell_nova(instance::events(Some(&port), None));
    mark(tx, stamp, network, &subnets, Some(&port), None).await
}

//! Ports: create, update, delete.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::api::network::Network;
use model::api::port::{
    AddressPair, AddressPairAsk, DhcpOpt, DhcpOptAsk, FixedIp, Port, PortCreate, PortUpdate,
};
use model::{NetworkId, PortId, SecurityGroupId};
use serde_json::{Value, json};
use wire::Mac;

use crate::bind::{Binding, is_bound, is_distributed};
use crate::standard::begin;
use crate::{Refusal, Rules, Stamp, dns, security_group, segment, status};

/// What a create must know besides the request; addresses were found by `ipam`.
#[derive(Debug, Clone)]
pub struct CreateFacts {
    pub id: PortId,
    pub mac: Mac,
    pub fixed_ips: Vec<FixedIp>,
    /// Addresses wait for a host.
    pub deferred: bool,
    pub binding: Binding,
    pub groups: BTreeSet<SecurityGroupId>,
}

/// Refuses what needs no look-up, before addresses are searched.
pub fn check_create(new: &PortCreate, network: &Network) -> Result<(), Refusal> {
    let secure = port_security(new.port_security_enabled, &new.device_owner, network);
    let groups = new.security_groups.as_ref().is_some_and(|groups| !groups.is_empty());
    if groups && !secure {
        return Err(Refusal::GroupsNeedPortSecurity);
    }
    let pairs = new.allowed_address_pairs.as_ref().is_some_and(|pairs| !pairs.is_empty());
    if pairs && !secure {
        return Err(Refusal::PairsNeedPortSecurity);
    }
    if let Some(mac) = new.mac_address {
        check_mac(mac)?;
    }
    Ok(())
}

/// The security groups that a port is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupsWanted {
    /// None: it is not filtered.
    None,
    /// Its project's default group.
    Default,
    These(BTreeSet<SecurityGroupId>),
}

pub fn groups_wanted(new: &PortCreate, network: &Network) -> GroupsWanted {
    match &new.security_groups {
        _ if !port_security(new.port_security_enabled, &new.device_owner, network) => GroupsWanted::None,
        Some(asked) => GroupsWanted::These(asked.clone()),
        // What belongs to no project has no group to belong to.
        None if new.project_id.is_empty() => GroupsWanted::None,
        None => GroupsWanted::Default,
    }
}

/// The groups by which a port is filtered; `None`: it is not.
pub fn filtered_by(port: &Port) -> Option<&BTreeSet<SecurityGroupId>> {
    let filtered = port.port_security_enabled && !is_trusted(&port.device_owner);
    port.group_ids.as_ref().filter(|_| filtered)
}

fn check_mac(mac: Mac) -> Result<(), Refusal> {
    if mac == Mac::ZERO || mac.is_multicast() {
        return Err(Refusal::Input(format!("The MAC address {mac} is not one that an interface can have.")));
    }
    Ok(())
}

/// Ports of the services are trusted: they need no protection from themselves.
fn port_security(asked: Option<bool>, device_owner: &str, network: &Network) -> bool {
    !is_trusted(device_owner) && asked.unwrap_or(network.port_security_enabled)
}

pub(crate) fn is_trusted(device_owner: &str) -> bool {
    device_owner.starts_with("network:")
}

/// Makes a port of a checked request.
pub fn create(
    new: PortCreate,
    network: &Network,
    facts: CreateFacts,
    rules: &Rules,
    stamp: &Stamp,
) -> Result<Port, Refusal> {
    let ip_allocation = match &new.fixed_ips {
        Some(asked) if asked.is_empty() => "none",
        _ if facts.deferred => segment::of::DEFERRED,
        _ => "immediate",
    };
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    let of_network = network.rest.get("qos_policy_id").cloned().unwrap_or_default();
    rest.insert("qos_network_policy_id".into(), of_network);
    let mut port = Port {
        id: facts.id,
        project_id: new.project_id,
        network_id: new.network_id,
        admin_state_up: new.admin_state_up,
        mac_address: facts.mac,
        dns_assignment: dns::assignments(&new.dns_name, &facts.fixed_ips, rules),
        fixed_ips: facts.fixed_ips,
        port_security_enabled: port_security(new.port_security_enabled, &new.device_owner, network),
        device_id: new.device_id,
        device_owner: new.device_owner,
        status: String::new(),
        allowed_address_pairs: pairs(new.allowed_address_pairs.unwrap_or_default(), facts.mac)?,
        extra_dhcp_opts: dhcp_options(vec![], new.extra_dhcp_opts.unwrap_or_default()),
        ip_allocation: ip_allocation.into(),
        vif_type: facts.binding.vif_type.into(),
        vif_details: facts.binding.vif_details,
        vnic_type: new.vnic_type,
        host: new.host.unwrap_or_default(),
        profile: new.profile.unwrap_or_default(),
        dns_name: new.dns_name,
        dns_domain: new.dns_domain,
        l2_ready: false,
        dhcp_ready: false,
        failure: None,
        group_ids: Some(facts.groups),
        rest,
    };
    port.status = status::of(&port, true).into();
    Ok(port)
}

/// A pair without a MAC address has the port's own.
fn pairs(asked: Vec<AddressPairAsk>, mac: Mac) -> Result<Vec<AddressPair>, Refusal> {
    let mut out: Vec<AddressPair> = Vec::new();
    for ask in asked {
        let pair = AddressPair { mac_address: ask.mac_address.unwrap_or(mac), ip_address: ask.ip_address };
        if out.contains(&pair) {
            return Err(Refusal::DuplicateAddressPair { mac: pair.mac_address, ip: pair.ip_address });
        }
        out.push(pair);
    }
    Ok(out)
}

/// Options are set by name and IP version; a null value removes one.
fn dhcp_options(mut options: Vec<DhcpOpt>, asked: Vec<DhcpOptAsk>) -> Vec<DhcpOpt> {
    for ask in asked {
        let ip_version = ask.ip_version.unwrap_or(4);
        options.retain(|had| had.opt_name != ask.opt_name || had.ip_version != ip_version);
        if let Some(opt_value) = ask.opt_value {
            options.push(DhcpOpt { opt_name: ask.opt_name, opt_value, ip_version });
        }
    }
    options
}

/// What an update must know besides the request.
#[derive(Debug, Clone)]
pub struct UpdateFacts {
    /// The MAC address asked for (or made) is free on the network.
    pub mac: Option<Mac>,
    /// The whole new list, when `fixed_ips` or the MAC address changes.
    pub fixed_ips: Option<Vec<FixedIp>>,
    /// The new binding, when host, vnic type or profile changes.
    pub binding: Option<Binding>,
    /// The port waits for DHCP to answer for it.
    pub needs_dhcp: bool,
}

/// Refuses what needs no look-up, before addresses are searched.
pub fn check_update(before: &Port, change: &PortUpdate) -> Result<(), Refusal> {
    let security = change.port_security_enabled.unwrap_or(before.port_security_enabled);
    if let Some(Some(mac)) = change.mac_address {
        check_mac(mac)?;
    }
    let mac_changes = change.mac_address.is_some_and(|mac| mac != Some(before.mac_address));
    if mac_changes && is_bound(&before.vif_type) && !before.host.is_empty() {
        return Err(Refusal::PortBound { port: before.id });
    }
    let vnic_changes = change.vnic_type.as_ref().is_some_and(|vnic| *vnic != before.vnic_type);
    if vnic_changes && is_bound(&before.vif_type) && !before.host.is_empty() {
        return Err(Refusal::VnicTypeInUse { port: before.id });
    }
    let pairs = match &change.allowed_address_pairs {
        Some(asked) => !asked.is_empty(),
        None => !before.allowed_address_pairs.is_empty(),
    };
    if pairs && !security {
        return Err(Refusal::PairsNeedPortSecurity);
    }
    groups_after(before, change).map(drop)
}

/// The groups of a port after a change.
pub fn groups_after(
    before: &Port,
    change: &PortUpdate,
) -> Result<Option<BTreeSet<SecurityGroupId>>, Refusal> {
    let secure = change.port_security_enabled.unwrap_or(before.port_security_enabled);
    // From before there were groups: nothing is held back of such a port until its security is turned on.
    let none = BTreeSet::new();
    let turned_on = secure && !before.port_security_enabled;
    let had = before.group_ids.as_ref().or(turned_on.then_some(&none));
    security_group::of_changed_port(before.id, had, change.security_groups.as_ref(), secure)
}

/// True when the change makes the port be bound anew.
pub fn rebinds(before: &Port, change: &PortUpdate) -> bool {
    let host = change.host.as_ref().is_some_and(|host| host.as_deref().unwrap_or("") != before.host);
    let vnic = change.vnic_type.as_ref().is_some_and(|vnic| *vnic != before.vnic_type);
    let profile = change.profile.as_ref().is_some_and(|p| p.clone().unwrap_or_default() != before.profile);
    let owner = change.device_owner.as_deref().unwrap_or(&before.device_owner);
    let kind = is_distributed(owner) != is_distributed(&before.device_owner);
    host || vnic || profile || kind
}

/// Applies a checked change.
pub fn update(before: &Port, change: PortUpdate, facts: UpdateFacts, rules: &Rules) -> Result<Port, Refusal> {
    let mut after = before.clone();
    after.group_ids = groups_after(before, &change)?;
    after.admin_state_up = change.admin_state_up.unwrap_or(after.admin_state_up);
    after.device_id = change.device_id.unwrap_or(after.device_id);
    after.device_owner = change.device_owner.unwrap_or(after.device_owner);
    after.vnic_type = change.vnic_type.unwrap_or(after.vnic_type);
    after.port_security_enabled = change.port_security_enabled.unwrap_or(after.port_security_enabled);
    after.dns_name = change.dns_name.unwrap_or(after.dns_name);
    after.dns_domain = change.dns_domain.unwrap_or(after.dns_domain);
    if let Some(host) = change.host {
        after.host = host.unwrap_or_default();
    }
    if let Some(profile) = change.profile {
        after.profile = profile.unwrap_or_default();
    }
    if let Some(mac) = facts.mac {
        for pair in &mut after.allowed_address_pairs {
            if pair.mac_address == after.mac_address {
                pair.mac_address = mac;
            }
        }
        after.mac_address = mac;
    }
    if let Some(asked) = change.allowed_address_pairs {
        after.allowed_address_pairs = pairs(asked, after.mac_address)?;
    }
    if let Some(asked) = change.extra_dhcp_opts {
        after.extra_dhcp_opts = dhcp_options(after.extra_dhcp_opts, asked);
    }
    if let Some(fixed_ips) = facts.fixed_ips {
        after.fixed_ips = fixed_ips;
    }
    if let Some(binding) = facts.binding {
        rebind(&mut after, &before.host, binding);
    }
    after.dns_assignment = dns::assignments(&after.dns_name, &after.fixed_ips, rules);
    after.rest.extend(change.rest);
    after.status = status::of(&after, facts.needs_dhcp).into();
    Ok(after)
}

/// Takes a binding; a port that comes to another host must be wired there.
pub fn rebind(port: &mut Port, old_host: &str, binding: Binding) {
    let stays = port.host == old_host && is_bound(&port.vif_type) && is_bound(binding.vif_type);
    port.vif_type = binding.vif_type.into();
    port.vif_details = binding.vif_details;
    if !stays {
        port.l2_ready = false;
        port.failure = None;
        port.status = "DOWN".into();
    }
}

/// An address pair as hosts understand it.
pub fn pair_net(pair: &AddressPair) -> Option<IpNet> {
    pair.ip_address.parse::<IpNet>().ok().or_else(|| pair.ip_address.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The DHCP port of a network on a host, as a request of the server's own.
pub fn dhcp_port(network: &Network, host: &str, device_id: String) -> PortCreate {
    let port = service_port(&network.project_id, network.id, "network:dhcp", device_id);
    PortCreate { host: Some(host.to_owned()), port_security_enabled: Some(false), ..port }
}

/// A port of a service, as a request of the server's own.
pub fn service_port(
    project_id: &str,
    network_id: NetworkId,
    device_owner: &str,
    device_id: String,
) -> PortCreate {
    let rest: serde_json::Map<String, Value> = [
        ("name", json!("")),
        ("description", json!("")),
        ("propagate_uplink_status", json!(true)),
        ("tags", json!([])),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    PortCreate {
        project_id: project_id.to_owned(),
        network_id,
        admin_state_up: true,
        mac_address: None,
        fixed_ips: None,
        device_id,
        device_owner: device_owner.to_owned(),
        allowed_address_pairs: None,
        extra_dhcp_opts: None,
        vnic_type: "normal".into(),
        host: None,
        profile: None,
        port_security_enabled: None,
        dns_name: String::new(),
        dns_domain: String::new(),
        security_groups: None,
        rest,
    }
}

#[cfg(test)]
pub(crate) fn test_port(id: PortId, network_id: NetworkId, fixed_ips: Vec<FixedIp>) -> Port {
    Port {
        id,
        project_id: "p".into(),
        network_id,
        admin_state_up: true,
        mac_address: Mac::ZERO,
        fixed_ips,
        device_id: String::new(),
        device_owner: String::new(),
        status: "DOWN".into(),
        allowed_address_pairs: vec![],
        extra_dhcp_opts: vec![],
        ip_allocation: "immediate".into(),
        vif_type: "unbound".into(),
        vif_details: json!({}),
        vnic_type: "normal".into(),
        host: String::new(),
        profile: Default::default(),
        port_security_enabled: false,
        dns_name: String::new(),
        dns_domain: String::new(),
        dns_assignment: vec![],
        l2_ready: false,
        dhcp_ready: false,
        failure: None,
        group_ids: Some(BTreeSet::new()),
        rest: Default::default(),
    }
}

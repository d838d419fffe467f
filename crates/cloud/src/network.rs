//! Networks: create, update, delete.

use model::NetworkId;
use model::api::network::{Network, NetworkCreate, NetworkUpdate, ProviderSegment};
use model::api::subnet::Subnet;

use crate::segment;
use crate::standard::begin;
use crate::{Refusal, Rules, Stamp};

/// What a create must know besides the request.
#[derive(Debug, Clone, Default)]
pub struct CreateFacts {
    /// Segments found free for the request, in its order.
    pub segments: Vec<ProviderSegment>,
    pub default_external: Option<String>,
    /// Availability zones of the agents.
    pub zones: Vec<String>,
}

/// Makes a network of a checked request and its segments.
pub fn create(
    new: NetworkCreate,
    facts: CreateFacts,
    rules: &Rules,
    stamp: &mut Stamp,
) -> Result<Network, Refusal> {
    if serde_json::json!(new.availability_zone_hints).to_string().len() > 255 {
        return Err(Refusal::Input("The availability zone hints are longer than 255 characters.".into()));
    }
    if let Some(zone) = new.availability_zone_hints.iter().find(|zone| !facts.zones.contains(zone)) {
        return Err(Refusal::AvailabilityZoneNotFound(zone.clone()));
    }
    check_default(new.is_default && new.external, facts.default_external, None)?;
    let most = segment::largest_of(&facts.segments, rules);
    let mtu = mtu(new.mtu, most)?;
    let multi_segment = facts.segments.len() > 1;
    let only = facts.segments.first().filter(|_| !multi_segment).cloned();
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(Network {
        id: NetworkId(stamp.uuid()),
        project_id: new.project_id,
        with_everyone: new.shared,
        external: new.external,
        is_default: new.is_default,
        status: "ACTIVE".into(),
        mtu,
        port_security_enabled: new.port_security_enabled,
        multi_segment,
        network_type: only.as_ref().map(|segment| segment.network_type.clone()),
        physical_network: only.as_ref().and_then(|segment| segment.physical_network.clone()),
        segmentation_id: only.as_ref().and_then(|segment| segment.segmentation_id),
        segments: facts.segments,
        availability_zone_hints: new.availability_zone_hints,
        dns_domain: new.dns_domain,
        rest,
    })
}

fn mtu(asked: i64, most: i64) -> Result<i64, Refusal> {
    match asked {
        0 => Ok(most),
        asked if asked > most => {
            Err(Refusal::Input(format!("MTU {asked} is larger than the network's segments carry ({most}).")))
        }
        asked => Ok(asked),
    }
}

fn check_default(asked: bool, holder: Option<String>, own: Option<NetworkId>) -> Result<(), Refusal> {
    match holder {
        Some(holder) if asked && own.is_none_or(|own| own.to_string() != holder) => {
            Err(Refusal::DefaultExternalNetworkExists(holder))
        }
        _ => Ok(()),
    }
}

/// What an update must know besides the request.
#[derive(Debug, Clone, Default)]
pub struct UpdateFacts {
    pub subnets: Vec<Subnet>,
    pub default_external: Option<String>,
    pub used_by_other_projects: bool,
    /// The VLAN asked for is free, where one is.
    pub vlan_is_free: bool,
    pub has_bound_ports: bool,
    /// Routers lead out by it.
    pub leads_out: bool,
}

/// Applies a checked change.
pub fn update(
    before: &Network,
    change: NetworkUpdate,
    facts: &UpdateFacts,
    rules: &Rules,
) -> Result<Network, Refusal> {
    let mut after = before.clone();
    update_provider(&mut after, &change, facts)?;
    if change.shared == Some(false) && before.with_everyone && facts.used_by_other_projects {
        return Err(Refusal::InvalidSharedSetting(before.id));
    }
    if let Some(asked) = change.mtu {
        after.mtu = mtu(asked, segment::largest_of(&before.segments, rules))?;
        check_mtu(after.mtu, &facts.subnets)?;
    }
    after.with_everyone = change.shared.unwrap_or(after.with_everyone);
    after.external = change.external.unwrap_or(after.external);
    if facts.leads_out && !after.external {
        return Err(Refusal::ExternalNetworkInUse(before.id));
    }
    after.is_default = change.is_default.unwrap_or(after.is_default);
    check_default(after.is_default && after.external, facts.default_external.clone(), Some(before.id))?;
    after.port_security_enabled = change.port_security_enabled.unwrap_or(after.port_security_enabled);
    after.dns_domain = change.dns_domain.unwrap_or(after.dns_domain);
    after.rest.extend(change.rest);
    Ok(after)
}

/// A network of one VLAN may move to another VLAN; nothing else about segments can change.
fn update_provider(after: &mut Network, change: &NetworkUpdate, facts: &UpdateFacts) -> Result<(), Refusal> {
    let same = |asked: &Option<String>, is: &Option<String>| asked.is_none() || asked == is;
    let id_changes = change.segmentation_id.is_some() && change.segmentation_id != after.segmentation_id;
    if change.segments.is_some()
        || !same(&change.network_type, &after.network_type)
        || !same(&change.physical_network, &after.physical_network)
        || (id_changes && (after.network_type.as_deref() != Some("vlan") || facts.has_bound_ports))
    {
        return Err(Refusal::Input(
            "Of the provider attributes, only the VLAN of a network without bound ports can change.".into(),
        ));
    }
    if let (true, Some(id)) = (id_changes, change.segmentation_id) {
        if !(1..=4094).contains(&id) {
            return Err(Refusal::Input(format!("{id} is not a VLAN id (1 to 4094).")));
        }
        if !facts.vlan_is_free {
            let physical_network = after.physical_network.clone().unwrap_or_default();
            return Err(Refusal::VlanIdInUse { vlan: id, physical_network });
        }
        after.segmentation_id = Some(id);
        after.segments[0].segmentation_id = Some(id);
    }
    Ok(())
}

/// IPv4 needs 68 bytes (RFC 791), IPv6 1280 (RFC 8200).
pub(crate) fn check_mtu(mtu: i64, subnets: &[Subnet]) -> Result<(), Refusal> {
    for subnet in subnets {
        let least = if subnet.ip_version == 6 { 1280 } else { 68 };
        if mtu < least {
            return Err(Refusal::MtuTooSmallForSubnet { mtu, ip_version: subnet.ip_version, least });
        }
    }
    Ok(())
}

/// A network goes when only ports that go with it are left.
pub fn delete(network: &Network, ports: Vec<String>) -> Result<(), Refusal> {
    if ports.is_empty() { Ok(()) } else { Err(Refusal::NetworkInUse { network: network.id, ports }) }
}

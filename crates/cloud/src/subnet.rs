//! Subnets: create, update, delete.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::SubnetId;
use model::api::network::Network;
use model::api::subnet::{Subnet, SubnetCreate, SubnetUpdate};
use model::api::subnetpool::Subnetpool;
use model::desired::{HostRoute, Ipv6Mode};

use crate::network::check_mtu;
use crate::segment::routes;
use crate::standard::begin;
use crate::subnetpool::{self, Taken, Wanted};
use crate::{Refusal, Rules, Stamp, ipam};

/// What is around a subnet to be made.
#[derive(Debug, Clone)]
pub struct CreateFacts<'a> {
    /// The range that the request says.
    pub said: Option<IpNet>,
    pub network: &'a Network,
    pub siblings: &'a [Subnet],
    /// The address scope of the siblings of its family.
    pub scope: Option<String>,
    /// The pool that it is to be from.
    pub pool: Option<(Subnetpool, Vec<Taken>)>,
}

/// Makes a subnet of a checked request; [`check_create`] has been asked about it.
pub fn create(
    mut new: SubnetCreate,
    facts: &CreateFacts<'_>,
    rules: &Rules,
    stamp: &mut Stamp,
) -> Result<Subnet, Refusal> {
    let CreateFacts { network, siblings, .. } = *facts;
    let input = |why: String| Err(Refusal::Input(why));
    let cidr = range(&mut new, facts)?;
    if let Some(sibling) = siblings.iter().find(|sibling| overlap(sibling.cidr, cidr)) {
        // Clients that try one range after another look for "overlaps with another subnet".
        let (range, id) = (sibling.cidr, &sibling.id);
        return input(format!("The range {cidr} overlaps with another subnet: {range} of {id}."));
    }
    let given_pools = new.allocation_pools.take().flatten().filter(|pools| !pools.is_empty());
    let gateway_ip = match new.gateway_ip {
        Some(said) => said,
        None => ipam::default_gateway(cidr),
    };
    let allocation_pools = match given_pools {
        Some(pools) => {
            ipam::check_pools(cidr, &pools)?;
            pools
        }
        None => ipam::default_pools(cidr, gateway_ip),
    };
    if let Some(gateway) = gateway_ip {
        ipam::check_gateway(cidr, gateway, &allocation_pools)?;
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    rest.insert("revision_number".into(), 0.into());
    let mut subnet = Subnet {
        id: SubnetId(stamp.uuid()),
        project_id: new.project_id,
        network_id: new.network_id,
        ip_version: new.ip_version,
        cidr,
        gateway_ip,
        allocation_pools,
        dns_nameservers: new.dns_nameservers.unwrap_or_default(),
        host_routes: new.host_routes.unwrap_or_default(),
        enable_dhcp: new.enable_dhcp,
        ipv6_ra_mode: new.ipv6_ra_mode,
        ipv6_address_mode: new.ipv6_address_mode,
        service_types: new.service_types.unwrap_or_default(),
        subnetpool_id: facts.pool.as_ref().map(|(pool, _)| pool.id.to_string()),
        segment_id: new.segment_id,
        rest,
    };
    check_mtu(network.mtu, std::slice::from_ref(&subnet))?;
    subnet.host_routes = routes::with_others(&subnet, siblings, rules);
    Ok(subnet)
}

/// Refuses what needs no look-up; the range that is said, if one is.
pub fn check_create(new: &SubnetCreate, rules: &Rules) -> Result<Option<IpNet>, Refusal> {
    check_pool_words(new)?;
    let said = new.cidr.as_ref().map(|text| cidr(text, new.ip_version)).transpose()?;
    if let Some(range) = said {
        check_range(range, new.enable_dhcp)?;
        check_modes(new, range)?;
    }
    let (servers, routes) = (new.dns_nameservers.as_deref(), new.host_routes.as_deref());
    check_lists(new.ip_version, servers.unwrap_or_default(), routes.unwrap_or_default(), rules)?;
    Ok(said)
}

/// Words that only make sense with subnet pools.
fn check_pool_words(new: &SubnetCreate) -> Result<(), Refusal> {
    let request = |why: &str| Err(Refusal::Request(why.into()));
    let has_pool = new.subnetpool_id.is_some() || new.use_default_subnetpool;
    if new.cidr.is_some() && new.prefixlen.is_some() {
        return request("Of cidr and prefixlen, a subnet takes one.");
    }
    if new.subnetpool_id.is_some() && new.use_default_subnetpool {
        return request("A subnet is from the pool that is said, or from the default one.");
    }
    if !has_pool && new.cidr.is_none() {
        return request("A subnet needs a cidr, or a subnet pool to take one from.");
    }
    if has_pool
        && new.cidr.is_none()
        && matches!(&new.allocation_pools, Some(Some(pools)) if !pools.is_empty())
    {
        return request("A subnet that gets any range of a pool takes no allocation_pools.");
    }
    Ok(())
}

/// The range that is said, or one from the pool.
fn range(new: &mut SubnetCreate, facts: &CreateFacts<'_>) -> Result<IpNet, Refusal> {
    let said = facts.said;
    let pool = facts.pool.as_ref().map(|(pool, _)| pool);
    subnetpool::check_network(facts.siblings, new.ip_version, pool, facts.scope.as_deref())?;
    let Some((pool, taken)) = &facts.pool else {
        return said.ok_or_else(|| Refusal::Request("A subnet needs a cidr.".into()));
    };
    if pool.ip_version != new.ip_version {
        let (of, asked) = (pool.ip_version, new.ip_version);
        return Err(Refusal::Request(format!("The subnet pool is of IPv{of}, ip_version says {asked}.")));
    }
    let wanted = match (said, new.gateway_ip) {
        (Some(range), _) => Wanted::Range(range),
        (None, Some(Some(gateway))) => Wanted::Around(gateway, new.prefixlen),
        _ => Wanted::Any(new.prefixlen),
    };
    let range = subnetpool::allocate(pool, taken, wanted, &new.project_id)?;
    if said.is_none() {
        check_range(range, new.enable_dhcp)?;
        check_modes(new, range)?;
    }
    if matches!(wanted, Wanted::Any(_)) && new.gateway_ip.is_none() {
        new.gateway_ip = Some(first(range));
    }
    Ok(range)
}

/// The first address of a range behind the network's own: the gateway of one that nobody chose, of IPv6 too.
fn first(range: IpNet) -> Option<IpAddr> {
    match range {
        IpNet::V4(_) => ipam::default_gateway(range),
        IpNet::V6(range) => u128::from(range.network()).checked_add(1).map(|first| IpAddr::V6(first.into())),
    }
}

/// Host bits are cleared in silence, as clients expect.
fn cidr(text: &str, ip_version: i64) -> Result<IpNet, Refusal> {
    let net: IpNet =
        text.parse().map_err(|_| Refusal::Input(format!("'{text}' is not a range such as 10.0.0.0/24.")))?;
    let version = if net.addr().is_ipv4() { 4 } else { 6 };
    if version != ip_version {
        return Err(Refusal::Input(format!(
            "The range {text} is of IPv{version}, ip_version says {ip_version}."
        )));
    }
    Ok(net.trunc())
}

/// Ranges that cannot be a subnet; those that DHCP cannot serve when it is on.
fn check_range(cidr: IpNet, enable_dhcp: bool) -> Result<(), Refusal> {
    let input = |why: &str| Err(Refusal::Input(format!("The range {cidr} {why}.")));
    if cidr.prefix_len() == 0 {
        return input("has a prefix length of 0");
    }
    let network = cidr.network();
    if network.is_ipv6() && network.is_unspecified() {
        return input("begins with the unspecified address");
    }
    if !enable_dhcp {
        return Ok(());
    }
    if network.is_multicast() {
        return input("is multicast: switch DHCP off or take another");
    }
    if network.is_loopback() {
        return input("is loopback: switch DHCP off or take another");
    }
    if network.is_ipv4() && Ipv4Addr::UNSPECIFIED == network {
        return input("begins with 0.0.0.0: switch DHCP off or take another");
    }
    let most = if network.is_ipv4() { 30 } else { 126 };
    if cidr.prefix_len() > most {
        return input("is too small for DHCP: switch DHCP off or take a larger one");
    }
    Ok(())
}

fn check_modes(new: &SubnetCreate, cidr: IpNet) -> Result<(), Refusal> {
    let input = |why: &str| Err(Refusal::Input(why.into()));
    let (ra, address) = (new.ipv6_ra_mode, new.ipv6_address_mode);
    if ra.is_none() && address.is_none() {
        return Ok(());
    }
    if new.ip_version == 4 {
        return input("ipv6_ra_mode and ipv6_address_mode are for IPv6 subnets.");
    }
    if !new.enable_dhcp {
        return input("ipv6_ra_mode and ipv6_address_mode need enable_dhcp.");
    }
    if ra.is_some() && address.is_some() && ra != address {
        return input("ipv6_ra_mode and ipv6_address_mode must be the same when both are set.");
    }
    let auto = |mode| matches!(mode, Some(Ipv6Mode::Slaac | Ipv6Mode::Dhcpv6Stateless));
    if (auto(ra) || auto(address)) && cidr.prefix_len() != 64 {
        return input("Instances make their own addresses only in a range of /64.");
    }
    Ok(())
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Counts and families of name servers and routes.
fn check_lists(
    ip_version: i64,
    servers: &[IpAddr],
    routes: &[HostRoute],
    rules: &Rules,
) -> Result<(), Refusal> {
    let is_v4 = ip_version == 4;
    if servers.len() > rules.max_dns_nameservers {
        return Err(Refusal::TooManyNameServers(rules.max_dns_nameservers));
    }
    if routes.len() > rules.max_subnet_host_routes {
        return Err(Refusal::TooManyHostRoutes(rules.max_subnet_host_routes));
    }
    let fits = |ip: &IpAddr| ip.is_ipv4() == is_v4;
    if let Some(server) = servers.iter().find(|server| !fits(server)) {
        return Err(Refusal::Input(format!("The name server {server} is not of the subnet's family.")));
    }
    let strange = |route: &&HostRoute| !fits(&route.nexthop) || !fits(&route.destination.addr());
    if let Some(route) = routes.iter().find(strange) {
        return Err(Refusal::Input(format!(
            "The route {} via {} is not of the subnet's family.",
            route.destination, route.nexthop
        )));
    }
    Ok(())
}

/// Applies a checked change. `gateway_holder` is the router port that has the gateway's address; `subnets`
/// are the network's, if they are on segments.
pub fn update(
    before: &Subnet,
    change: SubnetUpdate,
    gateway_holder: Option<String>,
    subnets: &[Subnet],
    rules: &Rules,
) -> Result<Subnet, Refusal> {
    let mut after = before.clone();
    if let Some(segment) = change.segment_id {
        after.segment_id = segment;
    }
    if let Some(enable_dhcp) = change.enable_dhcp {
        let modes = before.ipv6_ra_mode.is_some() || before.ipv6_address_mode.is_some();
        if !enable_dhcp && before.enable_dhcp && modes {
            return Err(Refusal::Input("DHCP cannot be switched off while the IPv6 modes are set.".into()));
        }
        if enable_dhcp && !before.enable_dhcp {
            check_range(before.cidr, true)?;
        }
        after.enable_dhcp = enable_dhcp;
    }
    if let Some(pools) = change.allocation_pools {
        let pools = pools.unwrap_or_default();
        ipam::check_pools(before.cidr, &pools)?;
        after.allocation_pools = pools;
    }
    if let Some(gateway) = change.gateway_ip {
        if let (Some(port), Some(held)) = (gateway_holder, before.gateway_ip)
            && gateway != before.gateway_ip
        {
            return Err(Refusal::GatewayInUse { gateway: held, port });
        }
        after.gateway_ip = gateway;
    }
    if let Some(gateway) = after.gateway_ip {
        ipam::check_gateway(before.cidr, gateway, &after.allocation_pools)?;
    }
    after.dns_nameservers = change.dns_nameservers.unwrap_or(after.dns_nameservers);
    after.host_routes = change.host_routes.unwrap_or(after.host_routes);
    after.service_types = change.service_types.unwrap_or(after.service_types);
    after.rest.extend(change.rest);
    check_lists(after.ip_version, &after.dns_nameservers, &after.host_routes, rules)?;
    if let Some(gateway) = before.gateway_ip.filter(|_| after.gateway_ip != before.gateway_ip) {
        after.host_routes = routes::without_others(&after, gateway, subnets);
    }
    after.host_routes = routes::with_others(&after, subnets, rules);
    Ok(after)
}

/// A subnet goes when only addresses are left that go with it.
pub fn delete(subnet: &Subnet, holders: Vec<String>) -> Result<(), Refusal> {
    if holders.is_empty() { Ok(()) } else { Err(Refusal::SubnetInUse { subnet: subnet.id, ports: holders }) }
}

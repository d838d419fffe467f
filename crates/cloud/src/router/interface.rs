//! Interfaces: a router's legs in networks of instances.

use std::net::IpAddr;

use model::SubnetId;
use model::api::port::{FixedIp, FixedIpAsk, Port, PortCreate};
use model::api::router::{Router, RouterPortKind};
use model::api::subnet::Subnet;

use super::Leg;
use crate::Refusal;
use crate::port::service_port;

/// The owner of a router's interfaces, which tells what kind of router it is.
pub fn owner(router: &Router) -> &'static str {
    match router {
        Router { distributed: true, .. } => "network:router_interface_distributed",
        Router { ha: true, .. } => "network:ha_router_replicated_interface",
        _ => "network:router_interface",
    }
}

/// How a subnet is joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Join {
    By(PortCreate),
    /// A port that is there gets one more address: IPv6 subnets of one network share a port.
    Extended(Port, Vec<FixedIpAsk>),
}

/// How an interface on a subnet is left.
#[derive(Debug, Clone, PartialEq)]
pub enum Leave {
    Deleted(Port),
    /// The port keeps its addresses on other subnets.
    Reduced(Port, Vec<FixedIpAsk>),
}

fn is_interface(leg: &&Leg) -> bool {
    leg.kind == RouterPortKind::Interface
}

fn has_ipv6(port: &Port) -> bool {
    port.fixed_ips.iter().any(|fixed| fixed.ip_address.is_ipv6())
}

pub(super) fn as_asked(fixed: &FixedIp) -> FixedIpAsk {
    FixedIpAsk { subnet_id: Some(fixed.subnet_id), ip_address: Some(fixed.ip_address), delete_subnet: false }
}

/// Decides how a router gets an interface with the subnet's gateway address. `subnets` are those of the
/// legs' networks.
pub fn join(router: &Router, legs: &[Leg], subnets: &[Subnet], subnet: &Subnet) -> Result<Join, Refusal> {
    let Some(gateway) = subnet.gateway_ip else {
        return Err(Refusal::Request(format!(
            "Subnet {} has no gateway address for the router to take.",
            subnet.id
        )));
    };
    check_announced(subnet)?;
    check_distinct(legs, subnets, std::slice::from_ref(subnet))?;
    let fixed = as_asked(&FixedIp { subnet_id: subnet.id, ip_address: gateway });
    if subnet.ip_version == 6 {
        let mut of_network =
            legs.iter().filter(is_interface).filter(|l| l.port.network_id == subnet.network_id);
        if let Some(leg) = of_network.find(|leg| has_ipv6(&leg.port)) {
            let mut asks: Vec<FixedIpAsk> = leg.port.fixed_ips.iter().map(as_asked).collect();
            asks.push(fixed);
            return Ok(Join::Extended(leg.port.clone(), asks));
        }
    }
    let port = service_port(&router.project_id, subnet.network_id, owner(router), router.id.to_string());
    Ok(Join::By(PortCreate { fixed_ips: Some(vec![fixed]), ..port }))
}

/// Instances of such a subnet listen to a router outside of the cloud.
fn check_announced(subnet: &Subnet) -> Result<(), Refusal> {
    if subnet.ip_version == 6 && subnet.ipv6_ra_mode.is_none() && subnet.ipv6_address_mode.is_some() {
        return Err(Refusal::Request(format!(
            "Subnet {} takes its advertisements from a router outside, so none of ours joins it.",
            subnet.id
        )));
    }
    Ok(())
}

/// No subnet twice, and none that overlaps with another one of the router.
pub(super) fn check_distinct<'a>(
    legs: impl IntoIterator<Item = &'a Leg>,
    subnets: &[Subnet],
    new: &[Subnet],
) -> Result<(), Refusal> {
    let request = |why: String| Err(Refusal::Request(why));
    for leg in legs {
        let on = |subnet: &&Subnet| leg.port.fixed_ips.iter().any(|fixed| fixed.subnet_id == subnet.id);
        if let Some(subnet) = new.iter().find(on) {
            return request(format!("The router has a port on subnet {} already.", subnet.id));
        }
        // Outside, every subnet is within reach, also those without an address of the router.
        let outside = leg.kind == RouterPortKind::Gateway;
        let reached = |s: &&Subnet| s.network_id == leg.port.network_id && (outside || on(s));
        for (there, new) in
            subnets.iter().filter(reached).flat_map(|there| new.iter().map(move |n| (there, n)))
        {
            if there.cidr.contains(&new.cidr) || new.cidr.contains(&there.cidr) {
                return request(format!(
                    "The range {} of subnet {} overlaps with {} of subnet {}, which the router is on.",
                    new.cidr, new.id, there.cidr, there.id
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a port that cannot become an interface whatever the router is.
pub fn check_port(port: &Port, subnets: &[Subnet]) -> Result<(), Refusal> {
    if !port.device_id.is_empty() {
        return Err(Refusal::PortInUse { port: port.id, device: port.device_id.clone() });
    }
    if port.fixed_ips.is_empty() {
        return Err(Refusal::Request(format!("Port {} has no address for the router to take.", port.id)));
    }
    subnets_of(port, subnets).try_for_each(check_announced)
}

/// The subnets that a port has addresses on, one per address; `subnets` are those of its network.
pub fn subnets_of<'a>(port: &'a Port, subnets: &'a [Subnet]) -> impl Iterator<Item = &'a Subnet> {
    let subnet = |id: SubnetId| subnets.iter().find(move |subnet| subnet.id == id);
    port.fixed_ips.iter().filter_map(move |fixed| subnet(fixed.subnet_id))
}

/// Decides whether a router may take a port as its interface. `caller` is the project of a caller
/// who does not administer the cloud.
pub fn join_port(
    legs: &[Leg],
    subnets: &[Subnet],
    port: &Port,
    of_port: &[Subnet],
    caller: Option<&str>,
) -> Result<(), Refusal> {
    if has_ipv6(port) {
        let there = |leg: &&Leg| leg.port.network_id == port.network_id && has_ipv6(&leg.port);
        if let Some(leg) = legs.iter().find(there) {
            return Err(Refusal::Request(format!(
                "The router has the port {} for IPv6 on network {} already; add the subnet instead.",
                leg.port.id, port.network_id
            )));
        }
    }
    let joined: Vec<Subnet> = subnets_of(port, of_port).cloned().collect();
    check_distinct(legs, subnets, &joined)?;
    if joined.iter().filter(|subnet| subnet.ip_version == 4).count() > 1 {
        return Err(Refusal::Request(format!(
            "Port {} has several IPv4 addresses; an interface has one.",
            port.id
        )));
    }
    for (subnet, fixed) in joined.iter().zip(&port.fixed_ips) {
        let pooled = subnet.allocation_pools.iter().any(|pool| holds(pool.start, pool.end, fixed.ip_address));
        if caller.is_some_and(|project| !pooled && project != subnet.project_id) {
            return Err(Refusal::Request(format!(
                "The address {} lies outside of the pools of subnet {}, which is not yours.",
                fixed.ip_address, subnet.id
            )));
        }
    }
    Ok(())
}

fn holds(start: IpAddr, end: IpAddr, ip: IpAddr) -> bool {
    (start..=end).contains(&ip)
}

/// Decides how the interface on a subnet goes.
pub fn leave(router: &Router, legs: &[Leg], subnet: &Subnet) -> Result<Leave, Refusal> {
    let on = |leg: &&Leg| leg.port.fixed_ips.iter().any(|fixed| fixed.subnet_id == subnet.id);
    let Some(leg) = legs.iter().filter(is_interface).find(on) else {
        return Err(Refusal::InterfaceNotFoundForSubnet { router: router.id, subnet: subnet.id });
    };
    let rest = leg.port.fixed_ips.iter().filter(|fixed| fixed.subnet_id != subnet.id);
    let rest: Vec<FixedIpAsk> = rest.map(as_asked).collect();
    let port = leg.port.clone();
    Ok(if rest.is_empty() { Leave::Deleted(port) } else { Leave::Reduced(port, rest) })
}

/// The interface that is this port; `subnet` must be one of its own if it is said.
pub fn leave_port<'a>(
    router: &Router,
    legs: &'a [Leg],
    port: &str,
    subnet: Option<&str>,
) -> Result<&'a Port, Refusal> {
    let is = |leg: &&Leg| leg.port.id.to_string() == port;
    let Some(leg) = legs.iter().filter(is_interface).find(is) else {
        return Err(Refusal::InterfaceNotFound { router: router.id, port: port.to_owned() });
    };
    let on = |subnet: &str| leg.port.fixed_ips.iter().any(|fixed| fixed.subnet_id.to_string() == subnet);
    if let Some(subnet) = subnet.filter(|subnet| !on(subnet)) {
        return Err(Refusal::SubnetMismatchForPort { port: leg.port.id, subnet: subnet.to_owned() });
    }
    Ok(&leg.port)
}

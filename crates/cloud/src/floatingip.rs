//! Floating IPs: create, update, and by which router they reach their port.

use std::net::{IpAddr, Ipv4Addr};

use model::api::floatingip::{DOWN, FloatingIp, FloatingIpCreate, FloatingIpUpdate};
use model::api::network::Network;
use model::api::port::{FixedIp, FixedIpAsk, Port, PortCreate};
use model::api::subnet::Subnet;
use model::{FloatingIpId, PortId, RouterId, SubnetId};

use crate::port::service_port;
use crate::standard::begin;
use crate::{Refusal, Stamp};

/// The owner of the port that holds a floating IP's address.
pub const OWNER: &str = "network:floatingip";
/// What a distributed router can carry to a host's own way out.
const BRIDGED: [&str; 2] = ["normal", "smart-nic"];

/// Refuses what needs no look-up, before an address is searched.
pub fn check_create(network: &Network, subnets: &[Subnet]) -> Result<(), Refusal> {
    if !network.external {
        return Err(Refusal::Request(format!("Network {} is not external.", network.id)));
    }
    if subnets.iter().all(|subnet| subnet.ip_version != 4) {
        return Err(Refusal::Request(format!("Network {} has no IPv4 subnet.", network.id)));
    }
    Ok(())
}

/// The floating IP's own port, as a request of the server's own.
pub fn own_port(id: FloatingIpId, new: &FloatingIpCreate) -> PortCreate {
    let mut port = service_port("", new.floating_network_id, OWNER, id.to_string());
    if new.subnet_id.is_some() || new.floating_ip_address.is_some() {
        let (subnet_id, ip_address) = (new.subnet_id, new.floating_ip_address);
        port.fixed_ips = Some(vec![FixedIpAsk { subnet_id, ip_address, delete_subnet: false }]);
    }
    port
}

/// The address that a floating IP is: the IPv4 one of its port.
pub fn address(own: &Port) -> Result<Ipv4Addr, Refusal> {
    ipv4(own).map(|(ip, _)| ip).next().ok_or(Refusal::ExternalAddressesExhausted(own.network_id))
}

fn ipv4(port: &Port) -> impl Iterator<Item = (Ipv4Addr, SubnetId)> {
    port.fixed_ips.iter().filter_map(|fixed: &FixedIp| match fixed.ip_address {
        IpAddr::V4(ip) => Some((ip, fixed.subnet_id)),
        IpAddr::V6(_) => None,
    })
}

/// Makes a floating IP that belongs to no port yet.
pub fn create(
    new: FloatingIpCreate,
    id: FloatingIpId,
    own: &Port,
    stamp: &Stamp,
) -> Result<FloatingIp, Refusal> {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    rest.insert("revision_number".into(), 0.into());
    // Names are kept for those who tell a DNS server of them; nobody does.
    for name in ["dns_name", "dns_domain"] {
        rest.insert(name.into(), "".into());
    }
    Ok(FloatingIp {
        id,
        project_id: new.project_id,
        floating_network_id: new.floating_network_id,
        floating_ip_address: address(own)?.into(),
        floating_port_id: own.id,
        router_id: None,
        last_router_id: None,
        port_id: None,
        fixed_ip_address: None,
        status: DOWN.into(),
        qos_policy_id: new.qos_policy_id,
        rest,
    })
}

/// What a request says of the port that a floating IP is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    pub port: PortId,
    pub address: Option<IpAddr>,
    pub router: Option<RouterId>,
}

/// What becomes of a floating IP's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Stays,
    Leaves,
    Comes(Wish),
}

/// Reads a change. One of other attributes leaves floating IPs where they are.
pub fn turn(before: &FloatingIp, change: &FloatingIpUpdate) -> Result<Turn, Refusal> {
    let (address, router) = (change.fixed_ip_address, change.router_id);
    match (change.port_id, before.port_id) {
        (None | Some(None), _) if address.is_some() => {
            Err(Refusal::Request("fixed_ip_address needs a port_id.".into()))
        }
        (Some(None), _) => Ok(Turn::Leaves),
        (Some(Some(port)), _) => Ok(Turn::Comes(Wish { port, address, router })),
        (None, Some(port)) if router.is_some() => {
            Ok(Turn::Comes(Wish { port, address: before.fixed_ip_address.map(IpAddr::from), router }))
        }
        (None, _) => Ok(Turn::Stays),
    }
}

/// The address of a port that a floating IP leads to, and its subnet.
/// `owner` is the floating IP's project; administrators join what is of several.
pub fn inside(
    port: &Port,
    wish: &Wish,
    owner: &str,
    is_admin: bool,
) -> Result<(Ipv4Addr, SubnetId), Refusal> {
    let refuse = |why: &str| Err(Refusal::Request(format!("Port {}: {why}.", port.id)));
    if port.project_id != owner && !is_admin {
        return refuse("it is of another project than the floating IP");
    }
    if port.device_owner == "network:dhcp" {
        return refuse("a port of DHCP takes no floating IP");
    }
    let mut candidates = ipv4(port);
    match wish.address {
        Some(IpAddr::V6(ip)) => Err(Refusal::Request(format!("{ip} is not an IPv4 address."))),
        Some(IpAddr::V4(asked)) => match candidates.find(|(ip, _)| *ip == asked) {
            Some(found) => Ok(found),
            None => refuse(&format!("it does not have the address {asked}")),
        },
        None => match (candidates.next(), candidates.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => refuse("it has several IPv4 addresses; say which in fixed_ip_address"),
            (None, _) => refuse("it has no IPv4 address"),
        },
    }
}

/// A router between a subnet and an external network, and its address in the subnet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Between {
    pub router: RouterId,
    pub address: IpAddr,
    pub distributed: bool,
}

/// The router that instances of a subnet use, of those that reach the external network: the one at the
/// subnet's gateway address, else the first.
pub fn choose_router(subnet: &Subnet, routers: &[Between]) -> Option<Between> {
    let at_gateway = routers.iter().find(|between| Some(between.address) == subnet.gateway_ip);
    at_gateway.or(routers.first()).copied()
}

/// A port that a floating IP comes to, found by a [`Wish`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    pub port: PortId,
    pub address: Ipv4Addr,
    pub router: RouterId,
}

/// A distributed router carries floating IPs on the hosts of their ports, which must let it.
pub fn check_reach(port: &Port, distributed: bool) -> Result<(), Refusal> {
    if distributed && !BRIDGED.contains(&port.vnic_type.as_str()) {
        return Err(Refusal::Request(format!(
            "Port {}: its vnic type {} takes no floating IP of a distributed router.",
            port.id, port.vnic_type
        )));
    }
    Ok(())
}

/// What else has a say in a floating IP's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlaceFacts {
    /// The port's address has another floating IP on the external network.
    pub taken: bool,
    /// The floating IP forwards ports.
    pub forwards: bool,
}

/// Gives a floating IP to a port, or takes it away with `None`.
pub fn place(floatingip: &mut FloatingIp, found: Option<Found>, facts: PlaceFacts) -> Result<(), Refusal> {
    if let Some(found) = found {
        if facts.taken {
            return Err(Refusal::FloatingIpTaken {
                port: found.port,
                fixed: found.address.into(),
                network: floatingip.floating_network_id,
            });
        }
        if facts.forwards {
            return Err(Refusal::FloatingIpForwards(floatingip.id));
        }
    }
    let before = floatingip.router_id;
    floatingip.port_id = found.map(|found| found.port);
    floatingip.fixed_ip_address = found.map(|found| found.address);
    // The forwardings of one without a port keep it at their router.
    floatingip.router_id = found.map(|found| found.router).or(before.filter(|_| facts.forwards));
    left(floatingip, before);
    Ok(())
}

/// Notes the router that a floating IP has left: its report tells when it is down there.
pub fn left(floatingip: &mut FloatingIp, before: Option<RouterId>) {
    if before.is_some() && before != floatingip.router_id {
        floatingip.last_router_id = before;
    }
    if floatingip.last_router_id == floatingip.router_id {
        floatingip.last_router_id = None;
    }
}

/// A floating IP goes when it forwards nothing.
pub fn delete(floatingip: &FloatingIp, forwards: bool) -> Result<(), Refusal> {
    if forwards { Err(Refusal::FloatingIpForwards(floatingip.id)) } else { Ok(()) }
}

//! A router in one namespace: everything in it besides its legs.
//!
//! Owns its routes, settings and address translation, of one that is not distributed; `dvr` has the
//! pieces of those that are, `leg` the devices that lead into networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::desired::{Gateway, HostRoute, Router, RouterPort};
use wire::Mac;

use crate::ct_helpers::HelperSet;
use crate::meter::Meters;
use crate::names;
use crate::nat::Nat;
use crate::op::{MAIN_TABLE, Of, Route, Rule, Sysctl};

/// What stands in a namespace besides its devices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Room {
    pub routes: Routes,
    pub rules: BTreeSet<Rule>,
    /// Device and address.
    pub neighbours: BTreeMap<(String, IpAddr), Mac>,
    /// Device, and an address elsewhere that it answers for.
    pub proxies: BTreeSet<(String, Ipv6Addr)>,
    pub sysctls: BTreeMap<Sysctl, u32>,
    pub nat: Option<Nat>,
    pub helpers: Option<HelperSet>,
    pub meters: Option<Meters>,
}

/// Routes by what tells them apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Routes(BTreeMap<(u32, IpNet), Route>);

impl Routes {
    /// Takes a route in; of two to the same net the later stays.
    pub fn put(&mut self, route: Route) {
        self.0.insert((route.table, route.to), route);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.values()
    }
}

impl Room {
    /// The gateway's device answers for addresses behind the router.
    pub fn answer_for(&mut self, gateway: &Gateway, device: &str) {
        // Only where there is IPv6: a link of a small MTU has none.
        let has_ipv6 = gateway.port.addresses.iter().any(|net| net.addr().is_ipv6());
        let proxies = gateway.ndp_proxies.as_ref().filter(|_| has_ipv6);
        self.proxies.extend(proxies.into_iter().flatten().map(|ip| (device.to_owned(), *ip)));
        let answers = proxies.is_some().into();
        self.sysctls.insert(Sysctl::ProxyNdp(Of::Device(device.to_owned())), answers);
    }
}

/// The room of a router that is not distributed.
pub fn whole(router: &Router) -> Room {
    let mut room = Room { sysctls: forwarding(), ..Room::default() };
    room.helpers = HelperSet::new(&router.conntrack_helpers);
    if let Some(gateway) = &router.gateway {
        let device = names::gateway_device(gateway.port.port_id);
        for route in default_routes(gateway, &device) {
            room.routes.put(route);
        }
        room.meters = Meters::new(&device, &router.meters);
        room.answer_for(gateway, &device);
        let (forwardings, interfaces) = (&router.port_forwardings, &router.interfaces);
        room.nat = Some(Nat::of_gateway(device, gateway, &router.floating_ips, forwardings, interfaces));
    }
    let interfaces = router.interfaces.iter().map(|i| (names::interface_device(i.port.port_id), &i.port));
    let gateway = router.gateway.iter().map(|g| (names::gateway_device(g.port.port_id), &g.port));
    let legs: Vec<(String, &RouterPort)> = interfaces.chain(gateway).collect();
    for route in extra_routes(&router.routes, &legs) {
        room.routes.put(route);
    }
    room
}

/// Floating IPs that the gateway's device answers for, as addresses that lead nowhere: each once, however
/// many ports it forwards.
pub fn answered(router: &Router) -> BTreeSet<IpNet> {
    let floating = router.floating_ips.iter();
    let here = floating.filter(|floating| !router.distributed || floating.centralized);
    let forwarded = router.port_forwardings.iter().map(|forwarding| forwarding.floating_ip);
    here.map(|floating| floating.floating_ip).chain(forwarded).map(IpNet::from).collect()
}

/// By the gateway's next hops; one that no address of the gateway reaches is on the link all the same.
pub fn default_routes(gateway: &Gateway, device: &str) -> Vec<Route> {
    default_by(&gateway.nexthops, &gateway.port, device)
}

pub fn default_by(nexthops: &[IpAddr], port: &RouterPort, device: &str) -> Vec<Route> {
    let route = |via: &IpAddr| Route {
        table: MAIN_TABLE,
        to: everything(via),
        via: Some(*via),
        device: device.to_owned(),
        onlink: !reaches(port, via),
    };
    nexthops.iter().map(route).collect()
}

/// Routes of the router's owner whose next hop one of the legs reaches. What is on a leg is reached by it: a
/// route to that would take the place of the kernel's own, and leave none when it goes.
pub fn extra_routes(routes: &[HostRoute], legs: &[(String, &RouterPort)]) -> Vec<Route> {
    let route = |extra: &HostRoute| {
        let (device, _) = legs.iter().find(|(_, port)| reaches(port, &extra.nexthop))?;
        Some(Route {
            table: MAIN_TABLE,
            to: extra.destination.trunc(),
            via: Some(extra.nexthop),
            device: device.clone(),
            onlink: false,
        })
    };
    // A route goes by hops of its own family.
    let fits = |extra: &&HostRoute| extra.destination.addr().is_ipv4() == extra.nexthop.is_ipv4();
    let nets: BTreeSet<IpNet> = legs.iter().flat_map(|(_, port)| &port.addresses).map(IpNet::trunc).collect();
    let away = |extra: &&HostRoute| !nets.contains(&extra.destination.trunc());
    routes.iter().filter(fits).filter(away).filter_map(route).collect()
}

/// The net of all addresses of an address's family.
pub fn everything(of: &IpAddr) -> IpNet {
    match of {
        IpAddr::V4(_) => Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// What makes a namespace forward.
///
/// Reverse paths of a distributed router differ from its paths, and hosts share its addresses: it
/// neither checks for the one nor asks whether the other are taken.
pub fn forwarding() -> BTreeMap<Sysctl, u32> {
    [
        (Sysctl::Ipv4Forward, 1),
        (Sysctl::Ipv6Forward, 1),
        (Sysctl::RpFilter(Of::All), 0),
        (Sysctl::RpFilter(Of::Default), 0),
        (Sysctl::ArpIgnore(Of::All), 1),
        (Sysctl::ArpAnnounce(Of::All), 2),
        (Sysctl::SendRedirects(Of::All), 0),
        (Sysctl::SendRedirects(Of::Default), 0),
        (Sysctl::AcceptRa(Of::Default), 0),
        (Sysctl::AcceptDad(Of::Default), 0),
        (Sysctl::AddrGenMode(Of::Default), 0),
    ]
    .into()
}

fn reaches(port: &RouterPort, ip: &IpAddr) -> bool {
    port.addresses.iter().any(|net| net.contains(ip))
}

#[cfg(test)]
mod tests {
    use model::PortId;
    use uuid::Uuid;
    use wire::Mac;

    use super::*;

    fn leg(address: &str) -> (String, RouterPort) {
        let addresses = vec![address.parse().expect("address")];
        let port = RouterPort {
            port_id: PortId(Uuid::nil()),
            network_id: Uuid::nil().into(),
            mac: Mac::ZERO,
            addresses,
        };
        ("qr-1".into(), port)
    }

    #[test]
    fn what_is_on_a_leg_needs_no_route_of_its_owner() {
        let legs = [leg("10.0.0.1/24"), leg("10.1.0.1/16")];
        let legs: Vec<(String, &RouterPort)> = legs.iter().map(|(name, port)| (name.clone(), port)).collect();
        let routes =
            ["10.0.0.0/24", "10.0.0.7/24", "10.1.0.0/16", "10.0.0.0/25", "10.1.2.0/24", "10.9.0.0/24"];
        let routes = routes.map(|to| HostRoute {
            destination: to.parse().expect("net"),
            nexthop: "10.0.0.9".parse().expect("address"),
        });
        let to: Vec<String> = extra_routes(&routes, &legs).iter().map(|route| route.to.to_string()).collect();
        assert_eq!(to, ["10.0.0.0/25", "10.1.2.0/24", "10.9.0.0/24"]);
    }
}

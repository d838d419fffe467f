//! The pieces of a distributed router: what every host of its instances has, what a network node
//! has for all of them, and a host's own way to an external network.
//!
//! ```text
//! qrouter-  main table: subnets, extra routes
//!           from a floating IP's fixed address -> table 16 -> rfp- == fpr- fip- fg- outside
//!           from a subnet -> a table of its interface -> sg- snat- qg- outside, on a network node
//! ```
//! `rfp-` and `fpr-` have no addresses: routes over them are on the link whatever hop they name, and
//! who has that hop is written, so every router can use the same two hops.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use model::desired::{Fip, Interface, Router, RouterPort, RouterSubnet};
use model::{PortId, RouterId};
use wire::Mac;

use crate::ct_helpers::HelperSet;
use crate::meter::Meters;
use crate::names::{self, Netns};
use crate::nat::Nat;
use crate::op::{Of, Route, Rule, Sysctl};
use crate::router::{self, Room};

/// Where instances with a floating IP of this host are routed.
const FLOATING_TABLE: u32 = 16;

/// Behind the main table (32766) and the default one.
const FLOATING_RULE: u32 = 32768;
const SUBNET_RULE: u32 = 32769;
const ANSWER_RULE: u32 = 32770;

/// The hop at the router's end of its way to `fip-`.
const ROUTER_HOP: Ipv4Addr = Ipv4Addr::new(169, 254, 64, 0);
/// The hop at the other end.
const FIP_HOP: Ipv4Addr = Ipv4Addr::new(169, 254, 64, 1);

/// A pair of devices between a router's namespace and the host's way to its external network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    pub netns: Netns,
    pub device: String,
    pub mac: Mac,
    pub fip_netns: Netns,
    pub fip_device: String,
    pub fip_mac: Mac,
}

/// The way that the router's floating IPs take from this host, when it carries some.
pub fn way(router: &Router, fip: Option<&Fip>) -> Option<Way> {
    let fip = fip?;
    floating_ips(router).next()?;
    Some(Way {
        netns: Netns::Router(router.id),
        device: names::to_fip_device(router.id),
        mac: mac(0x06, router.id),
        fip_netns: Netns::Fip(fip.network_id),
        fip_device: names::to_router_device(router.id),
        fip_mac: mac(0x0a, router.id),
    })
}

/// What every host of the router's instances has.
pub fn distributed(router: &Router, way: Option<&Way>) -> Room {
    let mut room = Room { sysctls: router::forwarding(), ..Room::default() };
    let legs: Vec<(String, &RouterPort)> = router.interfaces.iter().map(|i| (device(i), &i.port)).collect();
    for route in router::extra_routes(&router.routes, &legs) {
        room.routes.put(route);
    }
    for interface in &router.interfaces {
        add_redirect(&mut room, interface);
    }
    let Some(way) = way else { return room };
    let fixed = floating_ips(router).map(|(_, fixed)| Rule {
        priority: FLOATING_RULE,
        from: fixed.into(),
        table: FLOATING_TABLE,
    });
    room.rules.extend(fixed);
    // What the router itself answers, such as that a packet is too big: it has no source yet.
    let unspecified = IpNet::from(IpAddr::from(Ipv4Addr::UNSPECIFIED));
    room.rules.insert(Rule { priority: ANSWER_RULE, from: unspecified, table: FLOATING_TABLE });
    room.routes.put(by_hop(FLOATING_TABLE, Ipv4Net::default().into(), FIP_HOP, &way.device));
    room.neighbours.insert((way.device.clone(), FIP_HOP.into()), way.fip_mac);
    let carried = router.floating_ips.iter().filter(|floating| !floating.centralized).cloned();
    room.meters = Meters::new(&way.device, &router.meters);
    room.nat = Some(Nat::of_host(way.device.clone(), &carried.collect::<Vec<_>>()));
    room
}

/// What a network node has for the router.
pub fn centralized(router: &Router) -> Room {
    let mut room = Room { sysctls: router::forwarding(), ..Room::default() };
    room.helpers = HelperSet::new(&router.conntrack_helpers);
    let Some(gateway) = &router.gateway else { return room };
    let device = names::gateway_device(gateway.port.port_id);
    for route in router::default_routes(gateway, &device) {
        room.routes.put(route);
    }
    let snat = router.interfaces.iter().filter_map(|interface| interface.snat.as_ref());
    let snat = snat.map(|port| (names::snat_device(port.port_id), port));
    let legs: Vec<(String, &RouterPort)> = snat.chain([(device.clone(), &gateway.port)]).collect();
    for route in router::extra_routes(&router.routes, &legs) {
        room.routes.put(route);
    }
    let carried = router.floating_ips.iter().filter(|floating| floating.centralized).cloned();
    let carried: Vec<_> = carried.collect();
    room.meters = Meters::new(&device, &router.meters);
    room.answer_for(gateway, &device);
    let (forwardings, interfaces) = (&router.port_forwardings, &router.interfaces);
    room.nat = Some(Nat::of_gateway(device, gateway, &carried, forwardings, interfaces));
    room
}

/// A host's own way to an external network; it answers for the floating IPs that lead on from it.
pub fn fip(fip: &Fip) -> Room {
    let device = names::fip_device(fip.port.port_id);
    let mut room = Room { sysctls: router::forwarding(), ..Room::default() };
    for route in router::default_by(&fip.nexthops, &fip.port, &device) {
        room.routes.put(route);
    }
    room.sysctls.insert(Sysctl::ProxyArp(Of::Device(device.clone())), 1);
    // Nobody else answers for these addresses: there is no reason to wait for others.
    room.sysctls.insert(Sysctl::ProxyDelay(Of::Device(device)), 0);
    room
}

/// What a router adds to a host's way to its external network: floating IPs lead to it.
pub fn behind_fip(router: &Router, way: &Way) -> Room {
    let mut room = Room::default();
    for (floating, _) in floating_ips(router) {
        room.routes.put(by_hop(crate::op::MAIN_TABLE, floating.into(), ROUTER_HOP, &way.fip_device));
    }
    room.neighbours.insert((way.fip_device.clone(), ROUTER_HOP.into()), way.mac);
    room
}

/// What has no other way out leaves by the network node's leg in the same network.
fn add_redirect(room: &mut Room, interface: &Interface) {
    let Some(snat) = &interface.snat else { return };
    let table = table(interface.port.port_id);
    for subnet in &interface.subnets {
        let Some(via) = hop(snat, subnet) else { continue };
        room.rules.insert(Rule { priority: SUBNET_RULE, from: subnet.cidr.trunc(), table });
        room.routes.put(Route {
            table,
            to: router::everything(&via),
            via: Some(via),
            device: device(interface),
            onlink: false,
        });
    }
}

/// The network node's legs on a host's own devices, of those that `led` says lead somewhere: nobody
/// asks for them. A question asked before they were there would be repeated only after a second.
pub fn behind_redirects(
    router: &Router,
    led: impl Fn(&RouterPort) -> bool,
) -> BTreeMap<(String, IpAddr), Mac> {
    let mut neighbours = BTreeMap::new();
    for interface in &router.interfaces {
        let Some(snat) = interface.snat.as_ref().filter(|snat| led(snat)) else { continue };
        let hops = interface.subnets.iter().filter_map(|subnet| hop(snat, subnet));
        neighbours.extend(hops.map(|ip| ((device(interface), ip), snat.mac)));
    }
    neighbours
}

/// The network node's address in a subnet.
fn hop(snat: &RouterPort, subnet: &RouterSubnet) -> Option<IpAddr> {
    snat.addresses.iter().map(IpNet::addr).find(|ip| subnet.cidr.contains(ip))
}

/// Floating and fixed address of those that this host carries itself.
fn floating_ips(router: &Router) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
    let carried = router.floating_ips.iter().filter(|floating| !floating.centralized);
    let pairs = carried.map(|floating| (floating.floating_ip, floating.fixed_ip));
    pairs.filter(|(floating, fixed)| floating.is_ipv4() && fixed.is_ipv4())
}

fn by_hop(table: u32, to: IpNet, via: Ipv4Addr, device: &str) -> Route {
    Route { table, to, via: Some(via.into()), device: device.to_owned(), onlink: true }
}

fn device(interface: &Interface) -> String {
    names::interface_device(interface.port.port_id)
}

/// A table of the interface's own, none of the few that have a meaning to the kernel or to us.
fn table(port: PortId) -> u32 {
    let id = port.0.as_bytes();
    u32::from_be_bytes([id[0], id[1], id[2], id[3]]) | 0x4000_0000
}

/// The same on every host; the first octet tells the ends apart.
fn mac(first: u8, id: RouterId) -> Mac {
    let id = id.0.as_bytes();
    Mac([first, id[0], id[1], id[2], id[3], id[4]])
}

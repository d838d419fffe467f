//! The legs of parts: devices that stand in a namespace of ours with one foot, and in a network's
//! bridge with the other.
//!
//! Owns which legs a part has, in which networks, and which MACs and addresses it brings there.
//! What else stands in the namespaces is `router`'s and `dvr`'s to say, how a leg's network is
//! carried `carrier`'s.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::desired::{Dhcp, Fip, Part, Router, RouterPort};
use model::{NetworkId, PortId};
use wire::Mac;

use crate::keepalived::{self, Moving};
use crate::lazy::{self, Pieces};
use crate::names::{self, Mark, Netns};
use crate::router;

/// One leg: a veth whose one end is the port's tap, and the other a device in a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    pub network: NetworkId,
    pub port: PortId,
    pub mac: Mac,
    pub addresses: Vec<IpNet>,
    /// Its addresses are another program's to set: they move between hosts.
    pub moves: bool,
    pub netns: Netns,
    /// Inside the namespace.
    pub device: String,
    /// An address that another program adds to these.
    pub lent: Option<IpNet>,
    pub mark: Mark,
    /// The part itself leads the leg's MAC and addresses to it; otherwise the port's own part says
    /// on which host they are.
    pub led: bool,
    /// Addresses that appear are told to those on the link, who may remember another place of them.
    pub announced: bool,
}

/// What a part brings into a network: who meets by these shares a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Station {
    pub network: NetworkId,
    pub mac: Mac,
    pub ips: Vec<IpAddr>,
}

impl Leg {
    pub fn tap(&self) -> String {
        names::tap(self.port)
    }

    /// Its addresses, and where it has IPv6 the one that guests know as their router.
    pub fn moving(&self) -> Vec<Moving> {
        let has_ipv6 = self.addresses.iter().any(|net| net.addr().is_ipv6());
        let own = IpNet::new_assert(wire::ipv6::link_local(self.mac).into(), 64);
        let nets = self.addresses.iter().copied().chain(has_ipv6.then_some(own));
        nets.map(|net| Moving { net, device: self.device.clone() }).collect()
    }
}

/// All legs of a part, in whatever network.
pub fn legs(part: &Part) -> Vec<Leg> {
    match part {
        Part::Dhcp(dhcp) => vec![of_dhcp(dhcp)],
        Part::Router(router) => of_router(router),
        Part::Fip(fip) => vec![of_fip(fip)],
        Part::Network(_)
        | Part::Port(_)
        | Part::Remote(_)
        | Part::Lease(_)
        | Part::Group(_)
        | Part::Member(_)
        | Part::Addresses(_) => Vec::new(),
    }
}

/// MACs and addresses that a part leads, by network.
pub fn stations(part: &Part) -> Vec<Station> {
    match part {
        Part::Port(port) => {
            vec![Station { network: port.network_id, mac: port.mac, ips: port.fixed_ips.clone() }]
        }
        Part::Remote(remote) => {
            vec![Station { network: remote.network_id, mac: remote.mac, ips: remote.fixed_ips.clone() }]
        }
        Part::Dhcp(_) | Part::Router(_) | Part::Fip(_) => {
            let led = legs(part).into_iter().filter(|leg| leg.led);
            led.map(|leg| Station { network: leg.network, mac: leg.mac, ips: ips(&leg) }).collect()
        }
        Part::Network(_) | Part::Lease(_) | Part::Group(_) | Part::Member(_) | Part::Addresses(_) => {
            Vec::new()
        }
    }
}

/// Networks whose change concerns the part.
pub fn networks(part: &Part) -> Vec<NetworkId> {
    let mut networks = part.networks();
    if let Part::Router(router) = part {
        // A host that carries floating IPs goes by the external network though it has no leg there.
        networks.extend(router.gateway.iter().map(|gateway| gateway.port.network_id));
        networks.sort_unstable();
        networks.dedup();
    }
    networks
}

/// Networks of which the router has its own MAC and addresses on every host.
pub fn shared_networks(router: &Router) -> BTreeSet<NetworkId> {
    if !router.distributed || router.host_mac.is_none() {
        return BTreeSet::new();
    }
    router.interfaces.iter().map(|interface| interface.port.network_id).collect()
}

fn of_dhcp(dhcp: &Dhcp) -> Leg {
    Leg {
        network: dhcp.network_id,
        port: dhcp.port_id,
        mac: dhcp.mac,
        addresses: dhcp.addresses.clone(),
        moves: false,
        netns: Netns::Dhcp(dhcp.network_id),
        device: names::dhcp_device(dhcp.port_id),
        lent: None,
        mark: Mark::Dhcp(dhcp.network_id),
        led: true,
        announced: false,
    }
}

fn of_fip(fip: &Fip) -> Leg {
    let (mark, netns) = (Mark::Fip(fip.network_id), Netns::Fip(fip.network_id));
    leg(&fip.port, mark, netns, names::fip_device)
}

fn of_router(router: &Router) -> Vec<Leg> {
    let mark = Mark::Router(router.id);
    let (own, snat) = (Netns::Router(router.id), Netns::Snat(router.id));
    let Pieces { whole, distributed, centralized } = lazy::pieces(router);
    let moves = router.ha.is_some();
    let moving = |leg: Leg| if moves { Leg { led: false, announced: false, moves, ..leg } } else { leg };
    let mut legs = Vec::new();
    if whole || distributed {
        let interfaces = router.interfaces.iter();
        let interfaces = interfaces.map(|i| leg(&i.port, mark, own, names::interface_device));
        // The same on every host: there is nothing to tell.
        let shared = |leg| Leg { announced: false, ..leg };
        legs.extend(interfaces.map(|leg| if distributed { shared(leg) } else { moving(leg) }));
    }
    if centralized {
        let snat_ports = router.interfaces.iter().filter_map(|interface| interface.snat.as_ref());
        legs.extend(snat_ports.map(|port| moving(leg(port, mark, snat, names::snat_device))));
    }
    if whole || centralized {
        let at = if whole { own } else { snat };
        legs.extend(router.gateway.iter().map(|gateway| {
            let mut leg = leg(&gateway.port, mark, at, names::gateway_device);
            leg.addresses.extend(router::answered(router));
            moving(leg)
        }));
        let heard = router.ha.iter().map(|ha| Leg {
            lent: Some(keepalived::sign(ha.vr_id)),
            ..leg(&ha.port, mark, at, names::ha_device)
        });
        legs.extend(heard);
    }
    legs
}

fn leg(port: &RouterPort, mark: Mark, netns: Netns, device: fn(PortId) -> String) -> Leg {
    Leg {
        network: port.network_id,
        port: port.port_id,
        mac: port.mac,
        addresses: port.addresses.clone(),
        moves: false,
        netns,
        device: device(port.port_id),
        lent: None,
        mark,
        led: true,
        announced: true,
    }
}

fn ips(leg: &Leg) -> Vec<IpAddr> {
    leg.addresses.iter().map(IpNet::addr).collect()
}

//! What should stand in namespaces: parts spelled out in devices, routes, rules and tables.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use model::NetworkId;
use model::desired::{Fip, Ha, Key, Kind, Part, Router, RouterPort};
use wire::Mac;

use crate::carrier::IPV6_MIN_MTU_BYTES;
use crate::ct_helpers::HelperSet;
use crate::dvr::{self, Way};
use crate::keepalived::{Instance, Moving};
use crate::lazy;
use crate::leg;
use crate::meter::Meters;
use crate::names::{self, Netns};
use crate::nat::Nat;
use crate::op::{Of, Route, Rule, Sysctl};
use crate::router::{self, Room};
use crate::target::Target;
use crate::uplink;
use crate::wanted::Wanted;

/// A namespace, as far as the parts of a scope fill it.
#[derive(Clone, Default)]
pub(crate) struct WantNamespace {
    /// The part that makes it; `None` when only guests of it are looked at.
    pub maker: Option<Key>,
    pub links: BTreeMap<String, WantInner>,
    pub routes: BTreeSet<Route>,
    pub rules: BTreeSet<Rule>,
    /// Device and address.
    pub neighbours: BTreeMap<(String, IpAddr), Mac>,
    /// Device, and an address elsewhere that it answers for; of one that moves, where it is active.
    pub proxies: BTreeSet<(String, Ipv6Addr)>,
    pub sysctls: BTreeMap<Sysctl, u32>,
    pub nat: Option<Nat>,
    pub helpers: Option<HelperSet>,
    pub meters: Option<Meters>,
    /// Of a router that stands ready on several hosts.
    pub moves: Option<Moves>,
}

/// What only the active host has. keepalived sets it when it becomes active and takes it away when it
/// is no more; what was lost meanwhile it does not miss.
#[derive(Clone)]
pub(crate) struct Moves {
    pub ha: Ha,
    pub addresses: BTreeSet<Moving>,
    pub routes: BTreeSet<Route>,
}

#[derive(Clone)]
pub(crate) struct WantInner {
    pub key: Key,
    pub mac: Mac,
    pub mtu_bytes: u32,
    /// `None` leaves them alone.
    pub addresses: Option<BTreeSet<IpNet>>,
    /// Another address that is another program's.
    pub lent: Option<IpNet>,
    /// Those on the link are told of addresses that appear.
    pub announced: bool,
    /// The other end, when that is the host's.
    pub tap: Option<String>,
    /// Namespace and name of the other end, when that is in another namespace.
    pub other_end: Option<(String, String)>,
    /// The end that makes both.
    pub pair: Option<Way>,
}

impl Target {
    pub fn add_router(&mut self, want: &Wanted, key: Key, router: &Router) {
        let part = Part::Router(router.clone());
        self.add_legs(want, key, &part);
        let pieces = lazy::pieces(router);
        let own = Netns::Router(router.id).to_string();
        if pieces.whole {
            let room = self.stand_ready(&own, &part, router::whole(router));
            self.furnish(&own, Some(key), room);
        }
        if pieces.centralized {
            let snat = Netns::Snat(router.id).to_string();
            let room = self.stand_ready(&snat, &part, dvr::centralized(router));
            self.furnish(&snat, Some(key), room);
        }
        if pieces.distributed {
            let way = self.add_way(want, key, router);
            let mut room = dvr::distributed(router, way.as_ref());
            room.neighbours.extend(behind_uplinks(want, router));
            let led = |snat: &RouterPort| want.leads(snat.network_id, snat.mac);
            room.neighbours.extend(dvr::behind_redirects(router, led));
            self.furnish(&own, Some(key), room);
            if let Some(way) = way {
                self.furnish(&way.fip_netns.to_string(), None, dvr::behind_fip(router, &way));
            }
        }
        for network in leg::shared_networks(router) {
            self.add_uplink(want, key, network);
        }
    }

    pub fn add_fip(&mut self, want: &Wanted, key: Key, fip: &Fip) {
        self.networks.insert(key, Key::new(Kind::Network, fip.network_id.0));
        self.add_legs(want, key, &Part::Fip(fip.clone()));
        self.furnish(&Netns::Fip(fip.network_id).to_string(), Some(key), dvr::fip(fip));
    }

    /// Those whose network can be carried; the others are missed by nobody else.
    fn add_legs(&mut self, want: &Wanted, key: Key, part: &Part) {
        let legs = leg::legs(part);
        let networks: BTreeSet<NetworkId> = legs.iter().map(|leg| leg.network).collect();
        for network in networks {
            let Ok(carrier) = want.carrier(network) else { continue };
            for leg in legs.iter().filter(|leg| leg.network == network) {
                self.add_leg(key, leg, &carrier);
            }
            self.add_stations(key, part, network, &carrier);
        }
    }

    /// Of a router that stands ready on several hosts, only the active one has addresses and routes:
    /// they are keepalived's to set.
    fn stand_ready(&mut self, netns: &str, part: &Part, mut room: Room) -> Room {
        let Part::Router(router) = part else { return room };
        let Some(ha) = &router.ha else { return room };
        let device = names::ha_device(ha.port.port_id);
        let wanted = self.namespaces.get(netns).map(|namespace| &namespace.links);
        let mtu = |device: &String| wanted.and_then(|links| links.get(device)).map(|link| link.mtu_bytes);
        let fits = |device: &String, ip: IpAddr| {
            mtu(device).is_some_and(|mtu| ip.is_ipv4() || mtu >= IPV6_MIN_MTU_BYTES)
        };
        let moving = leg::legs(part).into_iter().filter(|leg| leg.moves).flat_map(|leg| leg.moving());
        let moving: Vec<Moving> = moving.filter(|moving| fits(&moving.device, moving.net.addr())).collect();
        let routes = std::mem::take(&mut room.routes);
        let routes = routes.iter().filter(|route| fits(&route.device, route.to.addr())).cloned();
        let routes: Vec<Route> = routes.collect();
        let instance = Instance::new(router, ha, &device, &moving, &routes);
        self.keepalived.insert(router.id, (netns.to_owned(), instance));
        let moves = Moves {
            ha: ha.clone(),
            addresses: moving.into_iter().collect(),
            routes: routes.into_iter().collect(),
        };
        self.namespaces.entry(netns.to_owned()).or_default().moves = Some(moves);
        // Nor does another host answer for a leg's own address.
        room.sysctls.insert(Sysctl::AddrGenMode(Of::Default), 1);
        room
    }

    /// The pair of devices to the host's way to the external network, where that can be carried.
    fn add_way(&mut self, want: &Wanted, key: Key, router: &Router) -> Option<Way> {
        let network = router.gateway.as_ref()?.port.network_id;
        let way = dvr::way(router, want.fip(network))?;
        let mtu_bytes = want.carrier(network).ok()?.mtu_bytes;
        let end = |mac, (netns, device): (&Netns, &String), pair| WantInner {
            key,
            mac,
            mtu_bytes,
            addresses: None,
            lent: None,
            announced: false,
            tap: None,
            other_end: Some((netns.to_string(), device.clone())),
            pair,
        };
        let ours = self.namespaces.entry(way.netns.to_string()).or_default();
        ours.links
            .insert(way.device.clone(), end(way.mac, (&way.fip_netns, &way.fip_device), Some(way.clone())));
        let theirs = self.namespaces.entry(way.fip_netns.to_string()).or_default();
        theirs.links.insert(way.fip_device.clone(), end(way.fip_mac, (&way.netns, &way.device), None));
        Some(way)
    }

    /// What goes by a device that is not wanted, or that is too small for IPv6, is left out.
    pub fn furnish(&mut self, netns: &str, maker: Option<Key>, room: Room) {
        let namespace = self.namespaces.entry(netns.to_owned()).or_default();
        namespace.maker = namespace.maker.or(maker);
        let mtu = |device: &String| namespace.links.get(device).map(|link| link.mtu_bytes);
        let least = |ip: IpAddr| if ip.is_ipv4() { 0 } else { IPV6_MIN_MTU_BYTES };
        let carried = |device: &String, ip| mtu(device).is_some_and(|mtu| mtu >= least(ip));
        let routes = room.routes.iter().filter(|route| carried(&route.device, route.to.addr()));
        let routes: Vec<Route> = routes.cloned().collect();
        let neighbours = room.neighbours.into_iter().filter(|((device, ip), _)| carried(device, *ip));
        let neighbours: Vec<_> = neighbours.collect();
        let proxies = room.proxies.into_iter().filter(|(device, ip)| carried(device, (*ip).into()));
        let proxies: Vec<_> = proxies.collect();
        // A device that is too small for IPv6 has no such setting to be set.
        let is_small = |name: &Sysctl| match name {
            Sysctl::ProxyNdp(Of::Device(device)) => !carried(device, Ipv6Addr::UNSPECIFIED.into()),
            _ => false,
        };
        let sysctls = room
            .sysctls
            .into_iter()
            .map(|(name, value)| if is_small(&name) { (name, 0) } else { (name, value) });
        let sysctls: Vec<_> = sysctls.collect();
        namespace.routes.extend(routes);
        namespace.proxies.extend(proxies);
        namespace.rules.extend(room.rules);
        namespace.neighbours.extend(neighbours);
        namespace.sysctls.extend(sysctls);
        namespace.nat = namespace.nat.take().or(room.nat);
        namespace.helpers = namespace.helpers.take().or(room.helpers);
        namespace.meters = namespace.meters.take().or(room.meters);
    }

    /// What keeps distributed routers of a network off the uplink that switches look at.
    pub fn add_uplink(&mut self, want: &Wanted, key: Key, network: NetworkId) {
        let Ok(carrier) = want.carrier(network) else { return };
        let Some(device) = carrier.walled() else { return };
        let table = match carrier.vxlan_device() {
            Some(_) => uplink::hush(device, network, want.routers(network)),
            None => uplink::guard(device, network, want.routers(network)),
        };
        if let Some(table) = table {
            self.tables.entry(names::uplink_table(device)).or_insert((key, table));
        }
    }
}

/// Who lives on other hosts of networks that are no tunnels: a distributed router cannot ask there,
/// for the answer would find its MAC on the host of who answers.
fn behind_uplinks(want: &Wanted, router: &Router) -> BTreeMap<(String, IpAddr), Mac> {
    let guarded = |id| want.carrier(id).is_ok_and(|carrier| carrier.guarded().is_some());
    let interfaces = router.interfaces.iter().map(|interface| &interface.port);
    let mut neighbours = BTreeMap::new();
    let shared = leg::shared_networks(router);
    for port in interfaces.filter(|port| shared.contains(&port.network_id) && guarded(port.network_id)) {
        let device = names::interface_device(port.port_id);
        for remote in want.remotes(port.network_id) {
            let ips = remote.fixed_ips.iter().map(|ip| ((device.clone(), *ip), remote.mac));
            neighbours.extend(ips);
        }
    }
    neighbours
}

//! What should fill which place: parts spelled out in devices, entries and tables.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::desired::{Key, Kind, Network, Part, Port, Remote, Trunked};
use model::{NetworkId, RouterId};
use wire::Mac;

use crate::carrier::{Carrier, IPV6_MIN_MTU_BYTES, Uplink};
use crate::gateways;
use crate::inner::{WantInner, WantNamespace};
use crate::keepalived::Instance;
use crate::leg::{self, Leg};
use crate::local_ip;
use crate::names::{self, Mark};
use crate::nft::Table;
use crate::observed::Ipv6;
use crate::op::PortFlags;
use crate::secgroup::WantFilter;
use crate::spoof;
use crate::wanted::{Scope, Wanted};

/// Places and what should fill them, each with the part it serves.
#[derive(Default)]
pub(crate) struct Target {
    pub links: BTreeMap<String, (Key, WantLink)>,
    /// Where a MAC may be, best first: the first of these that is there counts. A port on its
    /// way to this host is reached at the other until its device comes.
    pub fdb: BTreeMap<(String, Mac), Vec<(Key, String)>>,
    pub tunnels: BTreeMap<(String, Mac), (Key, IpAddr)>,
    pub floods: BTreeMap<String, (Key, BTreeSet<IpAddr>)>,
    pub neighbours: BTreeMap<(String, IpAddr), (Key, Mac)>,
    pub tables: BTreeMap<String, (Key, Table)>,
    pub namespaces: BTreeMap<String, WantNamespace>,
    /// With the namespace that each runs in.
    pub keepalived: BTreeMap<RouterId, (String, Instance)>,
    /// Of bridges that legs are joined to, the device on which switches see them.
    pub uplinks: BTreeMap<String, String>,
    /// Physical interfaces that networks may use.
    pub interfaces: BTreeSet<String>,
    /// What filters ports by their groups.
    pub filter: WantFilter,
    /// The network's part of each part that has one network.
    pub networks: BTreeMap<Key, Key>,
    /// The network's part of each device that is joined to it.
    pub of_devices: BTreeMap<String, Key>,
}

#[derive(Clone)]
pub(crate) struct WantLink {
    pub make: Make,
    /// `None` leaves it alone, as the next fields do.
    pub mtu_bytes: Option<u32>,
    pub ipv6: Option<Ipv6>,
    pub up: bool,
    pub bridge: Option<(String, PortFlags)>,
}

/// How a device comes to be.
#[derive(Clone)]
pub(crate) enum Make {
    Bridge {
        mark: Mark,
        mac: Mac,
    },
    Vxlan {
        mark: Mark,
        vni: u32,
        local: IpAddr,
        port: u16,
    },
    Vlan {
        mark: Mark,
        parent: String,
        vid: u16,
    },
    /// On another device, of the frames with a tag.
    Tagged {
        mark: Mark,
        parent: String,
        vid: u16,
    },
    Veth {
        mark: Mark,
        netns: String,
        peer: String,
        peer_mac: Mac,
    },
    /// Somebody else makes it.
    Foreign,
}

impl Make {
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Make::Bridge { mark, .. }
            | Make::Vxlan { mark, .. }
            | Make::Vlan { mark, .. }
            | Make::Tagged { mark, .. }
            | Make::Veth { mark, .. } => Some(*mark),
            Make::Foreign => None,
        }
    }
}

/// Spells out the parts of a scope.
pub(crate) fn target(want: &Wanted, scope: &Scope) -> Target {
    let interfaces = want.settings.interface_mappings.values().cloned().collect();
    let mut target = Target { interfaces, ..Target::default() };
    let parts: Vec<&Part> = match scope {
        Scope::All => want.parts().collect(),
        Scope::Some { keys, .. } => keys.iter().filter_map(|key| want.get(*key)).collect(),
    };
    for part in &parts {
        target.add(want, part);
    }
    target.filter = WantFilter::new(want, scope);
    target
}

impl Target {
    /// Devices, and behind each those that are on it: these are made later, and are no larger.
    pub fn in_order(&self) -> Vec<(&String, &(Key, WantLink))> {
        let parent = |want: &WantLink| match &want.make {
            Make::Tagged { parent, .. } => Some(parent.clone()),
            _ => None,
        };
        let (mut waiting, mut out): (Vec<_>, Vec<_>) =
            self.links.iter().partition(|(_, (_, want))| parent(want).is_some());
        while !waiting.is_empty() {
            let names: BTreeSet<&String> = waiting.iter().map(|(name, _)| *name).collect();
            let (later, ready): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|(_, (_, want))| parent(want).is_some_and(|parent| names.contains(&parent)));
            // Those that are on each other in a ring have no place.
            if ready.is_empty() {
                break;
            }
            out.extend(ready);
            waiting = later;
        }
        out
    }

    fn add(&mut self, want: &Wanted, part: &Part) {
        let key = part.key();
        match part {
            Part::Router(router) => return self.add_router(want, key, router),
            Part::Fip(fip) => return self.add_fip(want, key, fip),
            _ => {}
        }
        let networks = part.networks();
        let [id] = networks.as_slice() else { return };
        let Ok(carrier) = want.carrier(*id) else { return };
        let network = Key::new(Kind::Network, id.0);
        if key != network {
            self.networks.insert(key, network);
        }
        match part {
            Part::Network(network) => self.add_network(want, network, &carrier),
            Part::Port(port) => self.add_port(want, key, port, &carrier),
            Part::Remote(remote) => self.add_remote(key, remote, &carrier),
            _ => {}
        }
        for mut leg in leg::legs(part) {
            if want.settings.gateways {
                gateways::settle(&mut leg);
            }
            self.add_leg(key, &leg, &carrier);
        }
        if let (Part::Dhcp(dhcp), true) = (part, want.settings.gateways) {
            self.furnish(&names::dhcp_netns(*id), Some(key), gateways::room(dhcp, has_ipv6(&carrier)));
        }
        self.add_stations(key, part, *id, &carrier);
    }

    fn add_network(&mut self, want: &Wanted, network: &Network, carrier: &Carrier) {
        let key = Key::new(Kind::Network, network.id.0);
        let mark = Mark::Network(network.id);
        let bridge = carrier.bridge.clone();
        let made = |make| WantLink {
            make,
            mtu_bytes: Some(carrier.mtu_bytes),
            ipv6: Some(Ipv6::Off),
            up: true,
            bridge: None,
        };
        let make = Make::Bridge { mark, mac: bridge_mac(network) };
        // Neighbours can be written only where IPv6 is on.
        let silent = carrier.vxlan_device().is_some() && has_ipv6(carrier);
        let ipv6 = Some(if silent { Ipv6::Silent } else { Ipv6::Off });
        self.links.insert(bridge.clone(), (key, WantLink { ipv6, ..made(make) }));
        self.tables.insert(names::table(&bridge), (key, spoof::wall(&bridge)));
        self.add_uplink(want, key, network.id);
        match &carrier.uplink {
            Uplink::None => {}
            Uplink::Flat { interface } => {
                let link = WantLink {
                    mtu_bytes: None,
                    ipv6: None,
                    bridge: Some((bridge, PortFlags::OPEN)),
                    ..made(Make::Foreign)
                };
                self.links.insert(interface.clone(), (key, link));
            }
            Uplink::Vlan { device, interface, vid } => {
                let make = Make::Vlan { mark, parent: interface.clone(), vid: *vid };
                let link = WantLink { bridge: Some((bridge, PortFlags::OPEN)), ..made(make) };
                self.links.insert(device.clone(), (key, link));
            }
            Uplink::Vxlan { device, vni, local } => {
                let port = want.settings.vxlan_port;
                let make = Make::Vxlan { mark, vni: *vni, local: *local, port };
                let flags = if network.roaming { PortFlags::ROAMING_TUNNEL } else { PortFlags::TUNNEL };
                let link = WantLink { bridge: Some((bridge, flags)), ..made(make) };
                self.links.insert(device.clone(), (key, link));
                self.floods.insert(device.clone(), (key, network.peers.clone()));
            }
        }
    }

    fn add_port(&mut self, want: &Wanted, key: Key, port: &Port, carrier: &Carrier) {
        let device = names::tap(port.id);
        let strict = port.allowed.as_ref().is_some_and(Vec::is_empty) || port.trusted;
        let flags = if strict { PortFlags::STRICT } else { PortFlags::OPEN };
        let make = match &port.trunk {
            Some(Trunked::Tagged { parent, vid }) => {
                Make::Tagged { mark: Mark::Port(port.id), parent: names::tap(*parent), vid: *vid }
            }
            Some(Trunked::Parent { .. }) | None => Make::Foreign,
        };
        let tap = want_tap(make, carrier, flags, port.admin_state_up);
        // Where the port is a leg of another part as well, that makes the device.
        self.links
            .entry(device.clone())
            .and_modify(|(_, link)| link.up = port.admin_state_up)
            .or_insert((key, tap));
        self.lead(carrier, port.mac, 0, (key, device.clone()));
        if let Some(table) = spoof::port_table(port) {
            self.tables.insert(names::table(&device), (key, table));
        }
        for (address, stand) in local_ip::stands(want, port) {
            let table = local_ip::table(port, address, stand);
            self.tables.insert(names::local_table(port.id, address), (key, table));
        }
    }

    fn add_remote(&mut self, key: Key, remote: &Remote, carrier: &Carrier) {
        let (Some(device), Some(dst)) = (carrier.vxlan_device(), remote.tunnel_ip) else { return };
        self.lead(carrier, remote.mac, usize::MAX, (key, device.clone()));
        self.tunnels.insert((device.clone(), remote.mac), (key, dst));
    }

    /// Of ports here as well: nobody need ask another host for them.
    pub fn add_stations(&mut self, key: Key, part: &Part, network: NetworkId, carrier: &Carrier) {
        if carrier.vxlan_device().is_none() {
            return;
        }
        for station in leg::stations(part).into_iter().filter(|station| station.network == network) {
            for ip in station.ips.into_iter().filter(|ip| ip.is_ipv4() || has_ipv6(carrier)) {
                self.neighbours.entry((carrier.bridge.clone(), ip)).or_insert((key, station.mac));
            }
        }
    }

    pub fn add_leg(&mut self, key: Key, leg: &Leg, carrier: &Carrier) {
        let (netns, tap) = (leg.netns.to_string(), leg.tap());
        let make =
            Make::Veth { mark: leg.mark, netns: netns.clone(), peer: leg.device.clone(), peer_mac: leg.mac };
        // Where the port is a part of its own as well, that says whether it is up.
        let up = self.links.get(&tap).is_none_or(|(_, link)| link.up);
        self.links.insert(tap.clone(), (key, want_tap(make, carrier, PortFlags::STRICT, up)));
        let network = Key::new(Kind::Network, leg.network.0);
        self.of_devices.insert(tap.clone(), network);
        self.of_devices.insert(carrier.bridge.clone(), network);
        self.uplinks.extend(carrier.guarded().map(|device| (carrier.bridge.clone(), device.clone())));
        if leg.led {
            self.lead(carrier, leg.mac, 0, (key, tap.clone()));
        }
        let usable = |net: &&IpNet| net.addr().is_ipv4() || has_ipv6(carrier);
        let addresses = (!leg.moves).then(|| leg.addresses.iter().filter(usable).copied().collect());
        let inner = WantInner {
            key,
            mac: leg.mac,
            mtu_bytes: carrier.mtu_bytes,
            addresses,
            lent: leg.lent,
            announced: leg.announced,
            tap: Some(tap),
            other_end: None,
            pair: None,
        };
        let namespace = self.namespaces.entry(netns).or_default();
        namespace.maker = Some(key);
        namespace.links.insert(leg.device.clone(), inner);
    }

    fn lead(&mut self, carrier: &Carrier, mac: Mac, place: usize, to: (Key, String)) {
        let places = self.fdb.entry((carrier.bridge.clone(), mac)).or_default();
        places.insert(place.min(places.len()), to);
    }
}

fn want_tap(make: Make, carrier: &Carrier, flags: PortFlags, up: bool) -> WantLink {
    WantLink {
        make,
        mtu_bytes: Some(carrier.mtu_bytes),
        ipv6: Some(Ipv6::Off),
        up,
        bridge: Some((carrier.bridge.clone(), flags)),
    }
}

pub(crate) fn has_ipv6(carrier: &Carrier) -> bool {
    carrier.mtu_bytes >= IPV6_MIN_MTU_BYTES
}

/// A bridge keeps one MAC of its own whatever ports come and go.
fn bridge_mac(network: &Network) -> Mac {
    let id = network.id.0.as_bytes();
    Mac([0x02, id[0], id[1], id[2], id[3], id[4]])
}

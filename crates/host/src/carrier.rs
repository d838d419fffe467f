//! How a network's frames are carried on this host, and which places its parts fill there.

use std::net::IpAddr;

use model::desired::{Network, Part, Segment, Trunked};
use model::{NetworkId, PortId};

use crate::leg;
use crate::names::{self, Netns};
use crate::wanted::{Settings, Slots};

/// Smallest MTU at which the kernel does IPv6 at all.
pub const IPV6_MIN_MTU_BYTES: u32 = 1280;

/// A network as this host carries it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carrier {
    pub bridge: String,
    pub mtu_bytes: u32,
    pub uplink: Uplink,
}

/// By which device frames leave the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Uplink {
    None,
    Flat { interface: String },
    Vlan { device: String, interface: String, vid: u16 },
    Vxlan { device: String, vni: u32, local: IpAddr },
}

/// Why this host cannot carry a network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Impossible {
    #[error("its network {0} is not among this host's networks")]
    NoNetwork(NetworkId),
    #[error("no interface is mapped to the physical network {0}")]
    NoMapping(String),
    #[error("the host has no tunneling_ip")]
    NoTunnelingIp,
    #[error("the kernel datapath carries vxlan; {0} needs another datapath")]
    NotCarried(&'static str),
}

impl Carrier {
    pub fn uplink_device(&self) -> Option<String> {
        match &self.uplink {
            Uplink::None => None,
            Uplink::Flat { interface } => Some(interface.clone()),
            Uplink::Vlan { device, .. } | Uplink::Vxlan { device, .. } => Some(device.clone()),
        }
    }

    /// The uplink on which switches see the MACs of this host.
    pub fn guarded(&self) -> Option<&String> {
        match &self.uplink {
            Uplink::Flat { interface: device } | Uplink::Vlan { device, .. } => Some(device),
            Uplink::None | Uplink::Vxlan { .. } => None,
        }
    }

    /// The uplink that a distributed router's own words do not cross: each host says them itself.
    pub fn walled(&self) -> Option<&String> {
        self.guarded().or(self.vxlan_device())
    }

    pub fn vxlan_device(&self) -> Option<&String> {
        match &self.uplink {
            Uplink::Vxlan { device, .. } => Some(device),
            _ => None,
        }
    }
}

/// How a network is carried, or why it cannot be.
pub fn choose(settings: &Settings, network: &Network) -> Result<Carrier, Impossible> {
    let interface = |physical: &String| {
        let mapped = settings.interface_mappings.get(physical);
        mapped.cloned().ok_or_else(|| Impossible::NoMapping(physical.clone()))
    };
    let uplink = match &network.segment {
        Segment::Local => Uplink::None,
        Segment::Flat { physical_network } => Uplink::Flat { interface: interface(physical_network)? },
        Segment::Vlan { physical_network, vid } => {
            let interface = interface(physical_network)?;
            Uplink::Vlan { device: names::vlan(&interface, *vid), interface, vid: *vid }
        }
        Segment::Vxlan { vni } => {
            let local = settings.tunneling_ip.ok_or(Impossible::NoTunnelingIp)?;
            Uplink::Vxlan { device: names::vxlan(*vni), vni: *vni, local }
        }
        Segment::Geneve { .. } => return Err(Impossible::NotCarried("geneve")),
        Segment::Gre { .. } => return Err(Impossible::NotCarried("gre")),
    };
    Ok(Carrier { bridge: names::bridge(network.id), mtu_bytes: network.mtu_bytes, uplink })
}

/// Places that a part fills whatever carries its networks.
pub fn own_slots(slots: &mut Slots, part: &Part) {
    match part {
        Part::Network(network) => {
            let bridge = names::bridge(network.id);
            slots.tables.insert(names::table(&bridge));
            slots.links.insert(bridge);
        }
        Part::Port(port) => {
            add_tap(slots, port.id, port.network_id);
            if let Some(Trunked::Tagged { parent, .. }) = &port.trunk {
                slots.context.insert(names::tap(*parent));
            }
        }
        Part::Router(router) => {
            slots.namespaces.insert(Netns::Router(router.id).to_string());
            slots.namespaces.insert(Netns::Snat(router.id).to_string());
            if let Some(gateway) = router.gateway.as_ref().filter(|_| router.distributed) {
                let fip = Netns::Fip(gateway.port.network_id).to_string();
                slots.inner.insert((fip, names::to_router_device(router.id)));
            }
        }
        Part::Dhcp(_)
        | Part::Fip(_)
        | Part::Remote(_)
        | Part::Lease(_)
        | Part::Group(_)
        | Part::Member(_)
        | Part::Addresses(_) => {}
    }
    for leg in leg::legs(part) {
        slots.namespaces.insert(leg.netns.to_string());
        add_tap(slots, leg.port, leg.network);
    }
}

fn add_tap(slots: &mut Slots, port: PortId, network: NetworkId) {
    let tap = names::tap(port);
    slots.tables.insert(names::table(&tap));
    slots.links.insert(tap);
    slots.context.insert(names::bridge(network));
}

/// Places that a part fills because of what carries one of its networks.
pub fn slots(slots: &mut Slots, part: &Part, network: NetworkId, carrier: &Carrier) {
    let stations = leg::stations(part);
    for station in stations.iter().filter(|station| station.network == network) {
        let bridge = || carrier.bridge.clone();
        let Some(device) = carrier.vxlan_device() else {
            // What lives elsewhere is led only where there are tunnels.
            if !matches!(part, Part::Remote(_)) {
                slots.fdb.insert((bridge(), station.mac));
            }
            continue;
        };
        slots.fdb.insert((bridge(), station.mac));
        slots.neighbours.extend(station.ips.iter().map(|ip| (bridge(), *ip)));
        if matches!(part, Part::Remote(_)) {
            slots.context.insert(device.clone());
            slots.context.insert(bridge());
            slots.tunnels.insert((device.clone(), station.mac));
        }
    }
    match part {
        Part::Network(_) => {
            slots.links.extend(carrier.uplink_device());
            slots.floods.extend(carrier.vxlan_device().cloned());
            slots.tables.extend(carrier.walled().map(|device| names::uplink_table(device)));
        }
        Part::Router(router) if leg::shared_networks(router).contains(&network) => {
            slots.context.extend(carrier.walled().cloned());
            slots.tables.extend(carrier.walled().map(|device| names::uplink_table(device)));
        }
        _ => {}
    }
}

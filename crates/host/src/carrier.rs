//! How a network's frames are carried on this host, and which places its parts fill there.

use std::net::IpAddr;

use ipnet::IpNet;
use model::NetworkId;
use model::desired::{Network, Part, Segment};
use wire::Mac;

use crate::names;
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

/// The MAC by which parts of one network meet in its bridge.
pub fn mac(part: &Part) -> Option<Mac> {
    match part {
        Part::Port(port) => Some(port.mac),
        Part::Remote(remote) => Some(remote.mac),
        Part::Dhcp(dhcp) => Some(dhcp.mac),
        Part::Network(_) | Part::Lease(_) | Part::Router(_) | Part::Fip(_) => None,
    }
}

/// Addresses by which parts of one network meet among the neighbours of its bridge.
pub fn ips(part: &Part) -> impl Iterator<Item = IpAddr> + '_ {
    let (ips, nets): (&[IpAddr], &[IpNet]) = match part {
        Part::Port(port) => (&port.fixed_ips, &[]),
        Part::Remote(remote) => (&remote.fixed_ips, &[]),
        Part::Dhcp(dhcp) => (&[], &dhcp.addresses),
        Part::Network(_) | Part::Lease(_) | Part::Router(_) | Part::Fip(_) => (&[], &[]),
    };
    ips.iter().copied().chain(nets.iter().map(IpNet::addr))
}

/// Places that a part fills whatever carries its network.
pub fn own_slots(slots: &mut Slots, part: &Part) {
    let tap = match part {
        Part::Port(port) => names::tap(port.id),
        Part::Dhcp(dhcp) => {
            slots.namespaces.insert(names::dhcp_netns(dhcp.network_id));
            names::tap(dhcp.port_id)
        }
        Part::Network(network) => {
            let bridge = names::bridge(network.id);
            slots.tables.insert(names::table(&bridge));
            slots.links.insert(bridge);
            return;
        }
        Part::Remote(_) | Part::Lease(_) | Part::Router(_) | Part::Fip(_) => return,
    };
    slots.tables.insert(names::table(&tap));
    slots.links.insert(tap);
    slots.context.extend(part.networks().into_iter().map(names::bridge));
}

/// Places that a part fills because of what carries its network.
pub fn slots(slots: &mut Slots, part: &Part, carrier: &Carrier) {
    if carrier.vxlan_device().is_some() {
        slots.neighbours.extend(ips(part).map(|ip| (carrier.bridge.clone(), ip)));
    }
    match part {
        Part::Network(_) => {
            slots.links.extend(carrier.uplink_device());
            slots.floods.extend(carrier.vxlan_device().cloned());
        }
        Part::Port(_) | Part::Dhcp(_) => {
            slots.fdb.extend(mac(part).map(|mac| (carrier.bridge.clone(), mac)));
        }
        Part::Remote(remote) => {
            if let Some(device) = carrier.vxlan_device() {
                slots.context.insert(device.clone());
                slots.context.insert(carrier.bridge.clone());
                slots.fdb.insert((carrier.bridge.clone(), remote.mac));
                slots.tunnels.insert((device.clone(), remote.mac));
            }
        }
        Part::Lease(_) | Part::Router(_) | Part::Fip(_) => {}
    }
}

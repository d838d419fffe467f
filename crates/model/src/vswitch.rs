//! What one virtual switch is asked to be, what it is told of its machine, and what it shows.
//!
//! [`Wanted`] is replaced as a whole. Names are the operator's: a port and an underlay are named as their
//! device, networks and tunnels as anybody likes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use wire::{Mac, Vni};

mod shown;

pub use shown::{Count, FdbEntry, NeighbourShown, NetworkShown, PortShown, Shown, TunnelShown};

/// Everything a switch is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Devices of instances, by name.
    pub ports: BTreeMap<String, Port>,
    /// Devices that tunnels leave and arrive by, by name.
    pub underlays: BTreeMap<String, Underlay>,
    pub networks: BTreeMap<String, Network>,
    /// Ways to other machines; the networks say which they use.
    pub tunnels: BTreeMap<String, Tunnel>,
}

/// A device of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    pub network: String,
    #[serde(default)]
    pub way: Way,
}

/// How frames of a device are reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// A packet socket on a device that somebody else made: veth, physical, bridge.
    #[default]
    Packet,
    /// The other side of a tap, which is made if it is not there.
    Tap,
}

/// A device that tunnels leave and arrive by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Underlay {}

/// A broadcast domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Source MACs are remembered, of ports and of tunnels.
    pub learn: bool,
    /// Unicast to a MAC that is not known goes where broadcast goes; else it is dropped.
    pub flood_unknown: bool,
    /// The tunnels it travels by.
    pub tunnels: BTreeMap<String, Attachment>,
    /// MACs whose place is written. They are not learned and do not age.
    pub entries: BTreeMap<Mac, Place>,
}

impl Default for Network {
    fn default() -> Network {
        Network { learn: true, flood_unknown: true, tunnels: BTreeMap::new(), entries: BTreeMap::new() }
    }
}

/// A network in a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The number by which both ends know the network.
    pub vni: Vni,
    /// Broadcast and multicast are sent into it.
    #[serde(default = "yes")]
    pub flood: bool,
}

/// Where a MAC is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Port(String),
    Tunnel(String),
}

/// A way to one other machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tunnel {
    #[serde(rename = "type")]
    pub kind: Kind,
    /// An address of this machine.
    pub local: IpAddr,
    pub remote: IpAddr,
    /// The UDP port of both ends, where it is not the usual one. GRE has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default = "ttl")]
    pub ttl: u8,
    #[serde(default)]
    pub dscp: Dscp,
    /// UDP checksums of outer packets. Without a word: over IPv6 yes, over IPv4 no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<bool>,
    /// NVGRE's FlowID is the flow's hash; else zero, for peers that take all 32 bits of the key as one number.
    #[serde(default = "yes")]
    pub flow_id: bool,
    /// Options of each packet that is sent, of GENEVE only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<GeneveOption>,
}

/// The outer format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Vxlan,
    Nvgre,
    Geneve,
}

/// What the outer header's six bits of service class are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dscp {
    /// As the inner packet's; zero if it is not IP.
    Copy,
    Fixed(u8),
}

impl Default for Dscp {
    fn default() -> Dscp {
        Dscp::Fixed(0)
    }
}

/// An option as RFC 8926 section 3.5 numbers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneveOption {
    pub class: u16,
    /// The highest bit says that who does not know it must drop the packet.
    #[serde(rename = "type")]
    pub kind: u8,
    /// A multiple of four bytes.
    pub data: Vec<u8>,
}

const fn yes() -> bool {
    true
}

const fn ttl() -> u8 {
    64
}

/// What the kernel tells of the underlay, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    /// Of the main table, with each way of a multipath route as a route of its own.
    pub routes: Vec<Route>,
    pub neighbours: Vec<Neighbour>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub mac: Mac,
    pub mtu_bytes: u32,
    /// Set up, and with carrier.
    pub up: bool,
}

/// An address of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub link: u32,
    pub ip: IpAddr,
    pub prefix_len: u8,
}

/// One way that packets to a prefix may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub to: IpNet,
    /// A router; none if the prefix is on the link.
    pub via: Option<IpAddr>,
    /// None for a prefix that is unreachable, prohibited or a black hole.
    pub link: Option<u32>,
    pub metric: u32,
    pub mtu_bytes: Option<u32>,
}

/// A neighbour that the kernel has heard of lately (`NUD_REACHABLE`), or that somebody wrote. Stale ones are better
/// left out: their MAC would be used until it is found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    pub link: u32,
    pub ip: IpAddr,
    pub mac: Mac,
    /// Written by somebody; it is taken as it is and never asked for.
    pub permanent: bool,
}

#[cfg(test)]
mod tests;

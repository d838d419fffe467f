//! Names on a host: the only place that makes them and the only one that recognises them.
//!
//! Devices and namespaces keep Neutron's names. What this file does not recognise does not exist
//! for us: it is neither read as ours nor deleted.

use std::fmt;
use std::net::Ipv4Addr;

use model::desired::{Direction, Key, Kind};
use model::{NetworkId, PortId, RouterId};
use uuid::Uuid;

/// Longest name a Linux interface can have.
pub const DEVICE_NAME_MAX: usize = 15;

/// Characters of an id that fit into a device name behind its prefix.
const ID_CHARS: usize = 11;

/// Marks devices as ours, with what they serve; kept in the device's alias.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mark {
    /// A network's bridge or uplink.
    Network(NetworkId),
    /// The host's end of a DHCP namespace's device.
    Dhcp(NetworkId),
    /// The host's end of a router's device.
    Router(RouterId),
    /// The host's end of its own way to an external network.
    Fip(NetworkId),
    /// The device of a port behind a trunk's parent.
    Port(PortId),
}

/// A namespace of ours, and what it serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Netns {
    Dhcp(NetworkId),
    Router(RouterId),
    /// The centralized traffic of a distributed router.
    Snat(RouterId),
    Fip(NetworkId),
}

impl Mark {
    /// Reads an alias; `None` means that the device is not ours.
    pub fn parse(alias: &str) -> Option<Mark> {
        let mut words = alias.split(' ');
        let (owner, kind, id) = (words.next()?, words.next()?, words.next()?);
        if owner != "neutrino" || words.next().is_some() {
            return None;
        }
        let id = Uuid::parse_str(id).ok()?;
        match kind {
            "network" => Some(Mark::Network(NetworkId(id))),
            "dhcp" => Some(Mark::Dhcp(NetworkId(id))),
            "router" => Some(Mark::Router(RouterId(id))),
            "fip" => Some(Mark::Fip(NetworkId(id))),
            "port" => Some(Mark::Port(PortId(id))),
            _ => None,
        }
    }

    /// The part that what is marked so serves.
    pub const fn key(self) -> Key {
        match self {
            Mark::Network(id) => Key::new(Kind::Network, id.0),
            Mark::Dhcp(id) => Key::new(Kind::Dhcp, id.0),
            Mark::Router(id) => Key::new(Kind::Router, id.0),
            Mark::Fip(id) => Key::new(Kind::Fip, id.0),
            Mark::Port(id) => Key::new(Kind::Port, id.0),
        }
    }
}

impl Netns {
    /// Reads a name; `None` means that the namespace is not ours.
    pub fn parse(name: &str) -> Option<Netns> {
        let (kind, id) = name.split_once('-')?;
        let id = Uuid::parse_str(id).ok()?;
        let netns = match kind {
            "qdhcp" => Netns::Dhcp(NetworkId(id)),
            "qrouter" => Netns::Router(RouterId(id)),
            "snat" => Netns::Snat(RouterId(id)),
            "fip" => Netns::Fip(NetworkId(id)),
            _ => return None,
        };
        // Only the spelling that we make is ours.
        (netns.to_string() == name).then_some(netns)
    }

    /// The part that the namespace serves.
    pub const fn key(self) -> Key {
        match self {
            Netns::Dhcp(id) => Key::new(Kind::Dhcp, id.0),
            Netns::Router(id) | Netns::Snat(id) => Key::new(Kind::Router, id.0),
            Netns::Fip(id) => Key::new(Kind::Fip, id.0),
        }
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Netns::Dhcp(id) => write!(f, "qdhcp-{id}"),
            Netns::Router(id) => write!(f, "qrouter-{id}"),
            Netns::Snat(id) => write!(f, "snat-{id}"),
            Netns::Fip(id) => write!(f, "fip-{id}"),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Network(id) => write!(f, "neutrino network {id}"),
            Mark::Dhcp(id) => write!(f, "neutrino dhcp {id}"),
            Mark::Router(id) => write!(f, "neutrino router {id}"),
            Mark::Fip(id) => write!(f, "neutrino fip {id}"),
            Mark::Port(id) => write!(f, "neutrino port {id}"),
        }
    }
}

/// The bridge of a network.
pub fn bridge(id: NetworkId) -> String {
    short(BRIDGE_PREFIX, id.0)
}

/// The device of a port that its instance (or namespace) is attached to.
pub fn tap(id: PortId) -> String {
    short("tap", id.0)
}

/// The device inside a DHCP namespace; its host's end is the port's [`tap`].
pub fn dhcp_device(id: PortId) -> String {
    short("ns-", id.0)
}

/// The namespace that a network's DHCP is answered from.
pub fn dhcp_netns(id: NetworkId) -> String {
    Netns::Dhcp(id).to_string()
}

/// A router's device in a network of instances.
pub fn interface_device(id: PortId) -> String {
    short("qr-", id.0)
}

/// A router's device in its external network.
pub fn gateway_device(id: PortId) -> String {
    short("qg-", id.0)
}

/// A network node's device in a network of instances, to which other hosts send.
pub fn snat_device(id: PortId) -> String {
    short("sg-", id.0)
}

/// The device by which the hosts of a router hear of each other.
pub fn ha_device(id: PortId) -> String {
    short("ha-", id.0)
}

/// A host's own device in an external network.
pub fn fip_device(id: PortId) -> String {
    short("fg-", id.0)
}

/// A router's end of its way to the host's own device in an external network.
pub fn to_fip_device(id: RouterId) -> String {
    short("rfp-", id.0)
}

/// The other end of a router's [`to_fip_device`].
pub fn to_router_device(id: RouterId) -> String {
    short("fpr-", id.0)
}

/// What begins the names of the devices inside namespaces that are ours to delete.
const INNER_PREFIXES: [&str; 8] = ["ns-", "qr-", "qg-", "sg-", "ha-", "fg-", "rfp-", "fpr-"];

/// True for the end inside a namespace of the veth whose other end is a host's tap.
pub fn is_peer(tap: &str, inner: &str) -> bool {
    is_tap(tap) && is_inner(inner) && tap.strip_prefix("tap") == inner.split_once('-').map(|(_, id)| id)
}

/// The other end of a device between two namespaces of ours.
pub fn other_end(device: &str) -> Option<String> {
    let is_inner = is_inner(device);
    let to_fip = device.strip_prefix("rfp-").map(|id| format!("fpr-{id}"));
    let to_router = device.strip_prefix("fpr-").map(|id| format!("rfp-{id}"));
    to_fip.or(to_router).filter(|_| is_inner)
}

/// True for a device that we make inside a namespace of ours.
pub fn is_inner(name: &str) -> bool {
    INNER_PREFIXES.iter().any(|prefix| is_short(prefix, name))
}

/// True for a device inside a namespace by which packets leave for an external network.
pub fn is_outward(inner: &str) -> bool {
    ["qg-", "fg-"].iter().any(|prefix| is_short(prefix, inner))
}

pub fn vxlan(vni: u32) -> String {
    format!("vxlan-{vni}")
}

/// A VLAN device over an interface; a long interface name is cut and told apart by a hash.
pub fn vlan(interface: &str, vid: u16) -> String {
    let plain = format!("{interface}.{vid}");
    if plain.len() <= DEVICE_NAME_MAX {
        return plain;
    }
    let head: String = interface.chars().filter(char::is_ascii).take(5).collect();
    format!("{head}{:04x}.{vid}", content_hash(interface) & 0xffff)
}

/// True for a device of an instance: `tap` and the start of a port's id.
pub fn is_tap(name: &str) -> bool {
    is_short("tap", name)
}

pub fn is_bridge(name: &str) -> bool {
    is_short(BRIDGE_PREFIX, name)
}

/// What a logged port did with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    Accept,
    Drop,
}

/// What the kernel says with a packet of a logged port.
pub fn log_prefix(told: Told, direction: Direction, id: PortId) -> String {
    let told = if told == Told::Accept { "accept" } else { "drop" };
    let way = if direction == Direction::Ingress { "in" } else { "out" };
    format!("{LOG_PREFIX}{told} {way} {id}")
}

pub fn parse_log_prefix(prefix: &str) -> Option<(Told, Direction, PortId)> {
    let mut words = prefix.strip_prefix(LOG_PREFIX)?.split(' ');
    let told = match words.next()? {
        "accept" => Told::Accept,
        "drop" => Told::Drop,
        _ => return None,
    };
    let way = match words.next()? {
        "in" => Direction::Ingress,
        "out" => Direction::Egress,
        _ => return None,
    };
    let id = words.next()?.parse().ok()?;
    words.next().is_none().then_some((told, way, id))
}

/// The chain of what a port sends or receives.
pub fn port_chain(id: PortId, direction: Direction) -> String {
    match direction {
        Direction::Ingress => short("in-", id.0),
        Direction::Egress => short("out-", id.0),
    }
}

/// The inet and the bridge table that filter ports by their groups.
pub const FILTER_TABLE: &str = "neutrino";

/// The netdev table that filters what enters by a device.
pub fn table(device: &str) -> String {
    format!("{TABLE_PREFIX}{device}")
}

/// The netdev table that keeps what is every host's own off an uplink.
pub fn uplink_table(device: &str) -> String {
    format!("{UPLINK_TABLE_PREFIX}{device}")
}

/// The netdev table that diverts what a port sends to a local IP.
pub fn local_table(port: PortId, ip: Ipv4Addr) -> String {
    format!("{LOCAL_TABLE_PREFIX}{ip}-{}", tap(port))
}

/// The device that a table of ours filters.
pub fn parse_table(table: &str) -> Option<&str> {
    if let Some(device) = table.strip_prefix(UPLINK_TABLE_PREFIX) {
        return Some(device);
    }
    if let Some(rest) = table.strip_prefix(LOCAL_TABLE_PREFIX) {
        let (ip, device) = rest.split_once('-')?;
        return (ip.parse::<Ipv4Addr>().is_ok() && is_tap(device)).then_some(device);
    }
    let device = table.strip_prefix(TABLE_PREFIX)?;
    (is_tap(device) || is_bridge(device)).then_some(device)
}

/// FNV-1a, 64 bits: recognises equal text; not for adversaries.
pub fn content_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What begins the names of bridges of networks.
pub const BRIDGE_PREFIX: &str = "brq";
const TABLE_PREFIX: &str = "neutrino-";
const LOG_PREFIX: &str = "neutrino ";
const UPLINK_TABLE_PREFIX: &str = "neutrino-uplink-";
const LOCAL_TABLE_PREFIX: &str = "neutrino-local-";

fn short(prefix: &str, id: Uuid) -> String {
    let mut text = id.to_string();
    text.truncate(ID_CHARS);
    format!("{prefix}{text}")
}

fn is_short(prefix: &str, name: &str) -> bool {
    let Some(id) = name.strip_prefix(prefix) else { return false };
    id.len() == ID_CHARS
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_with_a_packet_is_read_back() {
        for told in [Told::Accept, Told::Drop] {
            for way in [Direction::Ingress, Direction::Egress] {
                let prefix = log_prefix(told, way, PortId(ID));
                assert!(prefix.len() < 128, "the kernel takes no more");
                assert_eq!(parse_log_prefix(&prefix), Some((told, way, PortId(ID))));
                assert_eq!(parse_log_prefix(&format!("{prefix} x")), None);
            }
        }
        assert_eq!(parse_log_prefix("another's"), None);
    }

    const ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);

    #[test]
    fn what_is_made_is_recognised() {
        assert_eq!(tap(PortId(ID)), "tap12345678-9a");
        assert!(is_tap(&tap(PortId(ID))));
        assert!(is_bridge(&bridge(NetworkId(ID))));
        assert_eq!(dhcp_device(PortId(ID)).len(), 14);
        assert!(is_inner(&dhcp_device(PortId(ID))));
        let (network, router) = (NetworkId(ID), RouterId(ID));
        for netns in [Netns::Dhcp(network), Netns::Router(router), Netns::Snat(router), Netns::Fip(network)] {
            assert_eq!(Netns::parse(&netns.to_string()), Some(netns));
        }
        assert_eq!(parse_table(&table("tap12345678-9a")), Some("tap12345678-9a"));
        assert_eq!(parse_table(&uplink_table("eth0")), Some("eth0"));
        for mark in [Mark::Network(network), Mark::Dhcp(network), Mark::Router(router), Mark::Fip(network)] {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
    }

    #[test]
    fn what_is_foreign_is_not_recognised() {
        for name in ["tap0", "tap12345678_9a", "tap12345678-9A", "tapx2345678-9a", "tap12345678-9ab"] {
            assert!(!is_tap(name), "{name}");
        }
        for alias in ["", "neutrino", "neutrino network x", "neutrino router 1", "uplink to rack 4"] {
            assert_eq!(Mark::parse(alias), None, "{alias}");
        }
        for name in ["qdhcp-1", "qrouter-x", "qdhcp-123456789ABCDEF0123456789ABCDEF0"] {
            assert_eq!(Netns::parse(name), None, "{name}");
        }
        assert_eq!(parse_table("neutrino-eth0"), None);
        assert_eq!(parse_table("filter"), None);
    }

    #[test]
    fn a_long_interface_name_is_cut_safely() {
        assert_eq!(vlan("eth1", 4094), "eth1.4094");
        let (one, two) = (vlan("enp129s0f0np0", 100), vlan("enp129s0f0np1", 100));
        assert!(one.len() <= DEVICE_NAME_MAX && two.len() <= DEVICE_NAME_MAX, "{one} {two}");
        assert_ne!(one, two);
        assert_eq!(vlan("enp129s0f0np0", 4094).len(), 14);
    }
}

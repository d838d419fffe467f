//! Names on a host: the only place that makes them and the only one that recognises them.
//!
//! Devices and namespaces keep Neutron's names. What this file does not recognise does not exist
//! for us: it is neither read as ours nor deleted.

use std::fmt;

use model::{NetworkId, PortId};
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
}

impl Mark {
    /// Reads an alias; `None` means that the device is not ours.
    pub fn parse(alias: &str) -> Option<Mark> {
        let mut words = alias.split(' ');
        let (owner, kind, id) = (words.next()?, words.next()?, words.next()?);
        if owner != "neutrino" || words.next().is_some() {
            return None;
        }
        let id = NetworkId(Uuid::parse_str(id).ok()?);
        match kind {
            "network" => Some(Mark::Network(id)),
            "dhcp" => Some(Mark::Dhcp(id)),
            _ => None,
        }
    }

    pub const fn network_id(self) -> NetworkId {
        match self {
            Mark::Network(id) | Mark::Dhcp(id) => id,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Network(id) => write!(f, "neutrino network {id}"),
            Mark::Dhcp(id) => write!(f, "neutrino dhcp {id}"),
        }
    }
}

/// The bridge of a network.
pub fn bridge(id: NetworkId) -> String {
    short("brq", id.0)
}

/// The device of a port that its instance (or namespace) is attached to.
pub fn tap(id: PortId) -> String {
    short("tap", id.0)
}

/// The device inside a DHCP namespace; its host's end is the port's [`tap`].
pub fn dhcp_device(id: PortId) -> String {
    short("ns-", id.0)
}

/// The other end, inside a DHCP namespace, of a host's `tap`.
pub fn dhcp_peer(tap: &str) -> Option<String> {
    is_tap(tap).then(|| tap.replacen("tap", "ns-", 1))
}

/// The namespace that a network's DHCP is answered from.
pub fn dhcp_netns(id: NetworkId) -> String {
    format!("qdhcp-{id}")
}

/// The network whose DHCP namespace has this name.
pub fn parse_dhcp_netns(name: &str) -> Option<NetworkId> {
    let id = name.strip_prefix("qdhcp-")?;
    // Only the spelling made by `dhcp_netns` is ours.
    let parsed = NetworkId(Uuid::parse_str(id).ok()?);
    (dhcp_netns(parsed) == name).then_some(parsed)
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
    is_short("brq", name)
}

/// The netdev table that filters what enters by a device.
pub fn table(device: &str) -> String {
    format!("{TABLE_PREFIX}{device}")
}

/// The device that a table of ours filters.
pub fn parse_table(table: &str) -> Option<&str> {
    let device = table.strip_prefix(TABLE_PREFIX)?;
    (is_tap(device) || is_bridge(device)).then_some(device)
}

/// FNV-1a, 64 bits: recognises equal text; not for adversaries.
pub fn content_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const TABLE_PREFIX: &str = "neutrino-";

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

    const ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);

    #[test]
    fn what_is_made_is_recognised() {
        assert_eq!(tap(PortId(ID)), "tap12345678-9a");
        assert!(is_tap(&tap(PortId(ID))));
        assert!(is_bridge(&bridge(NetworkId(ID))));
        assert_eq!(dhcp_device(PortId(ID)).len(), 14);
        assert_eq!(parse_dhcp_netns(&dhcp_netns(NetworkId(ID))), Some(NetworkId(ID)));
        assert_eq!(parse_table(&table("tap12345678-9a")), Some("tap12345678-9a"));
        for mark in [Mark::Network(NetworkId(ID)), Mark::Dhcp(NetworkId(ID))] {
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
            assert_eq!(parse_dhcp_netns(name), None, "{name}");
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

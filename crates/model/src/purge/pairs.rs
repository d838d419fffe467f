//! Removed addresses and the peers whose connections with them shall go.

use serde::{Deserialize, Serialize};

use super::Addresses;

/// Every connection between one of `removed` and one of `peers`, as far as the other fields go.
///
/// An end of a connection is known by every address that its tuples give it: who began, by the source
/// of the original and the destination of the reply tuple; who was called, by the destination of
/// the original and the source of the reply tuple. So an address counts before and behind NAT.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    /// Only in this zone; in every zone if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u16>,
    /// Addresses (or prefixes) that went.
    pub removed: Addresses,
    #[serde(default)]
    pub peers: Peers,
    /// Only connections to this service; to any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    #[serde(default)]
    pub began: Began,
}

/// With whom the removed addresses talk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peers {
    /// With anybody: `"any"`.
    #[default]
    Any,
    /// With these: `{"of": ["10.0.0.1"]}`.
    Of(Addresses),
}

/// Who sent the first packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Began {
    /// The removed address: what it may send was narrowed.
    Removed,
    /// Its peer: what may be sent to it was narrowed.
    Peer,
    #[default]
    Either,
}

/// What is called: a protocol, and a part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// IP protocol number.
    pub protocol: u8,
    /// Ports of who was called, before or behind NAT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Ports>,
    /// Of ICMP and ICMPv6: the type that the first packet had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// Needs a type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
}

/// A range of ports, both ends within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    pub from: u16,
    pub to: u16,
}

impl Ports {
    pub fn contain(self, port: u16) -> bool {
        (self.from..=self.to).contains(&port)
    }
}

impl Service {
    /// All of a protocol.
    pub const fn all_of(protocol: u8) -> Service {
        Service { protocol, ports: None, icmp_type: None, icmp_code: None }
    }
}

//! One direction of a connection: who to whom, by which protocol and numbers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// As packets of one direction have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuple {
    /// IP protocol: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6.
    pub protocol: u8,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Of protocols with ports; 0 otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub source_port: u16,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub destination_port: u16,
    /// Of ICMP and ICMPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
}

/// What tells questions of ICMP apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Icmp {
    /// 8 of an echo request; 128 with IPv6.
    #[serde(rename = "type")]
    pub kind: u8,
    #[serde(default)]
    pub code: u8,
    #[serde(default)]
    pub id: u16,
}

impl Tuple {
    /// A tuple of a protocol with ports.
    pub fn ports(protocol: u8, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Tuple {
        Tuple {
            protocol,
            source: source.0,
            destination: destination.0,
            source_port: source.1,
            destination_port: destination.1,
            icmp: None,
        }
    }

    pub const fn has_ports(protocol: u8) -> bool {
        matches!(protocol, 6 | 17 | 33 | 47 | 132 | 136)
    }

    pub const fn is_icmp(protocol: u8) -> bool {
        matches!(protocol, 1 | 58)
    }
}

fn is_zero(port: &u16) -> bool {
    *port == 0
}

//! Security groups as a host is told of them.
//!
//! A rule names its remote side; who that is travels apart, one part per member, so that a member
//! that comes or goes costs the same in a group of ten as in one of ten thousand.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{AddressGroupId, PortId, SecurityGroupId};

/// A security group of which a port is bound to this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    pub id: SecurityGroupId,
    /// Answers to what a rule allowed pass without a rule of their own.
    pub stateful: bool,
    pub rules: BTreeSet<GroupRule>,
}

/// What a group allows; without a rule nothing passes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct GroupRule {
    pub direction: Direction,
    pub ethertype: Ethertype,
    /// The IP protocol's number; `None` is any.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// Of ICMP, its type and code.
    #[serde(default)]
    pub ports: Ports,
    #[serde(default)]
    pub remote: RemoteSide,
}

/// Seen from the instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Ingress,
    Egress,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Ethertype {
    #[serde(rename = "IPv4")]
    V4,
    #[serde(rename = "IPv6")]
    V6,
}

/// Which of a protocol's packets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ports {
    #[default]
    Any,
    /// Destination ports, both ends included.
    Range { first: u16, last: u16 },
    /// A type of ICMP or ICMPv6; without a code, any.
    Icmp { kind: u8, code: Option<u8> },
}

/// Whom a rule is about: where packets come from or, of egress rules, go to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemoteSide {
    #[default]
    Any,
    Prefix(IpNet),
    /// The members of a group: see [`Member`].
    Group(SecurityGroupId),
    /// See [`Addresses`].
    Addresses(AddressGroupId),
}

impl Group {
    /// Groups whose members its rules are about.
    pub fn named_groups(&self) -> BTreeSet<SecurityGroupId> {
        let named = self.rules.iter().filter_map(|rule| match rule.remote {
            RemoteSide::Group(id) => Some(id),
            _ => None,
        });
        named.collect()
    }

    /// Address groups that its rules are about.
    pub fn named_addresses(&self) -> BTreeSet<AddressGroupId> {
        let named = self.rules.iter().filter_map(|rule| match rule.remote {
            RemoteSide::Addresses(id) => Some(id),
            _ => None,
        });
        named.collect()
    }
}

/// A port, anywhere in the cloud, of groups that rules on this host are about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    pub port_id: PortId,
    /// All groups of the port; those that no rule here is about do not matter.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Its fixed addresses and its allowed address pairs.
    pub addresses: BTreeSet<IpNet>,
}

/// An address group that a rule on this host is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Addresses {
    pub id: AddressGroupId,
    pub nets: BTreeSet<IpNet>,
}

//! What one host is asked to be.
//!
//! A host's desired state is a map from [`Key`] to [`Part`]. A part travels whole, never as
//! "add this, drop that"; its absence means that the host must not have it. All choices
//! (addresses, tunnel ids, peers) were made by the server: the host only carries out.
//! Fields are added with defaults and never change their meaning: servers and agents of
//! neighbouring releases talk to each other.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wire::Mac;

use crate::software::Order;
use crate::{LogId, NetworkId, PortId, SecurityGroupId, SubnetId};

mod group;
mod meter;
mod router;

pub use group::{Addresses, Direction, Ethertype, Group, GroupRule, Member, Ports, RemoteSide};
pub use meter::{Meter, MeterRule};
pub use router::{
    Centralized, ConntrackHelper, Fip, FloatingIp, Gateway, Ha, Interface, L3Mode, PortForwarding, Router,
    RouterPort, RouterSubnet, SHIFTED_PORTS,
};

/// Counts commits that changed any host's desired state; never reused, never skipped by readers.
pub type Revision = i64;

/// What a part describes; also the order in which parts are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A network that this host has ports on; id of the network.
    Network,
    /// A port bound to this host; id of the port.
    Port,
    /// A port of one of this host's networks that lives on another host; id of the port.
    Remote,
    /// A network for which this host answers DHCP and sends router advertisements; id of the network.
    Dhcp,
    /// A port that this host's DHCP answers; id of the port.
    Lease,
    /// A router that this host has a share in; id of the router.
    Router,
    /// This host's own way to an external network; id of that network.
    Fip,
    /// A security group of ports bound to this host; id of the group.
    Group,
    /// A port of groups that rules on this host are about; id of the port.
    Member,
    /// An address group that rules on this host are about; id of it.
    Addresses,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Network,
        Kind::Port,
        Kind::Remote,
        Kind::Dhcp,
        Kind::Lease,
        Kind::Router,
        Kind::Fip,
        Kind::Group,
        Kind::Member,
        Kind::Addresses,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::Port => "port",
            Kind::Remote => "remote",
            Kind::Dhcp => "dhcp",
            Kind::Lease => "lease",
            Kind::Router => "router",
            Kind::Fip => "fip",
            Kind::Group => "group",
            Kind::Member => "member",
            Kind::Addresses => "addresses",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Names one part of one host's desired state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub kind: Kind,
    pub id: Uuid,
}

impl Key {
    pub const fn new(kind: Kind, id: Uuid) -> Key {
        Key { kind, id }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.id)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One part, whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Part {
    Network(Network),
    Port(Port),
    Remote(Remote),
    Dhcp(Dhcp),
    Lease(Lease),
    Router(Router),
    Fip(Fip),
    Group(Group),
    Member(Member),
    Addresses(Addresses),
}

impl Part {
    pub fn key(&self) -> Key {
        match self {
            Part::Network(part) => Key::new(Kind::Network, part.id.0),
            Part::Port(part) => Key::new(Kind::Port, part.id.0),
            Part::Remote(part) => Key::new(Kind::Remote, part.port_id.0),
            Part::Dhcp(part) => Key::new(Kind::Dhcp, part.network_id.0),
            Part::Lease(part) => Key::new(Kind::Lease, part.port_id.0),
            Part::Router(part) => Key::new(Kind::Router, part.id.0),
            Part::Fip(part) => Key::new(Kind::Fip, part.network_id.0),
            Part::Group(part) => Key::new(Kind::Group, part.id.0),
            Part::Member(part) => Key::new(Kind::Member, part.port_id.0),
            Part::Addresses(part) => Key::new(Kind::Addresses, part.id.0),
        }
    }

    /// The networks that the part needs on its host.
    pub fn networks(&self) -> Vec<NetworkId> {
        match self {
            Part::Network(part) => vec![part.id],
            Part::Port(part) => vec![part.network_id],
            Part::Remote(part) => vec![part.network_id],
            Part::Dhcp(part) => vec![part.network_id],
            Part::Lease(part) => vec![part.network_id],
            Part::Router(part) => part.networks(),
            Part::Fip(part) => vec![part.network_id],
            Part::Group(_) | Part::Member(_) | Part::Addresses(_) => vec![],
        }
    }
}

/// A network of this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    pub id: NetworkId,
    pub mtu_bytes: u32,
    pub segment: Segment,
    /// Tunnel addresses of the other hosts that have this network; broadcast goes to these only.
    #[serde(default)]
    pub peers: BTreeSet<IpAddr>,
    /// Some port may use addresses besides its own, so that addresses can move between hosts:
    /// ARP and ND must reach all of them.
    #[serde(default)]
    pub roaming: bool,
}

/// How a network's frames leave a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Segment {
    /// Not at all.
    Local,
    /// Untagged, on the interface that the host maps to the physical network.
    Flat {
        physical_network: String,
    },
    Vlan {
        physical_network: String,
        vid: u16,
    },
    Vxlan {
        vni: u32,
    },
    Geneve {
        vni: u32,
    },
    Gre {
        key: u32,
    },
}

/// A port bound to this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Port {
    pub id: PortId,
    pub network_id: NetworkId,
    pub mac: Mac,
    pub fixed_ips: Vec<IpAddr>,
    pub admin_state_up: bool,
    /// What the instance may send when port security is on; `None` when it is off.
    pub allowed: Option<Vec<AddressPair>>,
    /// True for the host's own DHCP port: it may answer DHCP and send router advertisements.
    #[serde(default)]
    pub trusted: bool,
    /// The security groups that say what passes; of an empty set nothing does. `None`: nothing is
    /// held back.
    #[serde(default)]
    pub groups: Option<BTreeSet<SecurityGroupId>>,
    /// How fast it may be, and how its packets are marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Qos>,
    /// Its place in a trunk, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Trunked>,
    /// Local IPs that it answers for: who of its network is on this host, too, reaches it by them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub local_ips: BTreeSet<LocalIp>,
    /// Who wants to be told what its groups let pass and hold back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub logs: BTreeSet<Log>,
}

/// A log of a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Log {
    pub id: LogId,
    pub project_id: String,
    /// What begins a connection, and is let through.
    pub accept: bool,
    /// What is held back.
    pub drop: bool,
}

/// An address that is another port's on each host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LocalIp {
    pub address: Ipv4Addr,
    /// Of the port's own, where it is sent to; `None` where the port knows the local IP itself.
    #[serde(default)]
    pub fixed_ip: Option<Ipv4Addr>,
}

/// A port's place in a trunk: several ports of one instance that share its device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trunked {
    /// Its device carries frames of other ports, too, with these VLAN tags.
    Parent { vids: BTreeSet<u16> },
    /// It has no device of its own: its frames are those with the tag on the parent's.
    Tagged { parent: PortId, vid: u16 },
}

/// What a port's traffic is held to, seen from its instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Qos {
    /// Of what it sends.
    #[serde(default)]
    pub egress: Option<Limit>,
    /// Of what it gets.
    #[serde(default)]
    pub ingress: Option<Limit>,
    /// The mark of what it sends.
    #[serde(default)]
    pub dscp: Option<u8>,
    /// Of packets that it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_packets: Option<Packets>,
    /// Of packets that it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_packets: Option<Packets>,
}

/// The most packets that pass, in thousands; what is more is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Packets {
    pub kpps: u32,
    /// What may pass at once; 0 leaves it to the host.
    #[serde(default)]
    pub burst_kpackets: u32,
}

/// The most that passes; what is more is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    pub kbps: u32,
    /// What may pass at once; 0 leaves it to the host.
    #[serde(default)]
    pub burst_kbits: u32,
}

/// An address that a port may use besides its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct AddressPair {
    pub mac: Mac,
    pub net: IpNet,
}

/// A port of one of this host's networks that lives on another host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remote {
    pub port_id: PortId,
    pub network_id: NetworkId,
    pub mac: Mac,
    /// Addresses for which ARP and ND are answered here.
    pub fixed_ips: Vec<IpAddr>,
    /// Tunnel address of its host; `None` on networks without tunnels.
    pub tunnel_ip: Option<IpAddr>,
}

/// A network for which this host answers DHCP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dhcp {
    pub network_id: NetworkId,
    pub mtu_bytes: u32,
    /// The DHCP server's own port: the device inside the network's namespace.
    pub port_id: PortId,
    pub mac: Mac,
    /// The DHCP port's addresses, each with its subnet's prefix length.
    pub addresses: Vec<IpNet>,
    /// Without the trailing dot; `None` when there is none.
    pub dns_domain: Option<String>,
    pub subnets: Vec<DhcpSubnet>,
}

/// What DHCP and router advertisements say about one subnet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DhcpSubnet {
    pub id: SubnetId,
    pub cidr: IpNet,
    pub gateway_ip: Option<IpAddr>,
    pub dns_nameservers: Vec<IpAddr>,
    pub host_routes: Vec<HostRoute>,
    /// Who advertises the prefix: `None` for IPv4 and where an outside router does.
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    pub ipv6_address_mode: Option<Ipv6Mode>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct HostRoute {
    pub destination: IpNet,
    pub nexthop: IpAddr,
}

/// The IPv6 modes of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Ipv6Mode {
    #[serde(rename = "slaac")]
    Slaac,
    #[serde(rename = "dhcpv6-stateless")]
    Dhcpv6Stateless,
    #[serde(rename = "dhcpv6-stateful")]
    Dhcpv6Stateful,
}

/// A port that DHCP answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    pub port_id: PortId,
    pub network_id: NetworkId,
    pub mac: Mac,
    /// First label of the instance's name, as offered to it.
    pub hostname: String,
    /// Addresses on DHCP subnets, with the subnet each is from.
    pub addresses: Vec<LeaseAddress>,
    /// The port's `extra_dhcp_opts`.
    #[serde(default)]
    pub options: Vec<DhcpOption>,
    /// The port's `device_id`.
    #[serde(default)]
    pub instance: String,
    #[serde(default)]
    pub project_id: String,
    /// What its instance is to install.
    #[serde(default)]
    pub orders: Vec<Order>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LeaseAddress {
    pub subnet_id: SubnetId,
    pub ip: IpAddr,
}

/// One of `extra_dhcp_opts`: a dnsmasq option name or a number, and its value as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct DhcpOption {
    pub name: String,
    pub value: String,
    /// 4 or 6.
    pub ip_version: u8,
}

//! A router on one host, and a host's own way to an external network.
//!
//! A router is plain data. Which of its pieces a host builds follows from `distributed`, `central`
//! and `serves_here`; whether a network node builds anything at all is [`crate::lazy`]'s to say.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use wire::Mac;

use super::{HostRoute, Ipv6Mode, Meter, Qos};
use crate::{FloatingIpId, NetworkId, PortForwardingId, PortId, RouterId, SubnetId};

/// What the L3 agent of a host is for; the API's `agent_mode`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum L3Mode {
    /// Carries whole routers that are not distributed.
    #[default]
    Legacy,
    /// A compute host that routes for its own instances, floating IPs included.
    Dvr,
    /// A network node: the centralized traffic of distributed routers, and whole routers.
    DvrSnat,
    /// A compute host without a way to external networks: it routes between subnets only.
    DvrNoExternal,
}

impl L3Mode {
    pub const ALL: [L3Mode; 4] = [L3Mode::Legacy, L3Mode::Dvr, L3Mode::DvrSnat, L3Mode::DvrNoExternal];

    pub const fn as_str(self) -> &'static str {
        match self {
            L3Mode::Legacy => "legacy",
            L3Mode::Dvr => "dvr",
            L3Mode::DvrSnat => "dvr_snat",
            L3Mode::DvrNoExternal => "dvr_no_external",
        }
    }

    /// The host has a way of its own to external networks, and carries its instances' floating IPs.
    pub const fn has_own_way(self) -> bool {
        matches!(self, L3Mode::Dvr | L3Mode::DvrSnat)
    }
}

impl fmt::Display for L3Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A router that this host has a share in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Router {
    pub id: RouterId,
    /// Of this host's agent.
    pub mode: L3Mode,
    /// This host may leave out routers that have no traffic for it to carry.
    #[serde(default)]
    pub may_be_lazy: bool,
    pub distributed: bool,
    /// The host carries the router's centralized traffic: all of it, of one that is not distributed.
    #[serde(default)]
    pub central: bool,
    /// Ports of this host use the distributed router.
    #[serde(default)]
    pub serves_here: bool,
    #[serde(default)]
    pub counts: Centralized,
    #[serde(default)]
    pub interfaces: Vec<Interface>,
    #[serde(default)]
    pub gateway: Option<Box<Gateway>>,
    /// Those that this host carries.
    #[serde(default)]
    pub floating_ips: Vec<FloatingIp>,
    /// All of the router's, wherever they are carried.
    #[serde(default)]
    pub port_forwardings: Vec<PortForwarding>,
    /// Of all connections that the router's centralized traffic is.
    #[serde(default)]
    pub conntrack_helpers: Vec<ConntrackHelper>,
    /// What is counted of what passes the gateway, or the way outside of this host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    #[serde(default)]
    pub routes: Vec<HostRoute>,
    /// The source MAC address of what a distributed router sends from here into networks that are no
    /// tunnels: switches see its own address from every host otherwise.
    #[serde(default)]
    pub host_mac: Option<Mac>,
    /// Of routers that stand ready on several hosts, of which one is active.
    #[serde(default)]
    pub ha: Option<Ha>,
}

/// What of a router needs a network node, counted; of a part, one stands for any number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Centralized {
    /// Ports of bare-metal servers behind the router.
    pub baremetal: u32,
    /// Globally routed IPv6 addresses behind the router that no compute host carries itself.
    pub ipv6: u32,
    /// Floating IPs that no compute host carries itself.
    pub ipv4: u32,
}

impl Centralized {
    /// One where there is any: a part does not change between five and six.
    #[must_use]
    pub fn any(self) -> Centralized {
        let Centralized { baremetal, ipv6, ipv4 } = self;
        Centralized { baremetal: baremetal.min(1), ipv6: ipv6.min(1), ipv4: ipv4.min(1) }
    }
}

/// A port of a router.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterPort {
    pub port_id: PortId,
    pub network_id: NetworkId,
    pub mac: Mac,
    /// Each with its subnet's prefix length.
    pub addresses: Vec<IpNet>,
}

/// A router's leg in a network of instances: `qr-`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interface {
    pub port: RouterPort,
    pub subnets: Vec<RouterSubnet>,
    /// Of a distributed router with a gateway: the network node's leg in the same network (`sg-`), to
    /// which the other hosts send what they cannot carry.
    #[serde(default)]
    pub snat: Option<RouterPort>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterSubnet {
    pub id: SubnetId,
    pub cidr: IpNet,
    /// The router advertises the prefix when this is said.
    #[serde(default)]
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    #[serde(default)]
    pub dns_nameservers: Vec<IpAddr>,
}

/// A router's leg in an external network: `qg-`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    pub port: RouterPort,
    /// Where the default routes lead: the `gateway_ip` of the external subnets.
    #[serde(default)]
    pub nexthops: Vec<IpAddr>,
    /// Instances without a floating IP leave by the gateway's IPv4 address.
    #[serde(default)]
    pub enable_snat: bool,
    /// What the gateway's IPv4 address is held to, by those without a floating IP together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Qos>,
    /// Addresses behind the router that it answers for outside: of what is in its subnets, these alone
    /// are reached from there. `None`: it answers for none, and keeps nobody from any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ndp_proxies: Option<BTreeSet<Ipv6Addr>>,
}

/// A floating IP of a fixed address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FloatingIp {
    pub id: FloatingIpId,
    pub floating_ip: IpAddr,
    pub fixed_ip: IpAddr,
    /// Carried where the gateway is; otherwise by this host itself, through its `fip-` namespace.
    #[serde(default)]
    pub centralized: bool,
    /// What it is held to, seen from the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Qos>,
}

/// Ports that are led to ports of other numbers, or one by one, of one router at most: each takes an
/// element of a map, in the memory of the kernel. A range that keeps its numbers is one element.
pub const SHIFTED_PORTS: usize = 8192;

/// Ports of a floating IP that lead to ports of a fixed address, one by one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PortForwarding {
    pub id: PortForwardingId,
    pub floating_ip: IpAddr,
    /// `tcp`, `udp`, `sctp`, ...
    pub protocol: String,
    /// First and last; `None` of protocols without ports.
    pub external_ports: Option<(u16, u16)>,
    pub internal_ip: IpAddr,
    pub internal_ports: Option<(u16, u16)>,
    /// What its floating IP is held to, seen from inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Qos>,
}

/// A program of the kernel that looks into connections to a port for those that they agree on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ConntrackHelper {
    /// `tcp`, `udp`, ...
    pub protocol: String,
    pub port: u16,
    /// `ftp`, `sip`, ...
    pub helper: String,
}

/// How a router stands ready on several hosts (VRRP, RFC 5798).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ha {
    /// The leg in which the hosts hear of each other: `ha-`.
    pub port: RouterPort,
    pub vr_id: u8,
    pub priority: u8,
    pub advert_int_s: u32,
}

/// A host's own way to an external network, for the floating IPs that it carries: `fip-`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fip {
    /// The external network.
    pub network_id: NetworkId,
    /// The host's leg in it: `fg-`.
    pub port: RouterPort,
    pub nexthops: Vec<IpAddr>,
}

impl Router {
    /// The networks whose bridges the router's pieces on this host are joined to.
    pub fn networks(&self) -> Vec<NetworkId> {
        let interfaces = self.interfaces.iter().map(|interface| interface.port.network_id);
        let gateway = self.gateway.iter().map(|gateway| gateway.port.network_id);
        let ha = self.ha.iter().map(|ha| ha.port.network_id);
        let mut all: Vec<NetworkId> = match self.central {
            true => interfaces.chain(gateway).chain(ha).collect(),
            false => interfaces.collect(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }
}

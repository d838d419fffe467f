//! A router and what is around it, as rows say: `db` reads it, `cloud::l3` and `cloud::view` make
//! of it what each host is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use wire::Mac;

use crate::api::metering::MeteringLabelRule;
use crate::api::port::Port;
use crate::api::qos::QosRule;
use crate::api::router::{Router, RouterPortKind};
use crate::api::subnet::Subnet;
use crate::desired::{Centralized, ConntrackHelper, L3Mode, PortForwarding};
use crate::report::{HaState, L3Configuration};
use crate::{AgentId, FloatingIpId, NetworkId, PortId, SubnetId};

/// A port of the router itself.
#[derive(Clone, PartialEq, Debug)]
pub struct OwnPort {
    pub kind: RouterPortKind,
    pub port: Port,
}

/// A floating IP of a fixed address behind the router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FloatingFact {
    pub id: FloatingIpId,
    pub network_id: NetworkId,
    pub floating_ip: IpAddr,
    pub fixed_ip: IpAddr,
    /// Where the fixed port is bound; `None` when it is bound nowhere.
    pub host: Option<String>,
    /// Of its QoS policy.
    pub rules: Vec<QosRule>,
}

/// An agent that carries the router's centralized traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CentralAgent {
    pub id: AgentId,
    pub host: String,
    pub state: HaState,
    /// Its leg in the network of the router's hosts.
    pub ha_port: Option<PortId>,
}

/// A router with all that its shares on hosts are made of.
#[derive(Clone, PartialEq, Debug)]
pub struct RouterFacts {
    pub row: Router,
    /// Oldest first.
    pub ports: Vec<OwnPort>,
    /// Those that the router's ports have addresses on.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    pub floating_ips: Vec<FloatingFact>,
    pub forwardings: Vec<PortForwarding>,
    /// Of the QoS policies of floating IPs that forward.
    pub forwarding_rules: BTreeMap<IpAddr, Vec<QosRule>>,
    pub helpers: Vec<ConntrackHelper>,
    /// Addresses that it answers for outside.
    pub ndp_proxies: BTreeSet<Ipv6Addr>,
    /// Rules of its labels, by label, oldest first.
    pub meters: Vec<MeteringLabelRule>,
    /// Of the gateway's QoS policy.
    pub gateway_rules: Vec<QosRule>,
    pub agents: Vec<CentralAgent>,
    /// Hosts with bound ports that use an interface of it.
    pub users: BTreeSet<String>,
    /// What the L3 agents of the hosts concerned say of themselves.
    pub hosts: BTreeMap<String, L3Configuration>,
    /// The MAC address by which switches know the host's routers.
    pub macs: BTreeMap<String, Mac>,
    pub counts: Centralized,
}

impl RouterFacts {
    pub fn ports_of(&self, kind: RouterPortKind) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(move |own| own.kind == kind).map(|own| &own.port)
    }

    pub fn mode(&self, host: &str) -> Option<L3Mode> {
        self.hosts.get(host).map(|configuration| configuration.agent_mode)
    }
}

/// What a host was last told of a router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    pub central: bool,
    pub serves: bool,
    pub loaded: bool,
    /// A digest of the part.
    pub part: String,
    /// The networks that the host has by it.
    pub networks: BTreeSet<NetworkId>,
}

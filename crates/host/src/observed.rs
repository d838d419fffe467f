//! What was seen on a host.
//!
//! [`Observed`] holds only what diff looks at, under the names used in the kernel. `pretend`
//! does to it what an act does to the kernel, side effects included.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use model::RouterId;
use serde::{Deserialize, Serialize};
use wire::Mac;

use crate::meter::SeenMeters;
use crate::op::{Of, PortFlags, Route, Rule, Sysctl};
use crate::secgroup::Filter;

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    pub links: BTreeMap<String, Link>,
    /// Bridge to MAC to port: entries that were written, not learnt.
    pub fdb: BTreeMap<String, BTreeMap<Mac, String>>,
    /// VXLAN device to MAC to tunnel address.
    pub tunnels: BTreeMap<String, BTreeMap<Mac, IpAddr>>,
    /// VXLAN device to the hosts that broadcast goes to.
    pub floods: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Bridge to permanent neighbours.
    pub neighbours: BTreeMap<String, BTreeMap<IpAddr, Mac>>,
    /// Tables of ours.
    pub tables: BTreeMap<String, TableMark>,
    /// Namespaces of ours that can be entered.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Instances of keepalived, running or left behind.
    pub keepalived: BTreeMap<RouterId, Keepalived>,
    /// What filters ports by their groups.
    #[serde(skip)]
    pub filter: Filter,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keepalived {
    /// Hash of what it was told last.
    pub hash: u64,
    pub alive: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub index: u32,
    pub kind: LinkKind,
    pub mac: Mac,
    pub up: bool,
    pub mtu_bytes: u32,
    pub master: Option<String>,
    #[serde(default)]
    pub alias: String,
    /// It was made by an agent: known from birth, before it is marked.
    #[serde(default)]
    pub made: bool,
    pub ipv6: Ipv6,
    /// `Some` while it is a port of a bridge.
    pub port: Option<PortFlags>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LinkKind {
    /// `plain`: no STP, no forward delay, no multicast snooping.
    Bridge {
        plain: bool,
    },
    Vxlan {
        vni: u32,
        local: Option<IpAddr>,
        port: u16,
        learning: bool,
        proxy: bool,
    },
    Vlan {
        parent: String,
        vid: u16,
    },
    Veth,
    Other,
}

/// How far a device takes part in IPv6 by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ipv6 {
    Off,
    /// On, and makes no address of its own.
    Silent,
    On,
}

/// What a table says of itself in its comment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableMark {
    /// Hash of its text.
    pub hash: u64,
    /// Index of the device it was hooked to: a device that came back has another.
    pub index: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Its inode: a namespace made again has another.
    pub id: u64,
    pub links: BTreeMap<String, InnerLink>,
    /// Those that we wrote; not the kernel's, nor those of other programs.
    pub routes: BTreeSet<Route>,
    /// As routes.
    pub rules: BTreeSet<Rule>,
    /// Device to permanent neighbours.
    pub neighbours: BTreeMap<String, BTreeMap<IpAddr, Mac>>,
    /// Device, and an address elsewhere that it answers for.
    pub proxies: BTreeSet<(String, Ipv6Addr)>,
    pub sysctls: BTreeMap<Sysctl, u32>,
    /// Hash of the table of address translation; 0 of one that is not ours.
    pub table: Option<u64>,
    /// The same of the table of helpers of connections.
    pub helpers: Option<u64>,
    /// What is counted, and how much it is.
    pub meters: Option<SeenMeters>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InnerLink {
    pub index: u32,
    pub mac: Mac,
    pub up: bool,
    pub mtu_bytes: u32,
    /// Without the link-local ones that the kernel makes.
    #[serde(default)]
    pub addresses: BTreeSet<IpNet>,
}

impl Namespace {
    /// The value of a setting. Of those that come with a link, only what is not 0 is listed.
    pub fn setting(&self, name: &Sysctl) -> Option<u32> {
        let unlisted = matches!(name, Sysctl::AcceptRa(Of::Device(_)) | Sysctl::ProxyNdp(Of::Device(_)));
        let unlisted = unlisted.then_some(0);
        self.sysctls.get(name).copied().or(unlisted)
    }
}

impl Observed {
    pub fn fdb_port(&self, bridge: &str, mac: Mac) -> Option<&String> {
        self.fdb.get(bridge)?.get(&mac)
    }

    pub fn tunnel(&self, device: &str, mac: Mac) -> Option<IpAddr> {
        self.tunnels.get(device)?.get(&mac).copied()
    }

    pub fn neighbour(&self, device: &str, ip: IpAddr) -> Option<Mac> {
        self.neighbours.get(device)?.get(&ip).copied()
    }
}

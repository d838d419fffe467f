//! Every act on a host: the only list.
//!
//! An [`Op`] is data: it can be printed, stored, pretended (`observed`) and carried out (`kernel`).

mod inside;
mod sysctl;

use std::fmt;
use std::net::IpAddr;

use model::RouterId;
use model::desired::Key;
use serde::{Deserialize, Serialize};
use wire::Mac;

use crate::keepalived::Instance;
use crate::nft::Table;
use crate::secgroup::{At, Chain, Item, Value};

pub use inside::{Inside, MAIN_TABLE, Route, Rule};
pub use sysctl::{Of, Sysctl, UnknownSysctl};

/// MTU that a bridge is born with: no network's, so that the network's is set and thereby pinned.
pub const UNSET_BRIDGE_MTU_BYTES: u32 = 576;

/// An act and the part it serves: its failure is that part's failure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    pub key: Key,
    /// The part without which this is not to be done: a port's network.
    #[serde(default)]
    pub needs: Option<Key>,
    pub op: Op,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// A bridge without STP, forward delay and multicast snooping.
    AddBridge {
        device: String,
        mac: Mac,
    },
    /// A VXLAN device that learns nothing.
    AddVxlan {
        device: String,
        vni: u32,
        local: IpAddr,
        port: u16,
    },
    AddVlan {
        device: String,
        parent: String,
        vid: u16,
    },
    /// A pair of devices, one here and one inside a namespace, both born with the MTU: the kernel
    /// goes through all routes when it changes.
    AddVeth {
        device: String,
        netns: String,
        peer: String,
        peer_mac: Mac,
        mtu_bytes: u32,
    },
    /// A pair of devices in two namespaces.
    AddVethBetween {
        netns: String,
        device: String,
        mac: Mac,
        peer_netns: String,
        peer: String,
        peer_mac: Mac,
    },
    DeleteLink {
        device: String,
    },
    SetBridge {
        device: String,
    },
    SetAlias {
        device: String,
        alias: String,
    },
    SetMtu {
        device: String,
        mtu_bytes: u32,
    },
    /// Switches IPv6 off, addresses included.
    DisableIpv6 {
        device: String,
    },
    /// Keeps IPv6 on without an address of its own.
    SilenceIpv6 {
        device: String,
    },
    SetUp {
        device: String,
        up: bool,
    },
    /// Waits a moment for a device that came up to carry frames: until then it drops them.
    AwaitLink {
        device: String,
    },
    SetMaster {
        device: String,
        master: Option<String>,
    },
    SetPort {
        device: String,
        flags: PortFlags,
    },
    /// In a bridge, leads a MAC to one of its ports; moves it there if it was elsewhere.
    SetFdb {
        bridge: String,
        mac: Mac,
        device: String,
    },
    DeleteFdb {
        bridge: String,
        mac: Mac,
        device: String,
    },
    /// On a VXLAN device, leads a MAC to the host of that tunnel address.
    SetTunnel {
        device: String,
        mac: Mac,
        dst: IpAddr,
    },
    DeleteTunnel {
        device: String,
        mac: Mac,
        dst: IpAddr,
    },
    /// On a VXLAN device, adds a host that broadcast goes to.
    AddFlood {
        device: String,
        dst: IpAddr,
    },
    DeleteFlood {
        device: String,
        dst: IpAddr,
    },
    SetNeighbour {
        device: String,
        ip: IpAddr,
        mac: Mac,
    },
    DeleteNeighbour {
        device: String,
        ip: IpAddr,
    },
    /// Makes or replaces, in one transaction, the netdev table that filters a device.
    ReplaceTable {
        table: String,
        content: Table,
    },
    DeleteTable {
        table: String,
    },
    /// Hands bridged packets of the host's namespace to the IP layer, where connections are known.
    FilterBridged,
    /// Makes or replaces, in one transaction with the ops of its kind around it, a chain of those
    /// that filter ports by their groups.
    ReplaceChain {
        chain: Chain,
    },
    DeleteChain {
        at: At,
    },
    AddSet {
        at: At,
    },
    DeleteSet {
        at: At,
    },
    AddElements {
        at: At,
        elements: Vec<(Item, Value)>,
    },
    DeleteElements {
        at: At,
        elements: Vec<(Item, Value)>,
    },
    /// A namespace, its loopback up.
    AddNetns {
        netns: String,
    },
    DeleteNetns {
        netns: String,
    },
    Inside {
        netns: String,
        act: Inside,
    },
    /// Tells those on a network's link who has an address behind a device that is about to be
    /// opened: through the bridge to who is there already, later on by the uplink alone. Those who
    /// come with it know nothing that could be wrong. Leaves no trace.
    Announce {
        bridge: String,
        uplink: Option<String>,
        mac: Mac,
        ip: IpAddr,
    },
    /// Lets keepalived decide on which host a router is active; one that runs is told anew.
    StartKeepalived {
        netns: String,
        router: RouterId,
        instance: Instance,
    },
    ReloadKeepalived {
        router: RouterId,
        instance: Instance,
    },
    /// Ends it, and forgets that it was.
    StopKeepalived {
        router: RouterId,
    },
}

/// What a bridge does at one of its ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PortFlags {
    pub learning: bool,
    /// Frames to unknown MACs leave here.
    pub flood: bool,
    /// Broadcast and multicast leave here.
    pub broadcast: bool,
    pub hairpin: bool,
    /// ARP and ND for neighbours that are written are answered by the bridge and do not leave here.
    #[serde(default)]
    pub suppress: bool,
}

impl PortFlags {
    /// Everything known beforehand: a port whose MACs are all static.
    pub const STRICT: PortFlags =
        PortFlags { learning: false, flood: false, broadcast: true, hairpin: false, suppress: false };
    /// A port behind which any MAC may live.
    pub const OPEN: PortFlags =
        PortFlags { learning: true, flood: true, broadcast: true, hairpin: false, suppress: false };
    /// The tunnel: MACs are written, never learnt; a MAC nobody wrote goes to the flood list.
    pub const TUNNEL: PortFlags =
        PortFlags { learning: false, flood: true, broadcast: true, hairpin: false, suppress: true };
    /// The tunnel of a network whose addresses may move: gratuitous ARP must cross it.
    pub const ROAMING_TUNNEL: PortFlags = PortFlags { suppress: false, ..PortFlags::TUNNEL };
}

impl Op {
    /// The device of the host that the act is done to, where that is one.
    pub fn device(&self) -> Option<&String> {
        match self {
            Op::AddBridge { device, .. }
            | Op::AddVxlan { device, .. }
            | Op::AddVlan { device, .. }
            | Op::AddVeth { device, .. }
            | Op::DeleteLink { device }
            | Op::SetBridge { device }
            | Op::SetAlias { device, .. }
            | Op::SetMtu { device, .. }
            | Op::DisableIpv6 { device }
            | Op::SilenceIpv6 { device }
            | Op::SetUp { device, .. }
            | Op::AwaitLink { device }
            | Op::SetMaster { device, .. }
            | Op::SetPort { device, .. }
            | Op::SetFdb { device, .. }
            | Op::DeleteFdb { device, .. }
            | Op::SetTunnel { device, .. }
            | Op::DeleteTunnel { device, .. }
            | Op::AddFlood { device, .. }
            | Op::DeleteFlood { device, .. }
            | Op::SetNeighbour { device, .. }
            | Op::DeleteNeighbour { device, .. } => Some(device),
            Op::ReplaceTable { content, .. } => Some(&content.device),
            Op::Announce { bridge, .. } => Some(bridge),
            Op::AddVethBetween { .. }
            | Op::DeleteTable { .. }
            | Op::FilterBridged
            | Op::ReplaceChain { .. }
            | Op::DeleteChain { .. }
            | Op::AddSet { .. }
            | Op::DeleteSet { .. }
            | Op::AddElements { .. }
            | Op::DeleteElements { .. }
            | Op::AddNetns { .. }
            | Op::DeleteNetns { .. }
            | Op::StartKeepalived { .. }
            | Op::ReloadKeepalived { .. }
            | Op::StopKeepalived { .. }
            | Op::Inside { .. } => None,
        }
    }

    /// True of acts that are done together, in one transaction: those on what filters ports.
    pub fn is_filter(&self) -> bool {
        matches!(
            self,
            Op::ReplaceChain { .. }
                | Op::DeleteChain { .. }
                | Op::AddSet { .. }
                | Op::DeleteSet { .. }
                | Op::AddElements { .. }
                | Op::DeleteElements { .. }
        )
    }

    /// True when the act only takes something away: it is worth doing though others failed.
    pub fn is_cleanup(&self) -> bool {
        match self {
            Op::Inside { act, .. } => act.is_cleanup(),
            Op::DeleteLink { .. }
            | Op::DeleteFdb { .. }
            | Op::DeleteTunnel { .. }
            | Op::DeleteFlood { .. }
            | Op::DeleteNeighbour { .. }
            | Op::DeleteTable { .. }
            | Op::DeleteChain { .. }
            | Op::DeleteSet { .. }
            | Op::DeleteElements { .. }
            | Op::DeleteNetns { .. }
            | Op::StopKeepalived { .. }
            | Op::SetMaster { master: None, .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.op)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::AddBridge { device, mac } => write!(f, "add bridge {device} mac {mac}"),
            Op::AddVxlan { device, vni, local, port } => {
                write!(f, "add vxlan {device} vni {vni} local {local} port {port}")
            }
            Op::AddVlan { device, parent, vid } => write!(f, "add vlan {device} on {parent} vid {vid}"),
            Op::AddVeth { device, netns, peer, peer_mac, mtu_bytes } => {
                write!(f, "add veth {device} to {peer} in {netns} mac {peer_mac} mtu {mtu_bytes}")
            }
            Op::AddVethBetween { netns, device, mac, peer_netns, peer, peer_mac } => {
                write!(f, "add veth {device} in {netns} mac {mac} to {peer} in {peer_netns} mac {peer_mac}")
            }
            Op::DeleteLink { device } => write!(f, "delete {device}"),
            Op::SetBridge { device } => write!(f, "set {device} bridge options"),
            Op::SetAlias { device, alias } => write!(f, "set {device} alias \"{alias}\""),
            Op::SetMtu { device, mtu_bytes } => write!(f, "set {device} mtu {mtu_bytes}"),
            Op::DisableIpv6 { device } => write!(f, "set {device} ipv6 off"),
            Op::SilenceIpv6 { device } => write!(f, "set {device} ipv6 without address"),
            Op::SetUp { device, up: true } => write!(f, "set {device} up"),
            Op::SetUp { device, up: false } => write!(f, "set {device} down"),
            Op::AwaitLink { device } => write!(f, "await {device}"),
            Op::SetMaster { device, master: Some(to) } => write!(f, "set {device} master {to}"),
            Op::SetMaster { device, master: None } => write!(f, "set {device} nomaster"),
            Op::SetPort { device, flags } => write!(
                f,
                "set {device} learning {} flood {} broadcast {} hairpin {} suppress {}",
                flags.learning, flags.flood, flags.broadcast, flags.hairpin, flags.suppress
            ),
            Op::SetFdb { bridge, mac, device } => write!(f, "set {bridge} fdb {mac} to {device}"),
            Op::DeleteFdb { bridge, mac, device } => {
                write!(f, "delete {bridge} fdb {mac} to {device}")
            }
            Op::SetTunnel { device, mac, dst } => write!(f, "set {device} tunnel {mac} to {dst}"),
            Op::DeleteTunnel { device, mac, dst } => {
                write!(f, "delete {device} tunnel {mac} to {dst}")
            }
            Op::AddFlood { device, dst } => write!(f, "add {device} flood to {dst}"),
            Op::DeleteFlood { device, dst } => write!(f, "delete {device} flood to {dst}"),
            Op::SetNeighbour { device, ip, mac } => write!(f, "set {device} neighbour {ip} at {mac}"),
            Op::DeleteNeighbour { device, ip } => write!(f, "delete {device} neighbour {ip}"),
            Op::ReplaceTable { table, content } => write!(f, "replace table {table} on {}", content.device),
            Op::DeleteTable { table } => write!(f, "delete table {table}"),
            Op::FilterBridged => f.write_str("hand bridged packets to the IP layer"),
            Op::ReplaceChain { chain } => write!(f, "replace chain {}", chain.at),
            Op::DeleteChain { at } => write!(f, "delete chain {at}"),
            Op::AddSet { at } => write!(f, "add set {at}"),
            Op::DeleteSet { at } => write!(f, "delete set {at}"),
            Op::AddElements { at, elements } => {
                write!(f, "add to {at}: ")?;
                listed(f, elements)
            }
            Op::DeleteElements { at, elements } => {
                write!(f, "take from {at}: ")?;
                listed(f, elements)
            }
            Op::AddNetns { netns } => write!(f, "add netns {netns}"),
            Op::DeleteNetns { netns } => write!(f, "delete netns {netns}"),
            Op::Inside { netns, act } => write!(f, "in {netns}: {act}"),
            Op::Announce { bridge, mac, ip, .. } => write!(f, "announce {ip} at {mac} on {bridge}"),
            Op::StartKeepalived { netns, router, .. } => write!(f, "start keepalived of {router} in {netns}"),
            Op::ReloadKeepalived { router, .. } => write!(f, "reload keepalived of {router}"),
            Op::StopKeepalived { router } => write!(f, "stop keepalived of {router}"),
        }
    }
}

/// The first of many.
fn listed(f: &mut fmt::Formatter<'_>, elements: &[(Item, Value)]) -> fmt::Result {
    const SHOWN: usize = 3;
    for (place, (item, _)) in elements.iter().take(SHOWN).enumerate() {
        write!(f, "{}{item}", if place == 0 { "" } else { ", " })?;
    }
    if elements.len() > SHOWN { write!(f, " and {} more", elements.len() - SHOWN) } else { Ok(()) }
}

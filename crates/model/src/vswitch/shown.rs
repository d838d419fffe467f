//! What a switch shows of itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wire::{Mac, Vni};

use super::{Kind, Place};

/// The state of a switch but for its MACs, which are many and asked for by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub ports: Vec<PortShown>,
    pub networks: Vec<NetworkShown>,
    pub tunnels: Vec<TunnelShown>,
    pub neighbours: Vec<NeighbourShown>,
    /// Frames that went no further, by reason; only reasons that occurred.
    pub drops: Vec<Count>,
    /// Frames that wait for a neighbour, in all.
    pub waiting_frames: u64,
    pub waiting_bytes: u64,
    /// Flows whose frames pass in the kernel now, and frames that have. Ports and tunnels count them too, within a quarter
    /// of a second.
    #[serde(default)]
    pub fast_flows: u64,
    #[serde(default)]
    pub fast_frames: u64,
}

/// How often something was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub what: String,
    pub times: u64,
}

/// A port or underlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortShown {
    pub name: String,
    /// None for an underlay.
    pub network: Option<String>,
    pub received_frames: u64,
    pub received_bytes: u64,
    pub sent_frames: u64,
    pub sent_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkShown {
    pub name: String,
    pub ports: Vec<String>,
    pub tunnels: Vec<(String, Vni)>,
    pub entries: u64,
    pub learned: u64,
    /// MACs that found no room.
    pub not_learned: u64,
    /// MACs that came from another place than before.
    pub moved: u64,
    pub flooded_frames: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelShown {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub local: IpAddr,
    pub remote: IpAddr,
    /// Whom its packets are handed to; none while there is no way, and then `why` says so.
    pub next_hop: Option<IpAddr>,
    pub device: Option<String>,
    /// The largest IP packet of an instance that fits.
    pub inner_mtu_bytes: Option<u32>,
    pub why: Option<String>,
    pub sent_frames: u64,
    pub sent_bytes: u64,
    pub received_frames: u64,
    pub received_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourShown {
    pub device: String,
    pub ip: IpAddr,
    pub mac: Option<Mac>,
    /// `incomplete`, `reachable`, `probing`, `permanent`.
    pub state: String,
    /// Since somebody last said that the MAC is right.
    pub age_ms: Option<u64>,
    /// Frames that found a MAC, and that did not.
    pub hits: u64,
    pub misses: u64,
    pub waiting_frames: u64,
    pub waiting_bytes: u64,
    /// Frames that waited and were sent, waited too long, made room for others.
    pub released: u64,
    pub expired: u64,
    pub pushed_out: u64,
    pub questions: u64,
    pub answers: u64,
    /// Times it was at another MAC than before.
    pub moved: u64,
    pub tunnels: u64,
}

/// A MAC of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    pub network: String,
    pub mac: Mac,
    pub place: Place,
    /// Since a frame came from it; none if it is written.
    pub age_ms: Option<u64>,
}

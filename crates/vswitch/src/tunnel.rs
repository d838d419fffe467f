//! A tunnel: its prepared header, its way through the underlay, what it has carried.

use std::cell::Cell;
use std::net::IpAddr;

use model::vswitch::Tunnel;

use crate::fdb::{NetworkNo, TunnelNo};
use crate::head::Head;
use crate::keyed::{Keyed, Map};
use crate::neighbour::NeighbourNo;
use crate::{PortNo, Why};
use wire::Vni;

/// One tunnel, as configured and as it stands.
#[derive(Debug)]
pub struct TunnelState {
    pub name: String,
    pub wanted: Tunnel,
    /// None while there is no way, and why.
    pub path: Result<Path, Why>,
    pub traffic: Traffic,
    pub received: Traffic,
    /// The identification of its last IPv4 packet.
    pub id: u16,
}

/// The way of its packets.
#[derive(Debug, Clone)]
pub struct Path {
    pub head: Head,
    pub port: PortNo,
    pub next: IpAddr,
    pub neighbour: NeighbourNo,
    /// The longest inner frame that fits, with its Ethernet header.
    pub room: usize,
}

/// Frames and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub frames: u64,
    pub bytes: u64,
}

impl Traffic {
    #[inline]
    pub fn add(&mut self, frames: usize, bytes: usize) {
        self.frames += frames as u64;
        self.bytes += bytes as u64;
    }
}

/// Who a tunnel packet is from and for: with the UDP port, or 0 for GRE, these name one tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ends {
    pub local: IpAddr,
    pub remote: IpAddr,
    pub port: u16,
}

/// Tunnels by their ends, and networks by their numbers: what an arriving packet is looked up in.
#[derive(Debug)]
pub struct Arrivals {
    keyed: Keyed,
    tunnels: Map<(u128, u128, u16), TunnelNo>,
    networks: Map<(TunnelNo, Vni), NetworkNo>,
    /// UDP ports that tunnels arrive at.
    pub ports: Vec<(u16, model::vswitch::Kind)>,
    pub locals: Vec<IpAddr>,
    /// What was found last: packets come in bursts of one tunnel and one network.
    last_tunnel: Cell<Option<(Ends, TunnelNo)>>,
    last_network: Cell<Option<(TunnelNo, Vni, NetworkNo)>>,
}

impl Arrivals {
    pub fn new(keyed: Keyed) -> Arrivals {
        Arrivals {
            tunnels: Map::with_hasher(keyed.clone()),
            networks: Map::with_hasher(keyed.clone()),
            keyed,
            ports: Vec::new(),
            locals: Vec::new(),
            last_tunnel: Cell::new(None),
            last_network: Cell::new(None),
        }
    }

    pub fn emptied(&self) -> Arrivals {
        Arrivals::new(self.keyed.clone())
    }

    pub fn insert(&mut self, ends: Ends, tunnel: TunnelNo) {
        self.tunnels.insert(key(ends), tunnel);
    }

    #[inline]
    pub fn find(&self, ends: Ends) -> Option<TunnelNo> {
        match self.last_tunnel.get() {
            Some((last, tunnel)) if last == ends => Some(tunnel),
            _ => {
                let found = self.tunnels.get(&key(ends)).copied()?;
                self.last_tunnel.set(Some((ends, found)));
                Some(found)
            }
        }
    }

    /// The network that a number names in a tunnel.
    #[inline]
    pub fn network(&self, tunnel: TunnelNo, vni: Vni) -> Option<NetworkNo> {
        match self.last_network.get() {
            Some((last, number, network)) if (last, number) == (tunnel, vni) => Some(network),
            _ => {
                let found = self.networks.get(&(tunnel, vni)).copied()?;
                self.last_network.set(Some((tunnel, vni, found)));
                Some(found)
            }
        }
    }

    pub fn attach(&mut self, tunnel: TunnelNo, vni: Vni, network: NetworkNo) {
        self.networks.insert((tunnel, vni), network);
    }
}

fn key(ends: Ends) -> (u128, u128, u16) {
    (bits(ends.local), bits(ends.remote), ends.port)
}

/// IPv4 addresses as IPv6 writes them, so that the two do not meet.
const fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

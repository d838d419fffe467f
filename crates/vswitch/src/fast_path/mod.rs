//! Flows that are settled may leave the switch to somebody quicker: which ones, and what becomes of their frames.
//!
//! ```text
//! mod     what is offered, and what whoever drives the switch is told of it
//! table   flows that are watched, and those that are offered
//! ```
//! A flow is what comes by one device, from one MAC to another. When it has sent enough, and all about it is known
//! (where both MACs are, the header, the next hop's MAC), [`Switch::poll_fast_path`] offers it to whoever drives the
//! switch. Who takes it tells by [`Switch::carried`] what went by the fast path, which is learned from, counted and
//! shown as if it had come by here. Whatever changes the flow ends it; its frames come by here, the slow path, until
//! it is offered anew.

use std::net::{IpAddr, Ipv4Addr};

use model::vswitch::Kind;
use wire::{Geneve, Mac, Nvgre, Vni, Vxlan};

use crate::fdb::{NetworkNo, Placed, TunnelNo};
use crate::forward::Decision;
use crate::inner::{Inner, L3};
use crate::neighbour::NeighbourNo;
use crate::switch::{Inside, Switch};
use crate::{PortNo, Tick, Why, head};

mod table;

use table::Entry;
pub(crate) use table::{FastPath, FlowKey};

/// A flow by number.
pub type FlowNo = u32;

/// Frames from one MAC to another, by one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FastFlow {
    /// The device that they come by, and the one that they leave by.
    pub from: PortNo,
    pub to: PortNo,
    pub src: Mac,
    pub dst: Mac,
    pub action: Action,
}

/// What becomes of a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It leaves as it came.
    Forward,
    Encapsulate(Encapsulate),
    Decapsulate(Decapsulate),
}

/// A frame gets an outer header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encapsulate {
    /// Ethernet, IPv4, UDP and tunnel header; or without UDP. Lengths, class, identification, checksum and source port
    /// are zero.
    pub head: Vec<u8>,
    /// Of the IPv4 header's words, in the machine's order, with carries.
    pub sum: u32,
    /// The class: these bits of the inner one, and these besides.
    pub class_of_inner: u8,
    pub class: u8,
    /// NVGRE's FlowID is the flow's hash.
    pub flow_id: bool,
    /// The longest frame, with its Ethernet header; of segments the longest.
    pub room: usize,
}

/// A frame's outer header is this, and is taken off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decapsulate {
    pub local: Ipv4Addr,
    pub remote: Ipv4Addr,
    /// UDP; 0 for GRE.
    pub port: u16,
    /// The tunnel header, NVGRE's with a FlowID of zero, which may be any.
    pub tunnel: [u8; 8],
    /// Who puts it on the link.
    pub mac: Mac,
}

/// What a flow goes through.
#[derive(Clone, Copy, Default)]
pub(crate) struct Through {
    tunnel: Option<TunnelNo>,
    next_hop: Option<NeighbourNo>,
}

/// What of a device the fast path reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    Nothing,
    /// All but what comes out of a tunnel there.
    Plain,
    Whole,
}

/// What is to be done about flows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Open(FlowNo, FastFlow),
    /// It is over, and what it carried is to be told once more.
    Close(FlowNo),
    /// A frame of it came by the slow path: those behind it are not to overtake it.
    Wait(FlowNo),
    /// It is time to tell what it has carried.
    Tell(FlowNo),
}

/// What a flow has carried, or what it has since it was told last.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Carried {
    pub frames: u64,
    /// As they came.
    pub bytes: u64,
    /// Frames that were dropped.
    pub overrun: u64,
}

impl Switch {
    /// From now on flows are offered, so many at once; those that were are forgotten. Zero: none.
    pub fn offer_flows(&mut self, most: usize) {
        self.fast = FastPath::new(self.keyed.clone(), most);
    }

    /// What of a device the fast path reaches: nothing, until it is said.
    pub fn reach(&mut self, port: PortNo, reach: Reach) {
        if let Some(port) = self.ports.get_mut(usize::from(port.0)) {
            port.reach = reach;
        }
        self.fast.all_changed();
    }

    /// What is to be done next. Flows are looked at anew when something has changed.
    pub fn poll_fast_path(&mut self) -> Option<Change> {
        for no in self.fast.take_stale() {
            let is_right = |entry: &Entry| {
                !entry.orphaned && self.settled(&entry.key).is_some_and(|(flow, _)| flow == entry.flow)
            };
            if !self.fast.get(no).is_some_and(is_right) {
                self.fast.close(no);
            }
        }
        self.fast.next_change()
    }

    /// Whoever drives the switch cannot do it. The flow is offered no more for a while.
    pub fn refuse(&mut self, no: FlowNo, now: Tick) {
        self.fast.refuse(no, now);
    }

    /// What a flow has carried since it was told last.
    pub fn carried(&mut self, no: FlowNo, carried: Carried, now: Tick) {
        let Carried { frames, bytes, overrun } = carried;
        let Some(entry) = self.fast.told(no, frames, now) else { return };
        let (key, from, to) = (entry.key, entry.flow.from, entry.flow.to);
        let (tunnel, closed, orphaned) = (entry.tunnel, entry.closed, entry.orphaned);
        let overhead = if let Action::Encapsulate(it) = &entry.flow.action { it.head.len() } else { 0 };
        if frames > 0 && !orphaned {
            self.count_carried((from, to), (tunnel, overhead), (frames as usize, bytes as usize));
            if !closed {
                self.learn_of_carried(&key, tunnel, now);
            }
        }
        self.drops.add(Why::Overrun, overrun);
        self.fast.settle(no, now);
    }

    fn count_carried(
        &mut self,
        (from, to): (PortNo, PortNo),
        (tunnel, overhead): (Option<TunnelNo>, usize),
        (frames, bytes): (usize, usize),
    ) {
        if let Some(port) = self.ports.get_mut(usize::from(from.0)) {
            port.received.add(frames, bytes);
        }
        if let Some(port) = self.ports.get_mut(usize::from(to.0)) {
            port.sent.add(frames, bytes + frames * overhead);
        }
        if let Some(tunnel) = tunnel.and_then(|tunnel| self.tunnels.get_mut(tunnel as usize)) {
            if overhead > 0 { &mut tunnel.traffic } else { &mut tunnel.received }.add(frames, bytes);
        }
    }

    fn learn_of_carried(&mut self, key: &FlowKey, tunnel: Option<TunnelNo>, now: Tick) {
        let path = tunnel.and_then(|tunnel| self.tunnels.get(tunnel as usize)?.path.as_ref().ok());
        if let Some(neighbour) = path.map(|path| path.neighbour) {
            match key.place {
                Placed::Port(_) => drop(self.neighbours.mac_for_sending(neighbour, now)),
                Placed::Tunnel(..) => self.neighbours.heard(neighbour, key.mac, now),
            }
        }
        if let Some(network) = self.network_of(key) {
            self.learn(network, &inner_of(key), key.place, now);
        }
    }

    /// Notes a frame that took the slow path. Its flow may be worth the fast one.
    #[inline]
    pub(crate) fn note(&mut self, key: FlowKey, bytes: usize, now: Tick) {
        if self.fast.note(key, bytes, now)
            && let Some(settled) = self.settled(&key)
        {
            self.fast.offer(key, settled, now);
        }
    }

    fn network_of(&self, key: &FlowKey) -> Option<NetworkNo> {
        match key.place {
            Placed::Tunnel(tunnel, vni) => self.arrivals.network(tunnel, vni),
            Placed::Port(port) => match self.ports.get(usize::from(port.0))?.inside {
                Inside::Network(network) => Some(network),
                Inside::Underlay(_) => None,
            },
        }
    }

    /// The flow, and what it goes through, if all about it is known and it is within reach.
    fn settled(&self, key: &FlowKey) -> Option<(FastFlow, Through)> {
        let network = self.network_of(key)?;
        if self.fdb.find(network, key.src) != Some(key.place) {
            return None;
        }
        let (to, action, through) = match (self.decide(key.place, network, &inner_of(key)), key.place) {
            (Decision::Port(to), Placed::Port(_)) => (to, Action::Forward, Through::default()),
            (Decision::Port(to), Placed::Tunnel(tunnel, vni)) => {
                let wanted = &self.tunnels.get(tunnel as usize)?.wanted;
                let (IpAddr::V4(local), IpAddr::V4(remote)) = (wanted.local, wanted.remote) else {
                    return None;
                };
                let port = head::udp_port(wanted).unwrap_or(0);
                let outer = tunnel_header(wanted.kind, vni);
                let outer = Decapsulate { local, remote, port, tunnel: outer, mac: key.mac };
                (to, Action::Decapsulate(outer), Through { tunnel: Some(tunnel), next_hop: None })
            }
            (Decision::Tunnel(tunnel, vni), _) => {
                let path = self.tunnels.get(tunnel as usize)?.path.as_ref().ok()?;
                let mac = self.neighbours.get(path.neighbour)?.mac?;
                if self.neighbours.waiting().frames(path.neighbour) > 0 {
                    return None;
                }
                let through = Through { tunnel: Some(tunnel), next_hop: Some(path.neighbour) };
                (path.port, Action::Encapsulate(path.head.fast_path(mac, vni, path.room)?), through)
            }
            (Decision::Flood | Decision::Drop(_), _) => return None,
        };
        let reach =
            |port: PortNo| self.ports.get(usize::from(port.0)).map_or(Reach::Nothing, |port| port.reach);
        let needed = if matches!(action, Action::Decapsulate(_)) { Reach::Whole } else { Reach::Plain };
        let FlowKey { port: from, src, dst, .. } = *key;
        let is_reached = reach(from) >= Reach::Plain && reach(to) >= needed;
        is_reached.then_some((FastFlow { from, to, src, dst, action }, through))
    }
}

fn inner_of(key: &FlowKey) -> Inner {
    Inner { dst: key.dst, src: key.src, l3: L3::Other, l3_at: wire::Ethernet::LEN }
}

fn tunnel_header(kind: Kind, vni: Vni) -> [u8; 8] {
    let mut bytes = [0; 8];
    match kind {
        Kind::Vxlan => Vxlan { vni }.emit(&mut bytes),
        Kind::Geneve => Geneve { vni, options_len: 0, critical: false }.emit(&mut bytes),
        Kind::Nvgre => Nvgre { vsid: vni, flow_id: 0 }.emit(&mut bytes),
    }
    bytes
}

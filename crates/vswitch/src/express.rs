//! Flows that are settled may pass somewhere quicker than here: which ones, and by what header.
//!
//! A flow is what comes by one device, from one MAC to another. When it has sent enough, and all about its way is known
//! (where both MACs are, the header, the next hop's MAC), [`Switch::poll_express`] offers the way to whoever drives
//! the switch. Who takes it tells by [`Switch::carried`] what passed, which is learned from, counted and shown as if
//! it had come by here. Whatever changes the way ends it; the flow's frames come by here until it is offered anew.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::vswitch::Kind;
use wire::{Geneve, Mac, Nvgre, Vni, Vxlan};

use crate::fdb::{NetworkNo, Placed, TunnelNo};
use crate::forward::Decision;
use crate::inner::{Inner, L3};
use crate::keyed::{Keyed, Map};
use crate::switch::{Inside, Switch};
use crate::{PortNo, Tick, head};

/// What a flow has sent within a second when it is worth a way, in frames or pieces of [`PIECE`].
const RIPE: u32 = 64;
const PIECE: usize = 2048;
const WITHIN: Duration = Duration::from_secs(1);
/// Flows that are watched at once; others push them out.
const WATCHED: usize = 1024;
/// A way is ended that has carried nothing for so long.
const IDLE: Duration = Duration::from_secs(10);
/// How often one asks what ways have carried.
const LOOK: Duration = Duration::from_millis(250);
/// A number is not used again so soon: frames may be under way by it.
const REST: Duration = Duration::from_millis(500);

/// A flow whose way was refused is offered none for so long, while it is watched.
const REFUSED: Duration = Duration::from_secs(60);

/// A way by number.
pub type WayNo = u32;

/// A way that frames from one MAC to another may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The device that they come by, and the one that they leave by.
    pub from: PortNo,
    pub to: PortNo,
    pub src: Mac,
    pub dst: Mac,
    pub passage: Passage,
}

/// What becomes of a frame on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passage {
    /// Nothing.
    Plain,
    Into(Into),
    OutOf(OutOf),
}

/// It gets an outer header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Into {
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

/// Its outer header is this, and is taken off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutOf {
    pub local: Ipv4Addr,
    pub remote: Ipv4Addr,
    /// UDP; 0 for GRE.
    pub port: u16,
    /// The tunnel header, NVGRE's with a FlowID of zero, which may be any.
    pub tunnel: [u8; 8],
    /// Who puts it on the link.
    pub mac: Mac,
}

/// Which ways a device may be at an end of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    Not,
    /// Any, but those that lead to it out of a tunnel.
    Plain,
    Whole,
}

/// What is to be done about ways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Open(WayNo, Way),
    Close(WayNo),
    /// A frame of the way came by here: those behind it are not to overtake it.
    Wait(WayNo),
    /// It is time to say what the way has carried.
    Tell(WayNo),
}

/// What comes by one device, of one tunnel and network if it is an underlay, from one MAC to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Flow {
    pub port: PortNo,
    pub place: Placed,
    /// Who puts it on the link, where it is an underlay.
    pub mac: Mac,
    pub src: Mac,
    pub dst: Mac,
}

#[derive(Clone, Copy)]
struct Watched {
    flow: Flow,
    since: Tick,
    sent: u32,
    way: Option<WayNo>,
    /// Until then it is not worth one: whoever had it could not do it.
    refused: Option<Tick>,
}

struct Entry {
    flow: Flow,
    way: Way,
    tunnel: Option<TunnelNo>,
    used: Tick,
    /// What it carries is asked for.
    asked: bool,
    /// It is ended, and told of once more.
    closed: bool,
    /// Whose numbers these were is gone.
    orphaned: bool,
}

/// The ways that are offered, and who may get one.
pub(crate) struct Express {
    /// At most; none: nobody wants any.
    most: usize,
    watched: Vec<Option<Watched>>,
    ways: Vec<Option<Entry>>,
    by_flow: Map<Flow, WayNo>,
    resting: VecDeque<(Tick, WayNo)>,
    changes: VecDeque<Change>,
    /// Something has changed that ways may depend on.
    pub stale: bool,
    look_at: Tick,
    /// Frames of all ways that there were.
    pub passed: u64,
}

impl std::fmt::Debug for Express {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Express({} of {})", self.by_flow.len(), self.most)
    }
}

impl Express {
    pub fn new(keyed: Keyed) -> Express {
        Express {
            most: 0,
            watched: Vec::new(),
            ways: Vec::new(),
            by_flow: Map::with_hasher(keyed),
            resting: VecDeque::new(),
            changes: VecDeque::new(),
            stale: false,
            look_at: Tick::default(),
            passed: 0,
        }
    }

    /// Notes a frame that came by here; true if its flow is worth a way.
    #[inline]
    fn note(&mut self, flow: Flow, bytes: usize, now: Tick) -> bool {
        let at = slot(&flow);
        let Some(slot) = self.watched.get_mut(at) else { return false };
        let seen = match slot {
            Some(seen) if seen.flow == flow => seen,
            _ => {
                let way = self.by_flow.get(&flow).copied();
                slot.insert(Watched { flow, since: now, sent: 0, way, refused: None })
            }
        };
        if let Some(no) = seen.way {
            if self.changes.back() != Some(&Change::Wait(no)) {
                self.changes.push_back(Change::Wait(no));
            }
            return false;
        }
        if now.since(seen.since) >= WITHIN {
            (seen.since, seen.sent) = (now, 0);
        }
        seen.sent += 1 + (bytes / PIECE) as u32;
        let ripe = seen.sent >= RIPE && seen.refused.is_none_or(|until| now >= until);
        if ripe {
            seen.sent = 0;
        }
        ripe
    }

    fn open(&mut self, flow: Flow, (way, tunnel): (Way, Option<TunnelNo>), now: Tick) {
        let rested = self.resting.front().is_some_and(|(since, _)| now.since(*since) >= REST);
        let no = if rested {
            let Some((_, no)) = self.resting.pop_front() else { return };
            no
        } else if self.ways.len() < self.most {
            self.ways.push(None);
            self.ways.len() as WayNo - 1
        } else {
            return;
        };
        if self.by_flow.is_empty() {
            self.look_at = now + LOOK;
        }
        self.by_flow.insert(flow, no);
        self.mark(&flow, Some(no));
        self.changes.push_back(Change::Open(no, way.clone()));
        self.ways[no as usize] = Some(Entry { flow, way, tunnel, used: now, asked: false, closed: false, orphaned: false });
    }

    /// The number is kept until it is told what passed by it.
    fn close(&mut self, no: WayNo) {
        let Some(entry) = self.ways.get_mut(no as usize).and_then(Option::as_mut) else { return };
        let flow = entry.flow;
        entry.closed = true;
        self.by_flow.remove(&flow);
        self.mark(&flow, None);
        self.changes.push_back(Change::Close(no));
    }

    fn end(&mut self, no: WayNo, now: Tick) {
        if let Some(entry) = self.ways.get_mut(no as usize).and_then(Option::take) {
            if !entry.closed {
                self.by_flow.remove(&entry.flow);
                self.mark(&entry.flow, None);
            }
            self.resting.push_back((now, no));
        }
    }

    /// These numbers are of other ports and tunnels than before.
    pub fn orphan(&mut self, ports: &BTreeSet<usize>, tunnels: &BTreeSet<usize>) {
        for entry in self.ways.iter_mut().flatten() {
            let (from, to) = (usize::from(entry.way.from.0), usize::from(entry.way.to.0));
            let is_tunnels = entry.tunnel.is_some_and(|tunnel| tunnels.contains(&(tunnel as usize)));
            entry.orphaned |= is_tunnels || ports.contains(&from) || ports.contains(&to);
        }
        self.stale = true;
    }

    fn mark(&mut self, flow: &Flow, way: Option<WayNo>) {
        if let Some(Some(seen)) = self.watched.get_mut(slot(flow))
            && seen.flow == *flow
        {
            (seen.way, seen.sent) = (way, 0);
        }
    }

    /// Asks what ways have carried, if it is time.
    pub fn ask(&mut self, now: Tick) {
        if self.next_due().is_none_or(|due| due > now) {
            return;
        }
        self.look_at = now + LOOK;
        for (no, entry) in self.ways.iter_mut().enumerate() {
            if let Some(entry) = entry.as_mut().filter(|entry| !entry.closed && !entry.asked) {
                entry.asked = true;
                self.changes.push_back(Change::Tell(no as WayNo));
            }
        }
    }

    pub fn count(&self) -> usize {
        self.by_flow.len()
    }

    /// When one wants to know what ways have carried.
    pub fn next_due(&self) -> Option<Tick> {
        (!self.by_flow.is_empty()).then_some(self.look_at)
    }

}

/// Who wants to share a slot with another can: one of them gets its way later, or never.
fn slot(flow: &Flow) -> usize {
    let [.., a, b] = flow.src.0;
    let [.., c, d] = flow.dst.0;
    let mixed = u32::from_be_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1) ^ u32::from(flow.port.0);
    (mixed >> 16) as usize % WATCHED
}

impl Switch {
    /// From now on ways are offered, so many at once; those that were are forgotten. Zero: none.
    pub fn offer_ways(&mut self, most: usize) {
        let mut fresh = Express::new(self.keyed.clone());
        fresh.most = most;
        fresh.watched = vec![None; if most > 0 { WATCHED } else { 0 }];
        self.express = fresh;
    }

    /// Whether ways may begin and end at a device. Not, until it is said.
    pub fn reach(&mut self, port: PortNo, reach: Reach) {
        if let Some(port) = self.ports.get_mut(usize::from(port.0)) {
            port.reach = reach;
        }
        self.express.stale = true;
    }

    /// What is to be done next about ways. They are looked at anew when something has changed.
    pub fn poll_express(&mut self) -> Option<Change> {
        if std::mem::take(&mut self.express.stale) {
            for no in 0..self.express.ways.len() {
                let Some(entry) = self.express.ways[no].as_ref().filter(|entry| !entry.closed) else { continue };
                let way = self.way_of(&entry.flow);
                if entry.orphaned || way.is_none_or(|(way, _)| way != entry.way) {
                    self.express.close(no as WayNo);
                }
            }
        }
        self.express.changes.pop_front()
    }

    /// Whoever drives the switch cannot do it. The flow is offered none for a while.
    pub fn refuse(&mut self, no: WayNo, now: Tick) {
        let flow = self.express.ways.get(no as usize).and_then(Option::as_ref).map(|entry| entry.flow);
        self.express.end(no, now);
        if let Some(flow) = flow
            && let Some(slot) = self.express.watched.get_mut(slot(&flow))
        {
            let refused = Some(now + REFUSED);
            *slot = Some(Watched { flow, since: now, sent: 0, way: None, refused });
        }
    }

    /// What passed by a way since it was told last, or at its end: frames, and bytes as they came.
    pub fn carried(&mut self, no: WayNo, frames: u64, bytes: u64, now: Tick) {
        let Some(entry) = self.express.ways.get_mut(no as usize).and_then(Option::as_mut) else { return };
        entry.asked = false;
        if frames > 0 {
            entry.used = now;
            self.express.passed += frames;
        }
        let (flow, tunnel, closed, idle) = (entry.flow, entry.tunnel, entry.closed, now.since(entry.used));
        let (from, to) = (entry.way.from, entry.way.to);
        let overhead = if let Passage::Into(into) = &entry.way.passage { into.head.len() } else { 0 };
        if frames > 0 && !entry.orphaned {
            let (frames, bytes) = (frames as usize, bytes as usize);
            if let Some(port) = self.ports.get_mut(usize::from(from.0)) {
                port.received.add(frames, bytes);
            }
            if let Some(port) = self.ports.get_mut(usize::from(to.0)) {
                port.sent.add(frames, bytes + frames * overhead);
            }
            let tunnel = tunnel.and_then(|tunnel| self.tunnels.get_mut(tunnel as usize));
            let (is_out, path) = (overhead > 0, tunnel.as_ref().and_then(|tunnel| tunnel.path.as_ref().ok()));
            let neighbour = path.map(|path| path.neighbour);
            if let Some(tunnel) = tunnel {
                if is_out { &mut tunnel.traffic } else { &mut tunnel.received }.add(frames, bytes);
            }
            if !closed {
                match neighbour {
                    Some(neighbour) if is_out => drop(self.neighbours.mac_for_sending(neighbour, now)),
                    Some(neighbour) => self.neighbours.heard(neighbour, flow.mac, now),
                    None => {}
                }
                if let Some(network) = self.network_of(&flow) {
                    self.learn(network, &inner_of(&flow), flow.place, now);
                }
            }
        }
        if closed {
            self.express.end(no, now);
        } else if idle >= IDLE {
            self.express.close(no);
        }
    }

    /// Notes a frame that took the long way. Its flow may be worth another.
    #[inline]
    pub(crate) fn note(&mut self, flow: Flow, bytes: usize, now: Tick) {
        if self.express.most > 0
            && self.express.note(flow, bytes, now)
            && let Some(way) = self.way_of(&flow)
        {
            self.express.open(flow, way, now);
        }
    }

    fn network_of(&self, flow: &Flow) -> Option<NetworkNo> {
        match flow.place {
            Placed::Tunnel(tunnel, vni) => self.arrivals.network(tunnel, vni),
            Placed::Port(port) => match self.ports.get(usize::from(port.0))?.inside {
                Inside::Network(network) => Some(network),
                Inside::Underlay(_) => None,
            },
        }
    }

    /// The way of a flow, if all about it is known.
    fn way_of(&self, flow: &Flow) -> Option<(Way, Option<TunnelNo>)> {
        let network = self.network_of(flow)?;
        let inner = inner_of(flow);
        if self.fdb.find(network, flow.src) != Some(flow.place) {
            return None;
        }
        let (to, passage, through) = match (self.decide(flow.place, network, &inner), flow.place) {
            (Decision::Port(to), Placed::Port(_)) => (to, Passage::Plain, None),
            (Decision::Port(to), Placed::Tunnel(tunnel, vni)) => {
                let wanted = &self.tunnels.get(tunnel as usize)?.wanted;
                let (IpAddr::V4(local), IpAddr::V4(remote)) = (wanted.local, wanted.remote) else { return None };
                let port = head::udp_port(wanted).unwrap_or(0);
                let header = tunnel_header(wanted.kind, vni);
                let outer = OutOf { local, remote, port, tunnel: header, mac: flow.mac };
                (to, Passage::OutOf(outer), Some(tunnel))
            }
            (Decision::Tunnel(tunnel, vni), _) => {
                let path = self.tunnels.get(tunnel as usize)?.path.as_ref().ok()?;
                let mac = self.neighbours.get(path.neighbour)?.mac?;
                if self.neighbours.waiting().frames(path.neighbour) > 0 {
                    return None;
                }
                (path.port, Passage::Into(path.head.express(mac, vni, path.room)?), Some(tunnel))
            }
            (Decision::Flood | Decision::Drop(_), _) => return None,
        };
        let reach = |port: PortNo| self.ports.get(usize::from(port.0)).map_or(Reach::Not, |port| port.reach);
        let Flow { port: from, src, dst, .. } = *flow;
        let needed = if matches!(passage, Passage::OutOf(_)) { Reach::Whole } else { Reach::Plain };
        (reach(from) >= Reach::Plain && reach(to) >= needed).then_some((Way { from, to, src, dst, passage }, through))
    }
}

fn inner_of(flow: &Flow) -> Inner {
    Inner { dst: flow.dst, src: flow.src, l3: L3::Other, l3_at: wire::Ethernet::LEN }
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

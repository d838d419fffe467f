//! Flows that are watched, and those that are offered.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use wire::Mac;

use super::{Change, FastFlow, FlowNo, Through};
use crate::fdb::{Placed, TunnelNo};
use crate::keyed::{Keyed, Map};
use crate::neighbour::NeighbourNo;
use crate::{PortNo, Tick};

/// What a flow has sent within a second when it is worth being offered, in frames or pieces of [`PIECE`].
const RIPE: u32 = 64;
const PIECE: usize = 2048;
const WITHIN: Duration = Duration::from_secs(1);
/// Flows that are watched at once; others push them out.
const WATCHED: usize = 1024;
/// One instance may have so large a share of all.
const SHARE: usize = 4;
/// A flow is closed that has carried nothing for so long.
const IDLE: Duration = Duration::from_secs(10);
/// How often one asks what flows have carried.
const ASK: Duration = Duration::from_millis(250);
/// A number is not used again so soon: frames may be under way by it.
const REST: Duration = Duration::from_millis(500);
/// A flow that was refused is offered no more for so long, while it is watched.
const REFUSED: Duration = Duration::from_secs(60);

/// What comes by one device, of one tunnel and network if it is an underlay, from one MAC to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    pub port: PortNo,
    pub place: Placed,
    /// Who puts it on the link, where it is an underlay.
    pub mac: Mac,
    pub src: Mac,
    pub dst: Mac,
}

#[derive(Clone, Copy)]
struct Watched {
    key: FlowKey,
    since: Tick,
    sent: u32,
    open: Option<FlowNo>,
    /// Until then it is not offered.
    refused: Option<Tick>,
}

/// A flow that is offered.
pub struct Entry {
    pub key: FlowKey,
    pub flow: FastFlow,
    pub tunnel: Option<TunnelNo>,
    /// Whose MAC is in its header.
    pub next_hop: Option<NeighbourNo>,
    /// It is over, and is told of once more.
    pub closed: bool,
    /// Whose numbers these were is gone.
    pub orphaned: bool,
    used: Tick,
    /// What it carries is asked for.
    asked: bool,
}

/// What has changed that flows may depend on.
#[derive(Default)]
struct Stale {
    all: bool,
    macs: BTreeSet<Mac>,
    next_hops: BTreeSet<NeighbourNo>,
}

/// All of them.
pub struct FastPath {
    /// None: nobody wants any.
    most: usize,
    watched: Vec<Option<Watched>>,
    entries: Vec<Option<Entry>>,
    by_key: Map<FlowKey, FlowNo>,
    resting: VecDeque<(Tick, FlowNo)>,
    changes: VecDeque<Change>,
    stale: Stale,
    ask_at: Tick,
    /// Of all flows that there were.
    pub frames: u64,
}

impl std::fmt::Debug for FastPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FastPath({} of {})", self.by_key.len(), self.most)
    }
}

impl FastPath {
    pub fn new(keyed: Keyed, most: usize) -> FastPath {
        FastPath {
            most,
            watched: vec![None; if most > 0 { WATCHED } else { 0 }],
            entries: Vec::new(),
            by_key: Map::with_hasher(keyed),
            resting: VecDeque::new(),
            changes: VecDeque::new(),
            stale: Stale::default(),
            ask_at: Tick::default(),
            frames: 0,
        }
    }

    /// Notes a frame that took the slow path; true if its flow is worth being offered.
    #[inline]
    pub fn note(&mut self, key: FlowKey, bytes: usize, now: Tick) -> bool {
        let Some(slot) = self.watched.get_mut(slot(&key)) else { return false };
        let seen = match slot {
            Some(seen) if seen.key == key => seen,
            _ => {
                let open = self.by_key.get(&key).copied();
                slot.insert(Watched { key, since: now, sent: 0, open, refused: None })
            }
        };
        if let Some(no) = seen.open {
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

    /// Offers a flow, if there is room.
    pub fn offer(&mut self, key: FlowKey, (flow, through): (FastFlow, Through), now: Tick) {
        let instance = instance_of(&key, &flow);
        let its = self.open().filter(|(_, entry)| instance_of(&entry.key, &entry.flow) == instance).count();
        if its >= (self.most / SHARE).max(1) {
            return;
        }
        let rested = self.resting.front().is_some_and(|(since, _)| now.since(*since) >= REST);
        let no = if rested {
            let Some((_, no)) = self.resting.pop_front() else { return };
            no
        } else if self.entries.len() < self.most {
            self.entries.push(None);
            self.entries.len() as FlowNo - 1
        } else {
            return;
        };
        if self.by_key.is_empty() {
            self.ask_at = now + ASK;
        }
        self.by_key.insert(key, no);
        self.mark(&key, Some(no));
        self.changes.push_back(Change::Open(no, flow.clone()));
        let Through { tunnel, next_hop } = through;
        let (closed, orphaned, asked) = (false, false, false);
        self.entries[no as usize] =
            Some(Entry { key, flow, tunnel, next_hop, closed, orphaned, used: now, asked });
    }

    pub fn is_open(&self, key: &FlowKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Those that are not over.
    pub fn open(&self) -> impl Iterator<Item = (FlowNo, &Entry)> {
        let entries = self.entries.iter().enumerate();
        let open = entries.filter_map(|(no, entry)| Some((no as FlowNo, entry.as_ref()?)));
        open.filter(|(_, entry)| !entry.closed)
    }

    /// The number is kept until it is told what the flow carried.
    pub fn close(&mut self, no: FlowNo) {
        let Some(entry) = self.entries.get_mut(no as usize).and_then(Option::as_mut) else { return };
        let key = entry.key;
        entry.closed = true;
        self.by_key.remove(&key);
        self.mark(&key, None);
        self.changes.push_back(Change::Close(no));
    }

    pub fn refuse(&mut self, no: FlowNo, now: Tick) {
        let Some(key) = self.end(no, now) else { return };
        if let Some(slot) = self.watched.get_mut(slot(&key)) {
            *slot = Some(Watched { key, since: now, sent: 0, open: None, refused: Some(now + REFUSED) });
        }
    }

    fn end(&mut self, no: FlowNo, now: Tick) -> Option<FlowKey> {
        let entry = self.entries.get_mut(no as usize)?.take()?;
        if !entry.closed {
            self.by_key.remove(&entry.key);
            self.mark(&entry.key, None);
        }
        self.resting.push_back((now, no));
        Some(entry.key)
    }

    /// Anything may have changed.
    pub fn all_changed(&mut self) {
        self.stale.all = true;
    }

    /// A MAC is somewhere else. One instance can make that happen with each frame: only what concerns it is looked at.
    pub fn moved(&mut self, mac: Mac) {
        if !self.by_key.is_empty() {
            self.stale.macs.insert(mac);
        }
    }

    /// A next hop has another MAC, or none.
    pub fn next_hop_changed(&mut self, no: NeighbourNo) {
        if !self.by_key.is_empty() {
            self.stale.next_hops.insert(no);
        }
    }

    /// Open flows that depend on what has changed since it was asked last.
    pub fn take_stale(&mut self) -> Vec<FlowNo> {
        let Stale { all, macs, next_hops } = &self.stale;
        if !all && macs.is_empty() && next_hops.is_empty() {
            return Vec::new();
        }
        let is_stale = |entry: &Entry| {
            *all || macs.contains(&entry.key.src)
                || macs.contains(&entry.key.dst)
                || entry.next_hop.is_some_and(|no| next_hops.contains(&no))
        };
        let stale = self.open().filter(|(_, entry)| is_stale(entry)).map(|(no, _)| no).collect();
        self.stale = Stale::default();
        stale
    }

    pub fn get(&self, no: FlowNo) -> Option<&Entry> {
        self.entries.get(no as usize)?.as_ref()
    }

    /// These numbers are of other ports and tunnels than before.
    pub fn orphan(&mut self, ports: &BTreeSet<usize>, tunnels: &BTreeSet<usize>) {
        for entry in self.entries.iter_mut().flatten() {
            let (from, to) = (usize::from(entry.flow.from.0), usize::from(entry.flow.to.0));
            let is_tunnels = entry.tunnel.is_some_and(|tunnel| tunnels.contains(&(tunnel as usize)));
            entry.orphaned |= is_tunnels || ports.contains(&from) || ports.contains(&to);
        }
        self.stale.all = true;
    }

    /// Asks what flows have carried, if it is time.
    pub fn ask(&mut self, now: Tick) {
        if self.next_due().is_none_or(|due| due > now) {
            return;
        }
        self.ask_at = now + ASK;
        for (no, entry) in self.entries.iter_mut().enumerate() {
            if let Some(entry) = entry.as_mut().filter(|entry| !entry.closed && !entry.asked) {
                entry.asked = true;
                self.changes.push_back(Change::Tell(no as FlowNo));
            }
        }
    }

    /// It was told that a flow has carried so many frames.
    pub fn told(&mut self, no: FlowNo, frames: u64, now: Tick) -> Option<&Entry> {
        let entry = self.entries.get_mut(no as usize)?.as_mut()?;
        entry.asked = false;
        if frames > 0 {
            entry.used = now;
            self.frames += frames;
        }
        Some(entry)
    }

    /// All that was told is counted: who is over ends, who is idle is over.
    pub fn settle(&mut self, no: FlowNo, now: Tick) {
        let Some(entry) = self.entries.get(no as usize).and_then(Option::as_ref) else { return };
        if entry.closed {
            self.end(no, now);
        } else if now.since(entry.used) >= IDLE {
            self.close(no);
        }
    }

    fn mark(&mut self, key: &FlowKey, open: Option<FlowNo>) {
        if let Some(Some(seen)) = self.watched.get_mut(slot(key))
            && seen.key == *key
        {
            (seen.open, seen.sent) = (open, 0);
        }
    }

    pub fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When one wants to know what flows have carried.
    pub fn next_due(&self) -> Option<Tick> {
        (!self.by_key.is_empty()).then_some(self.ask_at)
    }

    pub fn count(&self) -> usize {
        self.by_key.len()
    }
}

/// Whose share a flow takes: of who sends it, or of who gets it out of a tunnel.
fn instance_of(key: &FlowKey, flow: &FastFlow) -> PortNo {
    match key.place {
        Placed::Port(_) => flow.from,
        Placed::Tunnel(..) => flow.to,
    }
}

/// Who wants to share a slot with another can: one of the two is offered later, or never.
fn slot(key: &FlowKey) -> usize {
    let [.., a, b] = key.src.0;
    let [.., c, d] = key.dst.0;
    let mixed = u32::from_be_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1) ^ u32::from(key.port.0);
    (mixed >> 16) as usize % WATCHED
}

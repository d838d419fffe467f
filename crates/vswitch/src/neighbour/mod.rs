//! The tunnel neighbour table: next hop to MAC, for the next hops of configured tunnels and no others.
//!
//! ```text
//! entry     one neighbour: what is known, when to ask, when to give up
//! waiting   frames that wait for a MAC, bounded
//! ask       questions: ARP, neighbour solicitation
//! answer    what is taken as an answer
//! ```
//! Neighbours are asked for when they are configured, refreshed before they expire, and asked for at once when
//! a frame waits: the first makes the last rare.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use wire::Mac;

pub mod answer;
pub mod ask;
mod entry;
mod waiting;

pub use entry::{Neighbour, Turn};
pub use waiting::{Waiting, WaitingRoom};

use crate::{Drops, Limits, Pool, PortNo, Tick, Why};

/// A neighbour by number.
pub type NeighbourNo = u32;

/// All neighbours, and when each wants its turn.
#[derive(Debug)]
pub struct Neighbours {
    list: Vec<Option<Neighbour>>,
    free: Vec<NeighbourNo>,
    index: BTreeMap<(PortNo, IpAddr), NeighbourNo>,
    due: BTreeSet<(Tick, NeighbourNo)>,
    room: WaitingRoom,
    /// Of frames that wait.
    patience: Duration,
    /// Of a MAC that is not confirmed.
    lifetime: Duration,
    chance: Chance,
}

/// Numbers that spread questions over time.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The next number (Vigna's splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Some time within a tenth below it.
    pub fn shorten(&mut self, time: Duration) -> Duration {
        let micros = time.as_micros() as u64;
        Duration::from_micros(micros - self.next() % (micros / 10).max(1))
    }
}

/// What an answer brought.
#[derive(Debug, PartialEq, Eq)]
pub struct News {
    pub no: NeighbourNo,
    pub link: u32,
    /// Where it was before, if it was known.
    pub before: Option<Mac>,
    /// Worth telling the kernel.
    pub tell: bool,
}

impl Neighbours {
    pub fn new(seed: u64, limits: &Limits) -> Neighbours {
        Neighbours {
            list: Vec::new(),
            free: Vec::new(),
            index: BTreeMap::new(),
            due: BTreeSet::new(),
            room: WaitingRoom::new(limits),
            patience: limits.waiting,
            lifetime: limits.neighbour_for,
            chance: Chance::new(seed),
        }
    }

    pub fn find(&self, port: PortNo, ip: IpAddr) -> Option<NeighbourNo> {
        self.index.get(&(port, ip)).copied()
    }

    pub fn get(&self, no: NeighbourNo) -> Option<&Neighbour> {
        self.list.get(no as usize)?.as_ref()
    }

    fn get_mut(&mut self, no: NeighbourNo) -> Option<&mut Neighbour> {
        self.list.get_mut(no as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (NeighbourNo, &Neighbour)> {
        self.index.values().filter_map(|no| Some((*no, self.get(*no)?)))
    }

    pub fn waiting(&self) -> &WaitingRoom {
        &self.room
    }

    /// The neighbour at an address of a port's link, made if it is not there, asking from `source`.
    pub fn want(&mut self, port: PortNo, ip: IpAddr, from: ask::From, now: Tick) -> NeighbourNo {
        if let Some(no) = self.find(port, ip) {
            if let Some(neighbour) = self.get_mut(no) {
                neighbour.from = from;
                neighbour.tunnels += 1;
            }
            return no;
        }
        let no = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.list.len() as NeighbourNo - 1
        });
        self.list[no as usize] = Some(Neighbour::new(port, ip, from, self.lifetime, now));
        self.index.insert((port, ip), no);
        self.schedule(no);
        no
    }

    /// Forgets who needs whom; [`Neighbours::want`] then says it anew, and [`Neighbours::sweep`] ends it.
    pub fn unwant(&mut self) {
        self.list.iter_mut().flatten().for_each(|neighbour| neighbour.tunnels = 0);
    }

    /// Takes out neighbours that no tunnel needs. Their frames are given back by [`Neighbours::misplaced`], which
    /// comes first.
    pub fn sweep(&mut self) -> Vec<Neighbour> {
        let gone = |slot: &Option<Neighbour>| slot.as_ref().is_some_and(|neighbour| neighbour.tunnels == 0);
        let mut out = Vec::new();
        for slot in self.list.iter_mut().filter(|slot| gone(slot)) {
            if let Some(neighbour) = slot.take()
                && let Some(no) = self.index.remove(&(neighbour.port, neighbour.ip))
            {
                self.due.remove(&(neighbour.due, no));
                self.free.push(no);
                out.push(neighbour);
            }
        }
        out
    }

    /// Takes out frames that wait for a neighbour which is not the one their tunnel leads to, in order.
    pub fn misplaced(&mut self, leads_to: impl Fn(&Waiting) -> Option<NeighbourNo>) -> VecDeque<Waiting> {
        let mut out = VecDeque::new();
        for no in self.room.queues() {
            if self.room.peek(no).all(|waiting| leads_to(waiting) == Some(no)) {
                continue;
            }
            for waiting in self.room.take(no) {
                if leads_to(&waiting) == Some(no) {
                    // What has had room has it still, so nobody is pushed out.
                    let _ = self.room.push(no, waiting);
                } else {
                    out.push_back(waiting);
                }
            }
            self.schedule(no);
        }
        out
    }

    /// The MAC to send to. It notes that something is sent.
    #[inline]
    pub fn mac_for_sending(&mut self, no: NeighbourNo, now: Tick) -> Option<Mac> {
        let neighbour = self.list.get_mut(no as usize)?.as_mut()?;
        let Some(mac) = neighbour.mac else {
            neighbour.counts.misses += 1;
            return None;
        };
        neighbour.counts.hits += 1;
        if neighbour.sending(now) {
            self.schedule(no);
        }
        Some(mac)
    }

    /// A frame of a tunnel came from this MAC: the neighbour lives where we send to. False if it is elsewhere.
    #[inline]
    pub fn heard(&mut self, no: NeighbourNo, mac: Mac, now: Tick) {
        if let Some(neighbour) = self.get_mut(no)
            && neighbour.heard(mac, now)
        {
            self.schedule(no);
        }
    }

    /// Keeps a frame until the neighbour answers; who makes room is dropped.
    pub fn wait(&mut self, no: NeighbourNo, waiting: Waiting, pool: &mut Pool, drops: &mut Drops) {
        let now = waiting.since;
        let first = self.room.frames(no) == 0;
        let waiting = Waiting { frame: pool.pack(waiting.frame), ..waiting };
        for (whose, out) in self.room.push(no, waiting) {
            if let Some(neighbour) = self.get_mut(whose) {
                neighbour.counts.pushed_out += 1;
            }
            drops.add(Why::PushedOut, 1);
            pool.recycle(out.frame);
        }
        if first && let Some(neighbour) = self.get_mut(no) {
            neighbour.hurry(now);
        }
        if first {
            self.schedule(no);
        }
    }

    /// Takes an answer, or what a neighbour says of itself unasked, if we want to know.
    pub fn answered(&mut self, port: PortNo, said: answer::Said, now: Tick) -> Option<News> {
        let no = self.find(port, said.ip)?;
        let refresh = self.chance.shorten(self.lifetime / 2);
        let neighbour = self.get_mut(no)?;
        let before = neighbour.mac;
        let tell = neighbour.answered(&said, refresh, now);
        let link = neighbour.from.link;
        self.schedule(no);
        Some(News { no, link, before, tell })
    }

    /// Takes what the kernel knows, if we know nothing, or if somebody wrote it for good.
    pub fn told_by_kernel(
        &mut self,
        port: PortNo,
        ip: IpAddr,
        mac: Mac,
        permanent: bool,
        now: Tick,
    ) -> Option<NeighbourNo> {
        let no = self.find(port, ip)?;
        let took = self.get_mut(no)?.told_by_kernel(mac, permanent, now);
        self.schedule(no);
        took.then_some(no)
    }

    /// The frames that waited for a neighbour, in order, but for those that waited too long.
    pub fn release(
        &mut self,
        no: NeighbourNo,
        now: Tick,
        pool: &mut Pool,
        drops: &mut Drops,
    ) -> VecDeque<Waiting> {
        self.expire(no, now, pool, drops);
        let released = self.room.take(no);
        if let Some(neighbour) = self.get_mut(no) {
            neighbour.counts.released += released.len() as u64;
        }
        self.schedule(no);
        released
    }

    fn expire(&mut self, no: NeighbourNo, now: Tick, pool: &mut Pool, drops: &mut Drops) {
        let patience = self.patience;
        while self.room.front(no).is_some_and(|waiting| now.since(waiting.since) >= patience) {
            let Some(waiting) = self.room.pop(no) else { break };
            pool.recycle(waiting.frame);
            drops.add(Why::Expired, 1);
            if let Some(neighbour) = self.get_mut(no) {
                neighbour.counts.expired += 1;
            }
        }
    }

    /// Gives one neighbour its turn, if one is due.
    pub fn turn(&mut self, now: Tick, pool: &mut Pool, drops: &mut Drops) -> Option<(NeighbourNo, Turn)> {
        let (tick, no) = *self.due.first()?;
        if tick > now {
            return None;
        }
        self.expire(no, now, pool, drops);
        let waits = self.room.frames(no) > 0;
        let Some(neighbour) = self.list.get_mut(no as usize).and_then(Option::as_mut) else {
            self.due.remove(&(tick, no));
            return Some((no, Turn::default()));
        };
        let turn = neighbour.turn(waits, &mut self.chance, now);
        self.schedule(no);
        Some((no, turn))
    }

    pub fn next_due(&self) -> Option<Tick> {
        self.due.first().map(|(tick, _)| *tick)
    }

    fn schedule(&mut self, no: NeighbourNo) {
        let front = self.room.front(no).map(|waiting| waiting.since + self.patience);
        let Some(neighbour) = self.list.get_mut(no as usize).and_then(Option::as_mut) else { return };
        let due = neighbour.wants_turn_at().into_iter().chain(front).min().unwrap_or(Tick(u64::MAX));
        if due != neighbour.due || !neighbour.scheduled {
            self.due.remove(&(neighbour.due, no));
            self.due.insert((due, no));
            (neighbour.due, neighbour.scheduled) = (due, true);
        }
    }
}

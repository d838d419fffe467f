//! The switch: its state, and how it is driven. What happens to a frame is in `forward` and `receive`.

use std::collections::VecDeque;
use std::time::Duration;

use model::vswitch::{Facts, Wanted};
use wire::{Mac, Vni};

use crate::fast_path::{FastPath, Reach};
use crate::fdb::{Fdb, NetworkNo, TunnelNo};
use crate::keyed::Keyed;
use crate::leaving::Leaving;
use crate::named::Named;
use crate::neighbour::{Neighbours, ask};
use crate::routes::Routes;
use crate::segment::Run;
use crate::too_big::Pace;
use crate::tunnel::{Arrivals, Traffic, TunnelState};
use crate::{Drops, Event, Frame, Limits, Pool, Tick, Why};

/// Between two looks for learned MACs that have been silent for long.
const AGEING: Duration = Duration::from_secs(10);
/// Events that nobody takes; beyond these the oldest are forgotten.
const EVENTS: usize = 65_536;

/// A port or underlay by number. It keeps its number while it stays configured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortNo(pub u16);

/// One switch, driven by one thread.
///
/// Frames are handed in one by one; what leaves is taken out by [`Switch::poll_output`] until there is no more.
/// Taking them out after a whole burst lets runs of segments leave as one.
#[derive(Debug)]
pub struct Switch {
    /// Buffers: received into, and given back after sending.
    pub pool: Pool,
    pub(crate) limits: Limits,
    pub(crate) keyed: Keyed,
    pub(crate) wanted: Wanted,
    pub(crate) ports: Named<PortState>,
    pub(crate) networks: Named<NetworkState>,
    pub(crate) tunnels: Named<TunnelState>,
    pub(crate) arrivals: Arrivals,
    pub(crate) fdb: Fdb,
    pub(crate) neighbours: Neighbours,
    pub(crate) routes: Routes,
    pub(crate) facts: Facts,
    pub(crate) drops: Drops,
    pub(crate) run: Option<Run>,
    pub(crate) out: Leaving,
    pub(crate) events: VecDeque<Event>,
    age_at: Tick,
    pub(crate) fast: FastPath,
}

/// What a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    Network(NetworkNo),
    /// With its device's MAC, once the kernel has told it.
    Underlay(Option<Mac>),
}

#[derive(Debug)]
pub struct PortState {
    pub name: String,
    pub inside: Inside,
    pub received: Traffic,
    pub sent: Traffic,
    pub pace: Pace,
    pub reach: Reach,
}

impl PortState {
    pub fn new(name: &str, inside: Inside) -> PortState {
        let (received, sent, pace) = (Traffic::default(), Traffic::default(), Pace::default());
        PortState { name: name.to_owned(), inside, received, sent, pace, reach: Reach::Nothing }
    }
}

#[derive(Debug, Default)]
pub struct NetworkState {
    pub name: String,
    pub learn: bool,
    pub flood_unknown: bool,
    pub ports: Vec<PortNo>,
    pub tunnels: Vec<(TunnelNo, Vni)>,
    /// Of these, the ones that broadcast is sent into.
    pub flood: Vec<(TunnelNo, Vni)>,
    pub not_learned: u64,
    pub moved: u64,
    pub flooded: u64,
}

impl NetworkState {
    pub fn named(name: &str) -> NetworkState {
        NetworkState { name: name.to_owned(), ..NetworkState::default() }
    }

    /// Its number in a tunnel, if it is in it.
    pub fn vni(&self, tunnel: TunnelNo) -> Option<Vni> {
        let at = self.tunnels.binary_search_by_key(&tunnel, |(tunnel, _)| *tunnel).ok()?;
        self.tunnels.get(at).map(|(_, vni)| *vni)
    }
}

impl Switch {
    /// `seed` keys the tables and spreads questions; it must not be known to whoever sends frames.
    pub fn new(seed: [u64; 2], limits: Limits) -> Switch {
        let keyed = Keyed::new(seed);
        let fast = FastPath::new(keyed.clone(), 0);
        Switch {
            pool: Pool::default(),
            arrivals: Arrivals::new(keyed.clone()),
            fdb: Fdb::new(keyed.clone(), &limits),
            neighbours: Neighbours::new(seed[0] ^ seed[1].rotate_left(32), &limits),
            keyed,
            wanted: Wanted::default(),
            out: Leaving::new(limits.leaving_bytes),
            limits,
            ports: Named::default(),
            networks: Named::default(),
            tunnels: Named::default(),
            routes: Routes::default(),
            facts: Facts::default(),
            drops: Drops::default(),
            run: None,
            events: VecDeque::new(),
            age_at: Tick::default(),
            fast,
        }
    }

    /// Takes a frame that a port received.
    pub fn handle_frame(&mut self, from: PortNo, frame: Frame, now: Tick) {
        let Some(port) = self.ports.get_mut(usize::from(from.0)) else {
            return self.drop_frame(Why::NoPort, frame);
        };
        port.received.add(1, frame.len());
        match port.inside {
            Inside::Network(network) => self.handle_instance(from, network, frame, now),
            Inside::Underlay(own) => self.handle_underlay(from, own, frame, now),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Tick) {
        // Questions that find no room stay due, and are asked when there is.
        while self.out.has_room(0)
            && let Some((no, turn)) = self.neighbours.turn(now, &mut self.pool, &mut self.drops)
        {
            let Some(neighbour) = self.neighbours.get(no) else { continue };
            let (port, ip, from) = (neighbour.port, neighbour.ip, neighbour.from);
            if let Some(mac) = turn.lost {
                self.fast.next_hop_changed(no);
                self.tell(Event::Lost { link: from.link, ip, mac });
            }
            if let Some(to) = turn.ask
                && let Some(question) = ask::question(&from, ip, to)
            {
                let mut frame = self.pool.take(question.len());
                frame.append(&question);
                self.send(port, frame);
            }
        }
        self.fast.ask(now);
        if now >= self.age_at {
            self.fdb.age(now);
            self.fast.all_changed();
            self.age_at = now + AGEING;
        }
    }

    /// The next frame that shall leave, and by which port. Its buffer comes back by `pool.recycle`.
    pub fn poll_output(&mut self) -> Option<(PortNo, Frame)> {
        if self.out.is_empty() {
            self.end_run();
        }
        self.out.pop()
    }

    /// Memory of what shall leave.
    pub fn leaving_bytes(&self) -> usize {
        self.out.bytes()
    }

    /// So much shall leave that it is better taken out before more is handed in, also within a burst.
    pub fn is_crowded(&self) -> bool {
        self.out.is_half_full()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timeout` is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        let ageing = (self.fdb.learned_in_all() > 0).then_some(self.age_at);
        let due = ageing.into_iter().chain(self.neighbours.next_due()).chain(self.fast.next_due());
        due.min().filter(|tick| *tick < Tick(u64::MAX))
    }

    /// The number of a port or underlay.
    pub fn port(&self, name: &str) -> Option<PortNo> {
        self.ports.find(name).map(|no| PortNo(no as u16))
    }

    pub fn port_name(&self, port: PortNo) -> Option<&str> {
        self.ports.get(usize::from(port.0)).map(|port| port.name.as_str())
    }

    /// Frames that went no further, by reason.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    #[cold]
    pub(crate) fn drop_frame(&mut self, why: Why, frame: Frame) {
        self.drops.add(why, 1);
        self.pool.recycle(frame);
    }

    /// Lets a frame leave, behind whatever was held back.
    pub(crate) fn send(&mut self, port: PortNo, frame: Frame) {
        self.end_run();
        self.push(port, frame);
    }

    pub(crate) fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let (port, frame) = run.end();
            self.push(port, frame);
        }
    }

    fn push(&mut self, port: PortNo, frame: Frame) {
        if let Some(port) = self.ports.get_mut(usize::from(port.0)) {
            port.sent.add(1, frame.len());
        }
        self.out.push(port, frame);
    }
}

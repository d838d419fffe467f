//! The switch itself.

use std::collections::VecDeque;

use crate::*;

/// A port or underlay by number. It keeps its number while it stays configured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortNo(pub u16);

/// One switch, driven by one thread.
#[derive(Debug)]
pub struct Switch {
    out: VecDeque<(PortNo, Frame)>,
    events: VecDeque<Event>,
    pub pool: Pool,
}

impl Switch {
    /// `seed` keys the tables and spreads questions; it must not be known to whoever sends frames.
    pub fn new(_seed: [u64; 2], _limits: Limits) -> Switch {
        Switch { out: VecDeque::new(), events: VecDeque::new(), pool: Pool::default() }
    }

    /// Becomes what is wanted. What stays keeps its state; what is wrong changes nothing.
    pub fn configure(&mut self, _wanted: &Wanted, _now: Tick) -> Result<(), Wrong> {
        Ok(())
    }

    /// Takes what the kernel tells of links, addresses, routes and neighbours, whole.
    pub fn underlay(&mut self, _facts: &Facts, _now: Tick) {}

    /// Takes a frame that a port received.
    pub fn handle_frame(&mut self, _from: PortNo, frame: Frame, _now: Tick) {
        self.pool.recycle(frame);
    }

    /// Ends what arrived together: what was held back to be joined goes out.
    pub fn end_burst(&mut self, _now: Tick) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Tick) {}

    /// The next frame that shall leave, and by which port. Its buffer comes back by `pool.recycle`.
    pub fn poll_output(&mut self) -> Option<(PortNo, Frame)> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timeout` is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        None
    }

    pub fn port(&self, _name: &str) -> Option<PortNo> {
        None
    }

    pub fn port_name(&self, _port: PortNo) -> Option<&str> {
        None
    }

    /// What would happen to a frame. Nothing changes.
    pub fn trace(&self, _from: PortNo, _frame: &Frame, _now: Tick) -> Trace {
        Trace::default()
    }

    pub fn shown(&self, _now: Tick) -> Shown {
        Shown::default()
    }

    /// All MACs, or those of one network.
    pub fn fdb(&self, _network: Option<&str>, _now: Tick) -> Vec<FdbEntry> {
        Vec::new()
    }

    pub fn drops(&self) -> Drops {
        Drops::default()
    }
}

//! The flows that are open: which wait until nothing can be overtaken, and what was told of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vswitch::{Carried, FastFlow, FlowNo, Tick};

use super::{FastPath, Key};

pub(crate) struct Flows {
    fast_path: Arc<FastPath>,
    flows: BTreeMap<FlowNo, Open>,
    /// Flows, by the device that their frames come by, of which frames may be on the slow path.
    waits: BTreeMap<u16, Vec<FlowNo>>,
}

struct Open {
    key: Key,
    from: u16,
    told: Carried,
    /// When it was found waiting: frames that its device had lost, and of it that took the slow path.
    waiting: Option<(u64, u64)>,
    /// Since when its frames are dropped.
    held: Option<Tick>,
}

/// Of a flow, in a quarter of a second: it may be what its device loses frames for.
const MANY: u64 = 4096;
/// Longer than a device's frames that wait take, if none come.
const HOLD: Duration = Duration::from_millis(20);

/// Frames of each that took the slow path by some time.
pub(crate) type Went = Vec<(FlowNo, u64)>;

impl Flows {
    pub fn new(fast_path: Arc<FastPath>) -> Flows {
        Flows { fast_path, flows: BTreeMap::new(), waits: BTreeMap::new() }
    }

    pub fn fast_path(&self) -> &FastPath {
        &self.fast_path
    }

    /// Opens a flow between devices of these numbers in the kernel, as soon as nothing can be overtaken; false if the
    /// kernel refuses.
    pub fn open(&mut self, no: FlowNo, flow: &FastFlow, from: u32, to: u32) -> bool {
        match self.fast_path.write(no, flow, from, to) {
            Ok(key) => {
                self.flows.insert(
                    no,
                    Open { key, from: flow.from.0, told: Carried::default(), waiting: None, held: None },
                );
                self.wait(no);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a flow does not take the fast path");
                false
            }
        }
    }

    /// Ends a flow; what it carried that was not told.
    pub fn close(&mut self, no: FlowNo) -> Carried {
        let Some(open) = self.flows.get(&no) else { return Carried::default() };
        if let Err(error) = self.fast_path.end(no, &open.key) {
            tracing::error!(%error, "a flow takes the fast path that should not");
        }
        if let Some(waits) = self.waits.get_mut(&open.from) {
            waits.retain(|other| *other != no);
        }
        let rest = self.carried(no);
        self.flows.remove(&no);
        rest
    }

    /// A frame of a flow takes the slow path.
    pub fn wait(&mut self, no: FlowNo) {
        let Some(open) = self.flows.get(&no) else { return };
        let waits = self.waits.entry(open.from).or_default();
        if !waits.contains(&no) {
            waits.push(no);
        }
    }

    /// Before what a device received is taken: how much that is to be.
    pub fn begin(&mut self, device: u16, now: Tick) -> Option<Went> {
        let waits = self.waits.get(&device).filter(|waits| !waits.is_empty())?;
        for no in waits {
            // Others keep the device busy: it goes on as before.
            if let Some(open) = self.flows.get_mut(no)
                && open.held.is_some_and(|since| now.since(since) >= HOLD)
            {
                open.held = None;
                self.fast_path.let_go(*no);
            }
        }
        Some(waits.iter().map(|no| (*no, self.fast_path.went(*no))).collect())
    }

    /// All that has been taken, and has left.
    pub fn left(&mut self, device: u16, went: &Went) {
        let Some(waits) = self.waits.get_mut(&device) else { return };
        for (no, went) in went {
            self.fast_path.left(*no, *went);
            if let Some(open) = self.flows.get_mut(no) {
                (open.waiting, open.held) = (None, None);
            }
            if self.fast_path.went(*no) == *went {
                waits.retain(|other| other != no);
            }
        }
    }

    /// The device of a flow that waits.
    pub fn waits_at(&self, no: FlowNo) -> Option<u16> {
        let device = self.flows.get(&no)?.from;
        self.waits.get(&device)?.contains(&no).then_some(device)
    }

    /// A flow waits, at a device that has lost so many frames. If those are more than when it was found waiting before, and
    /// many are its own, the slow path is never done with it. So it is held: for a moment its frames are dropped.
    pub fn still_waits(&mut self, no: FlowNo, lost: u64, now: Tick) {
        let went = self.fast_path.went(no);
        let Some(open) = self.flows.get_mut(&no) else { return };
        let before = open.waiting.replace((lost, went));
        if before.is_some_and(|before| before.0 < lost && before.1 + MANY <= went) {
            open.held = Some(now);
            self.fast_path.hold(no);
        }
    }

    /// What a flow has carried since it was asked for last.
    pub fn carried(&mut self, no: FlowNo) -> Carried {
        let Some(open) = self.flows.get_mut(&no) else { return Carried::default() };
        let now = self.fast_path.carried(no);
        let before = std::mem::replace(&mut open.told, now);
        Carried {
            frames: now.frames - before.frames,
            bytes: now.bytes - before.bytes,
            overrun: now.overrun - before.overrun,
        }
    }
}

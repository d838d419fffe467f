//! The flows that are open: which wait until nothing can be overtaken, and what was told of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use vswitch::{FastFlow, FlowNo};

use super::{Carried, FastPath, Key};

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
}

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
                self.flows.insert(no, Open { key, from: flow.from.0, told: Carried::default() });
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
    pub fn begin(&self, device: u16) -> Option<Went> {
        let waits = self.waits.get(&device).filter(|waits| !waits.is_empty())?;
        Some(waits.iter().map(|no| (*no, self.fast_path.went(*no))).collect())
    }

    /// All that has been taken, and has left.
    pub fn left(&mut self, device: u16, went: &Went) {
        let Some(waits) = self.waits.get_mut(&device) else { return };
        for (no, went) in went {
            self.fast_path.left(*no, *went);
            if self.fast_path.went(*no) == *went {
                waits.retain(|other| other != no);
            }
        }
    }

    /// What a flow has carried since it was asked for last.
    pub fn carried(&mut self, no: FlowNo) -> Carried {
        let Some(open) = self.flows.get_mut(&no) else { return Carried::default() };
        let now = self.fast_path.carried(no);
        let before = std::mem::replace(&mut open.told, now);
        Carried { frames: now.frames - before.frames, bytes: now.bytes - before.bytes }
    }
}

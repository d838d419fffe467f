//! The ways that are open: who waits for whom, and what was told of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use vswitch::{Way, WayNo};

use super::{Carried, Express, Key};

pub(crate) struct Passing {
    express: Arc<Express>,
    ways: BTreeMap<WayNo, Open>,
    /// Ways, by the device that their frames come by, of which frames are or may be on the long way.
    waits: BTreeMap<u16, Vec<WayNo>>,
}

struct Open {
    key: Key,
    from: u16,
    told: Carried,
}

/// Frames of each that took the long way by some time.
pub(crate) type Went = Vec<(WayNo, u64)>;

impl Passing {
    pub fn new(express: Arc<Express>) -> Passing {
        Passing { express, ways: BTreeMap::new(), waits: BTreeMap::new() }
    }

    pub fn express(&self) -> &Express {
        &self.express
    }

    /// Opens a way between devices of these numbers in the kernel, as soon as nothing can be overtaken; false if the
    /// kernel refuses.
    pub fn open(&mut self, no: WayNo, way: &Way, from: u32, to: u32) -> bool {
        match self.express.write(no, way, from, to) {
            Ok(key) => {
                self.ways.insert(no, Open { key, from: way.from.0, told: Carried::default() });
                self.wait(no);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a flow does not pass in the kernel");
                false
            }
        }
    }

    /// Ends a way; what it carried that was not told.
    pub fn close(&mut self, no: WayNo) -> Carried {
        let Some(open) = self.ways.get(&no) else { return Carried::default() };
        if let Err(error) = self.express.end(no, &open.key) {
            tracing::error!(%error, "a flow passes in the kernel that should not");
        }
        if let Some(waits) = self.waits.get_mut(&open.from) {
            waits.retain(|other| *other != no);
        }
        let rest = self.carried(no);
        self.ways.remove(&no);
        rest
    }

    /// A frame of a way takes the long way.
    pub fn wait(&mut self, no: WayNo) {
        let Some(open) = self.ways.get(&no) else { return };
        let waits = self.waits.entry(open.from).or_default();
        if !waits.contains(&no) {
            waits.push(no);
        }
    }

    /// Before what a device received is taken: how much that is to be.
    pub fn begin(&self, device: u16) -> Option<Went> {
        let waits = self.waits.get(&device).filter(|waits| !waits.is_empty())?;
        Some(waits.iter().map(|no| (*no, self.express.went(*no))).collect())
    }

    /// All that has been taken, and has left.
    pub fn left(&mut self, device: u16, went: &Went) {
        let Some(waits) = self.waits.get_mut(&device) else { return };
        for (no, went) in went {
            self.express.left(*no, *went);
            if self.express.went(*no) == *went {
                waits.retain(|other| other != no);
            }
        }
    }

    /// What a way has carried since it was asked for last.
    pub fn carried(&mut self, no: WayNo) -> Carried {
        let Some(open) = self.ways.get_mut(&no) else { return Carried::default() };
        let now = self.express.carried(no);
        let before = std::mem::replace(&mut open.told, now);
        Carried {
            frames: now.frames - before.frames,
            bytes: now.bytes - before.bytes,
            again: now.again - before.again,
        }
    }
}

//! Kernel events, gathered while the run loop is busy: of each device only the last counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Changes, Event, Events};
use model::RouterId;
use tokio::sync::Notify;

/// Devices that something happened to; cloned handles share them.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
}

/// What happened since it was last asked for.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub devices: BTreeMap<String, Event>,
    /// Routers that became active or standby.
    pub routers: BTreeSet<RouterId>,
    /// Events were lost: anything may have happened.
    pub lost: bool,
}

impl Watch {
    /// Gathers events for ever; ends when the kernel gives no more.
    pub async fn run(self, mut events: Events) {
        loop {
            match events.next().await {
                Ok(batch) => self.add(batch),
                Err(error) => {
                    tracing::error!(%error, "kernel events ended; changes wait for the sweep");
                    return;
                }
            }
        }
    }

    /// Gathers what keepalived says, for ever; ends when it can be heard no more.
    pub async fn hear(self, mut changes: Changes) {
        loop {
            match changes.next().await {
                Ok(routers) => {
                    let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.routers.extend(routers);
                    self.shared.changed.notify_one();
                }
                Err(error) => {
                    tracing::error!(%error, "keepalived is not heard; changes wait for the sweep");
                    return;
                }
            }
        }
    }

    /// Waits until something happened.
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, batch: Vec<Event>) {
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for event in batch {
            match &event {
                Event::Lost => seen.lost = true,
                Event::Link { device, .. } | Event::Gone { device } => {
                    seen.devices.insert(device.clone(), event);
                }
            }
        }
        self.shared.changed.notify_one();
    }
}

//! What Nova is told of the ports of its instances: `os-server-external-events` of the Compute API.

use std::fmt;

use uuid::Uuid;

use crate::PortId;

/// The status of an event that did not happen; of the others it is [`COMPLETED`].
pub const FAILED: &str = "failed";
pub const COMPLETED: &str = "completed";

/// What became of a port, in Nova's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventName {
    VifPlugged,
    VifUnplugged,
    VifDeleted,
    /// What Nova has cached of the port is to be read again.
    Changed,
}

impl EventName {
    pub const ALL: [EventName; 4] =
        [EventName::VifPlugged, EventName::VifUnplugged, EventName::VifDeleted, EventName::Changed];

    pub fn as_str(self) -> &'static str {
        match self {
            EventName::VifPlugged => "network-vif-plugged",
            EventName::VifUnplugged => "network-vif-unplugged",
            EventName::VifDeleted => "network-vif-deleted",
            EventName::Changed => "network-changed",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of them. Of a port, only the newest of each name counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct InstanceEvent {
    pub port: PortId,
    pub name: EventName,
    /// The instance.
    pub server: Uuid,
    /// What was to happen did not.
    pub failed: bool,
}

impl InstanceEvent {
    pub fn status(&self) -> &'static str {
        if self.failed { FAILED } else { COMPLETED }
    }
}

//! What hosts say of their counts, and what the server knows of those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{MeteringLabelId, RouterId};

/// Readings in one heartbeat at most.
pub const READINGS: usize = 1000;

/// One count of a host. It only grows while it lives, so that of several readings the latest says all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    #[serde(flatten)]
    pub place: Place,
    /// When it began, in microseconds since the epoch, by the host's clock.
    pub born_us: i64,
    pub packets: u64,
    pub bytes: u64,
}

/// Where on a host a count is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Place {
    pub router: RouterId,
    /// In the namespace of the router's centralized traffic, of one that is distributed.
    #[serde(default)]
    pub snat: bool,
    pub label: MeteringLabelId,
}

/// A count as it was read last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub born_us: i64,
    pub packets: u64,
    pub bytes: u64,
    /// When it was read first, and when others were told of it last.
    pub first_us: i64,
    pub told_us: i64,
}

/// What readings of one host are judged by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MeterFacts {
    /// The labels' projects; `None` of shared ones.
    pub labels: BTreeMap<MeteringLabelId, Option<String>>,
    /// The projects of routers that the host has a share in.
    pub routers: BTreeMap<RouterId, String>,
    pub known: BTreeMap<Place, Known>,
}

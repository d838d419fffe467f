//! What of a router's traffic to the outside is counted.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Direction;
use crate::MeteringLabelId;

/// One count, and what it is of: of a packet, the first rule that fits decides, those that exclude first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meter {
    pub label: MeteringLabelId,
    pub rules: Vec<MeterRule>,
}

/// Addresses are those of instances, not those that they have outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MeterRule {
    /// Seen from the router: what comes by its gateway, and what leaves by it.
    pub direction: Direction,
    /// What it is about is not counted.
    #[serde(default)]
    pub excluded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpNet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<IpNet>,
}

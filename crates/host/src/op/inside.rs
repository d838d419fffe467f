//! Acts inside a namespace: of DHCP, of a router, of a way to an external network.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use model::MeteringLabelId;
use serde::{Deserialize, Serialize};
use wire::Mac;

use super::Sysctl;
use crate::ct_helpers::HelperSet;
use crate::meter::Meters;
use crate::nat::Nat;

/// The table that routes are looked up in when no rule says otherwise.
pub const MAIN_TABLE: u32 = 254;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Inside {
    SetMac {
        device: String,
        mac: Mac,
    },
    SetMtu {
        device: String,
        mtu_bytes: u32,
    },
    SetUp {
        device: String,
    },
    /// With its other end, wherever that is.
    DeleteLink {
        device: String,
    },
    /// An address with its subnet's prefix length; a host's (/32, /128) leads nowhere by itself.
    AddAddress {
        device: String,
        net: IpNet,
    },
    DeleteAddress {
        device: String,
        net: IpNet,
    },
    /// In place of another route of ours to the same net in the same table.
    AddRoute {
        route: Route,
    },
    DeleteRoute {
        route: Route,
    },
    AddRule {
        rule: Rule,
    },
    DeleteRule {
        rule: Rule,
    },
    /// Written, and never asked for.
    SetNeighbour {
        device: String,
        ip: IpAddr,
        mac: Mac,
    },
    DeleteNeighbour {
        device: String,
        ip: IpAddr,
    },
    /// Neighbours that ask for an address elsewhere are answered.
    AddProxy {
        device: String,
        ip: Ipv6Addr,
    },
    DeleteProxy {
        device: String,
        ip: Ipv6Addr,
    },
    SetSysctl {
        name: Sysctl,
        value: u32,
    },
    /// Makes or replaces, in one transaction, the namespace's table of address translation.
    ReplaceTable {
        content: Nat,
    },
    DeleteTable,
    /// Makes or replaces the table that gives connections to helpers; those that the kernel does not have are
    /// left out, and that is told.
    ReplaceHelpers {
        content: HelperSet,
    },
    DeleteHelpers,
    /// Makes the table that counts, or replaces its rules; of labels that it had, only the stale lose their
    /// counts.
    ReplaceMeters {
        content: Meters,
        stale: BTreeSet<MeteringLabelId>,
    },
    DeleteMeters,
    /// Tells the neighbours on the device's link who has the address: gratuitous ARP, or an
    /// unsolicited neighbour advertisement. Leaves no trace.
    Announce {
        device: String,
        ip: IpAddr,
    },
}

/// A route that somebody wrote; those that come with addresses are the kernel's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Route {
    pub table: u32,
    pub to: IpNet,
    /// `None`: everything behind `to` is on the device's link.
    pub via: Option<IpAddr>,
    pub device: String,
    /// `via` is on the device's link though no address says so.
    #[serde(default)]
    pub onlink: bool,
}

/// Packets from a net are routed by a table. The lower the priority, the earlier it is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub priority: u32,
    pub from: IpNet,
    pub table: u32,
}

impl Inside {
    /// True when the act only takes something away.
    pub const fn is_cleanup(&self) -> bool {
        matches!(
            self,
            Inside::DeleteLink { .. }
                | Inside::DeleteAddress { .. }
                | Inside::DeleteRoute { .. }
                | Inside::DeleteRule { .. }
                | Inside::DeleteNeighbour { .. }
                | Inside::DeleteProxy { .. }
                | Inside::DeleteTable
                | Inside::DeleteHelpers
                | Inside::DeleteMeters
        )
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inside::SetMac { device, mac } => write!(f, "set {device} mac {mac}"),
            Inside::SetMtu { device, mtu_bytes } => write!(f, "set {device} mtu {mtu_bytes}"),
            Inside::SetUp { device } => write!(f, "set {device} up"),
            Inside::DeleteLink { device } => write!(f, "delete {device}"),
            Inside::AddAddress { device, net } => write!(f, "add {net} to {device}"),
            Inside::DeleteAddress { device, net } => write!(f, "delete {net} from {device}"),
            Inside::AddRoute { route } => write!(f, "add {route}"),
            Inside::DeleteRoute { route } => write!(f, "delete {route}"),
            Inside::AddRule { rule } => write!(f, "add {rule}"),
            Inside::DeleteRule { rule } => write!(f, "delete {rule}"),
            Inside::SetNeighbour { device, ip, mac } => write!(f, "set {device} neighbour {ip} at {mac}"),
            Inside::DeleteNeighbour { device, ip } => write!(f, "delete {device} neighbour {ip}"),
            Inside::AddProxy { device, ip } => write!(f, "answer for {ip} on {device}"),
            Inside::DeleteProxy { device, ip } => write!(f, "answer no more for {ip} on {device}"),
            Inside::SetSysctl { name, value } => write!(f, "set {name} {value}"),
            Inside::ReplaceTable { content } => {
                write!(f, "replace nat table towards {}", content.outside)
            }
            Inside::DeleteTable => f.write_str("delete nat table"),
            Inside::ReplaceHelpers { .. } => f.write_str("replace helpers of connections"),
            Inside::DeleteHelpers => f.write_str("delete helpers of connections"),
            Inside::ReplaceMeters { content, .. } => write!(f, "count towards {}", content.outside),
            Inside::DeleteMeters => f.write_str("count nothing"),
            Inside::Announce { device, ip } => write!(f, "announce {ip} on {device}"),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}", self.to)?;
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        write!(f, " dev {}", self.device)?;
        if self.onlink {
            f.write_str(" onlink")?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} from {} table {}", self.priority, self.from, self.table)
    }
}

//! Whom a change touches: what the change log notes.

use crate::desired::Key;
use crate::{NetworkId, PortId, SecurityGroupId, SecurityGroupRuleId};
use uuid::Uuid;

/// What a host must look at again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    Part {
        host: String,
        key: Key,
    },
    /// Every host that has the network, looked up when the transaction ends.
    Members {
        network: NetworkId,
        key: Key,
    },
    /// The host got or lost a network: the network and the remote ports of it.
    Membership {
        host: String,
        network: NetworkId,
    },
    /// The network's DHCP moved to or from the host: its DHCP and the leases of its ports.
    Service {
        host: String,
        network: NetworkId,
    },
    /// A port of the security group came to the host or left it. If it was the first or the last, looked
    /// up when the transaction ends: the group, and the members and address groups that its rules are
    /// about.
    Group {
        host: String,
        group: SecurityGroupId,
    },
    /// Every host that has the security group, looked up when the transaction ends.
    Holders {
        group: SecurityGroupId,
        key: Key,
    },
    /// Every host that has a security group with a rule about this group or address group, looked up
    /// when the transaction ends.
    Namers {
        named: Uuid,
        key: Key,
    },
    /// The port, each port of the security group, or of the project, where they are bound: looked up when the
    /// transaction ends.
    Logged {
        port: Option<PortId>,
        group: Option<SecurityGroupId>,
        project: Option<String>,
    },
    /// A rule of the security group, about this group or address group, came (it is `came`) or went. Every
    /// host that has the security group and no other rule about the same, looked up when the transaction
    /// ends: the members, or the address group.
    Remotes {
        group: SecurityGroupId,
        named: Uuid,
        came: Option<SecurityGroupRuleId>,
    },
}

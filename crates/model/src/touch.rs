//! Whom a change touches: what the change log notes.

use crate::NetworkId;
use crate::desired::Key;

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
}

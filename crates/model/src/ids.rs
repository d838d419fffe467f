//! Identifiers: a UUID each, of a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map($name)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                $name(id)
            }
        }
    )*};
}

ids! {
    AddressGroupId
    AddressScopeId
    /// One agent row: a role of one host.
    AgentId
    FloatingIpId
    LocalIpId
    LogId
    MeteringLabelId
    NdpProxyId
    NetworkId
    NetworkSegmentRangeId
    PortForwardingId
    PortId
    QosPolicyId
    QosRuleId
    RbacPolicyId
    RouterId
    SecurityGroupId
    SecurityGroupRuleId
    SegmentId
    SoftwareOrderId
    SoftwarePackageId
    SoftwareVersionId
    SubnetId
    SubnetpoolId
    TrunkId
}

//! Port forwardings of a floating IP: the table, and the typed forwarding of the decisions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::convert::Convert;
use crate::api::floatingip::FLOATINGIP;
use crate::api::table::{Attr, Default, ID, Ops, Parent, Resource, ShownIf, Source, int, text};
use crate::api::validate::Check;
use crate::{FloatingIpId, PortForwardingId, PortId};

pub const PORT_FORWARDING: Resource = Resource {
    singular: "port_forwarding",
    plural: "port_forwardings",
    path: "port_forwardings",
    parent: Some(Parent { table: &FLOATINGIP, column: "floatingip_id" }),
    not_found: "PortForwardingNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    // Whose the floating IP is, sees it.
    seen_by: "",
    quota: None,
    attrs: ATTRS,
};

const PROTOCOLS: &[Option<&str>] =
    &[Some("dccp"), Some("icmp"), Some("ipv6-icmp"), Some("sctp"), Some("tcp"), Some("udp")];
const EXTERNAL_PORT: &str = "(CASE WHEN external_first = external_last THEN external_first END)";
const INTERNAL_PORT: &str = "(CASE WHEN internal_first = internal_last THEN internal_first END)";
const EXTERNAL_RANGE: &str = "(CASE WHEN external_first IS NOT NULL AND internal_first IS NOT NULL THEN external_first || ':' || external_last END)";
const INTERNAL_RANGE: &str = "(CASE WHEN external_first IS NOT NULL AND internal_first IS NOT NULL THEN internal_first || ':' || internal_last END)";

const ATTRS: &[Attr] = &[
    ID,
    int("external_port")
        .from(Source::Sql(EXTERNAL_PORT))
        .default(Default::Null)
        .convert(Convert::None)
        .check(Check::PortOrNull)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::Known)
        .filter()
        .sort(),
    int("internal_port")
        .from(Source::Sql(INTERNAL_PORT))
        .default(Default::Null)
        .convert(Convert::None)
        .check(Check::PortOrNull)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::Known),
    text("internal_ip_address").check(Check::Ip).post().put().shown(),
    text("protocol")
        .convert(Convert::Protocol)
        .check(Check::Values(PROTOCOLS))
        .post()
        .put()
        .shown()
        .filter()
        .sort(),
    text("internal_port_id").check(Check::Uuid).post().put().shown().filter().sort(),
    text("description")
        .default(Default::Text(""))
        .check(Check::Text(1024))
        .post()
        .put()
        .shown()
        .filter()
        .via("floating-ip-port-forwarding-description"),
    text("external_port_range")
        .from(Source::Sql(EXTERNAL_RANGE))
        .default(Default::Null)
        .check(Check::PortRangeOrNull)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::Known)
        .filter()
        .sort()
        .via("floating-ip-port-forwarding-port-ranges"),
    text("internal_port_range")
        .from(Source::Sql(INTERNAL_RANGE))
        .default(Default::Null)
        .check(Check::PortRangeOrNull)
        .post()
        .put()
        .shown()
        .shown_if(ShownIf::Known)
        .via("floating-ip-port-forwarding-port-ranges"),
    // Of the request; nobody is shown it.
    text("project_id").default(Default::Unset).check(Check::Text(255)).post(),
    text("tenant_id").from(Source::Same("project_id")).default(Default::Unset).check(Check::Text(255)).post(),
    text("floatingip_id").default(Default::Unset),
    int("external_first").default(Default::Unset),
    int("external_last").default(Default::Unset),
    int("internal_first").default(Default::Unset),
    int("internal_last").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// Ports from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub const fn one(port: u16) -> PortRange {
        PortRange { first: port, last: port }
    }

    /// Reads `80`, or `80:89`; a range that runs down is none, and so is one with port 0.
    pub fn parse(text: &str) -> Option<PortRange> {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (0 < first && first <= last).then_some(PortRange { first, last })
    }

    pub const fn overlaps(self, other: PortRange) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// How many ports besides the first.
    pub const fn more(self) -> u16 {
        self.last - self.first
    }
}

/// A port forwarding as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PortForwarding {
    pub id: PortForwardingId,
    pub project_id: String,
    pub floatingip_id: FloatingIpId,
    pub protocol: String,
    pub external_first: Option<u16>,
    pub external_last: Option<u16>,
    pub internal_port_id: PortId,
    pub internal_ip_address: IpAddr,
    pub internal_first: Option<u16>,
    pub internal_last: Option<u16>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl PortForwarding {
    pub fn external(&self) -> Option<PortRange> {
        Some(PortRange { first: self.external_first?, last: self.external_last? })
    }

    pub fn internal(&self) -> Option<PortRange> {
        Some(PortRange { first: self.internal_first?, last: self.internal_last? })
    }

    pub fn set_external(&mut self, ports: Option<PortRange>) {
        (self.external_first, self.external_last) =
            (ports.map(|ports| ports.first), ports.map(|ports| ports.last));
    }

    pub fn set_internal(&mut self, ports: Option<PortRange>) {
        (self.internal_first, self.internal_last) =
            (ports.map(|ports| ports.first), ports.map(|ports| ports.last));
    }
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct PortForwardingCreate {
    pub project_id: String,
    pub floatingip_id: FloatingIpId,
    pub protocol: String,
    pub external_port: Option<u16>,
    pub external_port_range: Option<String>,
    pub internal_port_id: PortId,
    pub internal_ip_address: IpAddr,
    pub internal_port: Option<u16>,
    pub internal_port_range: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct PortForwardingUpdate {
    pub protocol: Option<String>,
    pub external_port: Option<u16>,
    pub external_port_range: Option<String>,
    pub internal_port_id: Option<PortId>,
    pub internal_ip_address: Option<IpAddr>,
    pub internal_port: Option<u16>,
    pub internal_port_range: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_run_upwards_and_hold_no_port_0() {
        assert_eq!(PortRange::parse("80"), Some(PortRange::one(80)));
        assert_eq!(PortRange::parse("80:89"), Some(PortRange { first: 80, last: 89 }));
        for bad in ["", ":", "80:", "89:80", "0:9", "0", "1:65536", "a:b", "1:2:3"] {
            assert_eq!(PortRange::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_overlap_when_they_share_a_port() {
        let range = |text| PortRange::parse(text).expect("a range");
        for (one, other, shared) in [
            ("80", "80", true),
            ("80", "81", false),
            ("80:89", "85", true),
            ("80:89", "89:90", true),
            ("80:89", "90:99", false),
            ("1:65535", "7", true),
        ] {
            assert_eq!(range(one).overlaps(range(other)), shared, "{one} {other}");
            assert_eq!(range(other).overlaps(range(one)), shared, "{other} {one}");
        }
    }
}

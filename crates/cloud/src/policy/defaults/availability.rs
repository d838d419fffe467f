//! How full networks are, and availability zones.

use super::{Default, rule};

pub const RULES: &[Default] = &[
    rule(
        "get_network_ip_availability",
        "(rule:admin_only) or (rule:service_api)",
        &["GET /v2.0/network-ip-availabilities", "GET /v2.0/network-ip-availabilities/{network_id}"],
    ),
    rule("get_availability_zone", "role:reader", &["GET /v2.0/availability_zones"]),
];

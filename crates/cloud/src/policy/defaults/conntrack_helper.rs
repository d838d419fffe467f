//! Conntrack helpers of routers.

use super::{Default, PARENTS_MEMBER, PARENTS_READER, rule};

const CREATE: &[&str] = &["POST /v2.0/routers/{router_id}/conntrack_helpers"];
const GET: &[&str] = &[
    "GET /v2.0/routers/{router_id}/conntrack_helpers",
    "GET /v2.0/routers/{router_id}/conntrack_helpers/{conntrack_helper_id}",
];
const UPDATE: &[&str] = &["PUT /v2.0/routers/{router_id}/conntrack_helpers/{conntrack_helper_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/routers/{router_id}/conntrack_helpers/{conntrack_helper_id}"];

pub const RULES: &[Default] = &[
    rule("create_router_conntrack_helper", PARENTS_MEMBER, CREATE),
    rule("get_router_conntrack_helper", PARENTS_READER, GET),
    rule("update_router_conntrack_helper", PARENTS_MEMBER, UPDATE),
    rule("delete_router_conntrack_helper", PARENTS_MEMBER, DELETE),
];

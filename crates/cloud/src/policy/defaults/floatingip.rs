//! Floating IPs, and what lies below them.

use super::{Default, PARENTS_MEMBER, PARENTS_READER, rule};

const MEMBER: &str = "(rule:admin_only) or (role:member and project_id:%(project_id)s)";
const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const MANAGER: &str = "(rule:admin_only) or (role:manager and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/floatingips"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/floatingips/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/floatingips", "GET /v2.0/floatingips/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/floatingips/{id}/tags", "GET /v2.0/floatingips/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/floatingips/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/floatingips/{id}/tags", "PUT /v2.0/floatingips/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/floatingips/{id}"];
const DELETE_TAGS: &[&str] =
    &["DELETE /v2.0/floatingips/{id}/tags", "DELETE /v2.0/floatingips/{id}/tags/{tag_id}"];
const GET_POOLS: &[&str] = &["GET /v2.0/floatingip_pools"];
const FORWARD: &[&str] = &["POST /v2.0/floatingips/{floatingip_id}/port_forwardings"];
const GET_FORWARDINGS: &[&str] = &[
    "GET /v2.0/floatingips/{floatingip_id}/port_forwardings",
    "GET /v2.0/floatingips/{floatingip_id}/port_forwardings/{port_forwarding_id}",
];
const UPDATE_FORWARDING: &[&str] =
    &["PUT /v2.0/floatingips/{floatingip_id}/port_forwardings/{port_forwarding_id}"];
const DELETE_FORWARDING: &[&str] =
    &["DELETE /v2.0/floatingips/{floatingip_id}/port_forwardings/{port_forwarding_id}"];

pub const RULES: &[Default] = &[
    rule("create_floatingip", MEMBER, CREATE),
    rule("create_floatingip:floating_ip_address", MANAGER, CREATE),
    rule("create_floatingip:router_id", MEMBER, CREATE),
    rule("create_floatingip:tags", MEMBER, CREATE_TAGS),
    rule("get_floatingip", READER, GET),
    rule("get_floatingip:tags", READER, GET_TAGS),
    rule("update_floatingip", MEMBER, UPDATE),
    rule("update_floatingip:router_id", MEMBER, UPDATE),
    rule("update_floatingip:tags", MEMBER, UPDATE_TAGS),
    rule("delete_floatingip", MEMBER, DELETE),
    rule("delete_floatingip:tags", MEMBER, DELETE_TAGS),
    rule("get_floatingip_pool", READER, GET_POOLS),
    rule("create_floatingip_port_forwarding", PARENTS_MEMBER, FORWARD),
    rule("get_floatingip_port_forwarding", PARENTS_READER, GET_FORWARDINGS),
    rule("update_floatingip_port_forwarding", PARENTS_MEMBER, UPDATE_FORWARDING),
    rule("delete_floatingip_port_forwarding", PARENTS_MEMBER, DELETE_FORWARDING),
];

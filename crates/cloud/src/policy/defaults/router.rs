//! Routers.

use super::{ADMIN_OR_MEMBER, Default, rule};

const ADMIN: &str = "rule:admin_only";
const ADMIN_OR_READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/routers"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/routers/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/routers", "GET /v2.0/routers/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/routers/{id}/tags", "GET /v2.0/routers/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/routers/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/routers/{id}/tags", "PUT /v2.0/routers/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/routers/{id}"];
const DELETE_TAGS: &[&str] = &["DELETE /v2.0/routers/{id}/tags", "DELETE /v2.0/routers/{id}/tags/{tag_id}"];

pub const RULES: &[Default] = &[
    rule("create_router", ADMIN_OR_MEMBER, CREATE),
    rule("create_router:distributed", ADMIN, CREATE),
    rule("create_router:ha", ADMIN, CREATE),
    rule("create_router:external_gateway_info", ADMIN_OR_MEMBER, CREATE),
    rule("create_router:external_gateway_info:network_id", ADMIN_OR_MEMBER, CREATE),
    rule("create_router:external_gateway_info:enable_snat", ADMIN, CREATE),
    rule("create_router:external_gateway_info:external_fixed_ips", ADMIN, CREATE),
    rule("create_router:tags", ADMIN_OR_MEMBER, CREATE_TAGS),
    rule("get_router", ADMIN_OR_READER, GET),
    rule("get_router:distributed", ADMIN, GET),
    rule("get_router:ha", ADMIN, GET),
    rule("get_router:tags", ADMIN_OR_READER, GET_TAGS),
    rule("update_router", ADMIN_OR_MEMBER, UPDATE),
    rule("update_router:distributed", ADMIN, UPDATE),
    rule("update_router:ha", ADMIN, UPDATE),
    rule("update_router:external_gateway_info", ADMIN_OR_MEMBER, UPDATE),
    rule("update_router:external_gateway_info:network_id", ADMIN_OR_MEMBER, UPDATE),
    rule("update_router:external_gateway_info:enable_snat", ADMIN, UPDATE),
    rule("update_router:external_gateway_info:external_fixed_ips", ADMIN, UPDATE),
    rule("update_router:tags", ADMIN_OR_MEMBER, UPDATE_TAGS),
    rule("delete_router", ADMIN_OR_MEMBER, DELETE),
    rule("delete_router:tags", ADMIN_OR_MEMBER, DELETE_TAGS),
    rule("add_router_interface", ADMIN_OR_MEMBER, &["PUT /v2.0/routers/{id}/add_router_interface"]),
    rule("add_extraroutes", ADMIN_OR_MEMBER, &["PUT /v2.0/routers/{id}/add_extraroutes"]),
    rule("remove_extraroutes", ADMIN_OR_MEMBER, &["PUT /v2.0/routers/{id}/remove_extraroutes"]),
    rule("remove_router_interface", ADMIN_OR_MEMBER, &["PUT /v2.0/routers/{id}/remove_router_interface"]),
];

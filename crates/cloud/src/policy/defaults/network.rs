//! Networks.

use super::{ADMIN_OR_MEMBER, Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/networks"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/networks/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/networks", "GET /v2.0/networks/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/networks/{id}/tags", "GET /v2.0/networks/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/networks/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/networks/{id}/tags", "PUT /v2.0/networks/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/networks/{id}"];
const DELETE_TAGS: &[&str] = &["DELETE /v2.0/networks/{id}/tags", "DELETE /v2.0/networks/{id}/tags/{tag_id}"];

pub const RULES: &[Default] = &[
    rule("create_network", ADMIN_OR_MEMBER, CREATE),
    rule("create_network:shared", ADMIN, CREATE),
    rule("create_network:router:external", ADMIN, CREATE),
    rule("create_network:is_default", ADMIN, CREATE),
    rule("create_network:port_security_enabled", ADMIN_OR_MEMBER, CREATE),
    rule("create_network:segments", ADMIN, CREATE),
    rule("create_network:provider:network_type", ADMIN, CREATE),
    rule("create_network:provider:physical_network", ADMIN, CREATE),
    rule("create_network:provider:segmentation_id", ADMIN, CREATE),
    rule("create_network:tags", ADMIN_OR_MEMBER, CREATE_TAGS),
    rule(
        "get_network",
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:service_api or \
            rule:shared or rule:external or rule:context_is_advsvc",
        GET,
    ),
    rule("get_network:segments", ADMIN, GET),
    rule("get_network:provider:network_type", ADMIN, GET),
    rule("get_network:provider:physical_network", ADMIN, GET),
    rule("get_network:provider:segmentation_id", ADMIN, GET),
    rule(
        "get_network:tags",
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared or \
            rule:external or rule:context_is_advsvc",
        GET_TAGS,
    ),
    rule("update_network", ADMIN_OR_MEMBER, UPDATE),
    rule("update_network:segments", ADMIN, UPDATE),
    rule("update_network:shared", ADMIN, UPDATE),
    rule("update_network:provider:network_type", ADMIN, UPDATE),
    rule("update_network:provider:physical_network", ADMIN, UPDATE),
    rule("update_network:provider:segmentation_id", ADMIN, UPDATE),
    rule("update_network:router:external", ADMIN, UPDATE),
    rule("update_network:is_default", ADMIN, UPDATE),
    rule("update_network:port_security_enabled", ADMIN_OR_MEMBER, UPDATE),
    rule("update_network:tags", ADMIN_OR_MEMBER, UPDATE_TAGS),
    rule("delete_network", ADMIN_OR_MEMBER, DELETE),
    rule("delete_network:tags", ADMIN_OR_MEMBER, DELETE_TAGS),
];

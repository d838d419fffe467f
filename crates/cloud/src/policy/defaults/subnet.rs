//! Subnets.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const OWNER_OR_NETWORK_OWNER: &str =
    "role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and rule:network_owner)";
const CREATE: &[&str] = &["POST /v2.0/subnets"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/subnets/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/subnets", "GET /v2.0/subnets/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/subnets/{id}/tags", "GET /v2.0/subnets/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/subnets/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/subnets/{id}/tags", "PUT /v2.0/subnets/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/subnets/{id}"];
const DELETE_TAGS: &[&str] = &["DELETE /v2.0/subnets/{id}/tags", "DELETE /v2.0/subnets/{id}/tags/{tag_id}"];

pub const RULES: &[Default] = &[
    rule("create_subnet", "(rule:admin_only) or (role:member and rule:network_owner)", CREATE),
    rule("create_subnet:segment_id", ADMIN, CREATE),
    rule("create_subnet:service_types", ADMIN, CREATE),
    rule("create_subnet:tags", OWNER_OR_NETWORK_OWNER, CREATE_TAGS),
    rule(
        "get_subnet",
        "role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or \
            (rule:admin_only) or (role:reader and rule:network_owner) or rule:service_api",
        GET,
    ),
    rule("get_subnet:segment_id", ADMIN, GET),
    rule(
        "get_subnet:tags",
        "role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or \
            (rule:admin_only) or (role:reader and rule:network_owner)",
        GET_TAGS,
    ),
    rule("update_subnet", OWNER_OR_NETWORK_OWNER, UPDATE),
    rule("update_subnet:segment_id", ADMIN, UPDATE),
    rule("update_subnet:service_types", ADMIN, UPDATE),
    rule("update_subnet:tags", OWNER_OR_NETWORK_OWNER, UPDATE_TAGS),
    rule("delete_subnet", OWNER_OR_NETWORK_OWNER, DELETE),
    rule("delete_subnet:tags", OWNER_OR_NETWORK_OWNER, DELETE_TAGS),
];

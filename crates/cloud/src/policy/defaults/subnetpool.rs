//! Subnet pools.

use super::{ADMIN_OR_MEMBER, Default, rule};

const ADMIN: &str = "rule:admin_only";
const READS: &str =
    "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_subnetpools";
const CREATE: &[&str] = &["POST /v2.0/subnetpools"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/subnetpools/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/subnetpools", "GET /v2.0/subnetpools/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/subnetpools/{id}/tags", "GET /v2.0/subnetpools/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/subnetpools/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/subnetpools/{id}/tags", "PUT /v2.0/subnetpools/{id}/tags/{tag_id}"];
const DELETE_TAGS: &[&str] =
    &["DELETE /v2.0/subnetpools/{id}/tags", "DELETE /v2.0/subnetpools/{id}/tags/{tag_id}"];

pub const RULES: &[Default] = &[
    rule("create_subnetpool", ADMIN_OR_MEMBER, CREATE),
    rule("create_subnetpool:shared", ADMIN, CREATE),
    rule("create_subnetpool:is_default", ADMIN, CREATE),
    rule("create_subnetpool:tags", ADMIN_OR_MEMBER, CREATE_TAGS),
    rule("get_subnetpool", READS, GET),
    rule("get_subnetpool:tags", READS, GET_TAGS),
    rule("update_subnetpool", ADMIN_OR_MEMBER, UPDATE),
    rule("update_subnetpool:is_default", ADMIN, UPDATE),
    rule("update_subnetpool:tags", ADMIN_OR_MEMBER, UPDATE_TAGS),
    rule("delete_subnetpool", ADMIN_OR_MEMBER, &["DELETE /v2.0/subnetpools/{id}"]),
    rule("delete_subnetpool:tags", ADMIN_OR_MEMBER, DELETE_TAGS),
    rule("onboard_network_subnets", ADMIN_OR_MEMBER, &["PUT /v2.0/subnetpools/{id}/onboard_network_subnets"]),
    rule("add_prefixes", ADMIN_OR_MEMBER, &["PUT /v2.0/subnetpools/{id}/add_prefixes"]),
    rule("remove_prefixes", ADMIN_OR_MEMBER, &["PUT /v2.0/subnetpools/{id}/remove_prefixes"]),
];

//! Security groups, their rules, and what groups begin with.

use super::{ADMIN_OR_MEMBER, Default, rule, term};

const ADMIN: &str = "rule:admin_only";
const OWNS_GROUP: &str = "(rule:admin_only) or (role:member and rule:sg_owner)";
const READS: &str =
    "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_security_group";
const CREATE: &[&str] = &["POST /v2.0/security-groups"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/security-groups/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/security-groups", "GET /v2.0/security-groups/{id}"];
const GET_TAGS: &[&str] =
    &["GET /v2.0/security-groups/{id}/tags", "GET /v2.0/security-groups/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/security-groups/{id}"];
const UPDATE_TAGS: &[&str] =
    &["PUT /v2.0/security-groups/{id}/tags", "PUT /v2.0/security-groups/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/security-groups/{id}"];
const DELETE_TAGS: &[&str] =
    &["DELETE /v2.0/security-groups/{id}/tags", "DELETE /v2.0/security-groups/{id}/tags/{tag_id}"];
const GET_RULES: &[&str] = &["GET /v2.0/security-group-rules", "GET /v2.0/security-group-rules/{id}"];
const GET_DEFAULT_RULES: &[&str] =
    &["GET /v2.0/default-security-group-rules", "GET /v2.0/default-security-group-rules/{id}"];

pub const RULES: &[Default] = &[
    term(
        "create_default_security_group",
        "(rule:admin_only) or (rule:service_api) or role:reader and project_id:%(project_id)s",
        "For whom a project's default security group is made when they look and it is not there.",
    ),
    rule("create_security_group", ADMIN_OR_MEMBER, CREATE),
    rule("create_security_group:tags", ADMIN_OR_MEMBER, CREATE_TAGS),
    rule("get_security_group", READS, GET),
    rule("get_security_group:tags", READS, GET_TAGS),
    rule("update_security_group", ADMIN_OR_MEMBER, UPDATE),
    rule("update_security_group:tags", ADMIN_OR_MEMBER, UPDATE_TAGS),
    rule("delete_security_group", ADMIN_OR_MEMBER, DELETE),
    rule("delete_security_group:tags", ADMIN_OR_MEMBER, DELETE_TAGS),
    rule("create_security_group_rule", OWNS_GROUP, &["POST /v2.0/security-group-rules"]),
    rule("get_security_group_rule", "(rule:admin_only) or (role:reader and rule:sg_owner)", GET_RULES),
    rule("delete_security_group_rule", OWNS_GROUP, &["DELETE /v2.0/security-group-rules/{id}"]),
    rule("create_default_security_group_rule", ADMIN, &["POST /v2.0/default-security-group-rules"]),
    rule("get_default_security_group_rule", "role:reader", GET_DEFAULT_RULES),
    rule("delete_default_security_group_rule", ADMIN, &["DELETE /v2.0/default-security-group-rules/{id}"]),
];

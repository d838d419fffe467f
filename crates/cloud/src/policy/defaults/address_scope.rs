//! Address scopes.

use super::{ADMIN_OR_MEMBER, Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/address-scopes"];
const UPDATE: &[&str] = &["PUT /v2.0/address-scopes/{id}"];

pub const RULES: &[Default] = &[
    rule("create_address_scope", ADMIN_OR_MEMBER, CREATE),
    rule("create_address_scope:shared", ADMIN, CREATE),
    rule(
        "get_address_scope",
        "rule:admin_only or role:reader and project_id:%(project_id)s or rule:shared_address_scopes",
        &["GET /v2.0/address-scopes", "GET /v2.0/address-scopes/{id}"],
    ),
    rule("update_address_scope", ADMIN_OR_MEMBER, UPDATE),
    rule("update_address_scope:shared", ADMIN, UPDATE),
    rule("delete_address_scope", ADMIN_OR_MEMBER, &["DELETE /v2.0/address-scopes/{id}"]),
];

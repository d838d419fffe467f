//! RBAC policies: what is shared with whom.

use super::{ADMIN_OR_MEMBER, Default, rule};

const NOT_EVERYONE: &str = "rule:admin_only or \
    (not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*)";
const CREATE: &[&str] = &["POST /v2.0/rbac-policies"];
const UPDATE: &[&str] = &["PUT /v2.0/rbac-policies/{id}"];

pub const RULES: &[Default] = &[
    rule("create_rbac_policy", ADMIN_OR_MEMBER, CREATE),
    rule("create_rbac_policy:target_tenant", NOT_EVERYONE, CREATE),
    rule("update_rbac_policy", ADMIN_OR_MEMBER, UPDATE),
    rule("update_rbac_policy:target_tenant", NOT_EVERYONE, UPDATE),
    rule(
        "get_rbac_policy",
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s)",
        &["GET /v2.0/rbac-policies", "GET /v2.0/rbac-policies/{id}"],
    ),
    rule("delete_rbac_policy", ADMIN_OR_MEMBER, &["DELETE /v2.0/rbac-policies/{id}"]),
];

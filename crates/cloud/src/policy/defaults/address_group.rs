//! Address groups.

use super::{ADMIN_OR_MEMBER, Default, rule};

pub const RULES: &[Default] = &[
    rule("create_address_group", ADMIN_OR_MEMBER, &["POST /v2.0/address-groups"]),
    rule(
        "get_address_group",
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_address_groups",
        &["GET /v2.0/address-groups", "GET /v2.0/address-groups/{id}"],
    ),
    rule("update_address_group", ADMIN_OR_MEMBER, &["PUT /v2.0/address-groups/{id}"]),
    rule("delete_address_group", ADMIN_OR_MEMBER, &["DELETE /v2.0/address-groups/{id}"]),
];

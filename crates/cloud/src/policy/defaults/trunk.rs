//! Trunks, and what is in them.

use super::{ADMIN_OR_MEMBER, Default, rule};

const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";

pub const RULES: &[Default] = &[
    rule("create_trunk", ADMIN_OR_MEMBER, &["POST /v2.0/trunks"]),
    rule("create_trunk:tags", ADMIN_OR_MEMBER, &["POST /v2.0/trunks/{id}/tags"]),
    rule("get_trunk", READER, &["GET /v2.0/trunks", "GET /v2.0/trunks/{id}"]),
    rule("get_trunk:tags", READER, &["GET /v2.0/trunks/{id}/tags", "GET /v2.0/trunks/{id}/tags/{tag_id}"]),
    rule("update_trunk", ADMIN_OR_MEMBER, &["PUT /v2.0/trunks/{id}"]),
    rule(
        "update_trunk:tags",
        ADMIN_OR_MEMBER,
        &["PUT /v2.0/trunks/{id}/tags", "PUT /v2.0/trunks/{id}/tags/{tag_id}"],
    ),
    rule("delete_trunk", ADMIN_OR_MEMBER, &["DELETE /v2.0/trunks/{id}"]),
    rule(
        "delete_trunk:tags",
        ADMIN_OR_MEMBER,
        &["DELETE /v2.0/trunks/{id}/tags", "DELETE /v2.0/trunks/{id}/tags/{tag_id}"],
    ),
    rule("get_subports", READER, &["GET /v2.0/trunks/{id}/get_subports"]),
    rule("add_subports", ADMIN_OR_MEMBER, &["PUT /v2.0/trunks/{id}/add_subports"]),
    rule("remove_subports", ADMIN_OR_MEMBER, &["PUT /v2.0/trunks/{id}/remove_subports"]),
];

//! NDP proxies.

use super::{Default, rule};

const MEMBER: &str = "(rule:admin_only) or (role:member and project_id:%(project_id)s)";
const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/ndp-proxies"];
const GET: &[&str] = &["GET /v2.0/ndp-proxies", "GET /v2.0/ndp-proxies/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/ndp-proxies/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/ndp-proxies/{id}"];

pub const RULES: &[Default] = &[
    rule("create_ndp_proxy", MEMBER, CREATE),
    rule("get_ndp_proxy", READER, GET),
    rule("update_ndp_proxy", MEMBER, UPDATE),
    rule("delete_ndp_proxy", MEMBER, DELETE),
];

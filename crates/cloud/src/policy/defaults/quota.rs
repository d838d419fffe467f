//! Quotas of projects.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const GET: &[&str] = &["GET /v2.0/quotas", "GET /v2.0/quotas/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/quotas/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/quotas/{id}"];

pub const RULES: &[Default] = &[
    rule("get_quota", "(rule:admin_only) or (role:manager and project_id:%(project_id)s)", GET),
    rule("update_quota", ADMIN, UPDATE),
    rule("delete_quota", ADMIN, DELETE),
];

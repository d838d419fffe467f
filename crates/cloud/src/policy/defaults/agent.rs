//! Agents.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/agents"];
const GET: &[&str] = &["GET /v2.0/agents", "GET /v2.0/agents/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/agents/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/agents/{id}"];

pub const RULES: &[Default] = &[
    rule("create_agent", ADMIN, CREATE),
    rule("get_agent", ADMIN, GET),
    rule("update_agent", ADMIN, UPDATE),
    rule("delete_agent", ADMIN, DELETE),
];

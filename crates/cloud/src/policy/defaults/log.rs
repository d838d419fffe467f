//! Logs of what security groups let pass and hold back.

use super::{Default, rule};

const MANAGER: &str = "(rule:admin_only) or (role:manager and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/log/logs"];
const GET: &[&str] = &["GET /v2.0/log/logs", "GET /v2.0/log/logs/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/log/logs/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/log/logs/{id}"];
const LOGGABLE: &[&str] = &["GET /v2.0/log/loggable-resources"];

pub const RULES: &[Default] = &[
    rule("get_loggable_resource", MANAGER, LOGGABLE),
    rule("create_log", MANAGER, CREATE),
    rule("get_log", MANAGER, GET),
    rule("update_log", MANAGER, UPDATE),
    rule("delete_log", MANAGER, DELETE),
];

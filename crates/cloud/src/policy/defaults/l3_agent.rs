//! Which agents carry which routers.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/agents/{agent_id}/l3-routers"];
const GET: &[&str] = &["GET /v2.0/agents/{agent_id}/l3-routers"];
const DELETE: &[&str] = &["DELETE /v2.0/agents/{agent_id}/l3-routers/{router_id}"];
const GET_AGENTS: &[&str] = &["GET /v2.0/routers/{router_id}/l3-agents"];

pub const RULES: &[Default] = &[
    rule("create_l3-router", ADMIN, CREATE),
    rule("get_l3-routers", ADMIN, GET),
    rule("delete_l3-router", ADMIN, DELETE),
    rule("get_l3-agents", ADMIN, GET_AGENTS),
];

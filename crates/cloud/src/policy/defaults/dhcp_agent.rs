//! Which agents serve which networks' DHCP.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/agents/{agent_id}/dhcp-networks"];
const GET: &[&str] = &["GET /v2.0/agents/{agent_id}/dhcp-networks"];
const DELETE: &[&str] = &["DELETE /v2.0/agents/{agent_id}/dhcp-networks/{network_id}"];
const GET_AGENTS: &[&str] = &["GET /v2.0/networks/{network_id}/dhcp-agents"];

pub const RULES: &[Default] = &[
    rule("create_dhcp-network", ADMIN, CREATE),
    rule("get_dhcp-networks", ADMIN, GET),
    rule("delete_dhcp-network", ADMIN, DELETE),
    rule("get_dhcp-agents", ADMIN, GET_AGENTS),
];

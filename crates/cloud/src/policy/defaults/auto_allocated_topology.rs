//! Topologies that projects get by asking.

use super::{Default, rule};

const GET: &[&str] = &["GET /v2.0/auto-allocated-topology/{project_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/auto-allocated-topology/{project_id}"];

pub const RULES: &[Default] = &[
    rule(
        "get_auto_allocated_topology",
        "(rule:admin_only) or (role:reader and project_id:%(project_id)s)",
        GET,
    ),
    rule(
        "delete_auto_allocated_topology",
        "(rule:admin_only) or (role:member and project_id:%(project_id)s)",
        DELETE,
    ),
];

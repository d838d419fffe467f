//! Local IPs, and the ports that stand for them.

use super::{ADMIN_OR_MEMBER, Default, PARENTS_MEMBER, PARENTS_READER, rule};

const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/local-ips"];
const GET: &[&str] = &["GET /v2.0/local-ips", "GET /v2.0/local-ips/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/local-ips/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/local-ips/{id}"];
const ASSOCIATE: &[&str] = &["POST /v2.0/local_ips/{local_ip_id}/port_associations"];
const GET_ASSOCIATIONS: &[&str] = &[
    "GET /v2.0/local_ips/{local_ip_id}/port_associations",
    "GET /v2.0/local_ips/{local_ip_id}/port_associations/{fixed_port_id}",
];
const DISSOCIATE: &[&str] = &["DELETE /v2.0/local_ips/{local_ip_id}/port_associations/{fixed_port_id}"];

pub const RULES: &[Default] = &[
    rule("create_local_ip", ADMIN_OR_MEMBER, CREATE),
    rule("get_local_ip", READER, GET),
    rule("update_local_ip", ADMIN_OR_MEMBER, UPDATE),
    rule("delete_local_ip", ADMIN_OR_MEMBER, DELETE),
    rule("create_local_ip_port_association", PARENTS_MEMBER, ASSOCIATE),
    rule("get_local_ip_port_association", PARENTS_READER, GET_ASSOCIATIONS),
    rule("delete_local_ip_port_association", PARENTS_MEMBER, DISSOCIATE),
];

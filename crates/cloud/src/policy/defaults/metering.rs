//! Metering labels and their rules.

use super::{Default, rule};

const MANAGER: &str = "(rule:admin_only) or (role:manager and project_id:%(project_id)s)";
const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const CREATE: &[&str] = &["POST /v2.0/metering/metering-labels"];
const GET: &[&str] = &["GET /v2.0/metering/metering-labels", "GET /v2.0/metering/metering-labels/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/metering/metering-labels/{id}"];
const CREATE_RULE: &[&str] = &["POST /v2.0/metering/metering-label-rules"];
const GET_RULE: &[&str] =
    &["GET /v2.0/metering/metering-label-rules", "GET /v2.0/metering/metering-label-rules/{id}"];
const DELETE_RULE: &[&str] = &["DELETE /v2.0/metering/metering-label-rules/{id}"];

pub const RULES: &[Default] = &[
    rule("create_metering_label", MANAGER, CREATE),
    rule("get_metering_label", READER, GET),
    rule("delete_metering_label", MANAGER, DELETE),
    rule("create_metering_label_rule", MANAGER, CREATE_RULE),
    rule("get_metering_label_rule", READER, GET_RULE),
    rule("delete_metering_label_rule", MANAGER, DELETE_RULE),
];

//! QoS policies, and the rules below them.

use super::{Default, PARENTS_READER, rule};

const READER: &str =
    "(rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_qos_policy";
const MANAGER: &str = "(rule:admin_only) or (role:manager and project_id:%(project_id)s)";
const PARENTS_MANAGER: &str = "(rule:admin_only) or (role:manager and rule:ext_parent_owner)";
const CREATE: &[&str] = &["POST /v2.0/qos/policies"];
const GET: &[&str] = &["GET /v2.0/qos/policies", "GET /v2.0/qos/policies/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/qos/policies/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/qos/policies/{id}"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/qos/policies/{id}/tags"];
const GET_TAGS: &[&str] = &["GET /v2.0/qos/policies/{id}/tags", "GET /v2.0/qos/policies/{id}/tags/{tag_id}"];
const UPDATE_TAGS: &[&str] =
    &["PUT /v2.0/qos/policies/{id}/tags", "PUT /v2.0/qos/policies/{id}/tags/{tag_id}"];
const DELETE_TAGS: &[&str] =
    &["DELETE /v2.0/qos/policies/{id}/tags", "DELETE /v2.0/qos/policies/{id}/tags/{tag_id}"];
const GET_TYPE: &[&str] = &["GET /v2.0/qos/rule-types", "GET /v2.0/qos/rule-types/{rule_type}"];
const CREATE_LIMIT: &[&str] = &["POST /v2.0/qos/policies/{policy_id}/bandwidth_limit_rules"];
const GET_LIMIT: &[&str] = &[
    "GET /v2.0/qos/policies/{policy_id}/bandwidth_limit_rules",
    "GET /v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{rule_id}",
];
const UPDATE_LIMIT: &[&str] = &["PUT /v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{rule_id}"];
const DELETE_LIMIT: &[&str] = &["DELETE /v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{rule_id}"];
const CREATE_MARK: &[&str] = &["POST /v2.0/qos/policies/{policy_id}/dscp_marking_rules"];
const GET_MARK: &[&str] = &[
    "GET /v2.0/qos/policies/{policy_id}/dscp_marking_rules",
    "GET /v2.0/qos/policies/{policy_id}/dscp_marking_rules/{rule_id}",
];
const UPDATE_MARK: &[&str] = &["PUT /v2.0/qos/policies/{policy_id}/dscp_marking_rules/{rule_id}"];
const DELETE_MARK: &[&str] = &["DELETE /v2.0/qos/policies/{policy_id}/dscp_marking_rules/{rule_id}"];
const CREATE_MIN: &[&str] = &["POST /v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules"];
const GET_MIN: &[&str] = &[
    "GET /v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules",
    "GET /v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules/{rule_id}",
];
const UPDATE_MIN: &[&str] = &["PUT /v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules/{rule_id}"];
const DELETE_MIN: &[&str] = &["DELETE /v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules/{rule_id}"];

const CREATE_PACKETS: &[&str] = &["POST /v2.0/qos/policies/{policy_id}/packet_rate_limit_rules"];
const GET_PACKETS: &[&str] = &[
    "GET /v2.0/qos/policies/{policy_id}/packet_rate_limit_rules",
    "GET /v2.0/qos/policies/{policy_id}/packet_rate_limit_rules/{rule_id}",
];
const UPDATE_PACKETS: &[&str] = &["PUT /v2.0/qos/policies/{policy_id}/packet_rate_limit_rules/{rule_id}"];
const DELETE_PACKETS: &[&str] = &["DELETE /v2.0/qos/policies/{policy_id}/packet_rate_limit_rules/{rule_id}"];
const CREATE_LEAST: &[&str] = &["POST /v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules"];
const GET_LEAST: &[&str] = &[
    "GET /v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules",
    "GET /v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules/{rule_id}",
];
const UPDATE_LEAST: &[&str] = &["PUT /v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules/{rule_id}"];
const DELETE_LEAST: &[&str] = &["DELETE /v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules/{rule_id}"];

pub const RULES: &[Default] = &[
    rule("get_policy", READER, GET),
    rule("create_policy", MANAGER, CREATE),
    rule("update_policy", MANAGER, UPDATE),
    rule("delete_policy", MANAGER, DELETE),
    rule("get_policy:tags", READER, GET_TAGS),
    rule("create_policy:tags", MANAGER, CREATE_TAGS),
    rule("update_policy:tags", MANAGER, UPDATE_TAGS),
    rule("delete_policy:tags", MANAGER, DELETE_TAGS),
    rule("get_rule_type", "role:reader", GET_TYPE),
    rule("get_policy_bandwidth_limit_rule", PARENTS_READER, GET_LIMIT),
    rule("create_policy_bandwidth_limit_rule", PARENTS_MANAGER, CREATE_LIMIT),
    rule("update_policy_bandwidth_limit_rule", PARENTS_MANAGER, UPDATE_LIMIT),
    rule("delete_policy_bandwidth_limit_rule", PARENTS_MANAGER, DELETE_LIMIT),
    rule("get_policy_dscp_marking_rule", PARENTS_READER, GET_MARK),
    rule("create_policy_dscp_marking_rule", PARENTS_MANAGER, CREATE_MARK),
    rule("update_policy_dscp_marking_rule", PARENTS_MANAGER, UPDATE_MARK),
    rule("delete_policy_dscp_marking_rule", PARENTS_MANAGER, DELETE_MARK),
    rule("get_policy_minimum_bandwidth_rule", PARENTS_READER, GET_MIN),
    rule("create_policy_minimum_bandwidth_rule", PARENTS_MANAGER, CREATE_MIN),
    rule("update_policy_minimum_bandwidth_rule", PARENTS_MANAGER, UPDATE_MIN),
    rule("delete_policy_minimum_bandwidth_rule", PARENTS_MANAGER, DELETE_MIN),
    rule("get_policy_packet_rate_limit_rule", PARENTS_READER, GET_PACKETS),
    rule("create_policy_packet_rate_limit_rule", PARENTS_MANAGER, CREATE_PACKETS),
    rule("update_policy_packet_rate_limit_rule", PARENTS_MANAGER, UPDATE_PACKETS),
    rule("delete_policy_packet_rate_limit_rule", PARENTS_MANAGER, DELETE_PACKETS),
    rule("get_policy_minimum_packet_rate_rule", PARENTS_READER, GET_LEAST),
    rule("create_policy_minimum_packet_rate_rule", PARENTS_MANAGER, CREATE_LEAST),
    rule("update_policy_minimum_packet_rate_rule", PARENTS_MANAGER, UPDATE_LEAST),
    rule("delete_policy_minimum_packet_rate_rule", PARENTS_MANAGER, DELETE_LEAST),
    rule(
        "get_alias_bandwidth_limit_rule",
        PARENTS_READER,
        &["GET /v2.0/qos/alias_bandwidth_limit_rules/{rule_id}/"],
    ),
    rule(
        "update_alias_bandwidth_limit_rule",
        PARENTS_MANAGER,
        &["PUT /v2.0/qos/alias_bandwidth_limit_rules/{rule_id}/"],
    ),
    rule(
        "delete_alias_bandwidth_limit_rule",
        PARENTS_MANAGER,
        &["DELETE /v2.0/qos/alias_bandwidth_limit_rules/{rule_id}/"],
    ),
    rule(
        "get_alias_dscp_marking_rule",
        PARENTS_READER,
        &["GET /v2.0/qos/alias_dscp_marking_rules/{rule_id}/"],
    ),
    rule(
        "update_alias_dscp_marking_rule",
        PARENTS_MANAGER,
        &["PUT /v2.0/qos/alias_dscp_marking_rules/{rule_id}/"],
    ),
    rule(
        "delete_alias_dscp_marking_rule",
        PARENTS_MANAGER,
        &["DELETE /v2.0/qos/alias_dscp_marking_rules/{rule_id}/"],
    ),
    rule(
        "get_alias_minimum_bandwidth_rule",
        PARENTS_READER,
        &["GET /v2.0/qos/alias_minimum_bandwidth_rules/{rule_id}/"],
    ),
    rule(
        "update_alias_minimum_bandwidth_rule",
        PARENTS_MANAGER,
        &["PUT /v2.0/qos/alias_minimum_bandwidth_rules/{rule_id}/"],
    ),
    rule(
        "delete_alias_minimum_bandwidth_rule",
        PARENTS_MANAGER,
        &["DELETE /v2.0/qos/alias_minimum_bandwidth_rules/{rule_id}/"],
    ),
    rule(
        "get_alias_minimum_packet_rate_rule",
        "rule:get_policy_minimum_packet_rate_rule",
        &["GET /v2.0/qos/alias_minimum_packet_rate_rules/{rule_id}/"],
    ),
    rule(
        "update_alias_minimum_packet_rate_rule",
        "rule:update_policy_minimum_packet_rate_rule",
        &["PUT /v2.0/qos/alias_minimum_packet_rate_rules/{rule_id}/"],
    ),
    rule(
        "delete_alias_minimum_packet_rate_rule",
        "rule:delete_policy_minimum_packet_rate_rule",
        &["DELETE /v2.0/qos/alias_minimum_packet_rate_rules/{rule_id}/"],
    ),
];

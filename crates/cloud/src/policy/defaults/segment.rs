//! Segments of networks, and the ranges that they are chosen from.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const CREATE: &[&str] = &["POST /v2.0/segments"];
const GET: &[&str] = &["GET /v2.0/segments", "GET /v2.0/segments/{id}"];
const UPDATE: &[&str] = &["PUT /v2.0/segments/{id}"];
const DELETE: &[&str] = &["DELETE /v2.0/segments/{id}"];
const CREATE_RANGE: &[&str] = &["POST /v2.0/network_segment_ranges"];
const GET_RANGE: &[&str] = &["GET /v2.0/network_segment_ranges", "GET /v2.0/network_segment_ranges/{id}"];
const UPDATE_RANGE: &[&str] = &["PUT /v2.0/network_segment_ranges/{id}"];
const DELETE_RANGE: &[&str] = &["DELETE /v2.0/network_segment_ranges/{id}"];
const CREATE_RANGE_TAGS: &[&str] = &["POST /v2.0/network_segment_ranges/{id}/tags"];
const GET_RANGE_TAGS: &[&str] =
    &["GET /v2.0/network_segment_ranges/{id}/tags", "GET /v2.0/network_segment_ranges/{id}/tags/{tag_id}"];
const UPDATE_RANGE_TAGS: &[&str] =
    &["PUT /v2.0/network_segment_ranges/{id}/tags", "PUT /v2.0/network_segment_ranges/{id}/tags/{tag_id}"];
const DELETE_RANGE_TAGS: &[&str] = &[
    "DELETE /v2.0/network_segment_ranges/{id}/tags",
    "DELETE /v2.0/network_segment_ranges/{id}/tags/{tag_id}",
];

pub const RULES: &[Default] = &[
    rule("create_segment", ADMIN, CREATE),
    rule("get_segment", ADMIN, GET),
    rule("update_segment", ADMIN, UPDATE),
    rule("delete_segment", ADMIN, DELETE),
    rule("create_network_segment_range", ADMIN, CREATE_RANGE),
    rule("create_network_segment_range:tags", ADMIN, CREATE_RANGE_TAGS),
    rule("get_network_segment_range", ADMIN, GET_RANGE),
    rule("get_network_segment_range:tags", ADMIN, GET_RANGE_TAGS),
    rule("update_network_segment_range", ADMIN, UPDATE_RANGE),
    rule("update_network_segment_range:tags", ADMIN, UPDATE_RANGE_TAGS),
    rule("delete_network_segment_range", ADMIN, DELETE_RANGE),
    rule("delete_network_segment_range:tags", ADMIN, DELETE_RANGE_TAGS),
];

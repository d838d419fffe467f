//! Flavors, their service profiles, and service providers.

use super::{Default, rule, term};

const READER: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const ADMIN: &str = "rule:admin_only";
const FLAVORS: &[&str] = &["GET /v2.0/flavors", "GET /v2.0/flavors/{id}"];
const PROFILES: &[&str] = &["GET /v2.0/service_profiles", "GET /v2.0/service_profiles/{id}"];
const UNTIE: &[&str] = &["DELETE /v2.0/flavors/{flavor_id}/service_profiles/{profile_id}"];

pub const RULES: &[Default] = &[
    rule("create_flavor", ADMIN, &["POST /v2.0/flavors"]),
    rule("get_flavor", "role:reader", FLAVORS),
    rule("update_flavor", ADMIN, &["PUT /v2.0/flavors/{id}"]),
    rule("delete_flavor", ADMIN, &["DELETE /v2.0/flavors/{id}"]),
    rule("create_service_profile", ADMIN, &["POST /v2.0/service_profiles"]),
    rule("get_service_profile", ADMIN, PROFILES),
    rule("update_service_profile", ADMIN, &["PUT /v2.0/service_profiles/{id}"]),
    rule("delete_service_profile", ADMIN, &["DELETE /v2.0/service_profiles/{id}"]),
    rule("create_flavor_service_profile", ADMIN, &["POST /v2.0/flavors/{flavor_id}/service_profiles"]),
    rule("delete_flavor_service_profile", ADMIN, UNTIE),
    term("get_flavor_service_profile", READER, "Who may see a flavor's service profile."),
    rule("get_service_provider", "role:reader", &["GET /v2.0/service-providers"]),
];

//! Ports.

use super::{Default, rule};

const ADMIN: &str = "rule:admin_only";
const ADMIN_OR_SERVICE: &str = "(rule:admin_only) or (rule:service_api)";
const ADMIN_SERVICE_OR_NETWORK_OWNER: &str =
    "(rule:admin_only) or (rule:service_api) or role:member and rule:network_owner";
const ADMIN_SERVICE_NETWORK_OWNER_OR_SHARED: &str =
    "(rule:admin_only) or (rule:service_api) or role:member and rule:network_owner or rule:shared";
const NETWORK_OWNER_OR_SERVICE: &str =
    "(rule:admin_only) or (role:member and rule:network_owner) or rule:service_api";
const ADMIN_MEMBER_OR_SERVICE: &str =
    "(rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:service_api";
const ADMIN_MEMBER_OR_ADVANCED: &str =
    "(rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:context_is_advsvc";
const PLAIN_DEVICE_OR_TRUSTED: &str = "not rule:network_device or (rule:admin_only) or (rule:service_api) or role:member and \
    rule:network_owner";
const SERVICE: &str = "rule:service_api";
const CREATE: &[&str] = &["POST /v2.0/ports"];
const CREATE_TAGS: &[&str] = &["POST /v2.0/ports/{id}/tags"];
const GET: &[&str] = &["GET /v2.0/ports", "GET /v2.0/ports/{id}"];
const GET_TAGS: &[&str] = &["GET /v2.0/ports/{id}/tags", "GET /v2.0/ports/{id}/tags/{tag_id}"];
const UPDATE: &[&str] = &["PUT /v2.0/ports/{id}"];
const UPDATE_TAGS: &[&str] = &["PUT /v2.0/ports/{id}/tags", "PUT /v2.0/ports/{id}/tags/{tag_id}"];
const DELETE: &[&str] = &["DELETE /v2.0/ports/{id}"];
const DELETE_TAGS: &[&str] = &["DELETE /v2.0/ports/{id}/tags", "DELETE /v2.0/ports/{id}/tags/{tag_id}"];

const GET_BINDING: &[&str] = &["GET /v2.0/ports/{port_id}/bindings"];
const CREATE_BINDING: &[&str] = &["POST /v2.0/ports/{port_id}/bindings"];
const DELETE_BINDING: &[&str] = &["DELETE /v2.0/ports/{port_id}/bindings/{host}"];

pub const RULES: &[Default] = &[
    rule("create_port", ADMIN_SERVICE_NETWORK_OWNER_OR_SHARED, CREATE),
    rule("create_port:device_id", ADMIN_MEMBER_OR_SERVICE, CREATE),
    rule("create_port:device_owner", PLAIN_DEVICE_OR_TRUSTED, CREATE),
    rule("create_port:mac_address", ADMIN_SERVICE_OR_NETWORK_OWNER, CREATE),
    rule("create_port:fixed_ips", ADMIN_SERVICE_NETWORK_OWNER_OR_SHARED, CREATE),
    rule("create_port:fixed_ips:ip_address", ADMIN_SERVICE_OR_NETWORK_OWNER, CREATE),
    rule("create_port:fixed_ips:subnet_id", ADMIN_SERVICE_NETWORK_OWNER_OR_SHARED, CREATE),
    rule("create_port:port_security_enabled", ADMIN_SERVICE_OR_NETWORK_OWNER, CREATE),
    rule("create_port:binding:host_id", ADMIN_OR_SERVICE, CREATE),
    rule("create_port:binding:profile", SERVICE, CREATE),
    rule("create_port:binding:vnic_type", ADMIN_MEMBER_OR_SERVICE, CREATE),
    rule("create_port:allowed_address_pairs", NETWORK_OWNER_OR_SERVICE, CREATE),
    rule("create_port:allowed_address_pairs:mac_address", NETWORK_OWNER_OR_SERVICE, CREATE),
    rule("create_port:allowed_address_pairs:ip_address", NETWORK_OWNER_OR_SERVICE, CREATE),
    rule("create_port:hints", ADMIN, CREATE),
    rule("create_port:trusted", ADMIN, CREATE),
    rule("create_port:tags", ADMIN_MEMBER_OR_ADVANCED, CREATE_TAGS),
    rule(
        "get_port",
        "(rule:admin_only) or (rule:service_api) or role:reader and rule:network_owner or \
            role:reader and project_id:%(project_id)s",
        GET,
    ),
    rule("get_port:binding:vif_type", ADMIN_OR_SERVICE, GET),
    rule("get_port:binding:vif_details", ADMIN_OR_SERVICE, GET),
    rule("get_port:binding:host_id", ADMIN_OR_SERVICE, GET),
    rule("get_port:binding:profile", ADMIN_OR_SERVICE, GET),
    rule("get_port:resource_request", ADMIN, GET),
    rule("get_port:hints", ADMIN, GET),
    rule("get_port:trusted", ADMIN, GET),
    rule(
        "get_port:tags",
        "rule:context_is_advsvc or (rule:admin_only) or (role:reader and rule:network_owner) or \
            role:reader and project_id:%(project_id)s",
        GET_TAGS,
    ),
    rule(
        "update_port",
        "(rule:admin_only) or (rule:service_api) or role:member and project_id:%(project_id)s",
        UPDATE,
    ),
    rule("update_port:device_id", ADMIN_MEMBER_OR_SERVICE, UPDATE),
    rule("update_port:device_owner", PLAIN_DEVICE_OR_TRUSTED, UPDATE),
    rule(
        "update_port:mac_address",
        "(rule:admin_only) or (rule:service_api) or role:manager and rule:network_owner",
        UPDATE,
    ),
    rule("update_port:fixed_ips", ADMIN_SERVICE_OR_NETWORK_OWNER, UPDATE),
    rule("update_port:fixed_ips:ip_address", ADMIN_SERVICE_OR_NETWORK_OWNER, UPDATE),
    rule("update_port:fixed_ips:subnet_id", ADMIN_SERVICE_NETWORK_OWNER_OR_SHARED, UPDATE),
    rule("update_port:port_security_enabled", ADMIN_SERVICE_OR_NETWORK_OWNER, UPDATE),
    rule("update_port:binding:host_id", ADMIN_OR_SERVICE, UPDATE),
    rule("update_port:binding:profile", SERVICE, UPDATE),
    rule(
        "update_port:binding:vnic_type",
        "(rule:admin_only) or (rule:service_api) or role:member and project_id:%(project_id)s",
        UPDATE,
    ),
    rule("update_port:allowed_address_pairs", NETWORK_OWNER_OR_SERVICE, UPDATE),
    rule("update_port:allowed_address_pairs:mac_address", NETWORK_OWNER_OR_SERVICE, UPDATE),
    rule("update_port:allowed_address_pairs:ip_address", NETWORK_OWNER_OR_SERVICE, UPDATE),
    rule("update_port:data_plane_status", "rule:admin_only or role:data_plane_integrator", UPDATE),
    rule("update_port:hints", ADMIN, UPDATE),
    rule("update_port:trusted", ADMIN, UPDATE),
    rule("update_port:tags", ADMIN_MEMBER_OR_ADVANCED, UPDATE_TAGS),
    rule(
        "delete_port",
        "(rule:admin_only) or (rule:service_api) or (service_roles:service and (role:member and \
            rule:network_owner or role:member and project_id:%(project_id)s)) or (not \
            rule:compute_device and not rule:baremetal_device and not rule:manila_device and \
            (role:member and rule:network_owner or role:member and project_id:%(project_id)s))",
        DELETE,
    ),
    rule(
        "delete_port:tags",
        "rule:context_is_advsvc or role:member and project_id:%(project_id)s or (rule:admin_only) \
            or (role:member and rule:network_owner)",
        DELETE_TAGS,
    ),
    rule("get_port_binding", "(rule:admin_only) or (rule:service_api)", GET_BINDING),
    rule("create_port_binding", "rule:service_api", CREATE_BINDING),
    rule("delete_port_binding", "rule:service_api", DELETE_BINDING),
    rule("activate", "rule:service_api", &["PUT /v2.0/ports/{port_id}/bindings/{host}/activate"]),
];

//! Software: packages, their versions, and orders to install some.

use super::{ADMIN_OR_MEMBER, Default, rule};

const ADMIN: &str = "rule:admin_only";
const READS: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)";
const READS_PACKAGE: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s) \
    or (role:reader and field:software_packages:seen=True)";
const READS_VERSION: &str = "(rule:admin_only) or (role:reader and project_id:%(project_id)s) \
    or (role:reader and field:software_versions:seen=True)";
const CREATE: &[&str] = &["POST /v2.0/software-packages"];
const UPDATE: &[&str] = &["PUT /v2.0/software-packages/{id}"];
const GET: &[&str] = &["GET /v2.0/software-packages", "GET /v2.0/software-packages/{id}"];
const GET_VERSION: &[&str] = &["GET /v2.0/software-versions", "GET /v2.0/software-versions/{id}"];
const GET_ORDER: &[&str] = &["GET /v2.0/software-orders", "GET /v2.0/software-orders/{id}"];

pub const RULES: &[Default] = &[
    rule("create_software_package", ADMIN_OR_MEMBER, CREATE),
    rule("create_software_package:shared", ADMIN, CREATE),
    rule("get_software_package", READS_PACKAGE, GET),
    rule("update_software_package", ADMIN_OR_MEMBER, UPDATE),
    rule("update_software_package:shared", ADMIN, UPDATE),
    rule("delete_software_package", ADMIN_OR_MEMBER, &["DELETE /v2.0/software-packages/{id}"]),
    rule("create_software_version", ADMIN_OR_MEMBER, &["POST /v2.0/software-versions"]),
    rule("get_software_version", READS_VERSION, GET_VERSION),
    rule("update_software_version", ADMIN_OR_MEMBER, &["PUT /v2.0/software-versions/{id}"]),
    rule("delete_software_version", ADMIN_OR_MEMBER, &["DELETE /v2.0/software-versions/{id}"]),
    rule("upload_software_version", ADMIN_OR_MEMBER, &["PUT /v2.0/software-versions/{id}/file"]),
    rule("download_software_version", READS_VERSION, &["GET /v2.0/software-versions/{id}/file"]),
    rule("create_software_order", ADMIN_OR_MEMBER, &["POST /v2.0/software-orders"]),
    rule("get_software_order", READS, GET_ORDER),
    rule("update_software_order", ADMIN_OR_MEMBER, &["PUT /v2.0/software-orders/{id}"]),
    rule("cancel_software_order", ADMIN_OR_MEMBER, &["PUT /v2.0/software-orders/{id}/cancel"]),
    rule("retry_software_order", ADMIN_OR_MEMBER, &["PUT /v2.0/software-orders/{id}/retry"]),
    rule("delete_software_order", ADMIN_OR_MEMBER, &["DELETE /v2.0/software-orders/{id}"]),
];

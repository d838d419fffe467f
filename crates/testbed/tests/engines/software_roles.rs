//! Software and roles: each request of each caller.

use db::Engine;
use serde_json::{Value, json};

use super::software::{OTHER, OWNER, Place};

testbed::on_both_engines!(roles_say_who_may_what);

/// Each request of each caller, and what it is answered.
async fn roles_say_who_may_what(engine: Engine) {
    let place = Place::start(engine).await;
    let (package, version) = place.brought("hello", "1").await;
    let open = place.version(&package, json!({})).await;
    let policy = json!({ "object_type": "software_package", "object_id": package,
        "action": "access_as_shared", "target_tenant": OTHER });
    place.made(OWNER, "rbac-policies", "rbac_policy", policy).await;
    let new = json!({ "software_package": { "name": "new", "format": "deb" } });
    let change = json!({ "software_package": { "description": "x" } });
    let public = json!({ "software_package": { "shared": true } });
    let another = json!({ "software_version": { "package_id": package } });
    let yanked = json!({ "software_version": { "yanked": false } });
    let order = json!({ "software_order": { "packages": [{ "name": "hello" }], "targets": ["nowhere"] } });
    let (package, file) =
        (format!("software-packages/{package}"), format!("software-versions/{version}/file"));
    let (version, upload) =
        (format!("software-versions/{version}"), format!("software-versions/{open}/file"));
    // Of a reader of the project, a reader and a member of one that it is shared with, and of a third.
    for (method, path, body, expected) in [
        ("POST", "software-packages", &new, [403, 403, 201, 201]),
        ("GET", &package, &Value::Null, [200, 200, 200, 404]),
        ("PUT", &package, &change, [403, 403, 403, 404]),
        ("PUT", &package, &public, [403, 403, 403, 404]),
        ("DELETE", &package, &Value::Null, [403, 403, 403, 404]),
        ("POST", "software-versions", &another, [403, 403, 403, 404]),
        ("GET", &version, &Value::Null, [200, 200, 200, 404]),
        ("GET", &file, &Value::Null, [200, 200, 200, 404]),
        ("PUT", &version, &yanked, [403, 403, 403, 404]),
        ("DELETE", &version, &Value::Null, [403, 403, 403, 404]),
        // Others do not see what has not come whole.
        ("GET", &format!("software-versions/{open}"), &Value::Null, [200, 404, 404, 404]),
        ("PUT", &upload, &json!({}), [403, 404, 404, 404]),
        ("POST", "software-orders", &order, [403, 403, 404, 404]),
    ] {
        let third = "33333333333333333333333333333333";
        let callers =
            [(OWNER, "reader"), (OTHER, "reader"), (OTHER, "member,reader"), (third, "member,reader")];
        for ((project, roles), expected) in callers.into_iter().zip(expected) {
            let who = [("x-user-id", project), ("x-project-id", project), ("x-roles", roles)];
            let body = (!body.is_null()).then(|| body.to_string());
            let answer = place.client.send(method, &format!("/v2.0/{path}"), body, &who).await;
            let (status, answer) = answer.expect("an answer");
            assert_eq!(status, expected, "{method} {path} of {project} as {roles}: {answer}");
        }
    }
}

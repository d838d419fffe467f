//! What is done to software besides changing attributes: files come and go, orders are called off.

use serde_json::{Map, Value, json};

use super::{answers, path_parameter, wrap};

pub(super) fn paths() -> Map<String, Value> {
    let id = path_parameter("id", "the software_version's UUID");
    let bytes = json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } });
    let version = wrap("software_version", json!({ "$ref": "#/components/schemas/software_version" }));
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
    let mut got = answers("200", None, &["401", "404", "409", "416", "503"]);
    for status in ["200", "206"] {
        got[status] = json!({ "description": "The file, or a part of it.", "content": bytes });
    }
    let file = json!({
        "parameters": [id],
        "get": {
            "operationId": "download_software_version",
            "parameters": [header("Range", "a part of the file: bytes=FROM-TO")],
            "responses": got,
        },
        "put": {
            "operationId": "upload_software_version",
            "parameters": [header("Content-Range", "goes on: bytes FROM-TO/SIZE, from upload_offset")],
            "requestBody": { "required": true, "content": bytes },
            "responses": answers(
                "200",
                Some(version),
                &["400", "401", "403", "404", "409", "411", "413", "503", "507"],
            ),
        },
    });
    let mut out = Map::new();
    out.insert("/v2.0/software-versions/{id}/file".into(), file);
    let order = wrap("software_order", json!({ "$ref": "#/components/schemas/software_order" }));
    for action in ["cancel", "retry"] {
        let path = json!({
            "parameters": [path_parameter("id", "the software_order's UUID")],
            "put": {
                "operationId": format!("{action}_software_order"),
                "responses": answers("200", Some(order.clone()), &["401", "403", "404", "409"]),
            },
        });
        out.insert(format!("/v2.0/software-orders/{{id}}/{action}"), path);
    }
    out
}

//! Topologies that projects get by asking.

use serde_json::{Map, Value, json};

use super::{answers, fields_parameter, path_parameter, wrap};
use crate::api::auto_allocated_topology::AUTO_ALLOCATED_TOPOLOGY as TABLE;

pub fn paths() -> Map<String, Value> {
    let shown = json!({ "$ref": format!("#/components/schemas/{}", TABLE.singular) });
    let path = json!({
        "parameters": [path_parameter("id", "the project, or None: the caller's own")],
        "get": {
            "operationId": format!("show_{}", TABLE.singular),
            "parameters": [fields_parameter()],
            "responses": answers("200", Some(wrap(TABLE.singular, shown)), &["400", "401", "403", "404", "409"]),
        },
        "delete": {
            "operationId": format!("delete_{}", TABLE.singular),
            "responses": answers("204", None, &["401", "403", "404", "409"]),
        },
    });
    [(format!("{}/{{id}}", TABLE.url()), path)].into_iter().collect()
}

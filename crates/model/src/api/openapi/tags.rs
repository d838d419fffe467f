//! Tags of every resource that has some.

use serde_json::{Map, Value, json};

use super::{answers, path_parameter, wrap};
use crate::api::tag::tagged;

pub fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for table in tagged() {
        let of = table.singular;
        let id = path_parameter("id", &format!("the {of}'s UUID"));
        let tag = path_parameter("tag", "the tag");
        let tags = wrap("tags", json!({ "type": "array", "items": { "type": "string", "maxLength": 255 } }));
        let operation = |name: &str, status: &str, schema: Option<&Value>, errors: &[&str]| {
            json!({
                "operationId": format!("{name}_{of}"),
                "responses": answers(status, schema.cloned(), errors),
            })
        };
        let says = |name: &str| {
            let mut operation = operation(name, "200", Some(&tags), &["400", "401", "403", "404"]);
            let content = json!({ "application/json": { "schema": tags } });
            operation["requestBody"] = json!({ "required": true, "content": content });
            operation
        };
        let all = json!({
            "parameters": [id],
            "get": operation("list_tags_of", "200", Some(&tags), &["401", "404"]),
            "post": says("add_tags_to"),
            "put": says("replace_tags_of"),
            "delete": operation("delete_tags_of", "204", None, &["401", "403", "404"]),
        });
        let one = json!({
            "parameters": [id, tag],
            "get": operation("find_tag_of", "204", None, &["401", "404"]),
            "put": operation("add_tag_to", "201", None, &["400", "401", "403", "404"]),
            "delete": operation("delete_tag_of", "204", None, &["401", "403", "404"]),
        });
        // Where the path of a collection has several parts, tags are found below its list key.
        let path = if table.path.contains('/') { table.plural } else { table.path };
        paths.insert(format!("/v2.0/{path}/{{id}}/tags"), all);
        paths.insert(format!("/v2.0/{path}/{{id}}/tags/{{tag}}"), one);
    }
    paths
}

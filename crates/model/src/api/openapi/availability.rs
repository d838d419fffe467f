//! How full networks are, and availability zones: lists.

use serde_json::{Map, Value, json};

use super::{answers, fields_parameter, list_parameters, path_parameter, wrap};
use crate::api::availability::{AVAILABILITY_ZONE, NETWORK_IP_AVAILABILITY};
use crate::api::table::Resource;

pub const VIEWS: [&Resource; 2] = [&NETWORK_IP_AVAILABILITY, &AVAILABILITY_ZONE];

pub fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for view in VIEWS {
        let shown = json!({ "$ref": format!("#/components/schemas/{}", view.singular) });
        let listed = wrap(view.plural, json!({ "type": "array", "items": shown }));
        let list = json!({
            "operationId": format!("list_{}", view.plural),
            "parameters": list_parameters(view),
            "responses": answers("200", Some(listed), &["400", "401"]),
        });
        paths.insert(view.url(), json!({ "get": list }));
    }
    let view = NETWORK_IP_AVAILABILITY;
    let shown = json!({ "$ref": format!("#/components/schemas/{}", view.singular) });
    let show = json!({
        "operationId": format!("show_{}", view.singular),
        "parameters": [fields_parameter()],
        "responses": answers("200", Some(wrap(view.singular, shown)), &["401", "404"]),
    });
    let parameters = [path_parameter("id", "the network's UUID")];
    paths.insert(format!("{}/{{id}}", view.url()), json!({ "parameters": parameters, "get": show }));
    paths
}

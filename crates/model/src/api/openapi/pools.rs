//! What is done to a subnet pool besides changing its attributes.

use serde_json::{Map, Value, json};

use super::{action, wrap};

pub fn paths() -> Map<String, Value> {
    let prefixes = wrap("prefixes", json!({ "type": "array", "items": { "type": "string" } }));
    let network = wrap("network_id", json!({ "type": "string", "format": "uuid" }));
    let moved = json!({ "type": "object", "properties": {
        "id": { "type": "string", "format": "uuid" }, "cidr": { "type": "string" },
    }});
    let moved = json!({ "type": "array", "items": moved });
    let path = |name, body, answer| action("subnetpools", "the subnet pool's UUID", name, body, answer);
    [
        path("add_prefixes", &prefixes, &prefixes),
        path("remove_prefixes", &prefixes, &prefixes),
        path("onboard_network_subnets", &network, &moved),
    ]
    .into_iter()
    .collect()
}

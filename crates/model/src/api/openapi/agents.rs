//! Paths of the document by which operators see and say which agents carry what.

use serde_json::{Map, Value, json};

use super::{answers, path_parameter, wrap};

/// Which agents serve which networks' DHCP.
pub fn dhcp() -> Map<String, Value> {
    let many = |plural: &str, singular: &str| {
        let item = json!({ "$ref": format!("#/components/schemas/{singular}") });
        wrap(plural, json!({ "type": "array", "items": item }))
    };
    let agent = path_parameter("id", "the agent's UUID");
    let asked = wrap("network_id", json!({ "type": "string", "format": "uuid" }));
    let networks = json!({
        "parameters": [agent],
        "get": {
            "operationId": "list_dhcp_networks",
            "responses": answers("200", Some(many("networks", "network")), &["401", "403", "404"]),
        },
        "post": {
            "operationId": "add_dhcp_network",
            "requestBody": { "required": true, "content": { "application/json": { "schema": asked } } },
            "responses": answers("201", None, &["400", "401", "403", "404", "409"]),
        },
    });
    let network = json!({
        "parameters": [agent, path_parameter("network_id", "the network's UUID")],
        "delete": {
            "operationId": "remove_dhcp_network",
            "responses": answers("204", None, &["401", "403", "404", "409"]),
        },
    });
    let agents = json!({
        "parameters": [path_parameter("id", "the network's UUID")],
        "get": {
            "operationId": "list_dhcp_agents",
            "responses": answers("200", Some(many("agents", "agent")), &["401", "403"]),
        },
    });
    [
        ("/v2.0/agents/{id}/dhcp-networks", networks),
        ("/v2.0/agents/{id}/dhcp-networks/{network_id}", network),
        ("/v2.0/networks/{id}/dhcp-agents", agents),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into_iter()
    .collect()
}

/// Which agents carry which routers.
pub fn l3() -> Map<String, Value> {
    let many = |plural: &str, singular: &str| {
        let item = json!({ "$ref": format!("#/components/schemas/{singular}") });
        wrap(plural, json!({ "type": "array", "items": item }))
    };
    let agent = path_parameter("id", "the agent's UUID");
    let asked = wrap("router_id", json!({ "type": "string", "format": "uuid" }));
    let routers = json!({
        "parameters": [agent],
        "get": {
            "operationId": "list_l3_routers",
            "responses": answers("200", Some(many("routers", "router")), &["401", "403", "404"]),
        },
        "post": {
            "operationId": "add_l3_router",
            "requestBody": { "required": true, "content": { "application/json": { "schema": asked } } },
            "responses": answers("201", None, &["400", "401", "403", "404", "409"]),
        },
    });
    let router = json!({
        "parameters": [agent, path_parameter("router_id", "the router's UUID")],
        "delete": {
            "operationId": "remove_l3_router",
            "responses": answers("204", None, &["401", "403", "404", "409"]),
        },
    });
    let state = json!({ "type": ["string", "null"], "enum": ["active", "standby", "unknown", null] });
    let shown = json!({ "allOf": [
        { "$ref": "#/components/schemas/agent" },
        { "type": "object", "properties": { "ha_state": state } },
    ]});
    let agents = json!({
        "parameters": [path_parameter("id", "the router's UUID")],
        "get": {
            "operationId": "list_l3_agents",
            "responses": answers(
                "200",
                Some(wrap("agents", json!({ "type": "array", "items": shown }))),
                &["401", "403", "404"],
            ),
        },
    });
    [
        ("/v2.0/agents/{id}/l3-routers", routers),
        ("/v2.0/agents/{id}/l3-routers/{router_id}", router),
        ("/v2.0/routers/{id}/l3-agents", agents),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into_iter()
    .collect()
}

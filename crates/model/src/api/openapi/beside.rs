//! What has handlers of its own beside those of its table: bindings of ports, kinds of QoS rules, rules of
//! QoS by a URL without their policy, and what is done to trunks.

use serde_json::{Map, Value, json};

use super::{Of, action, answers, body, fields_parameter, list_parameters, path_parameter, schema, wrap};
use crate::api::port_binding::PORT_BINDING;
use crate::api::qos::{
    BANDWIDTH_LIMIT_RULE, DSCP_MARKING_RULE, MINIMUM_BANDWIDTH_RULE, MINIMUM_PACKET_RATE_RULE, RULE_TYPE,
};
use crate::api::table::Resource;

pub fn paths() -> Map<String, Value> {
    let mut paths = bindings();
    paths.extend(rule_types());
    for table in
        [&BANDWIDTH_LIMIT_RULE, &DSCP_MARKING_RULE, &MINIMUM_BANDWIDTH_RULE, &MINIMUM_PACKET_RATE_RULE]
    {
        paths.extend([alias(table)]);
    }
    paths.extend(trunks());
    paths
}

pub fn schemas() -> Map<String, Value> {
    let of = |table: &Resource| (table.singular.to_owned(), schema(table, |attr| attr.visible, Of::Answers));
    let create = ("binding_create".to_owned(), schema(&PORT_BINDING, |attr| attr.post, Of::Create));
    let update = ("binding_update".to_owned(), schema(&PORT_BINDING, |attr| attr.put, Of::Update));
    [of(&PORT_BINDING), create, update, of(&RULE_TYPE)].into_iter().collect()
}

fn shown(table: &Resource) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", table.singular) })
}

fn listed(table: &Resource) -> Value {
    wrap(table.plural, json!({ "type": "array", "items": shown(table) }))
}

fn bindings() -> Map<String, Value> {
    let one = wrap("binding", shown(&PORT_BINDING));
    let port = path_parameter("port_id", "the port's UUID");
    let at = json!([port, path_parameter("host", "the host's name")]);
    let all = json!({
        "parameters": [port],
        "get": {
            "operationId": "list_bindings",
            "parameters": list_parameters(&PORT_BINDING),
            "responses": answers("200", Some(listed(&PORT_BINDING)), &["400", "401", "403", "404"]),
        },
        "post": {
            "operationId": "create_binding",
            "requestBody": body(&PORT_BINDING, "create"),
            "responses": answers("201", Some(one.clone()), &["400", "401", "403", "404", "409", "500"]),
        },
    });
    let each = json!({
        "parameters": at,
        "get": {
            "operationId": "show_binding",
            "responses": answers("200", Some(one.clone()), &["401", "403", "404"]),
        },
        "put": {
            "operationId": "update_binding",
            "requestBody": body(&PORT_BINDING, "update"),
            "responses": answers("200", Some(one), &["400", "401", "403", "404", "409", "500"]),
        },
        "delete": {
            "operationId": "delete_binding",
            "responses": answers("204", None, &["401", "403", "404"]),
        },
    });
    let activate = json!({
        "parameters": at,
        "put": {
            "operationId": "activate_binding",
            "responses": answers("200", Some(shown(&PORT_BINDING)), &["401", "403", "404", "409", "500"]),
        },
    });
    let url = PORT_BINDING.url();
    [(url.clone(), all), (format!("{url}/{{host}}"), each), (format!("{url}/{{host}}/activate"), activate)]
        .into_iter()
        .collect()
}

fn rule_types() -> Map<String, Value> {
    let all = json!({ "get": {
        "operationId": "list_rule_types",
        "parameters": list_parameters(&RULE_TYPE),
        "responses": answers("200", Some(listed(&RULE_TYPE)), &["400", "401"]),
    }});
    let one = json!({
        "parameters": [path_parameter("type", "the kind of rules")],
        "get": {
            "operationId": "show_rule_type",
            "parameters": [fields_parameter()],
            "responses": answers("200", Some(wrap("rule_type", shown(&RULE_TYPE))), &["401", "404"]),
        },
    });
    [(RULE_TYPE.url(), all), (format!("{}/{{type}}", RULE_TYPE.url()), one)].into_iter().collect()
}

fn alias(table: &Resource) -> (String, Value) {
    let name = format!("alias_{}", table.singular);
    let one = wrap(&name, shown(table));
    let update = json!({ "$ref": format!("#/components/schemas/{}_update", table.singular) });
    let content = json!({ "application/json": { "schema": wrap(&name, update) } });
    let path = json!({
        "parameters": [path_parameter("id", "the rule's UUID")],
        "get": {
            "operationId": format!("show_{name}"),
            "responses": answers("200", Some(one.clone()), &["401", "404"]),
        },
        "put": {
            "operationId": format!("update_{name}"),
            "requestBody": { "required": true, "content": content },
            "responses": answers("200", Some(one), &["400", "401", "403", "404", "409"]),
        },
        "delete": {
            "operationId": format!("delete_{name}"),
            "responses": answers("204", None, &["401", "403", "404"]),
        },
    });
    (format!("/v2.0/qos/alias-{}/{{id}}", table.plural.replace('_', "-")), path)
}

fn trunks() -> Map<String, Value> {
    let subports = wrap(
        "sub_ports",
        json!({ "type": "array", "items": { "type": "object", "properties": {
            "port_id": { "type": "string", "format": "uuid" },
            "segmentation_type": { "enum": ["vlan", "inherit"] },
            "segmentation_id": { "type": "integer", "minimum": 1, "maximum": 4094 },
        }}}),
    );
    let trunk = json!({ "$ref": "#/components/schemas/trunk" });
    let of = |name| action("trunks", "the trunk's UUID", name, &subports, &trunk);
    let get = json!({
        "parameters": [path_parameter("id", "the trunk's UUID")],
        "get": {
            "operationId": "get_subports",
            "responses": answers("200", Some(subports.clone()), &["401", "404"]),
        },
    });
    [of("add_subports"), of("remove_subports"), ("/v2.0/trunks/{id}/get_subports".to_owned(), get)]
        .into_iter()
        .collect()
}

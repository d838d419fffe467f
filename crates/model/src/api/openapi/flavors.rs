//! What is below flavors, who provides what, and what can be logged.

use serde_json::{Map, Value, json};

use super::{Of, answers, path_parameter, schema, wrap};
use crate::api::flavor::{FLAVORS_PROFILE, NEXT_PROVIDER, SERVICE_PROVIDER};
use crate::api::log::LOGGABLE_RESOURCE;
use crate::api::table::Resource;

pub fn schemas() -> Map<String, Value> {
    let of = |table| schema(table, |attr| attr.visible, Of::Answers);
    [
        ("flavor_service_profile".to_owned(), of(&FLAVORS_PROFILE)),
        (NEXT_PROVIDER.singular.to_owned(), of(&NEXT_PROVIDER)),
        (SERVICE_PROVIDER.singular.to_owned(), of(&SERVICE_PROVIDER)),
        (LOGGABLE_RESOURCE.singular.to_owned(), of(&LOGGABLE_RESOURCE)),
    ]
    .into_iter()
    .collect()
}

pub fn paths() -> Map<String, Value> {
    let shown = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let flavor = path_parameter("flavor_id", "the flavor's UUID");
    let profile = wrap("service_profile", shown("flavor_service_profile"));
    let tie = json!({
        "parameters": [flavor],
        "post": {
            "operationId": "create_flavor_service_profile",
            "requestBody": { "required": true, "content": { "application/json": { "schema": profile } } },
            "responses": answers("201", Some(profile.clone()), &["400", "401", "403", "404", "409"]),
        },
    });
    let untie = json!({
        "parameters": [flavor, path_parameter("id", "the service profile's UUID")],
        "delete": {
            "operationId": "delete_flavor_service_profile",
            "responses": answers("204", None, &["401", "403", "404"]),
        },
    });
    let next = json!({
        "parameters": [flavor, path_parameter("id", "any: the first provider is shown")],
        "get": {
            "operationId": "show_next_provider",
            "responses": answers(
                "200",
                Some(wrap("next_provider", shown(NEXT_PROVIDER.singular))),
                &["401", "404", "503"],
            ),
        },
    });
    let listed = |table: &Resource, refusals: &[&str]| {
        let items = json!({ "type": "array", "items": shown(table.singular) });
        json!({ "get": {
            "operationId": format!("list_{}", table.plural),
            "responses": answers("200", Some(wrap(table.plural, items)), refusals),
        }})
    };
    [
        (FLAVORS_PROFILE.url(), tie),
        (format!("{}/{{id}}", FLAVORS_PROFILE.url()), untie),
        (format!("{}/{{id}}", NEXT_PROVIDER.url()), next),
        (SERVICE_PROVIDER.url(), listed(&SERVICE_PROVIDER, &["401"])),
        (LOGGABLE_RESOURCE.url(), listed(&LOGGABLE_RESOURCE, &["400", "401"])),
    ]
    .into_iter()
    .collect()
}

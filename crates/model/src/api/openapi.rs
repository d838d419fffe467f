//! The OpenAPI 3.1 document, made from the tables.

mod agents;
mod availability;
mod beside;
mod flavors;
mod pools;
mod tags;
mod topology;

use serde_json::{Map, Value, json};

mod software;

use crate::api::auto_allocated_topology::AUTO_ALLOCATED_TOPOLOGY;
use crate::api::floatingip_pool::FLOATINGIP_POOL;
use crate::api::table::{Attr, Default, Resource, Type};
use crate::api::validate::Check;
use crate::api::{RESOURCES, extensions, quota};

/// The whole document. `version` is the server's own.
pub fn document(version: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    paths.insert("/".into(), plain("Lists the API versions."));
    paths.insert("/v2.0/".into(), plain("Lists the core resources."));
    paths.insert("/v2.0/extensions".into(), plain("Lists the extensions."));
    paths.insert("/v2.0/extensions/{alias}".into(), {
        let mut path = plain("Shows an extension.");
        path["get"]["parameters"] = json!([path_parameter("alias", "the extension's alias")]);
        path["get"]["responses"]["404"] = json!({ "description": "There is none: a sentence." });
        path
    });
    for table in RESOURCES {
        let (one, all) = resource_paths(table);
        paths.insert(table.url(), all);
        paths.insert(format!("{}/{{id}}", table.url()), one);
        schemas.insert(table.singular.into(), schema(table, |attr| attr.visible, Of::Answers));
        if table.ops.create {
            schemas.insert(format!("{}_create", table.singular), schema(table, |attr| attr.post, Of::Create));
        }
        if table.ops.update {
            schemas.insert(format!("{}_update", table.singular), schema(table, |attr| attr.put, Of::Update));
        }
    }
    paths.extend(router_paths());
    paths.extend(agents::dhcp());
    paths.extend(agents::l3());
    paths.insert(FLOATINGIP_POOL.url(), pool_path());
    schemas
        .insert(FLOATINGIP_POOL.singular.into(), schema(&FLOATINGIP_POOL, |attr| attr.visible, Of::Answers));
    paths.extend(address_group_paths());
    paths.extend(software::paths());
    paths.extend(quota_paths());
    paths.extend(availability::paths());
    for view in availability::VIEWS {
        schemas.insert(view.singular.into(), schema(view, |attr| attr.visible, Of::Answers));
    }
    paths.extend(topology::paths());
    schemas.insert(
        AUTO_ALLOCATED_TOPOLOGY.singular.into(),
        schema(&AUTO_ALLOCATED_TOPOLOGY, |attr| attr.visible, Of::Answers),
    );
    paths.extend(beside::paths());
    schemas.extend(beside::schemas());
    paths.extend(flavors::paths());
    schemas.extend(flavors::schemas());
    paths.extend(pools::paths());
    paths.extend(tags::paths());
    schemas.insert("quota".into(), quota_schema(json!({ "type": "integer", "minimum": -1 })));
    schemas.insert("error".into(), error_schema());
    let aliases: Vec<&str> = extensions::EXTENSIONS.iter().map(|e| e.alias).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "neutrino: OpenStack Network API v2.0",
            "version": version,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "x-extensions": aliases,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "apiKey", "in": "header", "name": "X-Auth-Token" } },
        },
        "security": [{ "token": [] }],
    })
}

/// Where a schema is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Answers,
    Create,
    Update,
}

fn plain(summary: &str) -> Value {
    json!({ "get": { "summary": summary, "responses": { "200": { "description": "Found." } } } })
}

fn path_parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": { "type": "string" },
    })
}

fn resource_paths(table: &Resource) -> (Value, Value) {
    let (singular, plural) = (table.singular, table.plural);
    let shown = json!({ "$ref": format!("#/components/schemas/{singular}") });
    let wrapped = wrap(singular, shown.clone());
    let mut listed = Map::new();
    listed.insert(plural.into(), json!({ "type": "array", "items": shown.clone() }));
    listed.insert(format!("{plural}_links"), json!({ "type": "array", "items": { "type": "object" } }));
    let listed = json!({ "type": "object", "properties": listed });
    let of = table.parent.map(|parent| {
        path_parameter(parent.column, &format!("the UUID of the {} it belongs to", parent.table.singular))
    });
    let parameters: Vec<Value> =
        of.clone().into_iter().chain([path_parameter("id", &format!("the {singular}'s UUID"))]).collect();
    let mut all = json!({ "get": {
        "operationId": format!("list_{plural}"),
        "parameters": list_parameters(table),
        // What it lies below, or the marker, is not there.
        "responses": answers("200", Some(listed), &["400", "401", "404"]),
    }});
    let mut one = json!({
        "parameters": parameters,
        "get": {
            "operationId": format!("show_{singular}"),
            "parameters": [fields_parameter()],
            "responses": answers("200", Some(wrapped.clone()), &["401", "404"]),
        },
    });
    if let Some(of) = of {
        all["parameters"] = json!([of]);
    }
    if table.ops.create {
        let many = wrap(plural, json!({ "type": "array", "items": shown }));
        let created = if table.bulk { json!({ "oneOf": [wrapped, many] }) } else { wrapped.clone() };
        all["post"] = json!({
            "operationId": format!("create_{singular}"),
            "requestBody": body(table, "create"),
            "responses": answers("201", Some(created), &["400", "401", "403", "404", "409", "503"]),
        });
    }
    if table.ops.update {
        one["put"] = json!({
            "operationId": format!("update_{singular}"),
            "requestBody": body(table, "update"),
            "responses": answers("200", Some(wrapped), &["400", "401", "403", "404", "409", "412"]),
        });
    }
    if table.ops.delete {
        one["delete"] = json!({
            "operationId": format!("delete_{singular}"),
            "responses": answers("204", None, &["401", "403", "404", "409", "412"]),
        });
    }
    (one, all)
}

/// What is done to a router besides changing its attributes.
fn router_paths() -> Map<String, Value> {
    let id = json!({ "type": "string", "format": "uuid" });
    let one = |name: &str| json!({ "type": "object", "properties": { name: id }, "required": [name] });
    let joined = json!({ "type": "object", "properties": {
        "id": id, "project_id": { "type": "string" }, "port_id": id, "network_id": id, "subnet_id": id,
        "subnet_ids": { "type": "array", "items": id },
    }});
    let interface = json!({ "anyOf": [one("subnet_id"), one("port_id")] });
    let router = wrap("router", json!({ "$ref": "#/components/schemas/router" }));
    let routes = wrap("router", wrap("routes", json!({ "type": "array", "items": { "type": "object" } })));
    let actions = [
        ("add_router_interface", &interface, &joined),
        ("remove_router_interface", &interface, &joined),
        ("add_extraroutes", &routes, &router),
        ("remove_extraroutes", &routes, &router),
    ];
    let path = |(name, body, answer)| action("routers", "the router's UUID", name, body, answer);
    actions.into_iter().map(path).collect()
}

/// Subnets of external networks, from which floating IPs come: a list and nothing else.
fn pool_path() -> Value {
    let shown = json!({ "$ref": format!("#/components/schemas/{}", FLOATINGIP_POOL.singular) });
    let listed = wrap(FLOATINGIP_POOL.plural, json!({ "type": "array", "items": shown }));
    json!({ "get": {
        "operationId": format!("list_{}", FLOATINGIP_POOL.plural),
        "parameters": list_parameters(&FLOATINGIP_POOL),
        "responses": answers("200", Some(listed), &["400", "401"]),
    }})
}

/// What is done to an address group besides changing its attributes.
fn address_group_paths() -> Map<String, Value> {
    let prefixes = json!({ "type": "array", "items": { "type": "string" } });
    let body = wrap("addresses", prefixes);
    let group = wrap("address_group", json!({ "$ref": "#/components/schemas/address_group" }));
    let path = |name| action("address-groups", "the address group's UUID", name, &body, &group);
    ["add_addresses", "remove_addresses"].into_iter().map(path).collect()
}

/// A PUT below one resource.
fn action(of: &str, id: &str, name: &str, body: &Value, answer: &Value) -> (String, Value) {
    let content = json!({ "application/json": { "schema": body } });
    let put = json!({
        "operationId": name,
        "requestBody": { "required": true, "content": content },
        "responses": answers("200", Some(answer.clone()), &["400", "401", "403", "404", "409"]),
    });
    let value = json!({ "parameters": [path_parameter("id", id)], "put": put });
    (format!("/v2.0/{of}/{{id}}/{name}"), value)
}

/// Quotas are no resources: every project has them, and their attributes are the resources.
fn quota_paths() -> Map<String, Value> {
    let quota = wrap("quota", json!({ "$ref": "#/components/schemas/quota" }));
    let count = json!({ "type": "integer" });
    let used =
        json!({ "type": "object", "properties": { "limit": count, "used": count, "reserved": count } });
    let shown = |id: &str, schema: &Value| {
        json!({
            "operationId": id,
            "responses": answers("200", Some(schema.clone()), &["401", "403"]),
        })
    };
    let project = json!([path_parameter("project_id", "the project's id")]);
    let below = |id: &str, schema: &Value| json!({ "parameters": project, "get": shown(id, schema) });
    let listed = wrap("quotas", json!({ "type": "array", "items": { "type": "object" } }));
    let mut own = below("show_quota", &quota);
    let content = json!({ "application/json": { "schema": quota } });
    own["put"] = json!({
        "operationId": "update_quota",
        "requestBody": { "required": true, "content": content },
        "responses": answers("200", Some(quota.clone()), &["400", "401", "403"]),
    });
    own["delete"] = json!({
        "operationId": "delete_quota",
        "responses": answers("204", None, &["401", "403", "404"]),
    });
    let paths = [
        ("/v2.0/quotas", json!({ "get": shown("list_quotas", &listed) })),
        ("/v2.0/quotas/{project_id}", own),
        ("/v2.0/quotas/{project_id}/default", below("show_default_quota", &quota)),
        (
            "/v2.0/quotas/{project_id}/details",
            below("show_quota_details", &wrap("quota", quota_schema(used))),
        ),
    ];
    paths.into_iter().map(|(path, item)| (path.to_owned(), item)).collect()
}

fn quota_schema(each: Value) -> Value {
    let properties: Map<String, Value> =
        quota::limited().map(|(table, _)| (table.singular.to_owned(), each.clone())).collect();
    json!({ "type": "object", "properties": properties })
}

fn wrap(key: &str, inner: Value) -> Value {
    json!({ "type": "object", "properties": { key: inner }, "required": [key] })
}

fn body(table: &Resource, what: &str) -> Value {
    let inner = json!({ "$ref": format!("#/components/schemas/{}_{what}", table.singular) });
    let schema = if what == "create" && table.bulk {
        let many = json!({ "type": "array", "minItems": 1, "items": inner.clone() });
        json!({ "oneOf": [wrap(table.singular, inner), wrap(table.plural, many)] })
    } else {
        wrap(table.singular, inner)
    };
    json!({ "required": true, "content": { "application/json": { "schema": schema } } })
}

fn answers(status: &str, schema: Option<Value>, errors: &[&str]) -> Value {
    let mut out = Map::new();
    let content = |schema| json!({ "application/json": { "schema": schema } });
    let mut good = json!({ "description": "Done." });
    if let Some(schema) = schema {
        good["content"] = content(schema);
    }
    out.insert(status.into(), good);
    for error in errors {
        let schema = json!({ "$ref": "#/components/schemas/error" });
        out.insert((*error).into(), json!({ "description": "Refused.", "content": content(schema) }));
    }
    Value::Object(out)
}

fn fields_parameter() -> Value {
    json!({
        "name": "fields", "in": "query", "description": "attributes to show; may repeat",
        "schema": { "type": "array", "items": { "type": "string" } },
    })
}

fn list_parameters(table: &Resource) -> Value {
    let mut out = vec![fields_parameter()];
    let sortable: Vec<&str> = table.attrs.iter().filter(|attr| attr.sort).map(|attr| attr.name).collect();
    let query = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let list = |item: Value| json!({ "type": "array", "items": item });
    out.push(query("sort_key", "may repeat", list(json!({ "enum": sortable }))));
    out.push(query("sort_dir", "one for each sort_key", list(json!({ "enum": ["asc", "desc"] }))));
    out.push(query("limit", "items on a page", json!({ "type": "integer", "minimum": 0 })));
    out.push(query("marker", "the last id of the page before", json!({ "type": "string" })));
    out.push(query("page_reverse", "the page before the marker", json!({ "type": "boolean" })));
    for attr in table.attrs.iter().filter(|attr| attr.filter) {
        out.push(query(attr.name, "may repeat: any of", list(json!({ "type": "string" }))));
    }
    Value::Array(out)
}

fn schema(table: &Resource, pick: impl Fn(&Attr) -> bool, of: Of) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for attr in table.attrs.iter().filter(|attr| pick(attr)) {
        properties.insert(attr.name.into(), attribute(attr, of));
        if of == Of::Create && attr.required() {
            required.push(attr.name);
        }
    }
    let mut out = json!({ "type": "object", "properties": properties });
    if of == Of::Create {
        out["required"] = json!(required);
        out["additionalProperties"] = json!(false);
    }
    out
}

fn attribute(attr: &Attr, of: Of) -> Value {
    let may_be_null = of == Of::Answers || matches!(attr.default, Default::Null);
    let mut out = match (attr.ty, attr.check) {
        (_, Check::Values(allowed)) => json!({ "enum": allowed }),
        (Type::Int, Check::Range(first, last)) => {
            json!({ "type": "integer", "minimum": first, "maximum": last })
        }
        (Type::Int, Check::Numbers(known)) => json!({ "type": "integer", "enum": known }),
        (Type::Int, Check::NonNegative) => json!({ "type": "integer", "minimum": 0 }),
        (Type::Int, Check::IpVersion) => json!({ "enum": [4, 6] }),
        (Type::Int, Check::PortOrNull) => {
            json!({ "type": ["integer", "null"], "minimum": 1, "maximum": 65535 })
        }
        (Type::Int, _) => json!({ "type": ["integer", "null"] }),
        // Answers show it as text; requests say either.
        (Type::IntText, _) => json!({ "type": ["integer", "string"] }),
        (Type::Bool, _) => json!({ "type": ["boolean", "null"] }),
        (Type::Json, Check::DictOrNull | Check::Hints | Check::GatewayInfo) => {
            json!({ "type": ["object", "null"] })
        }
        (Type::Json, Check::None) => json!({}),
        (Type::Json, _) => json!({ "type": ["array", "null"] }),
        (Type::Text, Check::Uuid) => json!({ "type": "string", "format": "uuid" }),
        (Type::Text, Check::UuidOrNull) => json!({ "type": ["string", "null"], "format": "uuid" }),
        (Type::Text, Check::Text(max) | Check::Name(max)) if !may_be_null => {
            json!({ "type": "string", "maxLength": max })
        }
        (Type::Text, Check::Text(max) | Check::Name(max) | Check::NameOrNull(max)) => {
            json!({ "type": ["string", "null"], "maxLength": max })
        }
        (Type::Text, _) => json!({ "type": ["string", "null"] }),
    };
    if of == Of::Create {
        let default = match attr.default {
            Default::Required | Default::Unset => None,
            Default::Null => Some(Value::Null),
            Default::Bool(b) => Some(json!(b)),
            Default::Int(n) => Some(json!(n)),
            Default::Text(text) => Some(json!(text)),
            Default::EmptyList => Some(json!([])),
        };
        if let Some(default) = default {
            out["default"] = default;
        }
    }
    if !attr.via.is_empty() {
        out["x-extension"] = json!(attr.via);
    }
    out
}

fn error_schema() -> Value {
    wrap(
        "NeutronError",
        json!({
            "type": "object",
            "properties": {
                "type": { "type": "string" },
                "message": { "type": "string" },
                "detail": { "type": "string" },
            },
        }),
    )
}

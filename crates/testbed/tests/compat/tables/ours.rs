//! Our own tables, as facts.

use cloud::policy::defaults;
use model::api::extensions::EXTENSIONS;
use model::api::port_binding::PORT_BINDING;
use model::api::qos::RULE_TYPE;
use model::api::quota::limited;
use model::api::table::{Attr, Default, Resource};
use model::api::{RESOURCES, VIEWS, openapi};
use serde_json::Value;

use super::{Facts, add};

/// Where statuses and types of errors stand.
const ERRORS: &str = include_str!("../../../../server/src/error.rs");
/// The one bare type that is no bad request.
const NAMED_DEFAULT: &str = "SecurityGroupDefaultAlreadyExists";

pub fn facts() -> Facts {
    let mut facts = Facts::new();
    operations(&mut facts);
    for table in RESOURCES.into_iter().chain(VIEWS).chain([&PORT_BINDING, &RULE_TYPE]) {
        for attr in table.attrs {
            attribute(&mut facts, &collection(table), attr);
        }
        error(&mut facts, table.not_found, "404");
    }
    for extension in EXTENSIONS {
        let begin = format!("extension {}", extension.alias);
        facts.insert(format!("{begin} {} {}", extension.updated, extension.name));
        facts.insert(begin);
    }
    for rule in defaults::all() {
        let check: Vec<&str> = rule.check.split_whitespace().collect();
        facts.insert(format!("rule {} {}", rule.rule, check.join(" ")));
        facts.insert(format!("rule {}", rule.rule));
    }
    for (table, limit) in limited() {
        facts.insert(format!("quota {} {limit}", table.singular));
        facts.insert(format!("quota {}", table.singular));
    }
    errors(&mut facts);
    facts.into_iter().map(|fact| fact.trim_end().to_owned()).collect()
}

/// What the reference's tables call it: `floatingips/port_forwardings`.
fn collection(table: &Resource) -> String {
    match table.parent {
        Some(parent) => format!("{}/{}", parent.table.path, table.path),
        None => table.path.to_owned(),
    }
}

/// Methods and URLs of the document, ids left out.
fn operations(facts: &mut Facts) {
    let document = openapi::document("0");
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let parts: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        for method in methods.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()) {
            if ["GET", "POST", "PUT", "DELETE"].contains(&method.as_str()) {
                add(facts, 3, &format!("operation {} {method}", parts.join("/")));
            }
        }
    }
}

fn attribute(facts: &mut Facts, collection: &str, attr: &Attr) {
    if !(attr.post || attr.put || attr.visible || attr.filter || attr.policy_target) {
        return;
    }
    let begin = format!("attribute {collection} {}", attr.name);
    add(facts, 2, &begin);
    let flags = [
        (attr.post, "post"),
        (attr.put, "put"),
        (attr.visible, "shown"),
        (attr.filter, "filter"),
        (attr.sort, "sort"),
        (attr.enforce_policy, "enforced"),
        (attr.policy_target, "target"),
    ];
    facts.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, word)| format!("{begin} {word}")));
    if attr.post && !["tenant_id", "project_id"].contains(&attr.name) {
        facts.insert(format!("{begin} {}", default(attr)));
    }
}

fn default(attr: &Attr) -> String {
    let value = match attr.default {
        Default::Required => return "required".to_owned(),
        Default::Unset => Value::from("<unset>"),
        Default::Null => Value::Null,
        Default::Bool(value) => value.into(),
        Default::Int(value) => value.into(),
        Default::Text(value) => value.into(),
        Default::EmptyList => Value::Array(vec![]),
    };
    format!("default={value}")
}

fn error(facts: &mut Facts, kind: &str, status: &str) {
    facts.extend([format!("error {kind}"), format!("error {kind} {status}")]);
}

/// Each `(404, "NetworkNotFound")` of the source; bare types behind an arrow are those of bad requests.
fn errors(facts: &mut Facts) {
    for line in ERRORS.lines() {
        let mut quoted = line.split('"');
        let (Some(before), Some(kind)) = (quoted.next(), quoted.next()) else { continue };
        let before = before.trim_end();
        match before.strip_suffix(',').and_then(|before| before.rsplit('(').next()) {
            Some(status) if status.parse::<u16>().is_ok() => error(facts, kind, status),
            _ if before.ends_with("=>") => {
                error(facts, kind, if kind == NAMED_DEFAULT { "409" } else { "400" })
            }
            _ => {}
        }
    }
}

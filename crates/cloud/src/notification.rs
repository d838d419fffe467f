//! What others are told of a change, in the form of the library that they read with (oslo.messaging): an
//! envelope around a message, and in that a payload as the reference's.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::Caller;

/// The version of the envelope.
const ENVELOPE: &str = "2.0";

/// One thing that others are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// `network.create.end`
    pub event_type: String,
    pub payload: Value,
}

/// Who asked for the change, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub caller: &'a Caller,
    pub request_id: &'a str,
    /// Who tells: `network.HOST`.
    pub publisher: &'a str,
    /// `2026-01-31 23:59:59.123456`
    pub timestamp: &'a str,
}

fn told(of: &str, what: &str, payload: Value) -> Notification {
    Notification { event_type: format!("{of}.{what}"), payload }
}

/// A key and what is under it.
fn wrap(key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert(key.to_owned(), value);
    Value::Object(map)
}

/// The body of a POST, and what came of it.
pub fn created(singular: &str, body: Value, made: Vec<Value>) -> Vec<Notification> {
    let start = told(singular, "create.start", body);
    let ends = made.into_iter().map(|item| told(singular, "create.end", wrap(singular, item)));
    std::iter::once(start).chain(ends).collect()
}

/// The same of several that were created by one request, in one message.
pub fn created_together(singular: &str, plural: &str, body: Value, made: Vec<Value>) -> Vec<Notification> {
    let end = told(singular, "create.end", wrap(plural, Value::Array(made)));
    vec![told(singular, "create.start", body), end]
}

/// The body of a PUT with the id, and what came of it.
pub fn updated(singular: &str, id: &str, body: Value, after: Value) -> Vec<Notification> {
    let mut start = body;
    if let Some(fields) = start.as_object_mut() {
        fields.insert("id".into(), id.into());
    }
    vec![told(singular, "update.start", start), told(singular, "update.end", wrap(singular, after))]
}

/// The id of what went, and what it was.
pub fn deleted(singular: &str, id: &str, before: Value) -> Vec<Notification> {
    let key = format!("{singular}_id");
    let start = wrap(&key, id.into());
    let mut end = start.clone();
    if let Some(fields) = end.as_object_mut() {
        fields.insert(singular.into(), before);
    }
    vec![told(singular, "delete.start", start), told(singular, "delete.end", end)]
}

/// A router got or lost an interface.
pub fn interface(adds: bool, answer: Value) -> Notification {
    let what = if adds { "create" } else { "delete" };
    told("router.interface", what, wrap("router_interface", answer))
}

/// As it goes over the bus. A token is never in it.
pub fn message(of: &Notification, asked: &Asked<'_>, id: Uuid) -> String {
    let Caller { user_id, project_id, .. } = asked.caller;
    let inner = json!({
        "message_id": id.to_string(),
        "_unique_id": id.simple().to_string(),
        "publisher_id": asked.publisher,
        "event_type": of.event_type,
        "priority": "INFO",
        "timestamp": asked.timestamp,
        "payload": of.payload,
        "_context_request_id": asked.request_id,
        "_context_timestamp": asked.timestamp,
        "_context_user_id": user_id,
        "_context_user": user_id,
        "_context_project_id": project_id,
        "_context_tenant_id": project_id,
        "_context_tenant": project_id,
        "_context_user_domain": asked.caller.user_domain_id,
        "_context_project_domain": asked.caller.project_domain_id,
        "_context_roles": asked.caller.roles,
    });
    json!({ "oslo.version": ENVELOPE, "oslo.message": inner.to_string() }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        let envelope: Value = serde_json::from_str(text).expect("an envelope");
        assert_eq!(envelope["oslo.version"], "2.0");
        let inner = envelope["oslo.message"].as_str().expect("the message is text");
        serde_json::from_str(inner).expect("and JSON again")
    }

    #[test]
    fn an_envelope_around_a_message() {
        let caller = Caller { user_id: "u".into(), ..Caller::everyone("p") };
        let asked = Asked { caller: &caller, request_id: "req-1", publisher: "network.a", timestamp: "now" };
        let of = interface(true, json!({ "id": "r" }));
        let message = read(&message(&of, &asked, Uuid::from_u128(7)));
        assert_eq!(message["event_type"], "router.interface.create");
        assert_eq!(message["payload"], json!({ "router_interface": { "id": "r" } }));
        assert_eq!(message["message_id"], Uuid::from_u128(7).to_string());
        assert_eq!((&message["priority"], &message["publisher_id"]), (&json!("INFO"), &json!("network.a")));
        assert_eq!(message["_context_project_id"], "p");
    }

    #[test]
    fn payloads_are_those_of_the_reference() {
        let kinds = |told: Vec<Notification>| -> Vec<(String, Value)> {
            told.into_iter().map(|one| (one.event_type, one.payload)).collect()
        };
        let pair = |of: &str, payload: Value| (of.to_owned(), payload);
        let body = json!({ "port": { "name": "a" } });
        assert_eq!(
            kinds(created("port", body.clone(), vec![json!({ "id": "1" })])),
            [
                pair("port.create.start", body.clone()),
                pair("port.create.end", json!({ "port": { "id": "1" } }))
            ]
        );
        assert_eq!(
            kinds(created_together("port", "ports", json!({}), vec![json!(1), json!(2)]))[1],
            pair("port.create.end", json!({ "ports": [1, 2] }))
        );
        assert_eq!(
            kinds(updated("port", "1", body, json!({ "id": "1" }))),
            [
                pair("port.update.start", json!({ "port": { "name": "a" }, "id": "1" })),
                pair("port.update.end", json!({ "port": { "id": "1" } }))
            ]
        );
        assert_eq!(
            kinds(deleted("port", "1", json!({ "id": "1", "name": "a" }))),
            [
                pair("port.delete.start", json!({ "port_id": "1" })),
                pair("port.delete.end", json!({ "port_id": "1", "port": { "id": "1", "name": "a" } }))
            ]
        );
    }
}

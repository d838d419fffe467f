//! Does an answer show what the reference's showed.

use serde_json::{Value, json};

/// Attributes whose order means something.
const ORDERED: [&str; 1] = ["dns_nameservers"];

/// The error says the first thing that differs.
pub fn answer(expect: &Value, ordered: bool, status: u16, body: &Value) -> Result<(), String> {
    let kind = body.get("NeutronError").and_then(|error| error.get("type")).unwrap_or(&Value::Null);
    if expect["status"] != json!(status) || expect["type"] != *kind {
        return Err(format!(
            "the reference answers {} {}, we answer {status} {kind}: {}",
            expect["status"],
            expect["type"],
            short(body)
        ));
    }
    let empty = json!({});
    let shown = expect.get("body").and_then(Value::as_object).or(empty.as_object());
    for (key, want) in shown.into_iter().flatten() {
        let got = match key.strip_suffix("links") {
            Some("") => links(body),
            // Of an answer without a key around it.
            _ if key == "*" => {
                body.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
            }
            _ => body.get(key).cloned().unwrap_or(Value::Null),
        };
        same(key, want, &got, ordered)?;
    }
    for key in expect["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let item = body.as_object().and_then(|fields| fields.values().next());
        if item.is_some_and(|item| item.get(key).is_some()) || body.get(key).is_some() {
            return Err(format!("{key} is shown, and should not be"));
        }
    }
    Ok(())
}

fn short(body: &Value) -> String {
    body.to_string().chars().take(260).collect()
}

fn links(body: &Value) -> Value {
    let mut lists = body.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("_links"));
    match lists.next() {
        Some((_, list)) => list.as_array().into_iter().flatten().map(|link| link["rel"].clone()).collect(),
        None => Value::Null,
    }
}

/// Objects: every wanted key; lists: as sets unless their order means something.
fn same(name: &str, want: &Value, got: &Value, ordered: bool) -> Result<(), String> {
    match (want, got) {
        (Value::Object(want), _) => {
            for (key, want) in want {
                part(name, key, want, got, ordered)?;
            }
            Ok(())
        }
        (Value::Array(want), Value::Array(got)) => {
            if want.len() != got.len() {
                return differ(name, &json!(want), &json!(got));
            }
            if ordered || ORDERED.contains(&name) {
                return want.iter().zip(got).try_for_each(|(want, got)| same(name, want, got, ordered));
            }
            let mut left: Vec<&Value> = got.iter().collect();
            for wanted in want {
                let at = left.iter().position(|got| same(name, wanted, got, ordered).is_ok());
                match at {
                    Some(at) => drop(left.remove(at)),
                    None => return differ(name, &json!(want), &json!(got)),
                }
            }
            Ok(())
        }
        _ if want == got => Ok(()),
        _ => differ(name, want, got),
    }
}

/// `attr#` is a length, `attr.sub` the values of `sub`, `*` all keys.
fn part(name: &str, key: &str, want: &Value, got: &Value, ordered: bool) -> Result<(), String> {
    if key == "*" {
        let keys: Value =
            got.as_object().map(|fields| fields.keys().map(|key| json!(key)).collect()).unwrap_or_default();
        return same(&format!("{name}.*"), want, &keys, ordered);
    }
    if let Some(attr) = key.strip_suffix('#') {
        let length = got[attr].as_array().map_or(0, Vec::len);
        return same(key, want, &json!(length), ordered);
    }
    if let (None, Some((attr, sub))) = (got.get(key), key.split_once('.')) {
        let values: Value = match &got[attr] {
            Value::Array(items) => items.iter().map(|item| item[sub].clone()).collect(),
            inner => inner[sub].clone(),
        };
        return same(key, want, &values, ordered);
    }
    match got.get(key) {
        Some(_) if may_be_bound(key, want, got) => Ok(()),
        Some(got) => same(key, want, got, ordered),
        None => Err(format!("{name}.{key} is not shown")),
    }
}

/// A router's own port is bound when its host asks in the reference, and by settling here: in the
/// moment after the request it may be bound already.
fn may_be_bound(key: &str, want: &Value, got: &Value) -> bool {
    let unbound = key == "binding:host_id" && want == "" || key == "binding:vif_type" && want == "unbound";
    unbound && got["device_owner"].as_str().is_some_and(|owner| owner.starts_with("network:router_"))
}

fn differ(name: &str, want: &Value, got: &Value) -> Result<(), String> {
    Err(format!("{name}: the reference shows {}, we show {}", short(want), short(got)))
}

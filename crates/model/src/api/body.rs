//! Request bodies: JSON to attributes that are allowed, converted and checked.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::api::Invalid;
use crate::api::convert::convert;
use crate::api::table::{Attr, Default, Resource, Source};
use crate::api::validate::check;

/// Attributes by name: those that were given, and in a POST those that have a default.
#[derive(Debug, Clone, PartialEq)]
pub struct Given(pub BTreeMap<&'static str, Value>);

impl Given {
    /// As the typed request of the resource.
    pub fn typed<T: DeserializeOwned>(self) -> Result<T, Invalid> {
        let map: Map<String, Value> =
            self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // The table has checked each value; what is left is what only the type can say,
        // such as an address of the other family inside a list.
        T::deserialize(Value::Object(map)).map_err(|error| Invalid::request(format!("{error}.")))
    }
}

/// Reads "given, and maybe null" as `Some(None)` or `Some(Some(value))`; for fields with a default.
pub fn said<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(from).map(Some)
}

/// The items of a POST: one, or several when the plural key is there.
pub struct Items {
    pub bulk: bool,
    pub items: Vec<Value>,
}

/// Finds the items of a POST body.
pub fn items(table: &Resource, body: Value) -> Result<Items, Invalid> {
    let Value::Object(mut body) = body else {
        return Err(missing_key(table));
    };
    if let Some(list) = body.remove(table.plural) {
        if !table.bulk {
            return Err(Invalid::request(format!("{} cannot be created in bulk.", table.plural)));
        }
        let Value::Array(list) = list else {
            return Err(Invalid::request(format!("'{}' must be a list.", table.plural)));
        };
        if list.is_empty() {
            return Err(Invalid::request(format!("'{}' is empty: nothing to create.", table.plural)));
        }
        let unwrap = |item: Value| match item {
            Value::Object(mut fields) if fields.contains_key(table.singular) => {
                fields.remove(table.singular).unwrap_or_default()
            }
            other => other,
        };
        return Ok(Items { bulk: true, items: list.into_iter().map(unwrap).collect() });
    }
    match body.remove(table.singular) {
        Some(item) => Ok(Items { bulk: false, items: vec![item] }),
        None => Err(missing_key(table)),
    }
}

/// Finds the item of a PUT body.
pub fn item(table: &Resource, body: Value) -> Result<Value, Invalid> {
    let Value::Object(mut body) = body else {
        return Err(missing_key(table));
    };
    body.remove(table.singular).ok_or_else(|| missing_key(table))
}

fn missing_key(table: &Resource) -> Invalid {
    Invalid::request(format!("The body must be an object with the key '{}'.", table.singular))
}

/// Checks one item of a POST.
///
/// `project_id` is the caller's project, taken when the item names none.
pub fn create(table: &Resource, item: Value, project_id: &str) -> Result<Given, Invalid> {
    let mut fields = fields(table, item)?;
    if table.attr("project_id").is_some() {
        fields.entry("project_id".to_owned()).or_insert_with(|| json!(project_id));
        fields.remove("tenant_id");
    }
    refuse(table, &fields, "POST", |attr| attr.post)?;
    let missing = table.attrs.iter().find(|attr| attr.required() && !fields.contains_key(attr.name));
    if let Some(attr) = missing {
        return Err(Invalid::request(format!("The attribute '{}' is required.", attr.name)));
    }
    let mut given = BTreeMap::new();
    for attr in table.attrs {
        match fields.remove(attr.name) {
            Some(value) => drop(given.insert(attr.name, checked(attr, value)?)),
            None => drop(default(attr).map(|value| given.insert(attr.name, value))),
        }
    }
    Ok(Given(given))
}

/// Checks the item of a PUT.
pub fn update(table: &Resource, item: Value) -> Result<Given, Invalid> {
    let mut fields = fields(table, item)?;
    refuse(table, &fields, "PUT", |attr| attr.put)?;
    let mut given = BTreeMap::new();
    for attr in table.attrs {
        if let Some(value) = fields.remove(attr.name) {
            given.insert(attr.name, checked(attr, value)?);
        }
    }
    Ok(Given(given))
}

/// The item's fields, with `tenant_id` and `project_id` made one, and no unknown ones.
fn fields(table: &Resource, item: Value) -> Result<BTreeMap<String, Value>, Invalid> {
    let Value::Object(map) = item else {
        return Err(Invalid::request(format!("'{}' must be an object.", table.singular)));
    };
    let mut fields: BTreeMap<String, Value> = map.into_iter().collect();
    if table.attr("project_id").is_some() {
        match (fields.get("tenant_id"), fields.get("project_id")) {
            (Some(tenant), Some(project)) if tenant != project => {
                return Err(Invalid::request("'tenant_id' and 'project_id' differ; give one."));
            }
            (Some(tenant), None) => {
                let tenant = tenant.clone();
                fields.insert("project_id".into(), tenant);
            }
            _ => {}
        }
    }
    let unknown: Vec<&str> =
        fields.keys().map(String::as_str).filter(|name| table.attr(name).is_none_or(is_internal)).collect();
    if !unknown.is_empty() {
        let list = unknown.join("', '");
        return Err(Invalid::request(format!("Unknown attribute of {}: '{list}'.", table.singular)));
    }
    Ok(fields)
}

/// Columns that only the server writes and nobody sees.
fn is_internal(attr: &Attr) -> bool {
    !(attr.visible || attr.filter || attr.post || attr.put)
}

fn refuse(
    table: &Resource,
    fields: &BTreeMap<String, Value>,
    method: &str,
    allowed: impl Fn(&Attr) -> bool,
) -> Result<(), Invalid> {
    let refused = table.attrs.iter().find(|attr| {
        let alias = attr.name == "tenant_id" && method == "PUT" && fields.contains_key("project_id");
        fields.contains_key(attr.name) && !allowed(attr) && !alias
    });
    match refused {
        Some(attr) => {
            Err(Invalid::request(format!("The attribute '{}' cannot be set by {method}.", attr.name)))
        }
        None => Ok(()),
    }
}

fn checked(attr: &Attr, value: Value) -> Result<Value, Invalid> {
    let mut value = convert(attr.convert, value)
        .map_err(|why| refused(attr, format!("Invalid input for {}: {why}.", attr.name)))?;
    check(attr.name, attr.check, &mut value)?;
    Ok(value)
}

fn refused(attr: &Attr, message: String) -> Invalid {
    Invalid { kind: attr.convert.refusal(), message }
}

fn default(attr: &Attr) -> Option<Value> {
    if !attr.post && matches!(attr.source, Source::Sql(_) | Source::Same(_)) {
        return None;
    }
    match attr.default {
        Default::Required | Default::Unset => None,
        Default::Null => Some(Value::Null),
        Default::Bool(b) => Some(Value::Bool(b)),
        Default::Int(n) => Some(json!(n)),
        Default::Text(text) => Some(json!(text)),
        Default::EmptyList => Some(json!([])),
    }
}

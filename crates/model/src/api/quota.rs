//! Quotas: what a change of a project's limits may say.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::api::convert::{Convert, convert};
use crate::api::router::ROUTER_ROUTE;
use crate::api::software_version::SOFTWARE_GIGABYTES;
use crate::api::table::Resource;
use crate::api::{Invalid, RESOURCES};

/// The largest limit; -1 sets none.
const MOST: i64 = i32::MAX as i64;
/// A limit that is none.
pub const UNLIMITED: i64 = -1;

/// Collections that a project has a limit for.
pub fn limited() -> impl Iterator<Item = (&'static Resource, i64)> {
    let all = RESOURCES.into_iter().chain([&ROUTER_ROUTE, &SOFTWARE_GIGABYTES]);
    all.filter_map(|table| table.quota.map(|limit| (table, limit)))
}

/// The limits that a PUT sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaChange {
    /// By the resource's singular name.
    pub limits: BTreeMap<&'static str, i64>,
    /// Also below what the project has.
    pub force: bool,
}

impl QuotaChange {
    /// Reads `{"quota": {"network": 5}}`.
    pub fn parse(body: Value) -> Result<QuotaChange, Invalid> {
        let fields = match body {
            Value::Object(mut body) => body.remove("quota"),
            _ => None,
        };
        let Some(Value::Object(mut fields)) = fields else {
            return Err(Invalid::request(
                "The body must be an object with the key 'quota', an object of limits.",
            ));
        };
        let force = fields.remove("force") == Some(Value::Bool(true));
        // Asked for by clients of older servers: use is always looked at.
        fields.remove("check_limit");
        Ok(QuotaChange { limits: limits(fields)?, force })
    }
}

fn limits(fields: Map<String, Value>) -> Result<BTreeMap<&'static str, i64>, Invalid> {
    let unknown: Vec<&str> = fields
        .keys()
        .map(String::as_str)
        .filter(|name| limited().all(|(table, _)| table.singular != *name))
        .collect();
    if !unknown.is_empty() {
        return Err(Invalid::request(format!("No quota is kept for '{}'.", unknown.join("', '"))));
    }
    let mut limits = BTreeMap::new();
    for (table, _) in limited() {
        let Some(value) = fields.get(table.singular) else { continue };
        let name = table.singular;
        let value = convert(Convert::Int, value.clone())
            .map_err(|why| Invalid::input(format!("Invalid input for {name}: {why}.")))?;
        match value.as_i64() {
            Some(limit) if (UNLIMITED..=MOST).contains(&limit) => drop(limits.insert(name, limit)),
            _ => {
                return Err(Invalid::request(format!(
                    "The limit of {name} must be from -1 (none) to {MOST}."
                )));
            }
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_numbers_of_resources_that_have_one() {
        let parse = |body| QuotaChange::parse(body);
        let good =
            parse(json!({ "quota": { "network": "6", "port": -1, "force": true, "check_limit": true } }));
        let limits = BTreeMap::from([("network", 6), ("port", -1)]);
        assert_eq!(good, Ok(QuotaChange { limits, force: true }));
        assert!(!parse(json!({ "quota": { "force": "true" } })).expect("good").force);
        for bad in [
            json!({}),
            json!([]),
            json!({ "quota": 5 }),
            json!({ "quota": { "network": -2 } }),
            json!({ "quota": { "network": 1u64 << 31 } }),
            json!({ "quota": { "network": null } }),
            json!({ "quota": { "agent": 1 } }),
            json!({ "quota": { "project_id": "p" } }),
        ] {
            assert!(parse(bad.clone()).is_err(), "{bad}");
        }
    }
}

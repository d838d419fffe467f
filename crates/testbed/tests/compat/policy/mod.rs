//! Rules judged by the libraries they are written for.
//!
//! `library` asks oslo.policy itself about random rules; `own_kinds.json` holds what the reference
//! said of the kinds of checks that it adds (`own_kinds.py` asked it). What differs on purpose is
//! listed here, each with its reason; any other difference fails, and so does a listed one that
//! is none.

mod library;

use std::collections::BTreeSet;

use cloud::Caller;
use cloud::policy::{Policies, Target};
use serde_json::Value;

const OWN_KINDS: &str = include_str!("own_kinds.json");

/// Beginnings of rules, and why our answer differs.
const OWN_KINDS_QUIRKS: [(&str, &str); 2] = [
    (
        "tenant_id:%(",
        "means the project, as it was written for; the reference knows no tenant of a caller any more",
    ),
    ("not tenant_id:%(", "the same, the other way round"),
];

/// Rules that the reference does not load, and we do.
const TAKEN: [(&str, &str); 1] =
    [("field:ports:device_owner=~^(?i)NETWORK", "flags may stand anywhere in a regular expression")];

/// An operation whose default rule the tests replace.
const ASKED: &str = "get_network";

#[test]
fn kinds_of_the_reference_itself() {
    let cases: Value = serde_json::from_str(OWN_KINDS).expect("is JSON");
    let cases = cases.as_array().expect("a list");
    let mut problems = Vec::new();
    let mut differing = BTreeSet::new();
    for case in cases {
        let rule = case["rule"].as_str().expect("text");
        let quirk = OWN_KINDS_QUIRKS.iter().chain(&TAKEN).find(|(begins, _)| rule.starts_with(begins));
        let ours = answer(case, rule);
        // Where the reference breaks when it is asked, the answer here is no.
        let says = if case["says"] == "fails" { Value::Bool(false) } else { case["says"].clone() };
        match quirk {
            Some((begins, _)) if ours != says => drop(differing.insert(*begins)),
            None if ours != says => problems.push(format!("{case}: ours is {ours}")),
            _ => {}
        }
    }
    for (begins, _) in OWN_KINDS_QUIRKS.iter().chain(&TAKEN).filter(|(begins, _)| !differing.contains(begins))
    {
        problems.push(format!("{begins}: listed as different, but it is not"));
    }
    println!("{} cases compared", cases.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn answer(case: &Value, rule: &str) -> Value {
    let Ok(policies) = Policies::with([(ASKED.to_owned(), rule.to_owned())]) else {
        return "refused".into();
    };
    let roles = case["caller"]["roles"].as_array().expect("a list");
    let caller = Caller {
        user_id: "u1".into(),
        project_id: case["caller"]["project_id"].as_str().expect("text").into(),
        roles: roles.iter().filter_map(|role| Some(role.as_str()?.to_lowercase())).collect(),
        is_admin_project: true,
        ..Caller::default()
    };
    let mut target: Target = case["target"].as_object().expect("an object").clone();
    if let Some(network) = case["network"].as_object() {
        let defaults = [("shared", false.into()), ("project_id", case["caller"]["project_id"].clone())];
        target.extend(defaults.map(|(name, value)| (format!("network:{name}"), value)));
        target.extend(network.iter().map(|(name, value)| (format!("network:{name}"), value.clone())));
    }
    policies.allows(ASKED, &caller, &target).into()
}

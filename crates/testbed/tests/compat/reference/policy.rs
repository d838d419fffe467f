//! Replays what several callers asked of the reference: who may do what, and what it says to the others.
//!
//! `policy.json` holds the requests and the answers; `facts_policy.py` made them. A step names its
//! caller, whose headers the server is set to trust. Differences that are meant are in
//! `quirks_policy.txt`.

use std::collections::BTreeMap;

use bus::Bus;
use serde_json::{Map, Value};
use testbed::Lone;

const FACTS: &str = include_str!("policy.json");
const QUIRKS: &str = include_str!("quirks_policy.txt");
/// Who asks where a step does not say.
const USUAL: &str = "ADMIN";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_may_what_the_reference_lets_them() {
    let settings = server::Settings { trust_headers: true, ..super::settings() };
    let lone = Lone::start(settings, Bus::in_process()).await.expect("starts");
    let facts: Value = serde_json::from_str(FACTS).expect("facts are JSON");
    let callers = facts["header"]["callers"].as_object().expect("callers");
    let mut differing = BTreeMap::new();
    let cases = facts["cases"].as_array().expect("cases");
    for case in cases {
        if case["needs"] == "agents" {
            super::report_agents(&lone.bus).await;
        }
        if let Err(why) = super::replay(&lone.client, &signed(case, callers)).await {
            differing.insert(case["name"].as_str().expect("name").to_owned(), why);
        }
    }
    lone.stop().await;
    super::judge(QUIRKS, &differing, cases.len());
}

/// The case with each step's caller in its headers.
fn signed(case: &Value, callers: &Map<String, Value>) -> Value {
    let sign = |step: &Value| {
        let who = step["who"].as_str().unwrap_or(USUAL);
        let mut headers = callers[who].as_object().cloned().expect("a caller's headers");
        headers.extend(step["headers"].as_object().cloned().unwrap_or_default());
        let mut step = step.clone();
        step["headers"] = Value::Object(headers);
        step
    };
    let mut signed = case.clone();
    signed["request"] = sign(&case["request"]);
    for part in ["setup", "undo"] {
        let steps = case[part].as_array().into_iter().flatten();
        signed[part] = steps.map(sign).collect();
    }
    signed
}

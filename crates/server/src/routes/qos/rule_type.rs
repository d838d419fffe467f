//! Kinds of QoS rules: listed and shown, with what hosts take of them.

use axum::http::Method;
use cloud::{Refusal, qos};
use model::api::qos::RULE_TYPE;
use model::api::query::{self, Filter};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};

pub fn dispatch(app: &App, call: &Call, kind: Option<&str>) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::MethodNotAllowed);
    }
    let guard = Guard::of(app, call);
    let may = guard.may("get_rule_type", guard.caller_project());
    match kind {
        None => list(call, may.is_ok()),
        Some(kind) => {
            may.map_err(|_| Fault::NotForYou)?;
            let drivers =
                drivers(kind).ok_or_else(|| Refusal::NotFound { table: &RULE_TYPE, id: kind.to_owned() })?;
            Ok(Answer::ok(&json!({ "rule_type": { "type": kind, "drivers": drivers } })))
        }
    }
}

/// Those that ports can have; `all_rules` asks for those that policies can.
fn list(call: &Call, may: bool) -> Result<Answer, Fault> {
    let query = query::parse(&RULE_TYPE, &call.query, None)?;
    let all = query.filters.iter().any(|filter| {
        matches!(filter, Filter::In { attr: "all_rules", values } if values.contains(&Value::Bool(true)))
    });
    let kinds: &[&str] = if all { &qos::KINDS } else { &qos::SUPPORTED };
    let shown = kinds.iter().filter(|_| may).map(|kind| json!({ "type": kind }));
    Ok(Answer::ok(&json!({ "rule_types": shown.collect::<Vec<Value>>() })))
}

/// Who carries a kind, and which values.
fn drivers(kind: &str) -> Option<Value> {
    let range = |name: &str| {
        json!({ "parameter_name": name, "parameter_type": "range",
                "parameter_values": { "start": 0, "end": i32::MAX } })
    };
    let choices = |name: &str, values: Value| json!({ "parameter_name": name, "parameter_type": "choices", "parameter_values": values });
    let parameters = match kind {
        "bandwidth_limit" => vec![
            range("max_kbps"),
            range("max_burst_kbps"),
            choices("direction", json!(["ingress", "egress"])),
        ],
        "packet_rate_limit" => vec![
            range("max_kpps"),
            range("max_burst_kpps"),
            choices("direction", json!(["ingress", "egress"])),
        ],
        "dscp_marking" => vec![choices("dscp_mark", json!(model::api::qos::MARKS))],
        _ => return qos::KINDS.contains(&kind).then(|| json!([])),
    };
    let mut driver = Map::new();
    driver.insert("name".into(), "neutrino".into());
    driver.insert("supported_parameters".into(), Value::Array(parameters));
    Some(json!([driver]))
}

//! Replays requests that the reference server was asked, and compares the answers.
//!
//! `facts.json` holds the requests and what the reference answered; `facts.py` beside it made
//! them and tells the rules of replay. Differences that are meant are in `quirks.txt`, each with
//! its reason; any other fails, and so does a listed one that no longer differs.
//! `walks.json` holds walks of random requests, which `walks.py` makes.
//! `policy.json`, `facts_policy.py` and `quirks_policy.txt` are the same for several callers.

mod compare;
mod walks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bus::Bus;
use db::Engine;
use model::report::{AgentState, Heartbeat};
use model::subject::Word;
use serde_json::{Value, json};
use testbed::{Client, Lone, wait};

const FACTS: &str = include_str!("facts.json");
const POLICY_FACTS: &str = include_str!("policy.json");
const QUIRKS: &str = include_str!("quirks.txt");
const POLICY_QUIRKS: &str = include_str!("quirks_policy.txt");
/// Routers are placed soon after the request, in the reference by it.
const SETTLES: Duration = Duration::from_secs(5);
const PROJECT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

testbed::on_both_engines!(answers_as_the_reference_does);

async fn answers_as_the_reference_does(engine: Engine) {
    replay_all(engine, settings(), FACTS, QUIRKS).await;
}

testbed::on_both_engines!(callers_may_what_the_reference_lets_them);

async fn callers_may_what_the_reference_lets_them(engine: Engine) {
    let settings = server::Settings { auth: server::AuthSettings::Trusting, ..settings() };
    replay_all(engine, settings, POLICY_FACTS, POLICY_QUIRKS).await;
}

async fn replay_all(engine: Engine, settings: server::Settings, facts: &str, quirks: &str) {
    let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let facts: Value = serde_json::from_str(facts).expect("facts are JSON");
    let mut differing = BTreeMap::new();
    // To try some while they are made: those whose names begin so.
    let only = std::env::var("ONLY").unwrap_or_default();
    let cases: Vec<&Value> =
        facts["cases"].as_array().expect("cases").iter().filter(|case| named(case, &only)).collect();
    for case in &cases {
        if case["needs"] == "agents" {
            report_agents(&lone.bus).await;
        }
        if let Err(why) = replay(&lone.client, &facts["header"]["callers"], case).await {
            differing.insert(case["name"].as_str().expect("name").to_owned(), why);
        }
    }
    lone.stop().await;
    judge(&differing, quirks, cases.len(), &only);
}

/// With any of several beginnings.
fn begins(name: &str, only: &str) -> bool {
    only.split(',').any(|begin| name.starts_with(begin))
}

fn named(case: &Value, only: &str) -> bool {
    case["name"].as_str().is_some_and(|name| begins(name, only))
}

fn judge(differing: &BTreeMap<String, String>, quirks: &str, all: usize, only: &str) {
    let lines = quirks.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let quirks: BTreeSet<&str> =
        lines.filter_map(|line| line.split_whitespace().next()).filter(|name| begins(name, only)).collect();
    let mut problems = Vec::new();
    for (name, why) in differing.iter().filter(|(name, _)| !quirks.contains(name.as_str())) {
        problems.push(format!("{name}: {why}"));
    }
    for name in quirks.iter().filter(|name| !differing.contains_key(**name)) {
        problems.push(format!("{name}: listed as differing, but answers as the reference does"));
    }
    println!("{all} answers compared, {} differ on purpose", quirks.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// The reference's settings, as the header of the facts tells them.
fn settings() -> server::Settings {
    let mut settings = server::Settings { project_id: PROJECT.into(), ..Default::default() };
    let rules = &mut settings.rules;
    // The reference's DHCP agents only say that they live; ports of theirs would get in the way.
    rules.dhcp_agents_per_network = 0;
    rules.project_network_types = ["vxlan", "vlan", "gre", "geneve"].map(str::to_owned).to_vec();
    rules.vlan_ranges.insert("physnet1".into(), vec![[100, 200]]);
    rules.vlan_ranges.insert("physnet2".into(), vec![]);
    rules.vxlan_ranges = vec![[1000, 2000]];
    rules.gre_ranges = vec![[1000, 2000]];
    rules.geneve_ranges = vec![[1000, 2000]];
    rules.geneve_header_bytes = 38;
    settings
}

async fn report_agents(bus: &Bus) {
    for (at, mode) in ["dvr_snat", "dvr_snat", "dvr"].into_iter().enumerate() {
        let agent =
            |agent_type: &str, binary: &str, topic: &str, zone: Option<&str>, configurations| AgentState {
                agent_type: agent_type.into(),
                binary: binary.into(),
                topic: topic.into(),
                availability_zone: zone.map(str::to_owned),
                started_at_us: 0,
                configurations,
            };
        let l2 = json!({
            "tunneling_ip": format!("192.0.2.{}", at + 1), "tunnel_types": ["vxlan", "gre", "geneve"],
            "bridge_mappings": { "physnet1": "br-ex" }, "datapath": "kernel",
            "interface_mappings": { "physnet1": "eth1" }, "vlan": true,
        });
        let l3 = json!({ "agent_mode": mode, "handle_internal_only_routers": true });
        let dhcp = json!({ "dhcp_driver": "dnsmasq" });
        let beat = Heartbeat {
            host: format!("h{}", at + 1),
            agents: vec![
                agent("Open vSwitch agent", "neutron-openvswitch-agent", "N/A", None, l2),
                agent("L3 agent", "neutron-l3-agent", "l3_agent", Some("nova"), l3),
                agent("DHCP agent", "neutron-dhcp-agent", "dhcp_agent", Some("nova"), dhcp),
            ],
            meters: vec![],
        };
        bus.ask::<_, ()>(Word::Beat, &beat.host, &beat).await.expect("the server takes heartbeats");
    }
}

/// Runs one case; the error says how the answer differs.
async fn replay(client: &Client, callers: &Value, case: &Value) -> Result<(), String> {
    let mut run = Run { client, callers, names: BTreeMap::new(), made: Vec::new() };
    let mut outcome = Ok(());
    for step in case["setup"].as_array().into_iter().flatten() {
        let (status, body) = run.ask(step).await;
        if (status >= 400) != (step["fails"] == true) {
            outcome = Err(format!("setup {step} answered {status} {body}"));
            break;
        }
    }
    if outcome.is_ok() {
        outcome = run.compare(case).await;
        let end = Instant::now() + SETTLES;
        while outcome.is_err() && case["settles"] == true && Instant::now() < end {
            wait::pause(Duration::from_millis(20)).await;
            outcome = run.compare(case).await;
        }
    }
    for step in case["undo"].as_array().into_iter().flatten() {
        run.ask(step).await;
    }
    for path in std::mem::take(&mut run.made).iter().rev() {
        run.ask(&json!({ "method": "DELETE", "path": path })).await;
    }
    outcome
}

struct Run<'a> {
    client: &'a Client,
    /// Headers of each caller that a step may name; without a name the administrator asks.
    callers: &'a Value,
    names: BTreeMap<String, Value>,
    made: Vec<String>,
}

impl Run<'_> {
    /// Asks what a case asks, and compares the answer.
    async fn compare(&mut self, case: &Value) -> Result<(), String> {
        let (status, body) = self.ask(&case["request"]).await;
        compare::answer(&self.filled(&case["expect"]), case["ordered"] == true, status, &body)
    }

    async fn ask(&mut self, step: &Value) -> (u16, Value) {
        let step = self.filled(step);
        let path = step["path"].as_str().expect("path");
        let method = step["method"].as_str().expect("method");
        let body = match (&step["raw"], step.get("body")) {
            (Value::String(raw), _) => Some(raw.clone()),
            (_, Some(body)) => Some(body.to_string()),
            _ => None,
        };
        let who = &self.callers[step["who"].as_str().unwrap_or("ADMIN")];
        let headers: Vec<(&str, &str)> = [&step["headers"], who]
            .into_iter()
            .filter_map(Value::as_object)
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        let (status, answer) =
            self.client.send(method, path, body, &headers).await.expect("the server answers");
        if let Some((_, inner)) = answer.as_object().and_then(|fields| fields.iter().next()) {
            let items: Vec<&Value> = inner.as_array().map_or(vec![inner], |list| list.iter().collect());
            if method == "POST" && status == 201 {
                let path = path.split('?').next().unwrap_or(path);
                let path = path.strip_suffix(".json").unwrap_or(path).trim_end_matches('/');
                let ids = items.iter().filter_map(|item| item["id"].as_str());
                self.made.extend(ids.map(|id| format!("{path}/{id}")));
            }
            if let (Some(name), Some(first)) = (step["as"].as_str(), items.first()) {
                self.names.insert(name.to_owned(), (*first).clone());
            }
        }
        (status, answer)
    }

    /// The value with every `{name.key...}` in its text replaced.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(list) => list.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, item)| (self.fill(key), self.filled(item))).collect()
            }
            other => other.clone(),
        }
    }

    fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            out.push_str(before);
            if let Some(after) = after.strip_prefix("{base}") {
                out.push_str(self.client.base());
                rest = after;
                continue;
            }
            let hole = after.find('}').map(|close| &after[1..close]);
            match hole.and_then(|hole| self.look_up(hole)) {
                Some(value) => {
                    out.push_str(&value);
                    rest = &after[hole.map_or(0, str::len) + 2..];
                }
                None => {
                    out.push('{');
                    rest = &after[1..];
                }
            }
        }
        out + rest
    }

    fn look_up(&self, hole: &str) -> Option<String> {
        let (name, path) = hole.split_once('.')?;
        let mut at = self.names.get(name)?;
        for key in path.split('.') {
            at = match key.parse::<usize>() {
                Ok(index) => at.get(index)?,
                Err(_) => at.get(key)?,
            };
        }
        Some(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
    }
}

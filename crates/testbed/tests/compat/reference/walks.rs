//! Replays walks: random requests that `walks.py` made of seeds, and what the reference answered to each.
//!
//! A walk ends at the first answer that differs: what comes after it follows from it.

use std::collections::BTreeMap;

use bus::Bus;
use db::Engine;
use serde_json::{Value, json};
use testbed::{Client, Lone};

use super::{Run, compare, settings};

const WALKS: &str = include_str!("walks.json");

testbed::on_both_engines!(walks_go_as_with_the_reference);

async fn walks_go_as_with_the_reference(engine: Engine) {
    let lone = Lone::start_on(engine, settings(), Bus::in_process()).await.expect("starts");
    let walks: Value = serde_json::from_str(WALKS).expect("walks are JSON");
    let walks = walks["walks"].as_array().expect("walks");
    let mut problems = Vec::new();
    for walk in walks {
        if let Err(why) = replay(&lone.client, walk).await {
            problems.push(format!("{}: {why}", walk["name"]));
        }
    }
    lone.stop().await;
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), walks.len(), problems.join("\n"));
}

async fn replay(client: &Client, walk: &Value) -> Result<(), String> {
    let mut run = Run { client, callers: &Value::Null, names: BTreeMap::new(), made: Vec::new() };
    let mut outcome = Ok(());
    for (at, step) in walk["steps"].as_array().into_iter().flatten().enumerate() {
        let (status, body) = run.ask(step).await;
        outcome = compare::answer(&run.filled(&step["expect"]), false, status, &body);
        if let Err(why) = &mut outcome {
            *why = format!("step {at}, {} {}: {why}", step["method"], run.filled(&step["path"]));
            break;
        }
    }
    for step in walk["undo"].as_array().into_iter().flatten() {
        run.ask(step).await;
    }
    // Twice: what is in the way of something may itself go a little later.
    let made = std::mem::take(&mut run.made);
    for path in made.iter().rev().chain(made.iter().rev()) {
        run.ask(&json!({ "method": "DELETE", "path": path })).await;
    }
    outcome
}

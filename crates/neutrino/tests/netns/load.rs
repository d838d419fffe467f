//! Creates, moves and deletes of ports by several clients at once, over whichever server answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::Client;

use crate::netns::chance::Chance;
use crate::netns::ledger::{End, Ledger, State};

/// A request that is not answered by then has an unknown end.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(15);

/// Where ports are made: networks and hosts.
pub struct Field {
    pub servers: Vec<Client>,
    pub networks: Vec<String>,
    pub hosts: Vec<String>,
}

/// One client's work until `end`; its ports are its own.
pub async fn work(field: Arc<Field>, ledger: Arc<Mutex<Ledger>>, who: usize, seed: u64, end: Instant) {
    let mut chance = Chance::new(seed ^ (who as u64) << 32);
    let mut mine: Vec<(String, String)> = Vec::new();
    let mut made = 0;
    while Instant::now() < end {
        let host = chance.of(&field.hosts).clone();
        let what = chance.below(10);
        if what < 5 || mine.is_empty() {
            let name = format!("port-{who}-{made}");
            made += 1;
            let (end, id) = create(&field, &mut chance, &name, &host).await;
            note(&ledger, &name, Some(host), end);
            mine.extend(id.map(|id| (name, id)));
        } else if what < 7 {
            let (name, id) = chance.of(&mine).clone();
            let body = json!({ "port": { "binding:host_id": host } });
            let (end, _) = send(&field, &mut chance, "PUT", &format!("/v2.0/ports/{id}"), Some(&body)).await;
            note(&ledger, &name, Some(host), end);
        } else {
            let (name, id) = mine.swap_remove(chance.below(mine.len()));
            let (end, _) = send(&field, &mut chance, "DELETE", &format!("/v2.0/ports/{id}"), None).await;
            note(&ledger, &name, None, end);
        }
        testbed::wait::pause(PAUSE).await;
    }
}

fn note(ledger: &Mutex<Ledger>, name: &str, wanted: State, (end, status): (End, u16)) {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    ledger.note(name, wanted, end);
    *ledger.answers.entry(status).or_default() += 1;
}

async fn create(field: &Field, chance: &mut Chance, name: &str, host: &str) -> ((End, u16), Option<String>) {
    let network = chance.of(&field.networks).clone();
    let body = json!({ "port": {
        "name": name, "network_id": network, "binding:host_id": host, "device_owner": "compute:nova",
    }});
    let (end, answer) = send(field, chance, "POST", "/v2.0/ports", Some(&body)).await;
    (end, answer["port"]["id"].as_str().map(str::to_owned))
}

async fn send(
    field: &Field,
    chance: &mut Chance,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> ((End, u16), Value) {
    let client = chance.of(&field.servers);
    let sent = client.send(method, path, body.map(Value::to_string), &[]);
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok((status, answer))) => {
            let end = match status {
                200..300 => End::Acknowledged,
                // Nobody knows; anything else is a plain "no".
                504 => End::Unanswered,
                _ => End::Refused,
            };
            ((end, status), answer)
        }
        // No answer at all.
        _ => ((End::Unanswered, 0), Value::Null),
    }
}

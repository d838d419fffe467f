//! Several change groups, rules, ports and what is shared at the same time: nobody waits for one who waits
//! for him, and hosts end up with what a look from scratch makes. The seed is printed; set SEED to run one
//! again. Only PostgreSQL has several writers at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Part};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, Draw, wait};
use tokio::task::JoinSet;

use super::groups::first_groups;
use super::racing::Servers;

const LIMIT: Duration = Duration::from_secs(60);
const TASKS: usize = 8;
const ACTS: usize = 80;
const GROUPS: usize = 6;
/// While there are so many, no more are made: groups must be free to go.
const PORTS: usize = 6;
const HOSTS: [&str; 2] = ["sim-0", "sim-1"];

/// What there is to change; of what is gone meanwhile the server says so.
#[derive(Default)]
struct Pool {
    groups: Vec<String>,
    networks: Vec<String>,
    ports: Vec<String>,
    rules: Vec<String>,
    policies: Vec<String>,
}

struct Actor {
    client: Client,
    pool: Arc<Mutex<Pool>>,
    draw: Draw,
}

impl Actor {
    fn pick(&mut self, of: impl Fn(&mut Pool) -> &mut Vec<String>) -> Option<String> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let list = of(&mut pool);
        (!list.is_empty()).then(|| self.draw.one(list))
    }

    fn note(&self, of: impl Fn(&mut Pool) -> &mut Vec<String>, made: &Value) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        of(&mut pool).extend(made.as_array().into_iter().flatten().map(id_of));
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then(|| body.to_string());
        let path = format!("/v2.0/{path}");
        let (status, answer) = self.client.send(method, &path, body, &[]).await.expect("an answer");
        assert!(status < 500, "{method} {path}: {status} {answer}");
        answer
    }

    /// True when it is gone by this.
    async fn delete(&self, path: &str, id: &str, of: impl Fn(&mut Pool) -> &mut Vec<String>) -> bool {
        let answer = self.ask("DELETE", &format!("{path}/{id}"), Value::Null).await;
        if answer.is_null()
            || answer["NeutronError"]["type"].as_str().is_some_and(|t| t.ends_with("NotFound"))
        {
            of(&mut self.pool.lock().unwrap_or_else(PoisonError::into_inner)).retain(|had| had != id);
        }
        answer.is_null()
    }

    /// Some groups, in any order.
    fn groups(&mut self, most: usize) -> Vec<String> {
        let count = 1 + self.draw.below(most);
        (0..count).filter_map(|_| self.pick(|pool| &mut pool.groups)).collect()
    }

    fn rule(&mut self, group: &str) -> Value {
        let mut rule = json!({
            "security_group_id": group, "direction": "ingress", "protocol": "tcp",
            "port_range_min": 1 + self.draw.below(500), "port_range_max": 600,
        });
        if let Some(remote) = self.pick(|pool| &mut pool.groups) {
            rule["remote_group_id"] = remote.into();
        }
        rule
    }

    async fn act(&mut self) -> Option<()> {
        let group = self.pick(|pool| &mut pool.groups)?;
        let ports = self.pool.lock().unwrap_or_else(PoisonError::into_inner).ports.len();
        match self.draw.below(16) {
            0..=2 => {
                let rules: Vec<Value> = (0..1 + self.draw.below(3)).map(|_| self.rule(&group)).collect();
                let body = json!({ "security_group_rules": rules });
                let made = self.ask("POST", "security-group-rules", body).await;
                self.note(|pool| &mut pool.rules, &made["security_group_rules"]);
            }
            3 if ports < PORTS => {
                let network = self.pick(|pool| &mut pool.networks)?;
                let ports: Vec<Value> = (0..3)
                    .map(|_| {
                        json!({ "network_id": network, "binding:host_id": self.draw.one(&HOSTS),
                            "security_groups": self.groups(2) })
                    })
                    .collect();
                let made = self.ask("POST", "ports", json!({ "ports": ports })).await;
                self.note(|pool| &mut pool.ports, &made["ports"]);
            }
            4 => {
                let port = self.pick(|pool| &mut pool.ports)?;
                let body = json!({ "port": { "security_groups": self.groups(3) } });
                self.ask("PUT", &format!("ports/{port}"), body).await;
            }
            5 | 6 => {
                let port = self.pick(|pool| &mut pool.ports)?;
                self.delete("ports", &port, |pool| &mut pool.ports).await;
            }
            7..=10 => {
                // Of one that ports have the server says no.
                if self.delete("security-groups", &group, |pool| &mut pool.groups).await {
                    let made = self.ask("POST", "security-groups", json!({ "security_groups": [{}] })).await;
                    self.note(|pool| &mut pool.groups, &made["security_groups"]);
                }
            }
            11 => {
                let rule = self.pick(|pool| &mut pool.rules)?;
                self.delete("security-group-rules", &rule, |pool| &mut pool.rules).await;
            }
            12 => {
                let policy = json!({ "object_type": "security_group", "object_id": group,
                    "action": "access_as_shared", "target_tenant": self.target() });
                let made = self.ask("POST", "rbac-policies", json!({ "rbac_policy": policy })).await;
                let made = made.get("rbac_policy").cloned();
                self.note(|pool| &mut pool.policies, &made.into_iter().collect());
            }
            13 | 14 => {
                let policy = self.pick(|pool| &mut pool.policies)?;
                if self.draw.chance(2) {
                    self.delete("rbac-policies", &policy, |pool| &mut pool.policies).await;
                } else {
                    let target = json!({ "rbac_policy": { "target_tenant": self.target() } });
                    self.ask("PUT", &format!("rbac-policies/{policy}"), target).await;
                }
            }
            _ => {
                let body = json!({ "security_group": { "stateful": self.draw.below(2) == 0 } });
                self.ask("PUT", &format!("security-groups/{group}"), body).await;
            }
        }
        Some(())
    }

    fn target(&mut self) -> String {
        format!("{:032}", self.draw.below(4))
    }
}

/// What the server says when it is asked for everything.
async fn truth(bus: &Bus, host: &str) -> BTreeMap<Key, Part> {
    let mut parts = BTreeMap::new();
    let mut ask = SyncAsk::all(host);
    loop {
        let answer =
            wait::until(LIMIT, || async { bus.ask::<_, SyncAnswer>(Word::Sync, host, &ask).await.ok() });
        let answer = answer.await.expect("the server answers");
        parts.extend(answer.parts.into_iter().filter_map(|change| Some((change.key, change.part?))));
        match answer.next {
            Some(next) => ask.after = Some(next),
            None => return parts,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_who_waits_for_him() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122_u64);
    println!("SEED={seed}");
    let mut settings = Settings::default();
    for name in ["port", "security_group", "security_group_rule", "rbac_policy"] {
        settings.quotas.0.insert(name.into(), -1);
    }
    settings.rules.dhcp_agents_per_network = 0;
    let bus = Bus::in_process();
    let (servers, behind) = Servers::on_postgres(settings, &bus).await;
    let mut hosts = Vec::new();
    for (n, name) in HOSTS.into_iter().enumerate() {
        hosts.push(SimulatedHost::start(bus.clone(), name, [192, 0, 2, 1 + n as u8].into()).await);
    }
    let mut pool = Pool::default();
    for n in 0..3 {
        pool.networks.push(servers.subnet(&format!("10.0.{n}.0/24"), false).await.0);
    }
    for _ in 0..GROUPS {
        pool.groups.push(servers.client(0).group("g").await.expect("a group"));
    }
    first_groups(&servers).await;
    let pool = Arc::new(Mutex::new(pool));
    let mut acting = JoinSet::new();
    for at in 0..TASKS {
        let draw = Draw(seed + 1 + at as u64);
        let mut actor = Actor { client: servers.client(at), pool: pool.clone(), draw };
        acting.spawn(async move {
            for _ in 0..ACTS {
                actor.act().await;
            }
        });
    }
    acting.join_all().await;
    for host in &hosts {
        let same = wait::until_every(Duration::from_millis(400), LIMIT, || async {
            (host.parts() == truth(&bus, &host.name).await).then_some(())
        });
        assert!(same.await.is_some(), "{} was not told of all that changed", host.name);
    }
    drop((hosts, servers));
    let alone = wait::until(LIMIT, || async {
        let others: i64 = behind.query_one(OTHERS, &[]).await.expect("counts").get(0);
        (others == 0).then_some(())
    });
    assert!(alone.await.is_some(), "who leaves tells of its deadlocks");
    let counted = behind.query_one(DEADLOCKS, &[]).await.expect("statistics");
    let (deadlocks, commits): (i64, i64) = (counted.get(0), counted.get(1));
    println!("{deadlocks} deadlocks in {commits} transactions");
    assert_eq!(deadlocks, 0, "everyone locks in the same order");
}

const OTHERS: &str = "SELECT COUNT(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
const DEADLOCKS: &str =
    "SELECT deadlocks, xact_commit FROM pg_stat_database WHERE datname = current_database()";

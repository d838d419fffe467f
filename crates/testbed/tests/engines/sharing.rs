//! Whoever shares a group and takes it back, and whoever uses it meanwhile: of two at the same time one
//! sees what the other did.

use std::time::Duration;

use bus::Bus;
use db::Engine;
use serde_json::{Value, json};
use server::{AuthSettings, Settings};
use testbed::client::id_of;
use testbed::{Client, Home, Lone, Postgres, wait};

testbed::on_both_engines!(
    what_is_shared_is_used_or_taken_back,
    use_counts_as_it_does_in_the_reference,
    networks_are_used_or_taken_back
);

const LIMIT: Duration = Duration::from_secs(20);
const ROUNDS: usize = 24;
const OWNER: &str = "11111111111111111111111111111111";
const GUEST: &str = "22222222222222222222222222222222";

type Answer = (u16, Value);

struct Shared {
    client: Client,
    /// Of the guest.
    network: String,
    group: String,
}

async fn asked(client: &Client, project: &str, method: &str, path: &str, body: Value) -> Answer {
    let roles = if project == "admin" { "admin,member,reader" } else { "member,reader" };
    let who = [("X-User-Id", project), ("X-Project-Id", project), ("X-Roles", roles)];
    let body = (!body.is_null()).then(|| body.to_string());
    client.send(method, &format!("/v2.0/{path}"), body, &who).await.expect("an answer")
}

impl Shared {
    /// Whoever asks is who he says he is.
    fn settings() -> Settings {
        let mut settings = Settings { auth: AuthSettings::Trusting, ..Settings::default() };
        for name in ["port", "security_group", "security_group_rule", "rbac_policy", "network"] {
            settings.quotas.0.insert(name.into(), -1);
        }
        settings
    }

    async fn of(lone: &Lone) -> Shared {
        let client = lone.client.clone();
        let network = asked(&client, GUEST, "POST", "networks", json!({ "network": {} })).await;
        let group = json!({ "security_group": { "name": "own" } });
        let group = asked(&client, GUEST, "POST", "security-groups", group).await;
        let (network, group) = (id_of(&network.1["network"]), id_of(&group.1["security_group"]));
        Shared { client, network, group }
    }

    async fn made(&self, project: &str, path: &str, singular: &str, fields: Value) -> String {
        let (status, answer) = asked(&self.client, project, "POST", path, json!({ singular: fields })).await;
        assert_eq!(status, 201, "{path}: {answer}");
        id_of(&answer[singular])
    }

    /// A group of the owner, of one type or the other, and the policy that shares it with the guest.
    async fn share(&self, object_type: &str) -> (String, String) {
        let object = match object_type {
            "security_group" => {
                self.made(OWNER, "security-groups", "security_group", json!({ "name": "shared" })).await
            }
            _ => {
                let nets = json!({ "addresses": ["192.0.2.0/24"] });
                self.made(OWNER, "address-groups", "address_group", nets).await
            }
        };
        let policy = json!({ "object_type": object_type, "object_id": object,
            "action": "access_as_shared", "target_tenant": GUEST });
        let policy = self.made(OWNER, "rbac-policies", "rbac_policy", policy).await;
        (object, policy)
    }

    /// The three ways in which the guest uses what is shared: the type of it, and the request.
    fn uses(&self) -> [(&'static str, &'static str, &'static str, Value); 3] {
        let rule = json!({ "security_group_id": self.group, "direction": "ingress" });
        let mut about_group = rule.clone();
        about_group["remote_group_id"] = "IT".into();
        let mut about_nets = rule;
        about_nets["remote_address_group_id"] = "IT".into();
        let port = json!({ "network_id": self.network, "security_groups": ["IT"] });
        [
            ("security_group", "ports", "port", port),
            ("security_group", "security-group-rules", "security_group_rule", about_group),
            ("address_group", "security-group-rules", "security_group_rule", about_nets),
        ]
    }
}

fn about(object: &str, fields: &Value) -> Value {
    serde_json::from_str(&fields.to_string().replace("\"IT\"", &format!("\"{object}\""))).expect("JSON")
}

/// Used, then it stays shared; taken back, then it is not used. But for rules about groups, which the
/// reference does not count as use.
async fn what_is_shared_is_used_or_taken_back(engine: Engine) {
    let lone = Lone::start_on(engine, Shared::settings(), Bus::in_process()).await.expect("starts");
    let shared = Shared::of(&lone).await;
    for round in 0..ROUNDS {
        for (object_type, path, singular, fields) in shared.uses() {
            if path != "ports" && object_type == "security_group" {
                continue;
            }
            let (object, policy) = shared.share(object_type).await;
            let body = json!({ singular: about(&object, &fields) });
            let policy = format!("rbac-policies/{policy}");
            let using = asked(&shared.client, GUEST, "POST", path, body);
            let ending = asked(&shared.client, OWNER, "DELETE", &policy, Value::Null);
            let (used, ended) = match round % 2 {
                0 => tokio::join!(using, ending),
                _ => {
                    let (ended, used) = tokio::join!(ending, using);
                    (used, ended)
                }
            };
            let statuses = (used.0, ended.0);
            assert!([(201, 409), (404, 204)].contains(&statuses), "{path}: {used:?} {ended:?}");
        }
    }
}

/// What the reference was asked: rules about a shared security group do not hold up its owner, rules about
/// an address group do, and theirs is the project of the rule, not of its group.
async fn use_counts_as_it_does_in_the_reference(engine: Engine) {
    let lone = Lone::start_on(engine, Shared::settings(), Bus::in_process()).await.expect("starts");
    let shared = Shared::of(&lone).await;
    for (by, object_type, attr, ends) in [
        (GUEST, "security_group", "remote_group_id", 204),
        (GUEST, "address_group", "remote_address_group_id", 409),
        ("admin", "address_group", "remote_address_group_id", 204),
    ] {
        let (object, policy) = shared.share(object_type).await;
        let rule = json!({ "security_group_id": shared.group, "direction": "ingress", (attr): object });
        shared.made(by, "security-group-rules", "security_group_rule", rule).await;
        let policy = format!("rbac-policies/{policy}");
        let (status, answer) = asked(&shared.client, OWNER, "DELETE", &policy, Value::Null).await;
        assert_eq!(status, ends, "{by} {object_type}: {answer}");
    }
}

/// A port on a shared network and a router's way out of it against the end of the policy that allows it.
async fn networks_are_used_or_taken_back(engine: Engine) {
    let lone = Lone::start_on(engine, Shared::settings(), Bus::in_process()).await.expect("starts");
    let shared = Shared::of(&lone).await;
    let network = shared.made(OWNER, "networks", "network", json!({})).await;
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "198.51.100.0/24" });
    shared.made(OWNER, "subnets", "subnet", subnet).await;
    let port = json!({ "port": { "network_id": network } });
    let router = json!({ "router": { "external_gateway_info": { "network_id": network } } });
    for round in 0..ROUNDS {
        for (action, path, body) in
            [("access_as_shared", "ports", &port), ("access_as_external", "routers", &router)]
        {
            let policy = json!({ "object_type": "network", "object_id": network, "action": action,
                "target_tenant": GUEST });
            let policy = shared.made(OWNER, "rbac-policies", "rbac_policy", policy).await;
            let policy = format!("rbac-policies/{policy}");
            let using = asked(&shared.client, GUEST, "POST", path, body.clone());
            let ending = asked(&shared.client, OWNER, "DELETE", &policy, Value::Null);
            let (used, ended) = match round % 2 {
                0 => tokio::join!(using, ending),
                _ => {
                    let (ended, used) = tokio::join!(ending, using);
                    (used, ended)
                }
            };
            let statuses = (used.0, ended.0);
            assert!([(201, 409), (404, 204)].contains(&statuses), "{path}: {used:?} {ended:?}");
            if used.0 == 201 {
                let made = used.1.as_object().and_then(|body| body.values().next()).expect("what was made");
                let made = format!("{path}/{}", id_of(made));
                let (status, answer) = asked(&shared.client, GUEST, "DELETE", &made, Value::Null).await;
                assert_eq!(status, 204, "{made}: {answer}");
                let (status, answer) = asked(&shared.client, OWNER, "DELETE", &policy, Value::Null).await;
                assert_eq!(status, 204, "{answer}");
            }
            let seen = asked(&shared.client, GUEST, "GET", &format!("networks/{network}"), Value::Null).await;
            assert_eq!(seen.0, 404, "{seen:?}");
        }
    }
}

/// Whoever uses what another is about to take back waits, and looks after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_waits_for_who_ends_the_sharing() {
    let database = Postgres::database().await.expect("a database");
    let lone = Lone::start_in(Home::from(database.clone()), Shared::settings(), Bus::in_process());
    let lone = lone.await.expect("starts");
    let shared = Shared::of(&lone).await;
    let mut ending = database.client().await.expect("connects");
    let looking = database.client().await.expect("connects");
    for (object_type, path, singular, fields) in shared.uses() {
        let (object, policy) = shared.share(object_type).await;
        let table = if object_type == "security_group" { "security_groups" } else { "address_groups" };
        let tx = ending.transaction().await.expect("begins");
        let lock = format!("SELECT id FROM {table} WHERE id = $1 FOR NO KEY UPDATE");
        tx.query_one(&lock, &[&object]).await.expect("is locked");
        tx.execute("DELETE FROM rbac_policies WHERE id = $1", &[&policy]).await.expect("is deleted");
        let (client, body) = (shared.client.clone(), json!({ singular: about(&object, &fields) }));
        let using = tokio::spawn(async move { asked(&client, GUEST, "POST", path, body).await });
        let waits = wait::until(LIMIT, || async {
            let waiting: i64 = looking.query_one(WAITING, &[]).await.expect("counts").get(0);
            (waiting > 0 || using.is_finished()).then_some(())
        });
        assert!(waits.await.is_some(), "it neither waits nor ends");
        tx.commit().await.expect("commits");
        let (status, answer) = using.await.expect("ends");
        assert_eq!(status, 404, "{path} {object_type}: {answer}");
    }
}

const WAITING: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

//! Security groups on both engines: whom a change concerns is found by indexes, however many ports
//! there are; and of those who race for one thing one wins.

use std::collections::BTreeSet;

use bus::Bus;
use db::{Db, Engine, group_statements};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Home, Lone};
use tokio::task::JoinSet;

use super::racing::{Servers, counts};

testbed::on_both_engines!(
    changes_reach_their_rows_by_indexes,
    two_first_looks_make_one_default_group,
    first_groups_of_many_projects_are_made_once,
    of_the_same_rules_one_is_made,
    a_group_that_a_port_gets_does_not_go,
    a_template_goes_with_the_group_that_it_is_about,
);

const RACERS: usize = 8;

/// `ports` ports of one group, and one of another whose rules are about the first.
async fn filled(db: &Db, ports: usize) {
    let id = |n: usize| format!("00000000-0000-0000-0000-{n:012}");
    let t = "'2026-01-01T00:00:00Z'";
    let mut tx = db.begin().await.expect("begins");
    let network = format!(
        "INSERT INTO networks (id, project_id, name, admin_state_up, status, shared, router_external, segments, \
         multi_segment, mtu, availability_zone_hints, ha, port_security_enabled, is_default, dns_domain, \
         description, tags, revision_number, created_at, updated_at, created_us) VALUES \
         ('{}', 'p', '', TRUE, 'ACTIVE', FALSE, FALSE, '[]', FALSE, 1500, '[]', FALSE, TRUE, FALSE, '', '', '[]', \
         1, {t}, {t}, 0)",
        id(1)
    );
    tx.execute(&network, &[]).await.expect("a network");
    for n in 1..=50 {
        let group = format!(
            "INSERT INTO security_groups (id, project_id, name, stateful, is_default, description, tags, \
             revision_number, created_at, updated_at, created_us) VALUES \
             ('{}', 'p', '', TRUE, FALSE, '', '[]', 1, {t}, {t}, 0)",
            id(n)
        );
        tx.execute(&group, &[]).await.expect("a group");
        // Each is about the one before it.
        for (rule, remote) in [("NULL".to_owned(), "a"), (format!("'{}'", id(n.max(2) - 1)), "b")] {
            let rule = format!(
                "INSERT INTO security_group_rules (id, project_id, security_group_id, direction, ethertype, \
                 remote_group_id, description, canonical, revision_number, created_at, updated_at, created_us) \
                 VALUES ('{remote}{}', 'p', '{}', 'ingress', 'IPv4', {rule}, '', '{remote}', 1, {t}, {t}, 0)",
                id(n),
                id(n)
            );
            tx.execute(&rule, &[]).await.expect("a rule");
        }
    }
    for n in 1..=ports {
        let port = format!(
            "INSERT INTO ports (id, project_id, network_id, name, admin_state_up, mac_address, fixed_ips, device_id, \
             device_owner, status, allowed_address_pairs, extra_dhcp_opts, ip_allocation, vif_type, vif_details, \
             vnic_type, host, profile, port_security_enabled, propagate_uplink_status, dns_name, dns_assignment, \
             dns_domain, description, tags, revision_number, created_at, updated_at, l2_ready, dhcp_ready, created_us) \
             VALUES ('{}', 'p', '{}', '', TRUE, '{n}', '[]', '', '', 'DOWN', '[]', '[]', 'immediate', 'tap', '{{}}', \
             'normal', 'h-{}', '{{}}', TRUE, TRUE, '', '[]', '', '', '[]', 1, {t}, {t}, FALSE, FALSE, 0)",
            id(n),
            id(1),
            n % 50
        );
        tx.execute(&port, &[]).await.expect("a port");
        let row = format!(
            "INSERT INTO port_groups (port_id, group_id, host) VALUES ('{}', '{}', 'h-{}')",
            id(n),
            id(1 + n % 49),
            n % 50
        );
        tx.execute(&row, &[]).await.expect("its group");
    }
    let hosts = "INSERT INTO group_hosts (group_id, host) SELECT DISTINCT group_id, host FROM port_groups";
    tx.execute(hosts, &[]).await.expect("hosts");
    tx.commit().await.expect("commits");
    if db.engine() == Engine::Postgres {
        let mut tx = db.begin().await.expect("begins");
        tx.execute("ANALYZE", &[]).await.expect("statistics");
        tx.commit().await.expect("commits");
    }
}

async fn changes_reach_their_rows_by_indexes(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    filled(&db, 5000).await;
    let group = "00000000-0000-0000-0000-000000000007";
    for (name, sql, params) in group_statements() {
        let (explain, at) = match engine {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Engine::Postgres => ("EXPLAIN", 0),
        };
        let mut tx = db.begin().await.expect("begins");
        let mut lines = Vec::new();
        let host = ["moved", "joins", "leaves"].contains(&name);
        let mut values: Vec<db::Param> = vec![if host { "h-1" } else { group }.into(), group.into()];
        values.extend((params > 2).then(|| if name.starts_with("remote") { 1.into() } else { group.into() }));
        tx.each(&format!("{explain} {sql}"), &values, |row| lines.push(row.text(at).to_owned()))
            .await
            .expect("a plan");
        println!("{name}\n  {}", lines.join("\n  "));
        let scans = |line: &&String| {
            let line = line.trim();
            match engine {
                Engine::Sqlite => ["pg", "gh", "og", "r", "o", "port_groups", "group_hosts", "ports"]
                    .map(|table| format!("SCAN {table}"))
                    .iter()
                    .any(|scan| line == scan || line.starts_with(&format!("{scan} "))),
                Engine::Postgres => ["ports", "port_groups"]
                    .iter()
                    .any(|table| line.contains(&format!("Seq Scan on {table}"))),
            }
        };
        let scanned: Vec<_> = lines.iter().filter(scans).collect();
        assert!(!lines.is_empty() && scanned.is_empty(), "{name} scans: {scanned:?}");
    }
}

async fn started(engine: Engine) -> Lone {
    Lone::start_on(engine, Settings::default(), Bus::in_process()).await.expect("starts")
}

/// The same at once, several times; the answers.
async fn race(lone: &Lone, requests: Vec<(&'static str, String, Value)>) -> Vec<(u16, Value)> {
    let mut racing = JoinSet::new();
    for (method, path, body) in requests {
        let client = lone.client.clone();
        let body = (!body.is_null()).then(|| body.to_string());
        racing.spawn(async move { client.send(method, &path, body, &[]).await.expect("an answer") });
    }
    racing.join_all().await
}

async fn first_groups_of_many_projects_are_made_once(engine: Engine) {
    let servers = Servers::start(engine).await;
    first_groups(&servers).await;
}

/// Several at once make the first things of the same projects, some of them the other way round.
pub(super) async fn first_groups(servers: &Servers) {
    const PROJECTS: usize = 8;
    for round in 0..6_usize {
        let mut projects: Vec<String> = (0..PROJECTS).map(|n| format!("{round:016}{n:016}")).collect();
        let mut asked = Vec::new();
        for plural in ["networks", "security_groups", "networks", "security_groups"] {
            let items: Vec<Value> = projects.iter().map(|project| json!({ "project_id": project })).collect();
            let path = format!("/v2.0/{}", plural.replace('_', "-"));
            asked.push(("POST", path, Some(json!({ plural: items }))));
            projects.reverse();
        }
        let answers = servers.all(asked).await;
        assert_eq!(counts(&answers), [(201, 4)], "{answers:?}");
        for project in projects {
            let path = format!("security-groups?name=default&project_id={project}");
            let listed = servers.client(0).get(&path).await.expect("a list");
            assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        }
    }
}

async fn two_first_looks_make_one_default_group(engine: Engine) {
    let lone = started(engine).await;
    for round in 0..6 {
        let project = format!("{round:032}");
        let look = format!("/v2.0/security-groups?project_id={project}");
        let make = json!({ "network": { "project_id": project } });
        let all = (0..RACERS).map(|at| match at % 2 {
            0 => ("GET", look.clone(), Value::Null),
            _ => ("POST", "/v2.0/networks".to_owned(), make.clone()),
        });
        let answers = race(&lone, all.collect()).await;
        let mut found = BTreeSet::new();
        for (status, answer) in &answers {
            assert!(*status < 300, "{status} {answer}");
            let groups = answer["security_groups"].as_array().into_iter().flatten();
            found.extend(groups.map(id_of));
        }
        assert_eq!(found.len(), 1, "{answers:#?}");
        let rules =
            lone.client.get(&format!("security-group-rules?project_id={project}")).await.expect("rules");
        assert_eq!(rules.as_array().map(Vec::len), Some(4), "{rules}");
    }
}

async fn of_the_same_rules_one_is_made(engine: Engine) {
    let lone = started(engine).await;
    let group = lone.client.group("g").await.expect("a group");
    for round in 0..6 {
        let rule = |protocol: &str| {
            json!({ "security_group_rule": {
                "security_group_id": group, "direction": "ingress", "protocol": protocol,
                "port_range_min": 80, "port_range_max": 81 + round,
            }})
        };
        let words = ["tcp", "6", "TCP"];
        let all =
            (0..RACERS).map(|at| ("POST", "/v2.0/security-group-rules".to_owned(), rule(words[at % 3])));
        let answers = race(&lone, all.collect()).await;
        let made: Vec<&Value> =
            answers.iter().filter(|(status, _)| *status == 201).map(|(_, answer)| answer).collect();
        assert_eq!(made.len(), 1, "{answers:#?}");
        let id = id_of(&made[0]["security_group_rule"]);
        for (_, answer) in answers.iter().filter(|(status, _)| *status != 201) {
            let error = &answer["NeutronError"];
            assert_eq!(error["type"], "SecurityGroupRuleExists", "{answer}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains(&id)), "{answer}");
        }
    }
}

async fn a_group_that_a_port_gets_does_not_go(engine: Engine) {
    let lone = started(engine).await;
    let network = id_of(&lone.client.create("network", json!({})).await.expect("a network"));
    for _ in 0..6 {
        let group = lone.client.group("g").await.expect("a group");
        let port = json!({ "port": { "network_id": network, "security_groups": [group] } });
        let path = format!("/v2.0/security-groups/{group}");
        let requests = vec![
            ("POST", "/v2.0/ports".to_owned(), port.clone()),
            ("DELETE", path.clone(), Value::Null),
            ("POST", "/v2.0/ports".to_owned(), port),
            ("DELETE", path, Value::Null),
        ];
        let answers = race(&lone, requests).await;
        let made = answers.iter().filter(|(status, _)| *status == 201).count();
        let gone = answers.iter().filter(|(status, _)| *status == 204).count();
        assert!((made > 0) != (gone > 0), "{answers:#?}");
        assert!(gone <= 1, "{answers:#?}");
        for (status, answer) in answers {
            assert!([201, 204, 404, 409].contains(&status), "{status} {answer}");
        }
    }
}

async fn a_template_goes_with_the_group_that_it_is_about(engine: Engine) {
    let lone = started(engine).await;
    let group = lone.client.group("g").await.expect("a group");
    let body = json!({ "address_group": { "name": "a", "addresses": ["192.0.2.0/24"] } }).to_string();
    let made = lone.client.send("POST", "/v2.0/address-groups", Some(body), &[]).await.expect("an answer");
    let addresses = id_of(&made.1["address_group"]);
    for remote in [json!({ "remote_group_id": group }), json!({ "remote_address_group_id": addresses })] {
        let mut rule = remote;
        rule["direction"] = "ingress".into();
        rule["used_in_non_default_sg"] = true.into();
        rule["used_in_default_sg"] = true.into();
        let path = "/v2.0/default-security-group-rules";
        let body = json!({ "default_security_group_rule": rule }).to_string();
        let (status, said) = lone.client.send("POST", path, Some(body), &[]).await.expect("an answer");
        assert_eq!(status, 201, "{said}");
    }
    for path in [format!("security-groups/{group}"), format!("address-groups/{addresses}")] {
        let (status, said) =
            lone.client.send("DELETE", &format!("/v2.0/{path}"), None, &[]).await.expect("an answer");
        assert_eq!(status, 204, "{said}");
    }
    lone.client.group("after").await.expect("a group of which no template is in the way");
}

//! Tempest's tests of the network API, against our server with a real Keystone.
//!
//! All of `tempest.api.network` is run, on both databases (`make test-tempest` runs these alone), and of Neutron's own tests for Tempest what is about
//! routers, their agents, floating IPs and port forwardings, and about security groups, ports and
//! quotas. `tempest.txt`, `tempest_routers.txt` and `tempest_groups.txt` beside this say what becomes of
//! each test: it passes, or what is lacking for it. Anything else fails, also a test that passes though
//! something is said to lack.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bus::Bus;
use model::desired::L3Mode;
use model::report::L3Configuration;
use serde_json::{Value, json};
use testbed::keystone::{PASSWORD, Scope};
use testbed::simulated::SimulatedHost;
use testbed::{Engine, Keystone, Lone, python};
use tokio::process::Command;

/// In Neutron's plugin for Tempest.
const ROUTERS: [&str; 16] = [
    "neutron_tempest_plugin.api.admin.test_external_network_extension",
    "neutron_tempest_plugin.api.admin.test_floating_ips_admin_actions",
    "neutron_tempest_plugin.api.admin.test_l3_agent_scheduler",
    "neutron_tempest_plugin.api.admin.test_routers_flavors",
    "neutron_tempest_plugin.api.admin.test_routers_ha",
    "neutron_tempest_plugin.api.test_auto_allocated_topology",
    "neutron_tempest_plugin.api.test_floating_ips",
    "neutron_tempest_plugin.api.test_floating_ips_negative",
    "neutron_tempest_plugin.api.test_local_ip",
    "neutron_tempest_plugin.api.test_ndp_proxy",
    "neutron_tempest_plugin.api.test_ndp_proxy_negative",
    "neutron_tempest_plugin.api.test_port_forwarding_negative",
    "neutron_tempest_plugin.api.test_port_forwardings",
    "neutron_tempest_plugin.api.test_router_interface_fip",
    "neutron_tempest_plugin.api.test_routers",
    "neutron_tempest_plugin.api.test_routers_negative",
];
/// The same of security groups, address groups, and what ports and quotas have to do with them.
const GROUPS: [&str; 15] = [
    "neutron_tempest_plugin.api.admin.test_default_security_group_rules",
    "neutron_tempest_plugin.api.admin.test_extension_driver_port_security_admin",
    "neutron_tempest_plugin.api.admin.test_logging",
    "neutron_tempest_plugin.api.admin.test_logging_negative",
    "neutron_tempest_plugin.api.admin.test_quotas",
    "neutron_tempest_plugin.api.admin.test_quotas_negative",
    "neutron_tempest_plugin.api.admin.test_security_groups",
    "neutron_tempest_plugin.api.test_address_groups",
    "neutron_tempest_plugin.api.test_extension_driver_port_security",
    "neutron_tempest_plugin.api.test_ports",
    "neutron_tempest_plugin.api.test_ports_negative",
    "neutron_tempest_plugin.api.test_revisions",
    "neutron_tempest_plugin.api.test_security_groups",
    "neutron_tempest_plugin.api.test_security_groups_negative",
    "neutron_tempest_plugin.api.test_timestamp",
];
const CONFIGURATION: &str = include_str!("tempest.conf");
const PROGRAM: &str = include_str!("tempest_run.py");

testbed::on_both_engines!(tempest_agrees);

async fn tempest_agrees(engine: Engine) {
    run(engine, &["tempest.api.network"], &["net-0"], include_str!("tempest.txt")).await;
}

/// With network nodes, as they carry routers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neutrons_own_tests_of_routers_agree() {
    run(Engine::Sqlite, &ROUTERS, &["net-0", "net-1"], include_str!("tempest_routers.txt")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neutrons_own_tests_of_groups_agree() {
    run(Engine::Sqlite, &GROUPS, &[], include_str!("tempest_groups.txt")).await;
}

/// What Tempest calls tags of networks, which other resources came to have, too.
const TAGS: &str = "tag";
/// Routers that a class leaves behind until its end.
const ROUTERS_AT_ONCE: i64 = 50;

/// Runs tests against a server with a few network nodes, and compares what becomes of them.
async fn run(engine: Engine, tests: &[&str], nodes: &[&str], expected: &str) {
    let keystone = Keystone::start(Default::default()).await.expect("Keystone starts");
    let mut settings = keystone.api(keystone.settings());
    settings.quotas.0.insert("router".into(), ROUTERS_AT_ONCE);
    let server = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let mut hosts = Vec::new();
    for (at, name) in nodes.iter().enumerate() {
        let l3 = L3Configuration { agent_mode: L3Mode::DvrSnat, lazy_routers: true };
        let address = [192, 0, 2, at as u8 + 1].into();
        hosts.push(SimulatedHost::start_as(server.bus.clone(), name, address, Some(l3)).await);
    }
    keystone.serve_network(&format!("http://{}", server.address)).await.expect("in the catalog");
    let admin = keystone.token("admin", Scope::Project("admin")).await.expect("a token");
    let send = async |method: &str, path: &str, body: Option<Value>| {
        let headers = [("x-auth-token", admin.as_str())];
        let body = body.map(|body| body.to_string());
        let answer = server.client.send(method, &format!("/v2.0/{path}"), body, &headers).await;
        let (status, answer) = answer.expect("an answer");
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    };
    let public = json!({ "network": { "name": "public", "router:external": true } });
    let public = send("POST", "networks", Some(public)).await["network"]["id"].clone();
    for (version, cidr) in [(4, "192.0.2.0/24"), (6, "2001:db8:ffff::/64")] {
        let subnet = json!({ "network_id": public, "ip_version": version, "cidr": cidr });
        send("POST", "subnets", Some(json!({ "subnet": subnet }))).await;
    }
    for (prefix, length) in [("10.101.0.0/16", 24), ("2001:db8:fffe::/48", 64)] {
        let pool = json!({ "name": "default", "prefixes": [prefix], "default_prefixlen": length, "shared": true,
            "is_default": true });
        send("POST", "subnetpools", Some(json!({ "subnetpool": pool }))).await;
    }
    let extensions = send("GET", "extensions", None).await;
    let extensions = extensions["extensions"].as_array().expect("a list").iter();
    let aliases = extensions.filter_map(|extension| extension["alias"].as_str());
    let aliases: Vec<&str> = aliases.chain([TAGS]).collect();

    let folder = tempfile::tempdir().expect("a folder");
    let configuration = [
        ("@FOLDER@", folder.path().to_str().expect("text")),
        ("@PASSWORD@", PASSWORD),
        ("@KEYSTONE@", &keystone.url),
        ("@PUBLIC@", public.as_str().expect("an id")),
        ("@EXTENSIONS@", &aliases.join(",")),
    ]
    .iter()
    .fold(CONFIGURATION.to_owned(), |text, (name, value)| text.replace(name, value));
    std::fs::write(folder.path().join("tempest.conf"), configuration).expect("written");
    let begun = Instant::now();
    let output = Command::new(python::program("python"))
        .args(["-W", "ignore", "-c", PROGRAM])
        .args(tests)
        .env("TEMPEST_CONFIG_DIR", folder.path())
        .env("TEMPEST_CONFIG", "tempest.conf")
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output();
    let output = output.await.expect("Python runs: scripts/install-packages test");
    let errors = String::from_utf8_lossy(&output.stderr);
    let log = std::fs::read_to_string(folder.path().join("tempest.log")).unwrap_or_default();
    assert!(output.status.success(), "{errors}{}", log.lines().last().unwrap_or_default());
    let seconds = begun.elapsed().as_secs_f64();
    judge(
        expected,
        &String::from_utf8_lossy(&output.stdout),
        &errors,
        &format!("on {engine:?} in {seconds:.0} s"),
    );
}

/// `passed NAME`, `lacks THING NAME` and `races THING NAME` against `passed NAME`, `failed NAME WHY`, `skipped NAME WHY`.
fn judge(expected: &str, found: &str, errors: &str, how: &str) {
    let lines = expected.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let expected: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    let good: BTreeSet<&str> =
        expected.iter().filter(|words| words[0] == "passed").map(|words| words[1]).collect();
    let lacking: BTreeMap<&str, &str> =
        expected.iter().filter(|words| words[0] == "lacks").map(|words| (words[2], words[1])).collect();
    let racing: BTreeSet<&str> =
        expected.iter().filter(|words| words[0] == "races").map(|words| words[2]).collect();
    assert_eq!(
        good.len() + lacking.len() + racing.len(),
        expected.len(),
        "a list has a line twice, or a strange one"
    );
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for line in found.lines() {
        let mut words = line.splitn(3, ' ');
        let (outcome, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        seen.insert(name);
        if racing.contains(name) {
            continue;
        }
        match (outcome, good.contains(name), lacking.get(name)) {
            ("passed", true, _) | ("failed" | "skipped", _, Some(_)) => {}
            ("passed", false, Some(thing)) => problems.push(format!("passes though {thing} lacks: {name}")),
            ("passed", ..) => problems.push(format!("passes, and is not listed: {name}")),
            _ => problems.push(line.to_owned()),
        }
    }
    let missing = good.iter().chain(lacking.keys()).chain(&racing).filter(|name| !seen.contains(*name));
    problems.extend(missing.map(|name| format!("was not run: {name}")));
    let count = |outcome: &str| found.lines().filter(|line| line.split(' ').next() == Some(outcome)).count();
    let [passed, failed, skipped] = ["passed", "failed", "skipped"].map(count);
    println!("Tempest: {passed} passed, {failed} failed, {skipped} skipped {how}");
    assert!(problems.is_empty(), "{} problems:\n{}\n\n{errors}", problems.len(), problems.join("\n"));
}

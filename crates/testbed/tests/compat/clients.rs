//! Unmodified clients that find us in the catalog of a real Keystone, as people with different roles.
//!
//! What anyone may do is one test, what the policy says to whom another.

use std::path::Path;
use std::process::Output;

use bus::Bus;
use model::report::L3Configuration;
use serde_json::Value;
use testbed::simulated::SimulatedHost;
use testbed::{Keystone, Lone, python};
use tokio::process::Command;

/// A user and the project that it works in.
type User = (&'static str, &'static str);

const ADMIN: User = ("admin", "admin");
const MEMBER: User = ("blue-member", "blue");
const READER: User = ("blue-reader", "blue");
const OTHER: User = ("green-member", "green");

struct Cloud {
    keystone: Keystone,
    _server: Lone,
}

impl Cloud {
    async fn start() -> Cloud {
        Cloud::with(Bus::in_process()).await
    }

    async fn with(bus: Bus) -> Cloud {
        let keystone = Keystone::start(Default::default()).await.expect("Keystone starts");
        let settings = keystone.api(keystone.settings());
        let server = Lone::start(settings, bus).await.expect("starts");
        keystone.serve_network(&format!("http://{}", server.address)).await.expect("in the catalog");
        Cloud { keystone, _server: server }
    }

    fn command(&self, program: &str, (user, project): User) -> Command {
        let mut command = Command::new(python::program(program));
        command.envs(self.keystone.environment(user, project)).env("PYTHONWARNINGS", "ignore");
        command
    }

    async fn output(&self, user: User, words: &str) -> Output {
        let mut command = self.command("openstack", user);
        command.args(words.split_whitespace()).output().await.expect("the openstack command runs")
    }

    /// The answer as JSON, where the command has one.
    async fn run(&self, user: User, words: &str) -> Value {
        let output = self.output(user, words).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{user:?}: openstack {words}\n{out}{err}");
        serde_json::from_str(&out).unwrap_or(Value::Null)
    }

    /// Asserts that it fails with a word.
    async fn fails(&self, user: User, words: &str, with: &str) {
        let output = self.output(user, words).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{user:?}: openstack {words} should fail");
        assert!(said.contains(with), "{user:?}: openstack {words}: {said}");
    }

    /// Runs a script beside this file, or a part of it. Its asserts are in it.
    async fn script(&self, script: &str, part: &str) {
        let mut command = self.command("python", ADMIN);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(script);
        command.arg(path).arg(part).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output().await.expect("Python runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{part}\n{out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openstack_command_finds_us_in_the_catalog() {
    let cloud = Cloud::start().await;
    let network = cloud.run(MEMBER, "network create -f json blue-net").await;
    let project = cloud.run(ADMIN, "project show -f json blue").await;
    assert_eq!(network["project_id"], project["id"]);
    cloud.run(MEMBER, "subnet create -f json --network blue-net --subnet-range 10.0.0.0/24 blue-sub").await;
    let port = cloud.run(MEMBER, "port create -f json --network blue-net blue-port").await;
    assert_eq!(port["project_id"], project["id"]);
    assert_eq!(cloud.run(READER, "network list -f json").await[0]["Name"], "blue-net");
    assert_eq!(cloud.run(READER, "subnet show -f json blue-sub").await["cidr"], "10.0.0.0/24");
    assert_eq!(cloud.run(ADMIN, "port list -f json").await[0]["Name"], "blue-port");
    cloud.run(MEMBER, "port delete blue-port").await;
    cloud.run(MEMBER, "network delete blue-net").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_finds_us_in_the_catalog() {
    Cloud::start().await.script("clients.py", "catalog").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_projects_hold_for_the_openstack_command() {
    let cloud = Cloud::start().await;
    cloud.run(MEMBER, "network create blue-net").await;
    cloud.fails(READER, "network create no", "403").await;
    cloud.fails(READER, "network set --name no blue-net", "403").await;
    cloud.fails(READER, "network delete blue-net", "403").await;
    cloud.fails(OTHER, "network show blue-net", "No Network found").await;
    cloud.fails(MEMBER, "network create --provider-network-type vxlan no", "403").await;
    cloud.fails(MEMBER, "network create --share no", "403").await;
    let listed = cloud.run(OTHER, "network list -f json").await;
    assert_eq!(listed, Value::Array(vec![]));
    let shown = cloud.run(MEMBER, "network show -f json blue-net").await;
    assert!(shown["provider:network_type"].is_null(), "{shown}");
    let shown = cloud.run(ADMIN, "network show -f json blue-net").await;
    assert_eq!(shown["provider:network_type"], "vxlan");
    cloud.run(ADMIN, "network set --share blue-net").await;
    assert_eq!(cloud.run(OTHER, "network list -f json").await[0]["Name"], "blue-net");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_projects_hold_for_the_sdk() {
    Cloud::start().await.script("clients.py", "policy").await;
}

/// Asks for what a cloud with two hosts serves, all of it.
async fn everything(script: &str) {
    let bus = Bus::in_process();
    let cloud = Cloud::with(bus.clone()).await;
    let mut hosts = Vec::new();
    for (name, address) in [("compute-1", [192, 0, 2, 1]), ("compute-2", [192, 0, 2, 2])] {
        let routes = Some(L3Configuration::default());
        hosts.push(SimulatedHost::start_as(bus.clone(), name, address.into(), routes).await);
    }
    cloud.script(script, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_asks_for_every_operation() {
    everything("everything.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openstack_command_has_words_for_every_collection() {
    everything("commands.py").await;
}

//! The `openstack` command of python-openstackclient, unmodified, against our server.

use std::process::Output;

use bus::Bus;
use serde_json::Value;
use server::Settings;
use testbed::{Lone, python};
use tokio::process::Command;

struct Shell(Lone);

impl Shell {
    async fn start() -> Shell {
        Shell(Lone::start(Settings::default(), Bus::in_process()).await.expect("starts"))
    }

    async fn output(&self, words: &str) -> Output {
        let mut command = Command::new(python::program("openstack"));
        command
            .args(["--os-auth-type", "none", "--os-endpoint", &format!("http://{}", self.0.address)])
            .args(words.split_whitespace());
        command.output().await.expect("the openstack command runs: scripts/install-packages test")
    }

    /// The answer as JSON, where the command has one.
    async fn run(&self, words: &str) -> Value {
        let output = self.output(words).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "openstack {words}\n{out}{err}");
        serde_json::from_str(&out).unwrap_or(Value::Null)
    }

    /// What it says when it fails.
    async fn fails(&self, words: &str) -> String {
        let output = self.output(words).await;
        assert!(!output.status.success(), "openstack {words} should fail");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_list_show_set_delete_of_the_three() {
    let shell = Shell::start().await;
    let network = shell.run("network create -f json --mtu 1400 --description first blue").await;
    assert_eq!((&network["name"], &network["mtu"]), (&"blue".into(), &1400.into()));
    shell.run("network set --name azure --disable blue").await;
    let shown = shell.run("network show -f json azure").await;
    assert_eq!(shown["admin_state_up"], false);
    let listed = shell.run("network list -f json --long").await;
    assert_eq!(listed[0]["Name"], "azure");

    let subnet = shell
        .run(
            "subnet create -f json --network azure --subnet-range 10.0.0.0/24 \
             --dns-nameserver 192.0.2.53 --allocation-pool start=10.0.0.10,end=10.0.0.99 small",
        )
        .await;
    assert_eq!(subnet["cidr"], "10.0.0.0/24");
    shell.run("subnet set --no-dhcp --name little small").await;
    let shown = shell.run("subnet show -f json little").await;
    assert_eq!((&shown["enable_dhcp"], &shown["gateway_ip"]), (&false.into(), &"10.0.0.1".into()));
    assert_eq!(shell.run("subnet list -f json --network azure").await[0]["Name"], "little");

    let port =
        shell.run("port create -f json --network azure --fixed-ip ip-address=10.0.0.50 --tag red plug").await;
    assert_eq!(port["fixed_ips"][0]["ip_address"], "10.0.0.50");
    shell.run("port set --device vm-1 --name socket --allowed-address ip-address=10.0.0.60 plug").await;
    let shown = shell.run("port show -f json socket").await;
    assert_eq!((&shown["device_id"], &shown["status"]), (&"vm-1".into(), &"DOWN".into()));
    let found = shell.run("port list -f json --fixed-ip ip-address=10.0.0.50").await;
    assert_eq!(found[0]["Name"], "socket");
    assert_eq!(shell.run("port list -f json --tags red").await.as_array().map(Vec::len), Some(1));

    let said = shell.fails("network delete azure").await;
    assert!(said.contains("in use"), "{said}");
    shell.run("port delete socket").await;
    shell.run("subnet delete little").await;
    shell.run("network delete azure").await;
    assert_eq!(shell.run("network list -f json").await, serde_json::json!([]));
    let said = shell.fails("network show azure").await;
    assert!(said.contains("No Network found") || said.contains("could not be found"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_agents_and_mistakes() {
    let shell = Shell::start().await;
    let aliases = shell.run("extension list -f json --network").await;
    let aliases: Vec<&str> =
        aliases.as_array().expect("a list").iter().filter_map(|row| row["Alias"].as_str()).collect();
    assert!(aliases.contains(&"security-group") && !aliases.contains(&"fwaas_v2"), "{aliases:?}");
    assert_eq!(shell.run("network agent list -f json").await, serde_json::json!([]));
    let said = shell.fails("subnet create --network nowhere --subnet-range 10.0.0.0/24 lost").await;
    assert!(said.contains("nowhere"), "{said}");
    shell.run("network create -f json net").await;
    let said =
        shell.fails("subnet create --network net --subnet-range 10.0.0.0/24 --gateway 10.0.0.0 odd").await;
    assert!(said.contains("10.0.0.0"), "the sentence names the value: {said}");
}

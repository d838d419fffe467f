//! Short words for the tests beside this file.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::{Cloud, Guest, Plan};

pub const SOON: Duration = Duration::from_secs(20);
pub const ANSWER: Duration = Duration::from_secs(5);

/// A cloud of some hosts with their agents.
pub async fn cloud(name: &str, hosts: usize) -> Cloud {
    Cloud::start(Plan::new(name, hosts)).await.expect("a cloud; these tests need root")
}

/// A guest that is wired and has its lease, its port, and its IPv4 address.
pub async fn guest(cloud: &Cloud, name: &str, network: &str, host: usize) -> (Guest, Value, String) {
    let (guest, port) = cloud.boot(name, network, host).await.expect("boots");
    let port = cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
    guest.dhcp().await.expect("a lease");
    let address = address(&port, false);
    (guest, port, address)
}

pub fn address(port: &Value, ipv6: bool) -> String {
    let mut ips =
        port["fixed_ips"].as_array().into_iter().flatten().filter_map(|ip| ip["ip_address"].as_str());
    ips.find(|ip| ip.contains(':') == ipv6).expect("an address of the version").to_owned()
}

/// Adds an IPv6 subnet of a mode.
pub async fn ipv6(cloud: &Cloud, network: &str, cidr: &str, mode: &str) {
    let fields = json!({
        "network_id": network, "ip_version": 6, "cidr": cidr,
        "ipv6_ra_mode": mode, "ipv6_address_mode": mode, "dns_nameservers": ["2001:db8::53"],
    });
    cloud.client.create("subnet", fields).await.expect("an IPv6 subnet");
}

/// Pings without end until it is told to stop; counts what was lost.
pub struct Pinger {
    child: tokio::process::Child,
}

impl Pinger {
    pub fn start(guest: &Guest, to: &str) -> Pinger {
        let words = ["ping", "-n", "-q", "-i", "0.02", to];
        let mut command = testbed::place::command_in(&guest.namespace, &words);
        let child = command.stdout(std::process::Stdio::piped()).spawn().expect("ping runs");
        Pinger { child }
    }

    /// Packets sent and received.
    pub async fn stop(self) -> (u64, u64) {
        let pid = self.child.id().expect("ping still runs");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("ping is told");
        let output = self.child.wait_with_output().await.expect("ping ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.contains("transmitted")).expect("a summary");
        let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
        (numbers.next().expect("sent"), numbers.next().expect("received"))
    }
}

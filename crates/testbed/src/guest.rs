//! Instances as namespaces: a device of the port's name on the host, or memory that is shared with it; `eth0` inside.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::monitor::Monitor;
use crate::place::{Place, command_in, link, run_in};

/// What udhcpc calls: sets the address and routes, and notes the lease where we can read it.
const UDHCPC_SCRIPT: &str = r#"#!/bin/sh
case "$1" in
bound|renew)
    ip addr replace "$ip/$mask" dev "$interface"
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; done
    set > "$NEUTRINO_LEASE"
    set -- $staticroutes
    while [ $# -gt 1 ]; do ip route replace "$1" via "$2" dev "$interface"; shift 2; done
    ;;
deconfig) ip link set "$interface" up ;;
esac
"#;

/// An instance, until it is dropped with its place.
#[derive(Debug, Clone)]
pub struct Guest {
    pub name: String,
    pub namespace: PathBuf,
    pub host: PathBuf,
    /// The device on the host.
    pub tap: String,
    lease: PathBuf,
    script: PathBuf,
    /// Of one that shares its memory.
    monitor: Option<Arc<Monitor>>,
}

impl Guest {
    /// Plugs an instance into a port, as a compute service does.
    pub async fn boot(place: &Place, name: &str, host: &Path, port: &Value) -> anyhow::Result<Guest> {
        let id = port["id"].as_str().context("a port has an id")?;
        let mac = port["mac_address"].as_str().context("a port has a MAC address")?;
        let socket = port["binding:vif_details"]["vhostuser_socket"].as_str();
        let tap = format!("tap{}", &id[..11]);
        let namespace = place.add(name).await?;
        // Namespaces made for hosts do not listen to routers; an instance does.
        let listen = "echo 1 > /proc/sys/net/ipv6/conf/default/accept_ra";
        run_in(&namespace, &["sh", "-c", listen]).await?;
        let monitor = match socket {
            None => {
                link(host, &tap, &namespace, "eth0", Some(mac)).await?;
                None
            }
            Some(socket) => {
                let monitor = Monitor::start(Path::new(socket), &namespace, "eth0")?;
                run_in(
                    &namespace,
                    &["ip", "link", "set", "eth0", "down", "address", mac, "addrgenmode", "eui64"],
                )
                .await?;
                run_in(&namespace, &["ip", "link", "set", "eth0", "up"]).await?;
                Some(Arc::new(monitor))
            }
        };
        let script = place.folder().join("pid.udhcpc");
        std::fs::write(&script, UDHCPC_SCRIPT)?;
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let lease = place.folder().join(format!("pid.lease.{name}"));
        Ok(Guest { name: name.to_owned(), namespace, host: host.to_owned(), tap, lease, script, monitor })
    }

    /// Asks for a lease and takes it; returns what the server offered, as `name=value` lines.
    pub async fn dhcp(&self) -> anyhow::Result<String> {
        let script = self.script.display().to_string();
        let words = [
            "udhcpc",
            "-i",
            "eth0",
            "-f",
            "-n",
            "-q",
            "-t",
            "20",
            "-T",
            "1",
            "-O",
            "mtu",
            "-O",
            "staticroutes",
            "-s",
            script.as_str(),
        ];
        let output = command_in(&self.namespace, &words)
            .env("NEUTRINO_LEASE", &self.lease)
            .output()
            .await
            .context("cannot run udhcpc")?;
        if !output.status.success() {
            bail!("{} got no lease: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(std::fs::read_to_string(&self.lease)?)
    }

    /// One ping that is answered within the time; its round trip.
    pub async fn ping(&self, address: &str, limit: Duration) -> anyhow::Result<Duration> {
        let seconds = limit.as_secs().max(1).to_string();
        let said = run_in(&self.namespace, &["ping", "-n", "-c", "1", "-W", &seconds, address]).await?;
        let time = said.split("time=").nth(1).and_then(|rest| rest.split(' ').next());
        let ms: f64 = time.and_then(|ms| ms.parse().ok()).unwrap_or_default();
        Ok(Duration::from_secs_f64(ms / 1000.0))
    }

    /// Pings every 5 ms until the first answer; how long after the call it came.
    pub async fn first_answer(&self, address: &str, limit: Duration) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let words = ["ping", "-n", "-i", "0.005", "-W", "0.1", address];
        let mut ping = command_in(&self.namespace, &words).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(ping.stdout.take().context("its output")?).lines();
        let answered = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("time=") {
                    return Ok(begun.elapsed());
                }
            }
            bail!("ping ended before {address} answered")
        };
        let answered = tokio::time::timeout(limit, answered).await;
        ping.kill().await?;
        answered.with_context(|| format!("{address} did not answer {} in {limit:?}", self.name))?
    }

    pub async fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        run_in(&self.namespace, words).await
    }

    /// Unplugs the instance: its device goes, as when a virtual machine ends.
    pub async fn shut_down(self, place: &Place) -> anyhow::Result<()> {
        match self.monitor {
            Some(monitor) => drop(monitor),
            None => drop(run_in(&self.host, &["ip", "link", "del", &self.tap]).await?),
        }
        place.remove(&self.name).await;
        Ok(())
    }
}

//! Memory of a server: idle, and with many ports.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use testbed::demo::show::working;

use crate::load::{self, Job, Load, Measured, Target};
use crate::process::{self, Memory};
use crate::server::{Server, Setup};
use crate::{peer, show};

const NETWORKS: usize = 10;
const PORTS: usize = 10_000;
/// Ports in one request.
const BULK: usize = 100;

pub async fn run(program: Option<&Path>) -> anyhow::Result<()> {
    let server = Server::start(Setup { program, ..Setup::default() }).await?;
    let idle = process::memory(server.pid);
    let what = format!("{PORTS} ports in {NETWORKS} networks");
    let made = working(&what, fill(&server.target)).await?;
    let full = process::memory(server.pid);
    let mut table =
        show::table(&["memory of the server", "VmRSS KiB", "PSS KiB", "peer RSS/ours", "peer PSS/ours"]);
    for (what, memory) in [("idle", idle), ("with 10,000 ports in 10 networks", full)] {
        let Memory { resident_kib, proportional_kib } = memory;
        table.add_row([
            what.to_owned(),
            resident_kib.to_string(),
            proportional_kib.to_string(),
            format!("{:.0}", peer::RESIDENT_KIB as f64 / resident_kib as f64),
            format!("{:.0}", peer::PROPORTIONAL_KIB as f64 / proportional_kib as f64),
        ]);
    }
    println!("{table}");
    println!(
        "peer: stored, ten processes of Neutron 29.0.0 idle after a fresh start: {} KiB RSS, {} KiB PSS",
        peer::RESIDENT_KIB,
        peer::PROPORTIONAL_KIB
    );
    println!("ports came {BULK} in a request: CPU {:.3} ms a port", made.cpu_ms() / BULK as f64);
    server.stop().await
}

async fn fill(target: &Target) -> anyhow::Result<Measured> {
    let load = Load { clients: 1, limit: Duration::from_secs(120), keep: true };
    let network = json!({ "network": { "name": "bench" } });
    let networks = vec![Job::post("/v2.0/networks", &network); NETWORKS];
    let networks = load::run(target, networks, load).await?.ids;
    let subnet = |id: &String| {
        let fields = json!({ "network_id": id, "ip_version": 4, "cidr": "10.64.0.0/16" });
        Job::post("/v2.0/subnets", &json!({ "subnet": fields }))
    };
    load::run(target, networks.iter().map(subnet).collect(), load).await?;
    let ports = |at: usize| {
        let ports = vec![json!({ "network_id": networks[at % networks.len()] }); BULK];
        Job::post("/v2.0/ports", &json!({ "ports": ports }))
    };
    if networks.is_empty() {
        bail!("no network was made");
    }
    let made = load::run(target, (0..PORTS / BULK).map(ports).collect(), load).await?;
    (made.ids.len() == PORTS).then_some(made).context("not all ports were made in time")
}

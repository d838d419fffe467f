//! 1,000 ports on one host.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use testbed::demo::show::working;
use testbed::place::run_in;
use testbed::{Cloud, wait};

use crate::load::{self, Cpu, Job, Load, Target};
use crate::wiring::batch;
use crate::{process, show};

const PORTS: usize = 1000;
/// Ports in one request.
const BULK: usize = 100;
const LIMIT: Duration = Duration::from_secs(180);
/// Between two looks at whether it is done.
const PAUSE: Duration = Duration::from_millis(200);

/// Wall time and CPU time of one half.
struct Spent {
    wall: Duration,
    cpu: Duration,
    /// Part of the time that the commands took which name and remove the devices.
    commands: Duration,
}

pub async fn run(cloud: &Cloud, empty: &[String]) -> anyhow::Result<()> {
    let host = cloud.hosts[0].namespace.clone();
    let sink = cloud.place.add("sink").await?;
    let network = cloud.network_of("bench-many", "10.2.0.0/16").await?;
    working("devices for 1,000 ports", batch::pairs(&host, &sink, PORTS)).await?;
    let (ports, wired) = working("1,000 ports until all are ACTIVE", wire(cloud, &network, &host)).await?;
    let gone = unwire(cloud, &network, ports, &sink, empty);
    let gone = working("1,000 devices, ports and their network go", gone).await?;
    cloud.place.remove("sink").await;
    let floor = working("the floor: one ip -batch", batch::floor(&cloud.place, PORTS)).await?;
    let mut table = show::table(&[
        "1,000 ports on one host",
        "CPU ms/port",
        "floor CPU ms",
        "ours/floor",
        "seconds",
        "of it ip commands",
    ]);
    let ms = |cpu: Duration| cpu.as_secs_f64() * 1e3 / PORTS as f64;
    table.add_row([
        "bulk POST, devices plugged, until all ACTIVE".to_owned(),
        format!("{:.3}", ms(wired.cpu)),
        format!("{:.3}", ms(floor)),
        format!("{:.1}", ms(wired.cpu) / ms(floor)),
        format!("{:.1}", wired.wall.as_secs_f64()),
        format!("{:.1}", wired.commands.as_secs_f64()),
    ]);
    table.add_row([
        "devices removed, DELETE, until nothing is left".to_owned(),
        format!("{:.3}", ms(gone.cpu)),
        "-".to_owned(),
        "-".to_owned(),
        format!("{:.1}", gone.wall.as_secs_f64()),
        format!("{:.1}", gone.commands.as_secs_f64()),
    ]);
    println!("{table}");
    println!(
        "CPU: server, two agents and the client, one process. floor: one child that makes the \
         same devices ports of a bridge and brings them up: no spoof rules, forwarding entries, DHCP or \
         reports. The ip commands name and remove the devices one by one; the agent works beside them."
    );
    Ok(())
}

/// Measures from its making; the commands that play instances or look are children, and do not count.
struct Watch {
    start: Instant,
    own: Duration,
}

impl Watch {
    fn start() -> Watch {
        Watch { start: Instant::now(), own: process::own_cpu() }
    }

    fn stop(self, commands: Duration) -> Spent {
        let cpu = process::own_cpu().saturating_sub(self.own);
        Spent { wall: self.start.elapsed(), cpu, commands }
    }
}

async fn wire(cloud: &Cloud, network: &str, host: &Path) -> anyhow::Result<(Vec<String>, Spent)> {
    let watch = Watch::start();
    let one = |at| {
        json!({
            "network_id": network, "mac_address": batch::mac(at), "device_owner": "compute:nova",
            "device_id": format!("bench-{at}"), "binding:host_id": cloud.hosts[0].name,
        })
    };
    let jobs = (0..PORTS / BULK).map(|page| {
        let ports: Vec<_> = (page * BULK..(page + 1) * BULK).map(one).collect();
        Job::post("/v2.0/ports", &json!({ "ports": ports }))
    });
    let load = Load { clients: 1, limit: LIMIT, keep: true };
    let ports = load::run(&target(cloud), jobs.collect(), load).await?.ids;
    if ports.len() != PORTS {
        bail!("{} of {PORTS} ports were made", ports.len());
    }
    let names = macs(cloud, network).await?;
    let plug = names.iter().flat_map(|(at, id)| {
        let tap = format!("tap{}", &id[..11]);
        [format!("link set {} name {tap}", batch::early(*at)), format!("link set {tap} up")]
    });
    let plugging = Instant::now();
    batch::ip(host, plug).await?;
    let commands = plugging.elapsed();
    let others =
        format!("ports?network_id={network}&status=DOWN&status=BUILD&status=ERROR&limit=1&fields=id");
    let done = wait::until_every(PAUSE, LIMIT, || async {
        let rest = cloud.client.get(&others).await.ok()?;
        rest.as_array().is_some_and(Vec::is_empty).then_some(())
    });
    done.await.context("not all ports became ACTIVE in time")?;
    Ok((ports, watch.stop(commands)))
}

/// Which port has which instance's MAC address.
async fn macs(cloud: &Cloud, network: &str) -> anyhow::Result<Vec<(usize, String)>> {
    let path = format!("ports?network_id={network}&fields=id&fields=device_id&device_owner=compute:nova");
    let listed = cloud.client.get(&path).await?;
    let ports = listed.as_array().context("a list of ports")?.iter();
    let one = |port: &serde_json::Value| {
        let at = port["device_id"].as_str()?.strip_prefix("bench-")?.parse().ok()?;
        Some((at, port["id"].as_str()?.to_owned()))
    };
    Ok(ports.filter_map(one).collect())
}

fn target(cloud: &Cloud) -> Target {
    Target {
        clients: vec![cloud.client.clone()],
        headers: vec![],
        cpu: Cpu::Processes(vec![]),
        database: None,
    }
}

async fn unwire(
    cloud: &Cloud,
    network: &str,
    ports: Vec<String>,
    sink: &Path,
    empty: &[String],
) -> anyhow::Result<Spent> {
    let watch = Watch::start();
    batch::ip(sink, (0..PORTS).map(|at| format!("link del peer{at}"))).await?;
    let commands = watch.start.elapsed();
    let jobs = ports.iter().map(|id| Job::delete(format!("/v2.0/ports/{id}"))).collect();
    load::run(&target(cloud), jobs, Load { clients: 16, limit: LIMIT, keep: false }).await?;
    cloud.client.delete("network", network).await?;
    let end = watch.start + LIMIT;
    loop {
        let left = left(cloud).await?;
        if left == empty {
            return Ok(watch.stop(commands));
        }
        if Instant::now() > end {
            bail!("after {LIMIT:?} there is left: {left:?}");
        }
        wait::pause(PAUSE).await;
    }
}

/// Devices and rules of every host.
pub async fn left(cloud: &Cloud) -> anyhow::Result<Vec<String>> {
    let mut out = Vec::new();
    for host in &cloud.hosts {
        let links = run_in(&host.namespace, &["ip", "-o", "-br", "link"]).await?;
        let names = links.lines().filter_map(|line| line.split_whitespace().next());
        out.extend(names.map(|name| format!("{} {name}", host.name)));
        let tables = run_in(&host.namespace, &["nft", "list", "tables"]).await?;
        out.extend(tables.lines().map(|line| format!("{} {line}", host.name)));
    }
    Ok(out)
}

//! A network node with many routers.

use std::time::{Duration, Instant};

use anyhow::Context;
use model::desired::L3Mode;
use testbed::demo::show::working;
use testbed::place::{delete_in, run_in};
use testbed::routing::RouterPlan;
use testbed::{Cloud, wait};

use crate::routers::process as steps;
use crate::{process, show};

const LIMIT: Duration = Duration::from_secs(300);
/// Nothing is done any more when this passes without CPU time.
const QUIET: Duration = Duration::from_millis(400);

pub async fn run(counts: &[usize]) -> anyhow::Result<()> {
    let mut held =
        show::table(&["a network node", "routers", "namespaces", "processes", "devices", "kernel MiB"]);
    for count in counts {
        for lazy in [true, false] {
            let what = format!("{count} routers with floating IPs only, lazy {lazy}");
            held.add_row(working(&what, hold(*count, lazy)).await?);
        }
    }
    println!("{held}");
    println!(
        "distributed routers, one network, one instance and one floating IP each. kernel: slab and per-CPU \
         memory that the machine has more than before."
    );
    let mut built = show::table(&[
        "built from nothing",
        "routers",
        "CPU ms/router",
        "wall s",
        "reach",
        "peer CPU ms/router",
        "peer/ours",
    ]);
    let peer = working("the peer's way, one command per step", steps::run()).await?;
    for count in counts {
        let (cpu, wall) = working(&format!("{count} routers, all built again"), rebuild(*count)).await?;
        let cpu = cpu.as_secs_f64() * 1e3 / *count as f64;
        built.add_row([
            "agent starts, no namespace there".to_owned(),
            count.to_string(),
            format!("{cpu:.2}"),
            format!("{:.1}", wall.as_secs_f64()),
            "2.5 ms; 1,000 in 4 s".to_owned(),
            format!("{peer:.0}"),
            format!("{:.0}", peer / cpu),
        ]);
    }
    println!("{built}");
    println!(
        "whole routers: an interface, a gateway with SNAT, a floating IP. CPU: this process, which holds agent \
         and server; not what the kernel does in its own threads. peer: a command per step (ip, sysctl, nft), \
         {} routers, without the program that calls them; Neutron 29 with it: 1,100 to 2,000 ms (stored).",
        steps::ROUTERS
    );
    Ok(())
}

async fn hold(count: usize, lazy: bool) -> anyhow::Result<[String; 6]> {
    let before = kernel_kib();
    let (cloud, compute, outside) = super::cloud("bench-node", L3Mode::DvrSnat, lazy).await?;
    let plan = RouterPlan { distributed: true, ha: false, enable_snat: false };
    for at in 0..count {
        super::router(&cloud, at, plan, &outside).await?;
    }
    let wanted = if lazy { 0 } else { 2 * count };
    cloud.has_router_namespaces(0, wanted, LIMIT).await?;
    quiet().await?;
    let links = run_in(&cloud.hosts[0].namespace, &["ip", "-o", "link"]).await?.lines().count();
    let row = [
        if lazy { "lazy" } else { "never lazy" }.to_owned(),
        count.to_string(),
        cloud.router_namespaces(0)?.len().to_string(),
        cloud.processes(0).to_string(),
        links.to_string(),
        format!("{:.0}", kernel_kib().saturating_sub(before) as f64 / 1024.0),
    ];
    drop(compute);
    cloud.stop().await?;
    Ok(row)
}

/// CPU and wall time until all routers of a host are there again.
async fn rebuild(count: usize) -> anyhow::Result<(Duration, Duration)> {
    let (mut cloud, compute, outside) = super::cloud("bench-build", L3Mode::Legacy, true).await?;
    let plan = RouterPlan { distributed: false, ha: false, enable_snat: true };
    for at in 0..count {
        super::router(&cloud, at, plan, &outside).await?;
    }
    cloud.has_router_namespaces(0, count, LIMIT).await?;
    quiet().await?;
    cloud.kill_agent(0).await;
    let folder = cloud.place.folder().join(format!("{}.netns", cloud.hosts[0].name));
    for name in cloud.router_namespaces(0)? {
        delete_in(&folder, &name)?;
    }
    quiet().await?;
    let (cpu, start) = (process::own_cpu(), Instant::now());
    cloud.start_agent(0);
    cloud.has_router_namespaces(0, count, LIMIT).await?;
    let idle = quiet().await?;
    let (cpu, wall) = (process::own_cpu().saturating_sub(cpu), idle.duration_since(start));
    works(&cloud, count).await?;
    drop(compute);
    cloud.stop().await?;
    Ok((cpu, wall))
}

/// Every router's namespace has its way out and its translation.
async fn works(cloud: &Cloud, count: usize) -> anyhow::Result<()> {
    let names = cloud.router_namespaces(0)?;
    let mut good = 0;
    for name in &names {
        let look = "ip route show default; nft list tables";
        let shown = cloud.run_inside(0, name, &["sh", "-c", look]).await?;
        good += usize::from(shown.contains("203.0.113.1") && shown.contains("neutrino"));
    }
    anyhow::ensure!(good == count, "{good} of {count} routers are whole");
    Ok(())
}

/// Waits until this process has nothing to do; when it last had.
async fn quiet() -> anyhow::Result<Instant> {
    let mut last = (process::own_cpu(), Instant::now());
    let found = wait::until_every(Duration::from_millis(50), LIMIT, || {
        let cpu = process::own_cpu();
        // Looking takes a tick now and then.
        if cpu.saturating_sub(last.0) > Duration::from_millis(10) {
            last = (cpu, Instant::now());
        }
        let idle = last.1.elapsed() > QUIET;
        async move { idle.then_some(()) }
    });
    found.await.context("it does not come to rest")?;
    Ok(last.1)
}

/// Memory of the kernel that namespaces and devices take.
fn kernel_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default()
    };
    field("Slab:") + field("Percpu:")
}

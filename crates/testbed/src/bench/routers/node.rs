//! A network node with many routers.

use std::time::Duration;

use anyhow::Context;
use model::desired::L3Mode;
use testbed::demo::show::working;
use testbed::place::run_in;
use testbed::routing::RouterPlan;
use testbed::wait;

use crate::routers::built::quiet;
use crate::show;

/// What a project may have of HA routers.
const HA_ROUTERS: usize = 254;
const LIMIT: Duration = Duration::from_secs(300);

pub async fn run(counts: &[usize]) -> anyhow::Result<()> {
    let mut held =
        show::table(&["a network node", "routers", "namespaces", "processes", "devices", "kernel MiB"]);
    for count in counts {
        for ha in [false, true].into_iter().filter(|ha| !ha || *count <= HA_ROUTERS) {
            for lazy in [true, false] {
                let what = format!("{count} routers with floating IPs only, HA {ha}, lazy {lazy}");
                held.add_row(working(&what, hold(*count, ha, lazy)).await?);
            }
        }
    }
    println!("{held}");
    println!(
        "distributed routers, one network, one instance and one floating IP each. kernel: slab and per-CPU \
         memory that the machine has more than before."
    );
    Ok(())
}

async fn hold(count: usize, ha: bool, lazy: bool) -> anyhow::Result<[String; 6]> {
    let before = kernel_kib();
    let (cloud, compute, outside) = super::cloud("bench-node", L3Mode::DvrSnat, lazy).await?;
    let plan = RouterPlan { distributed: true, ha, enable_snat: false };
    for at in 0..count {
        super::router(&cloud, at, plan, &outside).await?;
    }
    let wanted = if lazy { 0 } else { 2 * count };
    cloud.has_router_namespaces(0, wanted, LIMIT).await?;
    // keepalived is two of them.
    let processes = if ha { wanted } else { 0 };
    let all = wait::until(LIMIT, || async { (cloud.processes(0) == processes).then_some(()) }).await;
    all.with_context(|| format!("not {processes} processes"))?;
    quiet().await?;
    let links = run_in(&cloud.hosts[0].namespace, &["ip", "-o", "link"]).await?.lines().count();
    let row = [
        format!("{}{}", if lazy { "lazy" } else { "never lazy" }, if ha { ", HA" } else { "" }),
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

/// Memory of the kernel that namespaces and devices take.
fn kernel_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default()
    };
    field("Slab:") + field("Percpu:")
}

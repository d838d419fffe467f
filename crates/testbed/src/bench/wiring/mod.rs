//! Wiring: from a port to a device that works, on hosts of a cloud in this process.
//!
//! ```text
//! one     one port: until ACTIVE, until a ping is answered      batch   devices in bulk, and the floor
//! many    1,000 ports on one host: until all ACTIVE, until nothing is left
//! ```
//! CPU is that of this process, which holds the server, both agents and the client that asks; the
//! commands that play the instances are children and do not count. The `nft` that agents run is a
//! child too: with many ports it is told apart and counts.

mod batch;
mod many;
mod one;

use std::time::Duration;

use testbed::{Cloud, Plan};

use crate::show;

/// What one thing took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub wall: Duration,
    pub cpu: Duration,
    /// Part of the time that the device, not we, took to be made.
    pub plugging: Duration,
}

pub async fn run() -> anyhow::Result<()> {
    let mut plan = Plan::new("bench", 2);
    plan.settings.quotas = crate::server::no_quotas();
    let cloud = Cloud::start(plan).await?;
    let outcome = measure(&cloud).await;
    let stopped = cloud.stop().await;
    outcome.and(stopped)
}

async fn measure(cloud: &Cloud) -> anyhow::Result<()> {
    let empty = many::left(cloud).await?;
    let mut table = show::table(&[
        "from POST of one port, device plugged right after",
        "n",
        "CPU ms",
        "p50 ms",
        "max ms",
        "of it plugging p50 ms",
    ]);
    for (what, samples) in one::all(cloud).await? {
        table.add_row(row(what, samples));
    }
    println!("{table}");
    println!(
        "CPU: server, two agents and the asking client together; it asks every 20 ms. Instances repeat ARP \
         every 20 ms, as Linux's own second would hide what is measured."
    );
    many::run(cloud, &empty).await
}

fn row(what: &str, samples: Vec<Sample>) -> [String; 6] {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let middle = |part: fn(&Sample) -> Duration| {
        let mut times: Vec<Duration> = samples.iter().map(part).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let cpu: Duration = samples.iter().map(|sample| sample.cpu).sum();
    let longest = samples.iter().map(|sample| sample.wall).max().unwrap_or_default();
    [
        what.to_owned(),
        samples.len().to_string(),
        format!("{:.1}", ms(cpu) / samples.len().max(1) as f64),
        format!("{:.0}", ms(middle(|sample| sample.wall))),
        format!("{:.0}", ms(longest)),
        format!("{:.0}", ms(middle(|sample| sample.plugging))),
    ]
}

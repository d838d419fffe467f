//! One large file, many small ones.

use std::time::{Duration, Instant};

use anyhow::Context;
use testbed::gateways::{ADDRESS, Gateways};
use testbed::place::run_in;
use testbed::process::{self, Memory};

const DOWNLOADS: u32 = 3;
const SECONDS: u32 = 5;
const CLIENTS: u32 = 32;

pub struct Row {
    pub name: String,
    pub mb_per_s: f64,
    pub cpu_s_per_gb: f64,
    pub requests_per_s: f64,
    pub cpu_us_per_request: f64,
    pub memory: Option<Memory>,
}

pub async fn measure(
    name: &str,
    bed: &Gateways,
    port: u16,
    cpu: impl Fn() -> Duration,
    pids: &[u32],
) -> anyhow::Result<Row> {
    let url = format!("http://{ADDRESS}:{port}/deb");
    let get = async |path: &str| bed.curl(0, &["-f", "-o", "/dev/null", &format!("{url}/{path}")]).await;
    for path in ["huge", "page"] {
        get(path).await.with_context(|| format!("{name} does not answer"))?;
    }
    let (before, begun) = (cpu(), Instant::now());
    for _ in 0..DOWNLOADS {
        get("huge").await?;
    }
    let bytes = super::LARGE_BYTES as f64 * f64::from(DOWNLOADS);
    let (took, spent) = (begun.elapsed(), cpu() - before);
    let before = cpu();
    let (clients, seconds) = (format!("-c{CLIENTS}"), format!("-d{SECONDS}"));
    let words = ["wrk", "-t1", &clients, &seconds, &format!("{url}/page")];
    let said = run_in(&bed.client(0), &words).await?;
    let small = cpu() - before;
    let number = |before: &str| -> Option<f64> {
        let line = said.lines().find(|line| line.contains(before))?;
        line.split_whitespace().find_map(|word| word.parse().ok())
    };
    let requests = number("requests in").with_context(|| format!("what wrk says: {said}"))?;
    if said.contains("Non-2xx") {
        anyhow::bail!("{name} refuses: {said}");
    }
    let memory = pids.iter().map(|pid| process::memory(*pid)).reduce(|one, other| Memory {
        resident_kib: one.resident_kib + other.resident_kib,
        proportional_kib: one.proportional_kib + other.proportional_kib,
    });
    Ok(Row {
        name: name.to_owned(),
        mb_per_s: bytes / took.as_secs_f64() / 1e6,
        cpu_s_per_gb: spent.as_secs_f64() / (bytes / 1e9),
        requests_per_s: number("Requests/sec").unwrap_or(requests / f64::from(SECONDS)),
        cpu_us_per_request: small.as_secs_f64() * 1e6 / requests,
        memory,
    })
}

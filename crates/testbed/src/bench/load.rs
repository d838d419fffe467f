//! Load on a server: a closed loop, where each client sends when it was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use testbed::Client;
use tokio::task::JoinSet;

use crate::process;

/// Servers of the API, ours or another's, with one database.
#[derive(Clone)]
pub struct Target {
    /// One for each server; those that send take turns.
    pub clients: Vec<Client>,
    /// Sent with every request, such as a token.
    pub headers: Vec<(&'static str, String)>,
    /// Whose CPU time counts.
    pub cpu: Cpu,
    /// The first process of a database server, whose CPU time is told apart.
    pub database: Option<u32>,
}

/// Where the CPU time of servers is read.
#[derive(Clone)]
pub enum Cpu {
    Processes(Vec<u32>),
    /// Threads of this process, by their name.
    Threads(&'static str),
}

impl Target {
    pub fn of(client: Client, pid: u32) -> Target {
        let cpu = Cpu::Processes(vec![pid]);
        Target { clients: vec![client], headers: vec![], cpu, database: None }
    }

    /// What the servers have used, and their database.
    fn used(&self) -> (Duration, Duration) {
        let servers = match &self.cpu {
            Cpu::Processes(pids) => process::cpu(pids),
            Cpu::Threads(name) => process::threads_cpu(name),
        };
        (servers, self.database.map(process::family_cpu).unwrap_or_default())
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// One request that nobody measures; its answer.
    pub async fn send(&self, job: &Job) -> anyhow::Result<(u16, Value)> {
        self.clients[0].send(job.method, &job.path, job.body.clone(), &self.headers()).await
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Job {
    pub method: &'static str,
    pub path: String,
    pub body: Option<String>,
}

impl Job {
    pub fn get(path: String) -> Job {
        Job { method: "GET", path, body: None }
    }

    pub fn delete(path: String) -> Job {
        Job { method: "DELETE", path, body: None }
    }

    pub fn post(path: &str, body: &Value) -> Job {
        Job { method: "POST", path: path.to_owned(), body: Some(body.to_string()) }
    }

    pub fn put(path: String, body: &Value) -> Job {
        Job { method: "PUT", path, body: Some(body.to_string()) }
    }
}

/// How much load, and for how long at most.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub clients: usize,
    pub limit: Duration,
    /// Keeps the ids of the answers.
    pub keep: bool,
}

/// What a load was answered with.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub count: usize,
    pub wall: Duration,
    /// CPU time of the servers.
    pub cpu: Duration,
    /// CPU time of their database, where it is a server of its own.
    pub database: Duration,
    pub latencies: Vec<Duration>,
    pub ids: Vec<String>,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    pub fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.count.max(1) as f64
    }

    pub fn database_ms(&self) -> f64 {
        self.database.as_secs_f64() * 1e3 / self.count.max(1) as f64
    }

    /// The latency that this share of the requests did not exceed.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let at = (self.latencies.len() as f64 * share) as usize;
        let found = self.latencies.get(at.min(self.latencies.len().saturating_sub(1)));
        found.copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    ids: Vec<(usize, String)>,
}

/// Sends the jobs and measures; an answer that is no success ends it.
pub async fn run(target: &Target, jobs: Vec<Job>, load: Load) -> anyhow::Result<Measured> {
    let (jobs, next) = (Arc::new(jobs), Arc::new(AtomicUsize::new(0)));
    let ((cpu, database), start) = (target.used(), Instant::now());
    let mut running = JoinSet::new();
    for at in 0..load.clients {
        let to = target.clients[at % target.clients.len()].clone();
        running.spawn(client(to, target.clone(), Arc::clone(&jobs), Arc::clone(&next), load, start));
    }
    let (mut out, mut ids) = (Measured::default(), Vec::new());
    while let Some(done) = running.join_next().await {
        let seen = done.context("a client panicked")??;
        out.latencies.extend(seen.latencies);
        ids.extend(seen.ids);
    }
    out.wall = start.elapsed();
    let used = target.used();
    (out.cpu, out.database) = (used.0.saturating_sub(cpu), used.1.saturating_sub(database));
    out.count = out.latencies.len();
    out.latencies.sort_unstable();
    ids.sort_unstable();
    out.ids = ids.into_iter().map(|(_, id)| id).collect();
    Ok(out)
}

async fn client(
    to: Client,
    target: Target,
    jobs: Arc<Vec<Job>>,
    next: Arc<AtomicUsize>,
    load: Load,
    start: Instant,
) -> anyhow::Result<Seen> {
    let headers = target.headers();
    let mut seen = Seen::default();
    while start.elapsed() < load.limit {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = jobs.get(at) else { break };
        let sent = Instant::now();
        let (status, body) = to.raw(job.method, &job.path, job.body.clone(), &headers).await?;
        seen.latencies.push(sent.elapsed());
        if status >= 300 {
            bail!("{} {} answered {status}: {}", job.method, job.path, String::from_utf8_lossy(&body));
        }
        if load.keep {
            seen.ids.extend(ids(&body).into_iter().map(|id| (at, id)));
        }
    }
    Ok(seen)
}

/// The ids of what an answer holds, be it one resource or a list.
fn ids(body: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(inner) = answer.as_object().and_then(|fields| fields.values().next()) else { return vec![] };
    let one = |resource: &Value| resource["id"].as_str().map(str::to_owned);
    match inner.as_array() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(inner).into_iter().collect(),
    }
}

//! What requests cost where there are many ports: it should not grow with them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use testbed::Engine;
use testbed::demo::show::working;
use testbed::postgres::Database;

use crate::api;
use crate::load::{self, Job, Load, Measured, Target};
use crate::server::{Server, Setup};
use crate::{process, show};

/// Ports in one network: as many as fit into a /16.
const NETWORK: usize = 50_000;
/// Ports in one request.
const BULK: usize = 100;
/// Requests of each kind.
const REQUESTS: usize = 1000;
const CLIENTS: usize = 4;
const PAGE: usize = 100;

/// What is asked, and the requests for it.
type Kind<'a> = (&'static str, Box<dyn Fn(usize) -> Job + 'a>);

/// Cost of each kind of request with each number of ports.
struct Stage {
    ports: usize,
    memory_kib: u64,
    measured: Vec<(&'static str, Measured)>,
}

/// Fills each engine up to `sizes`, and asks at each.
pub async fn run(program: Option<&Path>, engines: &[Engine], sizes: &[usize]) -> anyhow::Result<()> {
    for engine in engines.iter().copied() {
        let stages = match engine {
            Engine::Sqlite => {
                on(Server::start(Setup { program, ..Setup::default() }).await?, None, sizes).await?
            }
            Engine::Postgres => {
                let (postgres, database) = api::postgres().await?;
                let setup = Setup { program, postgres: Some((&postgres, &database)), nats: None };
                on(Server::start(setup).await?, Some(&database), sizes).await?
            }
        };
        table(engine, &stages);
    }
    println!(
        "CPU: user and system time of the server and of PostgreSQL, per request. {CLIENTS} clients. A list asks \
         for {PAGE} ports at most, and answers what fits. PostgreSQL knows how its rows are spread (ANALYZE). flat: the last column against the first."
    );
    Ok(())
}

async fn on(server: Server, postgres: Option<&Database>, sizes: &[usize]) -> anyhow::Result<Vec<Stage>> {
    let (mut stages, mut made) = (Vec::new(), Made::default());
    for ports in sizes.iter().copied() {
        working(&format!("up to {ports} ports"), made.fill(&server.target, ports)).await?;
        // As its autovacuum does a minute later.
        if let Some(database) = postgres {
            database.client().await?.batch_execute("ANALYZE").await?;
        }
        let measured = working(&format!("requests beside {ports}"), made.ask(&server.target)).await?;
        let memory_kib = process::memory(server.pid).resident_kib;
        stages.push(Stage { ports, memory_kib, measured });
    }
    server.stop().await?;
    Ok(stages)
}

#[derive(Default)]
struct Made {
    networks: Vec<String>,
    ports: Vec<String>,
}

impl Made {
    async fn fill(&mut self, target: &Target, ports: usize) -> anyhow::Result<()> {
        while self.ports.len() < ports {
            let network = match self.networks.get(self.ports.len() / NETWORK) {
                Some(network) => network.clone(),
                None => {
                    let network = api::large_network(target, "10.64.0.0/16").await?;
                    self.networks.push(network.clone());
                    network
                }
            };
            let room = (NETWORK - self.ports.len() % NETWORK).min(ports - self.ports.len());
            let begin = self.ports.len();
            let port = |at: usize| json!({ "network_id": network, "name": format!("port-{at}"), "device_id": format!("device-{}", at / 4) });
            let bulk = |at: usize| {
                let ports: Vec<_> = (at..(at + BULK).min(begin + room)).map(port).collect();
                Job::post("/v2.0/ports", &json!({ "ports": ports }))
            };
            let jobs = (begin..begin + room).step_by(BULK).map(bulk).collect();
            let load = Load { clients: CLIENTS, limit: Duration::MAX, keep: true };
            let ids = load::run(target, jobs, load).await?.ids;
            ensure!(ids.len() == room, "{} of {room} ports were made", ids.len());
            self.ports.extend(ids);
        }
        Ok(())
    }

    async fn ask(&self, target: &Target) -> anyhow::Result<Vec<(&'static str, Measured)>> {
        // A stride that visits the ports in no order, the same in every run.
        let some: Vec<&String> = (0..REQUESTS).map(|at| &self.ports[at * 7919 % self.ports.len()]).collect();
        let shown = &self.ports[self.ports.len() / 2];
        let (_, body) = target.send(&Job::get(format!("/v2.0/ports/{shown}"))).await?;
        let one = |path: &str| body["port"].pointer(path).and_then(|value| value.as_str());
        let mac = one("/mac_address").context("a port has a MAC")?;
        let address = one("/fixed_ips/0/ip_address").context("a port has an address")?;
        let network = &self.networks[0];
        let device = |at: usize| at * 37 % (self.ports.len() / 4).max(1);
        let get = |path: String| Job::get(format!("/v2.0/ports{path}"));
        let kinds: Vec<Kind<'_>> = vec![
            ("show", Box::new(|at| get(format!("/{}", some[at])))),
            ("ports of a device", Box::new(|at| get(format!("?device_id=device-{}", device(at))))),
            ("by name", Box::new(|at| get(format!("?name=port-{}", device(at))))),
            ("by MAC address", Box::new(|_| get(format!("?mac_address={mac}")))),
            (
                "by IP address",
                Box::new(|_| get(format!("?network_id={network}&fixed_ips=ip_address%3D{address}"))),
            ),
            ("a page of a network", Box::new(|_| get(format!("?network_id={network}&limit={PAGE}")))),
            ("the page after a port", Box::new(|at| get(format!("?limit={PAGE}&marker={}", some[at])))),
        ];
        let mut out = Vec::new();
        for (name, job) in kinds {
            let load = Load { clients: CLIENTS, limit: Duration::from_secs(20), keep: false };
            let jobs = (0..REQUESTS).map(job).collect();
            out.push((name, load::run(target, jobs, load).await?));
        }
        Ok(out)
    }
}

fn table(engine: Engine, stages: &[Stage]) {
    let mut header = vec![format!("ports, on {engine}")];
    for stage in stages {
        header.push(format!("CPU ms at {}", stage.ports));
        header.push("p50".into());
        header.push("p99".into());
    }
    header.push("flat".into());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = show::table(&header);
    let cpu = |measured: &Measured| measured.cpu_ms() + measured.database_ms();
    let Some((first, last)) = stages.first().zip(stages.last()) else { return };
    for (at, (name, least)) in first.measured.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        for stage in stages {
            let measured = &stage.measured[at].1;
            row.push(format!("{:.3}", cpu(measured)));
            row.extend([0.5, 0.99].map(|share| format!("{:.2}", measured.quantile_ms(share))));
        }
        row.push(format!("{:.2}", cpu(&last.measured[at].1) / cpu(least)));
        table.add_row(row);
    }
    println!("{table}");
    let memory: Vec<_> =
        stages.iter().map(|stage| format!("{} MiB at {}", stage.memory_kib / 1024, stage.ports)).collect();
    println!("memory of the server (VmRSS): {}", memory.join(", "));
}

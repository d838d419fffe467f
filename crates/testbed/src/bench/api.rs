//! Requests: how many a server answers in a second, and what each costs it.
//!
//! One load for any server of the API. What it makes on a peer, it deletes there at the end. `routed` is
//! what concerns routers.

mod routed;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use testbed::demo::show::working;
use testbed::postgres::{Database, Setup as PostgresSetup};
use testbed::{Engine, Postgres};

use crate::floor::{self, Floor};
use crate::load::{self, Job, Load, Measured, Target};
use crate::peer::Peer;
use crate::server::{Server, Setup};
use crate::show;

/// Ports in an answer to the list.
pub const PAGE: usize = 1000;
/// Items in one bulk request.
const BULK: usize = 100;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    CreateNetwork,
    CreateSubnet,
    CreatePort,
    BulkPorts,
    CreateRouter,
    AddInterface,
    CreateFloatingIp,
    ShowPort,
    ListPorts,
    DevicePorts,
    UpdatePort,
    DeletePort,
}

impl Work {
    pub fn name(self) -> &'static str {
        match self {
            Work::CreateNetwork => "create network",
            Work::CreateSubnet => "create subnet",
            Work::CreatePort => "create port in a /16",
            Work::BulkPorts => "create 100 ports at once",
            Work::CreateRouter => "create router",
            Work::AddInterface => "add router interface",
            Work::CreateFloatingIp => "create floating IP",
            Work::ShowPort => "show port",
            Work::ListPorts => "list 1,000 ports",
            Work::DevicePorts => "list the ports of a device",
            Work::UpdatePort => "update port",
            Work::DeletePort => "delete port",
        }
    }
}

/// How much of it.
#[derive(Debug, Clone)]
pub struct Amount {
    pub engines: Vec<Engine>,
    pub clients: Vec<usize>,
    pub requests: usize,
    /// No row takes longer.
    pub limit: Duration,
}

/// Each work with each number of clients.
pub type Results = BTreeMap<(Work, usize), Measured>;

/// What was made, for those who come after.
#[derive(Default)]
struct Made {
    networks: Vec<String>,
    ports: Vec<String>,
    /// The network of the ports.
    large: String,
    /// A network of exactly one page of ports, and those.
    listed: String,
    listed_ports: Vec<String>,
    routed: routed::Made,
}

/// What one engine cost, and the least it could.
struct Ours {
    engine: Engine,
    results: Results,
    floor: Floor,
}

pub async fn run(program: Option<&Path>, amount: &Amount, peer: Option<&Peer>) -> anyhow::Result<()> {
    let mut ours = Vec::new();
    for engine in amount.engines.iter().copied() {
        ours.push(match engine {
            Engine::Sqlite => on_sqlite(program, amount).await?,
            Engine::Postgres => on_postgres(program, amount).await?,
        });
    }
    let mut theirs = Results::new();
    if let Some(peer) = peer {
        let made = create(&peer.target, amount, &mut theirs, "peer").await?;
        exercise(&peer.target, amount, &made, &mut theirs, "peer").await?;
        working("peer: removing what was made", clean(&peer.target, &made)).await?;
    }
    for Ours { engine, results, floor } in &ours {
        show::api(*engine, results, peer.map(|_| &theirs), floor);
    }
    show::api_notes(peer.is_some());
    Ok(())
}

async fn on_sqlite(program: Option<&Path>, amount: &Amount) -> anyhow::Result<Ours> {
    let server = Server::start(Setup { program, ..Setup::default() }).await?;
    let mut results = Results::new();
    let made = create(&server.target, amount, &mut results, "SQLite").await?;
    let rows = floor::sqlite::Rows::read(&server.database())?;
    exercise(&server.target, amount, &made, &mut results, "SQLite").await?;
    let floor = working("the bare SQLite work", floor_of_sqlite(&server, rows, made.listed)).await?;
    server.stop().await?;
    Ok(Ours { engine: Engine::Sqlite, results, floor })
}

async fn on_postgres(program: Option<&Path>, amount: &Amount) -> anyhow::Result<Ours> {
    let (postgres, database) = postgres().await?;
    let postgres = (&postgres, &database);
    let server = Server::start(Setup { program, postgres: Some(postgres), nats: None }).await?;
    let mut results = Results::new();
    let made = create(&server.target, amount, &mut results, "PostgreSQL").await?;
    let floor = floor::postgres::measure(postgres.0, postgres.1, &made.listed);
    let floor = working("the bare PostgreSQL work", floor).await?;
    exercise(&server.target, amount, &made, &mut results, "PostgreSQL").await?;
    server.stop().await?;
    Ok(Ours { engine: Engine::Postgres, results, floor })
}

/// A server of PostgreSQL as its package sets it up: commits reach the disk.
pub async fn postgres() -> anyhow::Result<(Postgres, Database)> {
    let options = ["autovacuum=on", "shared_buffers=128MB", "wal_compression=off"].map(str::to_owned);
    let setup = PostgresSetup { durable: true, options: options.into(), ..PostgresSetup::default() };
    let postgres = working("PostgreSQL starts", Postgres::start(setup)).await?;
    let database = postgres.make().await?;
    Ok((postgres, database))
}

async fn floor_of_sqlite(
    server: &Server,
    rows: floor::sqlite::Rows,
    listed: String,
) -> anyhow::Result<Floor> {
    let database = server.folder().join("floor.db");
    // Makes our tables.
    drop(db::Db::open(db::SqliteOptions::new(&database)).await?);
    tokio::task::spawn_blocking(move || floor::sqlite::measure(&rows, &listed, &database))
        .await
        .context("the floor panicked")?
}

/// Sends one kind of work with some clients.
async fn measure(
    target: &Target,
    (work, clients): (Work, usize),
    amount: &Amount,
    jobs: Vec<Job>,
    (results, whose): (&mut Results, &str),
) -> anyhow::Result<Vec<String>> {
    let load = Load { clients, limit: amount.limit, keep: true };
    let what = format!("{whose}: {} with {clients} clients", work.name());
    let mut measured = working(&what, load::run(target, jobs, load)).await?;
    let ids = std::mem::take(&mut measured.ids);
    results.insert((work, clients), measured);
    Ok(ids)
}

async fn create(
    target: &Target,
    amount: &Amount,
    results: &mut Results,
    whose: &str,
) -> anyhow::Result<Made> {
    let large = large_network(target, "10.64.0.0/16").await?;
    let listed = large_network(target, "10.65.0.0/16").await?;
    let mut made = Made { large, listed, ..Made::default() };
    for clients in amount.clients.iter().copied() {
        let network = |at| json!({ "network": { "name": format!("bench-{clients}-{at}") } });
        let jobs = (0..amount.requests).map(|at| Job::post("/v2.0/networks", &network(at))).collect();
        let sink = (&mut *results, whose);
        let networks = measure(target, (Work::CreateNetwork, clients), amount, jobs, sink).await?;
        let subnet = |network: &String| {
            let fields = json!({ "network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24" });
            Job::post("/v2.0/subnets", &json!({ "subnet": fields }))
        };
        let jobs = networks.iter().map(subnet).collect();
        let sink = (&mut *results, whose);
        let subnets = measure(target, (Work::CreateSubnet, clients), amount, jobs, sink).await?;
        made.networks.extend(networks);
        made.routed.make((target, whose), &subnets, clients, amount, results).await?;
        let port = |at| {
            let name = format!("bench-{clients}-{at}");
            let device = format!("device-{}", at / 4);
            let fields = json!({ "network_id": made.large, "name": name, "device_id": device });
            Job::post("/v2.0/ports", &json!({ "port": fields }))
        };
        let jobs = (0..amount.requests).map(port).collect();
        let sink = (&mut *results, whose);
        made.ports.extend(measure(target, (Work::CreatePort, clients), amount, jobs, sink).await?);
        let bulk = bulk(&made.large);
        let jobs = vec![bulk; (amount.requests / BULK).max(1)];
        made.ports.extend(measure(target, (Work::BulkPorts, clients), amount, jobs, (results, whose)).await?);
    }
    made.listed_ports =
        working(&format!("{whose}: {PAGE} ports to list"), fill(target, &made.listed)).await?;
    Ok(made)
}

/// A network with room for all ports.
pub async fn large_network(target: &Target, cidr: &str) -> anyhow::Result<String> {
    let body = json!({ "network": { "name": "bench-large" } });
    let large = one(target, Job::post("/v2.0/networks", &body)).await?;
    let fields = json!({ "network_id": large, "ip_version": 4, "cidr": cidr });
    one(target, Job::post("/v2.0/subnets", &json!({ "subnet": fields }))).await?;
    Ok(large)
}

async fn one(target: &Target, job: Job) -> anyhow::Result<String> {
    let load = Load { clients: 1, limit: Duration::MAX, keep: true };
    let answered = load::run(target, vec![job], load).await?;
    answered.ids.into_iter().next().context("the answer has no id")
}

fn bulk(network: &str) -> Job {
    let ports = vec![json!({ "network_id": network }); BULK];
    Job::post("/v2.0/ports", &json!({ "ports": ports }))
}

/// A page of ports in a network, by bulk requests.
pub async fn fill(target: &Target, network: &str) -> anyhow::Result<Vec<String>> {
    let mut made = Vec::new();
    while made.len() < PAGE {
        let load = Load { clients: 1, limit: Duration::MAX, keep: true };
        let ids = load::run(target, vec![bulk(network)], load).await?.ids;
        if ids.is_empty() {
            bail!("the server made no ports of a bulk request");
        }
        made.extend(ids);
    }
    Ok(made)
}

async fn exercise(
    target: &Target,
    amount: &Amount,
    made: &Made,
    results: &mut Results,
    whose: &str,
) -> anyhow::Result<()> {
    // A stride that visits the ports in no order, the same in every run.
    let some = |count: usize| (0..count).map(|at| &made.ports[at * 7919 % made.ports.len()]);
    for clients in amount.clients.iter().copied() {
        let jobs = some(amount.requests).map(|id| Job::get(format!("/v2.0/ports/{id}"))).collect();
        measure(target, (Work::ShowPort, clients), amount, jobs, (&mut *results, whose)).await?;
        let page = format!("/v2.0/ports?network_id={}&limit={PAGE}", made.listed);
        let jobs = vec![Job::get(page); (amount.requests / 20).max(1)];
        measure(target, (Work::ListPorts, clients), amount, jobs, (&mut *results, whose)).await?;
        let device = |at: usize| {
            let device = at * 37 % (amount.requests / 4).max(1);
            Job::get(format!("/v2.0/ports?device_id=device-{device}"))
        };
        let jobs = (0..amount.requests).map(device).collect();
        measure(target, (Work::DevicePorts, clients), amount, jobs, (&mut *results, whose)).await?;
        let update = |(at, id)| {
            let name = format!("renamed-{clients}-{at}");
            Job::put(format!("/v2.0/ports/{id}"), &json!({ "port": { "name": name } }))
        };
        let jobs = some(amount.requests).enumerate().map(update).collect();
        measure(target, (Work::UpdatePort, clients), amount, jobs, (&mut *results, whose)).await?;
    }
    let share = (made.ports.len() / amount.clients.len().max(1)).min(amount.requests);
    for (clients, ports) in amount.clients.iter().zip(made.ports.chunks(share.max(1))) {
        let jobs = ports.iter().map(|id| Job::delete(format!("/v2.0/ports/{id}"))).collect();
        measure(target, (Work::DeletePort, *clients), amount, jobs, (&mut *results, whose)).await?;
    }
    Ok(())
}

/// Deletes what is left: routers and floating IPs, then ports, as a network with ports in use stays.
async fn clean(target: &Target, made: &Made) -> anyhow::Result<()> {
    made.routed.clean(target).await?;
    let ports = made.ports.iter().chain(&made.listed_ports).map(|id| format!("/v2.0/ports/{id}"));
    let networks =
        made.networks.iter().chain([&made.large, &made.listed]).map(|id| format!("/v2.0/networks/{id}"));
    for path in ports.chain(networks) {
        // Most ports are gone already.
        target.send(&Job::delete(path)).await?;
    }
    Ok(())
}

//! Requests: how many a server answers in a second, and what each costs it.
//!
//! One load for any server of the API. What it makes on a peer, it deletes there at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use testbed::demo::show::working;

use crate::floor::{self, Floor};
use crate::load::{self, Job, Load, Measured, Target};
use crate::peer::Peer;
use crate::server::Server;
use crate::show;

/// Ports in an answer to the list.
const PAGE: usize = 1000;
/// Items in one bulk request.
const BULK: usize = 100;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    CreateNetwork,
    CreateSubnet,
    CreatePort,
    ShowPort,
    ListPorts,
    UpdatePort,
    DeletePort,
}

impl Work {
    pub fn name(self) -> &'static str {
        match self {
            Work::CreateNetwork => "create network",
            Work::CreateSubnet => "create subnet",
            Work::CreatePort => "create port in a /16",
            Work::ShowPort => "show port",
            Work::ListPorts => "list 1,000 ports",
            Work::UpdatePort => "update port",
            Work::DeletePort => "delete port",
        }
    }
}

/// How much of it.
#[derive(Debug, Clone)]
pub struct Amount {
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
}

pub async fn run(
    program: Option<&std::path::Path>,
    amount: &Amount,
    peer: Option<&Peer>,
) -> anyhow::Result<()> {
    let server = Server::start(program).await?;
    let mut results = Results::new();
    let made = create(&server.target, amount, &mut results, "ours").await?;
    let rows = floor::Rows::read(&server.database())?;
    exercise(&server.target, amount, &made, &mut results, "ours").await?;
    let floor = working("the bare SQLite work", measure_floor(&server, rows, made.listed)).await?;
    server.stop().await?;
    let mut theirs = Results::new();
    if let Some(peer) = peer {
        let made = create(&peer.target, amount, &mut theirs, "peer").await?;
        exercise(&peer.target, amount, &made, &mut theirs, "peer").await?;
        working("peer: removing what was made", clean(&peer.target, &made)).await?;
    }
    show::api(&results, peer.map(|_| &theirs), &floor);
    Ok(())
}

async fn measure_floor(server: &Server, rows: floor::Rows, listed: String) -> anyhow::Result<Floor> {
    let database = server.folder().join("floor.db");
    // Makes our tables.
    drop(db::Db::open(db::Options::new(&database)).await?);
    tokio::task::spawn_blocking(move || floor::measure(&rows, &listed, &database))
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
    let keep = matches!(work, Work::CreateNetwork | Work::CreatePort);
    let load = Load { clients, limit: amount.limit, keep };
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
        measure(target, (Work::CreateSubnet, clients), amount, jobs, (results, whose)).await?;
        made.networks.extend(networks);
        let port = |at| {
            let name = format!("bench-{clients}-{at}");
            let device = format!("device-{}", at / 4);
            let fields = json!({ "network_id": made.large, "name": name, "device_id": device });
            Job::post("/v2.0/ports", &json!({ "port": fields }))
        };
        let jobs = (0..amount.requests).map(port).collect();
        let ports = measure(target, (Work::CreatePort, clients), amount, jobs, (results, whose)).await?;
        made.ports.extend(ports);
    }
    working(&format!("{whose}: {PAGE} ports to list"), fill(target, &mut made)).await?;
    Ok(made)
}

/// A network with room for all ports.
async fn large_network(target: &Target, cidr: &str) -> anyhow::Result<String> {
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

/// The ports of the list, by bulk requests.
async fn fill(target: &Target, made: &mut Made) -> anyhow::Result<()> {
    while made.listed_ports.len() < PAGE {
        let count = BULK.min(PAGE - made.listed_ports.len());
        let ports = vec![json!({ "network_id": made.listed }); count];
        let load = Load { clients: 1, limit: Duration::MAX, keep: true };
        let jobs = vec![Job::post("/v2.0/ports", &json!({ "ports": ports }))];
        let ids = load::run(target, jobs, load).await?.ids;
        if ids.is_empty() {
            bail!("the server made no ports of a bulk request");
        }
        made.listed_ports.extend(ids);
    }
    Ok(())
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

/// Deletes what is left: ports first, as a network with ports in use stays.
async fn clean(target: &Target, made: &Made) -> anyhow::Result<()> {
    let ports = made.ports.iter().chain(&made.listed_ports).map(|id| format!("/v2.0/ports/{id}"));
    let networks =
        made.networks.iter().chain([&made.large, &made.listed]).map(|id| format!("/v2.0/networks/{id}"));
    for path in ports.chain(networks) {
        let token: Vec<_> = target.token.iter().map(|token| ("X-Auth-Token", token.as_str())).collect();
        // Most ports are gone already.
        target.client.raw("DELETE", &path, None, &token).await?;
    }
    Ok(())
}

//! Two servers on one PostgreSQL, against one.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testbed::demo::show::working;
use testbed::nats::{NatsPlan, NatsServer, SERVER};

use crate::load::{self, Job, Load, Measured, Target};
use crate::server::{Server, Setup};
use crate::{api, show};

const CLIENTS: usize = 16;
const NETWORKS: usize = 8;
const REQUESTS: usize = 4000;
/// No row takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// What was measured, by the name of the work.
type Rows = Vec<(&'static str, Measured)>;

pub async fn run(program: Option<&Path>) -> anyhow::Result<()> {
    let (one, two) = (with(program, 1).await?, with(program, 2).await?);
    let mut table = show::table(&[
        "16 clients, 8 networks, one PostgreSQL",
        "servers",
        "n",
        "req/s",
        "two/one",
        "server CPU ms/req",
        "database CPU ms/req",
        "CPU two/one",
        "p50 ms",
        "p99 ms",
    ]);
    let cpu = |measured: &Measured| measured.cpu_ms() + measured.database_ms();
    for ((work, one), (_, two)) in one.iter().zip(&two) {
        for (servers, measured) in [(1, one), (2, two)] {
            let ratio = |part: fn(&Measured) -> f64| match servers {
                1 => String::new(),
                _ => format!("{:.2}", part(two) / part(one)),
            };
            table.add_row([
                (*work).to_owned(),
                servers.to_string(),
                measured.count.to_string(),
                format!("{:.0}", measured.per_second()),
                ratio(Measured::per_second),
                format!("{:.3}", measured.cpu_ms()),
                format!("{:.3}", measured.database_ms()),
                ratio(cpu),
                format!("{:.2}", measured.quantile_ms(0.5)),
                format!("{:.2}", measured.quantile_ms(0.99)),
            ]);
        }
    }
    println!("{table}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Servers, PostgreSQL, nats-server and the clients share {cores} cores: a second server can only use \
         what the first one leaves, and CPU per request is what tells whether two get in each other's way."
    );
    Ok(())
}

/// The same work for a number of servers on an empty database.
async fn with(program: Option<&Path>, count: usize) -> anyhow::Result<Rows> {
    let (postgres, database) = api::postgres().await?;
    let nats = NatsServer::start(NatsPlan::of_hosts(["host"])).await?;
    let options = nats.options(SERVER);
    let setup = Setup { program, postgres: Some((&postgres, &database)), nats: Some(&options) };
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(Server::start(setup).await?);
    }
    let mut target = servers[0].target.clone();
    target.clients = servers.iter().flat_map(|server| server.target.clients.clone()).collect();
    target.cpu = load::Cpu::Processes(servers.iter().map(|server| server.pid).collect());
    let rows = measure(&target, count).await?;
    for server in servers {
        server.stop().await?;
    }
    Ok(rows)
}

async fn measure(target: &Target, servers: usize) -> anyhow::Result<Rows> {
    let mut networks = Vec::new();
    for _ in 0..NETWORKS {
        networks.push(api::large_network(target, "10.64.0.0/16").await?);
    }
    let load = Load { clients: CLIENTS, limit: LIMIT, keep: true };
    let create = |at: usize| {
        let fields = json!({ "network_id": networks[at % NETWORKS], "name": format!("bench-{at}") });
        Job::post("/v2.0/ports", &json!({ "port": fields }))
    };
    let send = async |what: &str, jobs| {
        working(&format!("{what}, {servers} of the servers"), load::run(target, jobs, load)).await
    };
    let created = send("create port", (0..REQUESTS).map(create).collect()).await?;
    let ids = created.ids.clone();
    let show = |at: usize| Job::get(format!("/v2.0/ports/{}", ids[at * 7919 % ids.len()]));
    let shown = send("show port", (0..REQUESTS).map(show).collect()).await?;
    let either = |at: usize| if at.is_multiple_of(2) { create(at / 2) } else { show(at) };
    let mixed = send("create and show", (0..REQUESTS).map(either).collect()).await?;
    Ok(vec![("create port", created), ("show port", shown), ("create and show, in turns", mixed)])
}

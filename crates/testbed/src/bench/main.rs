//! Measures this machine: what neutrino costs, beside a peer and beside the least it could cost.
//!
//! ```text
//! api      requests against a server           load     closed loop, CPU per request
//! groups   members of security groups, and packets judged by them
//! guard    an administrator against a member   floor/   bare work of the databases
//! servers  two servers against one             server   our server as a process
//! bus      round trips                         peer     stored figures
//! hosts    many hosts of one server            show     tables
//! scale    memory of a server with many ports      many     requests beside many ports
//! routers/ a network node with many routers
//! purge/   connections forgotten in batches      switch/  the virtual switch
//! switch_core  a frame through the virtual switch, without I/O      repo  the software repository
//! wiring/  from a port to a wired device
//! gateway/ the two gateways beside other proxies
//! ```

mod api;
mod bus;
mod floor;
mod gateway;
mod groups;
mod guard;
mod hosts;
mod load;
mod many;
mod peer;
mod purge;
mod repo;
mod routers;
mod scale;
mod server;
mod servers;
mod show;
mod switch;
mod switch_core;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use testbed::{Client, Engine, process};

use crate::load::{Cpu, Target};
use crate::peer::Peer;

#[derive(Parser)]
#[command(name = "bench", about, long_about = LONG, max_term_width = 100)]
struct Cli {
    /// What to measure; everything if nothing is named
    #[arg(value_enum, value_name = "WHAT")]
    what: Vec<What>,
    /// Numbers of clients that send at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,16", value_name = "N,N")]
    clients: Vec<usize>,
    /// Requests for each row of `api` (a twentieth of it for lists of 1,000)
    #[arg(long, default_value_t = 2000, value_name = "N")]
    requests: usize,
    /// The most seconds for each row of `api`; a slow server answers fewer requests
    #[arg(long, default_value_t = 20, value_name = "S")]
    seconds: u64,
    /// The database of `api` and `many`
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// Simulated hosts of `hosts`
    #[arg(long, default_value_t = 1000, value_name = "N")]
    hosts: usize,
    /// Numbers of routers of `routers` and `rebuild`
    #[arg(long, value_delimiter = ',', default_value = "100,1000", value_name = "N,N")]
    routers: Vec<usize>,
    /// Numbers of ports of `many`
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000", value_name = "N,N")]
    ports: Vec<usize>,
    /// Tables of 500,000 and 1,000,000 connections too, with `purge`
    #[arg(long)]
    all_sizes: bool,
    /// The server to measure; the `neutrino` beside this program if not given
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Another server of the same API, such as a Neutron: gets the same load in the same run. What is
    /// made there is deleted again
    #[arg(long, value_name = "URL", requires = "peer_cpu")]
    peer: Option<String>,
    /// The peer's processes whose CPU time counts: API workers, database
    #[arg(long, value_delimiter = ',', value_name = "PID,PID", requires = "peer")]
    peer_cpu: Vec<u32>,
    /// Token of an administrator for the peer, sent as X-Auth-Token
    #[arg(long, env = "BENCH_PEER_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    peer_token: Option<String>,
}

const LONG: &str = "Measures this machine: CPU, time and memory of neutrino, beside a peer and beside the\n\
    least that the same work could cost. CPU per request is the number to compare where a machine is\n\
    shared; requests per second and latency also measure the load itself and the neighbours.\n\n\
    Results go to the standard output, progress to the standard error.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Requests: create, show, list, update, delete; and what it costs to judge a member's
    Api,
    /// Two servers on one PostgreSQL, against one
    Servers,
    /// Round trips over NATS and within a process
    Bus,
    /// 1,000 simulated hosts: until all are told, over NATS and within a process
    Hosts,
    /// Memory of the server, idle and with 10,000 ports
    Scale,
    /// Requests beside 1,000, 10,000 and 100,000 ports (`--ports`): what does not grow with them
    Many,
    /// Routers: held and built by a network node, woken, and whom changes wake. Needs root
    Routers,
    /// Of `routers`, what building them costs beside the floor. Needs root
    Rebuild,
    /// Connections forgotten: ours, a command per pair and per address, the floor. Needs root
    Purge,
    /// Of `purge`, ports that are wired meanwhile. Needs root
    Beside,
    /// The two gateways: a large file, small ones, memory; beside haproxy, nginx and a bare relay. Needs root
    Gateway,
    /// Security groups: a member that comes or goes, and a packet, by the number of members. Needs root
    Groups,
    /// The virtual switch: first packets, CPU of a packet, TCP; beside Open vSwitch and the kernel. Needs root
    Switch,
    /// Of `switch`, cold bursts by each tunnel, family and delay. Needs root
    SwitchCells,
    /// Of `switch`, cold bursts beside all peers. Needs root
    SwitchFirst,
    /// Of `switch`, CPU of a packet. Needs root
    SwitchPackets,
    /// Of `switch`, TCP and round trips. Needs root
    SwitchThrough,
    /// The virtual switch itself: CPU per frame into a tunnel and out of it, without I/O
    SwitchCore,
    /// The software repository: 1 GiB up and down, one version published among 10,000
    Repo,
    /// Of `routers`, how soon one wakes. Needs root
    Wake,
    /// Ports on hosts: until ACTIVE, until a ping is answered, 1,000 of them. Needs root
    Wiring,
}

impl What {
    fn section(self) -> Option<switch::Section> {
        match self {
            What::SwitchCells => Some(switch::Section::Cells),
            What::SwitchFirst => Some(switch::Section::First),
            What::SwitchPackets => Some(switch::Section::Packets),
            What::SwitchThrough => Some(switch::Section::Through),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgresql,
    Both,
}

impl Database {
    fn engines(self) -> Vec<Engine> {
        match self {
            Database::Sqlite => vec![Engine::Sqlite],
            Database::Postgresql => vec![Engine::Postgres],
            Database::Both => vec![Engine::Sqlite, Engine::Postgres],
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What needs no root needs no places either.
    if nix::unistd::Uid::effective().is_root()
        && let Err(error) = testbed::Place::keep_in_memory()
    {
        eprintln!("bench: namespaces are kept on a disk, which takes longer: {error:#}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bench: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            done = run(&cli) => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; what was made is removed")),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> anyhow::Result<()> {
    let wanted = |what| cli.what.is_empty() || cli.what.contains(&what);
    let server = cli.server.as_deref();
    println!("load average before: {}", process::load_average());
    if wanted(What::Api) {
        let amount = api::Amount {
            engines: cli.database.engines(),
            clients: cli.clients.iter().copied().filter(|clients| *clients > 0).collect(),
            requests: cli.requests,
            limit: Duration::from_secs(cli.seconds),
        };
        let peer = cli.peer.as_ref().map(|url| Peer {
            target: Target {
                clients: vec![Client::at(url)],
                headers: cli.peer_token.iter().map(|token| ("X-Auth-Token", token.clone())).collect(),
                cpu: Cpu::Processes(cli.peer_cpu.clone()),
                database: None,
            },
        });
        api::run(server, &amount, peer.as_ref()).await?;
        guard::run().await?;
    }
    if wanted(What::Servers) {
        servers::run(server).await?;
    }
    if wanted(What::Groups) {
        groups::run().await?;
    }
    if wanted(What::Bus) {
        bus::run().await?;
    }
    if wanted(What::Hosts) {
        hosts::run(server, cli.hosts).await?;
    }
    if wanted(What::Scale) {
        scale::run(server).await?;
    }
    if wanted(What::Many) {
        many::run(server, &cli.database.engines(), &cli.ports).await?;
    }
    if wanted(What::Repo) {
        self::repo::run(server).await?;
    }
    if wanted(What::Routers) {
        routers::run(&cli.routers).await?;
    } else {
        if cli.what.contains(&What::Rebuild) {
            routers::rebuild(&cli.routers).await?;
        }
        if cli.what.contains(&What::Wake) {
            routers::wake().await?;
        }
    }
    if wanted(What::Purge) {
        purge::run(server, cli.all_sizes).await?;
    } else if cli.what.contains(&What::Beside) {
        purge::beside(server).await?;
    }
    if wanted(What::Switch) {
        switch::run(server, &switch::Section::ALL).await?;
    } else {
        let sections = cli.what.iter().filter_map(|what| what.section()).collect::<Vec<_>>();
        if !sections.is_empty() {
            switch::run(server, &sections).await?;
        }
    }
    if wanted(What::SwitchCore) {
        switch_core::run()?;
    }
    if wanted(What::Gateway) {
        gateway::run(server).await?;
    }
    if wanted(What::Wiring) {
        wiring::run().await?;
    }
    println!("load average after: {}", process::load_average());
    Ok(())
}

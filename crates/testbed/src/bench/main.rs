//! Measures this machine: what neutrino costs, beside a peer and beside the least it could cost.
//!
//! ```text
//! api      requests against a server           load     closed loop, CPU per request
//! scale    memory of a server with many ports  server   our server as a process
//! wiring/  from a port to a wired device       process  what /proc says of use
//! floor    bare SQLite work                    peer     stored figures      show  tables
//! ```

mod api;
mod floor;
mod load;
mod peer;
mod process;
mod scale;
mod server;
mod show;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use testbed::Client;

use crate::load::Target;
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
    /// Token for the peer, sent as X-Auth-Token
    #[arg(long, env = "BENCH_PEER_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    peer_token: Option<String>,
}

const LONG: &str = "Measures this machine: CPU, time and memory of neutrino, beside a peer and beside the\n\
    least that the same work could cost. CPU per request is the number to compare where a machine is\n\
    shared; requests per second and latency also measure the load itself and the neighbours.\n\n\
    Results go to the standard output, progress to the standard error.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Requests: create, show, list, update, delete
    Api,
    /// Memory of the server, idle and with 10,000 ports
    Scale,
    /// Ports on hosts: until ACTIVE, until a ping is answered, 1,000 of them. Needs root
    Wiring,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
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
            clients: cli.clients.iter().copied().filter(|clients| *clients > 0).collect(),
            requests: cli.requests,
            limit: Duration::from_secs(cli.seconds),
        };
        let peer = cli.peer.as_ref().map(|url| Peer {
            target: Target {
                client: Client::at(url),
                token: cli.peer_token.clone(),
                pids: cli.peer_cpu.clone(),
            },
        });
        api::run(server, &amount, peer.as_ref()).await?;
    }
    if wanted(What::Scale) {
        scale::run(server).await?;
    }
    if wanted(What::Wiring) {
        wiring::run().await?;
    }
    println!("load average after: {}", process::load_average());
    Ok(())
}

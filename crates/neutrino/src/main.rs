//! `neutrino`: cloud networking that speaks the OpenStack Network API v2.0.
//!
//! Dispatch only: each subcommand is a program of its own crate.

mod agent;
mod buses;
mod config;
mod ctpurge;
mod gateway;
mod policy;
mod repod;
mod router;
mod serve;
mod software;
mod vswitch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;

#[derive(Parser)]
#[command(name = "neutrino", version, about, long_about = LONG, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    #[command(subcommand)]
    command: Command,
}

const LONG: &str = "Cloud networking that speaks the OpenStack Network API v2.0.\n\n\
    Try it on this machine with `neutrino demo`. For a real server, begin with\n\
    `neutrino config print --defaults > neutrino.toml`.";

#[derive(Args)]
struct ConfigurationArgs {
    /// Configuration file (TOML); without it /etc/neutrino/neutrino.toml, if it is there
    #[arg(long, global = true, value_name = "FILE", env = "NEUTRINO_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one option, such as `--set server.bind=127.0.0.1:9797`; may repeat. The environment
    /// can do the same: NEUTRINO__SERVER__BIND=127.0.0.1:9797
    #[arg(long = "set", global = true, value_name = "OPTION=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API, and wires this host when there is an [agent] section
    Server,
    /// Wires this host alone, for servers elsewhere; needs [agent] and [bus] kind = "nats"
    Agent,
    /// Forgets connections of this host on request, in batches, as a process of its own
    Ctpurge,
    /// Shows and asks for connections that are forgotten; `neutrino ctpurge` does it
    #[command(subcommand)]
    Conntrack(ctpurge::ConntrackCommand),
    /// Carries frames between ports of this host and tunnels to others, as a process of its own
    Vswitchd,
    /// Configures and shows the switch of this host; `neutrino vswitchd` runs it
    #[command(subcommand)]
    Vswitch(vswitch::VswitchCommand),
    /// Joins instances that share their memory (vhost-user) to this host, as a process of its own
    Vhostuserd,
    /// Lets instances reach software and metadata, without a route into the management network
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// Installs software that is ordered, inside an instance; there it is a program of its own,
    /// neutrino-guest
    #[command(subcommand)]
    Guest(guest::Command),
    /// Builds a whole cloud on this machine, shows that it works, and keeps it up until Ctrl-C
    Demo(DemoArgs),
    /// What the bus must let servers and hosts do
    #[command(subcommand)]
    Bus(BusCommand),
    /// Shows the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Shows and checks who may do what
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Keeps software packages, and serves them as apt and dnf repositories, a view for each project
    Repod(repod::RepodArgs),
    /// Brings software to the repository, and has instances install it
    ///
    /// By the API at OS_ENDPOINT (http://127.0.0.1:9696 without it, or as Keystone's catalog says), with
    /// OS_TOKEN, or a login at OS_AUTH_URL as `openstack` reads it
    #[command(subcommand)]
    Software(software::SoftwareCommand),
    /// Shows on which hosts routers take their place, and why
    #[command(subcommand)]
    Router(router::RouterCommand),
}

#[derive(Subcommand)]
enum BusCommand {
    /// Prints the authorization block of nats-server for servers and hosts
    NatsConfig {
        /// Names of hosts. Each logs in by its name and a password; NAME=NKEY, with a public key
        /// U..., by its nkey
        #[arg(long, value_name = "HOST,...", value_delimiter = ',', required = true)]
        hosts: Vec<String>,
        /// Logins of servers, written as those of hosts; one that is also among the hosts may run
        /// an agent beside its server
        #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "server")]
        servers: Vec<String>,
        /// Logins are by TLS certificates that bear the names, instead of by passwords
        #[arg(long)]
        certificates: bool,
    },
    /// Prints what the login of one host, or of a server, must be allowed
    Permissions {
        /// The host; without it, a server
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
}

#[derive(Args)]
struct DemoArgs {
    /// Ends after the table instead of staying up; fails if anything shown failed
    #[arg(long)]
    once: bool,
    /// Where the demo's API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9696")]
    bind: std::net::SocketAddr,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Prints the options in force, or the commented defaults
    Print {
        /// The defaults, each explained, instead of what is in force
        #[arg(long)]
        defaults: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("neutrino: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let load = || Config::load(cli.configuration.config.as_deref(), &cli.configuration.set);
    match cli.command {
        Command::Config(ConfigCommand::Print { defaults: true }) => {
            print!("{}", config::DEFAULTS);
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Print { defaults: false }) => {
            print!("{}", load()?.to_toml()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Policy(command) => policy::run(&command, || Ok(load()?.policy.path())),
        Command::Repod(asked) => {
            let config = load()?;
            repod::run(&asked, config.repod, &config.log.filter)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Router(command) => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::runtime()?.block_on(router::run(&command, config))
        }
        Command::Software(command) => serve::small_runtime()?.block_on(software::run(&command)),
        Command::Server => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::runtime()?.block_on(serve::server(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Agent => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::runtime()?.block_on(agent::alone(&config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Ctpurge => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::small_runtime()?.block_on(ctpurge::serve(config.ctpurge))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Conntrack(command) => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::small_runtime()?.block_on(ctpurge::run(&command, &config.ctpurge))
        }
        Command::Vswitchd => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::small_runtime()?.block_on(vswitch::serve(config.vswitchd))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Vswitch(command) => {
            let config = load()?;
            serve::log(&config.log.filter);
            serve::small_runtime()?.block_on(vswitch::run(&command, &config.vswitchd))
        }
        Command::Vhostuserd => {
            let config = load()?;
            // Of rings that an instance spoils they would tell as often as it likes.
            serve::log(&format!("{},virtio_queue=off", config.log.filter));
            let stays = "instances are joined again after the next start";
            let run = |stopping| vhostuserd::run(config.vhostuserd, stopping);
            serve::small_runtime()?.block_on(serve::until_told("vhostuserd", stays, run))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Gateway(command) => {
            let config = load()?;
            serve::log(&config.log.filter);
            gateway::run(&command, config.gateway)
        }
        Command::Guest(command) => Ok(guest::run(command)?),
        Command::Bus(BusCommand::NatsConfig { hosts, servers, certificates }) => {
            print!("{}", buses::nats_config(&servers, &hosts, certificates)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Bus(BusCommand::Permissions { host }) => {
            print!("{}", buses::permissions(host.as_deref())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo(demo) => {
            let config = load()?;
            serve::log(&config.log.demo_filter);
            let passed = serve::runtime()?.block_on(testbed::demo::run(demo.bind, demo.once))?;
            Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

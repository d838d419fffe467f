//! Running the two gateways, and what operators ask of them.

use std::path::Path;
use std::process::ExitCode;

use ::gateway::{Conversation, Settings, management, tenant};
use anyhow::{Context, bail};
use clap::Subcommand;
use model::gateway::{Answer, Request, Wanted};
use tokio::sync::watch;

use crate::serve;

#[derive(Subcommand)]
pub enum GatewayCommand {
    /// Takes requests of instances, in the namespaces of their networks
    Tenant,
    /// Answers them from the management network
    Management,
    /// Tells both gateways of this host what should be, from a file; without an agent that does
    Tell {
        /// JSON: {"networks": [...]}
        #[arg(value_name = "FILE")]
        file: std::path::PathBuf,
    },
    /// Shows what both gateways of this host have done
    Status,
}

/// A gateway has one thread: the management gateway moves it to its namespace before anything else runs.
pub fn run(command: &GatewayCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    if let (GatewayCommand::Management, Some(namespace)) = (command, &settings.management.namespace) {
        ::gateway::enter(namespace)?;
    }
    serve::small_runtime()?.block_on(async {
        match command {
            GatewayCommand::Tenant => {
                until_told("the tenants' gateway", |stopping| tenant::run(settings, stopping)).await
            }
            GatewayCommand::Management => {
                until_told("the management gateway", |stopping| management::run(settings, stopping)).await
            }
            GatewayCommand::Tell { file } => tell(file, &settings).await,
            GatewayCommand::Status => status(&settings).await,
        }
    })
}

async fn until_told<F>(name: &str, run: impl FnOnce(watch::Receiver<bool>) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = Result<(), ::gateway::GatewayError>> + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let mut running = tokio::spawn(run(stopping));
    tokio::select! {
        signal = serve::wait_for_signal() => signal?,
        ended = &mut running => ended.with_context(|| format!("{name} panicked"))??,
    }
    stop.send_replace(true);
    running.await.with_context(|| format!("{name} panicked"))??;
    Ok(ExitCode::SUCCESS)
}

async fn tell(file: &Path, settings: &Settings) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let wanted: Wanted = serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    let mut code = ExitCode::SUCCESS;
    // Who is told first answers for those whom the other lets in.
    for socket in [&settings.management.control, &settings.tenant.control] {
        let mut gateway = Conversation::open(socket).await?;
        let Answer::Told { unserved } = gateway.ask(&Request::Tell { wanted: wanted.clone() }).await? else {
            bail!("the gateway at {} answered something else", socket.display());
        };
        for one in unserved {
            eprintln!("neutrino: network {} is not served: {}", one.network, one.why);
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

async fn status(settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut all = serde_json::Map::new();
    for (name, socket) in [("tenant", &settings.tenant.control), ("management", &settings.management.control)]
    {
        let mut gateway = Conversation::open(socket).await?;
        let Answer::Status { status } = gateway.ask(&Request::Status).await? else {
            bail!("the gateway at {} answered something else", socket.display());
        };
        all.insert(name.to_owned(), serde_json::to_value(status)?);
    }
    serve::print(serde_json::to_string_pretty(&all)?)?;
    Ok(ExitCode::SUCCESS)
}

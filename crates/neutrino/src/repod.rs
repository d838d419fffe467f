//! Running the software repository, and its keys.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use repod::{KeyShown, Keys, Settings};
use tokio::sync::watch;

use crate::serve;

#[derive(Args)]
pub struct RepodArgs {
    #[command(subcommand)]
    command: Option<RepodCommand>,
}

#[derive(Subcommand)]
enum RepodCommand {
    /// Shows, adds and drops keys that sign indexes. All of them sign; a running repository notices
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Lists the keys, the oldest first
    Show,
    /// Adds a key: instances that ask for the key again, or are set up from then on, know both
    Rotate,
    /// Drops a key, once all instances know another
    Retire {
        /// As `neutrino repod key show` prints it
        fingerprint: String,
    },
}

pub fn run(asked: &RepodArgs, settings: Settings, filter: &str) -> anyhow::Result<()> {
    serve::log(filter);
    match &asked.command {
        None => serve::runtime()?.block_on(repository(settings)),
        Some(RepodCommand::Key(command)) => keys(command, &settings),
    }
}

async fn repository(settings: Settings) -> anyhow::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let mut serving = repod::start(settings, stopping).await.context("the repository does not start")?;
    tracing::info!("the repository is managed at http://{}", serving.manage);
    tracing::info!("the repository is read at http://{}", serving.reading);
    let outcome = tokio::select! {
        signal = serve::wait_for_signal() => signal,
        () = serving.broken() => Err(anyhow::anyhow!("the repository cannot go on; see the log")),
    };
    tracing::info!("stopping; uploads go on after the next start");
    stop.send_replace(true);
    serving.until_stopped().await;
    outcome
}

fn keys(command: &KeyCommand, settings: &Settings) -> anyhow::Result<()> {
    let folder = settings.key_folder();
    match command {
        KeyCommand::Show => {
            let all = Keys::kept(&folder)?;
            if all.is_empty() {
                bail!("no key in {} yet: the repository makes the first when it starts", folder.display());
            }
            serve::print(all.iter().map(KeyShown::to_string).collect::<Vec<_>>().join("\n"))
        }
        KeyCommand::Rotate => serve::print(Keys::rotate(&folder)?.to_string()),
        KeyCommand::Retire { fingerprint } => match Keys::retire(&folder, fingerprint)? {
            Some(key) => serve::print(key.to_string()),
            None => bail!("{fingerprint} is no key of this repository, or the only one"),
        },
    }
}

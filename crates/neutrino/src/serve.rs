//! Running a server, and this host's agent beside it.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use db::Options;
use server::AuthSettings;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::buses;
use crate::config::Config;

pub fn log(filter: &str) {
    let filter = EnvFilter::try_from_env("NEUTRINO_LOG").unwrap_or_else(|_| EnvFilter::new(filter));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Prints lines for whoever reads them; who has read enough, as `head` has, is not told the rest.
pub fn print(mut text: String) -> anyhow::Result<()> {
    text.push('\n');
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

pub fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// For a program that does little at a time.
pub fn small_runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("cannot start the runtime")
}

pub async fn server(config: Config) -> anyhow::Result<()> {
    let agent = config.agent()?;
    let bus = buses::open(&config.bus, agent.as_ref().map(|agent| agent.host.as_str()))?;
    let options = config.database.options();
    if let Options::Sqlite(file) = &options
        && let Some(folder) = file.path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let db = tokio::select! {
        db = server::open(options) => db.context("cannot open the database")?,
        signal = wait_for_signal() => return signal,
    };
    let bind = config.server.bind;
    let listener = TcpListener::bind(bind).await.with_context(|| format!("cannot listen on {bind}"))?;
    let (stop, stopping) = watch::channel(false);
    let auth = config.auth()?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mut settings = config.api;
    settings.rules = config.network;
    settings.quotas = config.quotas;
    settings.policy = config.policy.path();
    settings.software = config.software;
    settings.nova = config.nova;
    settings.notifications = config.notifications;
    settings.local_only = bind.ip().is_loopback() && auth == AuthSettings::Nobody;
    settings.auth = auth;
    settings.tls = config.server.tls;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let mut serving = server::start(settings, db, bus.clone(), listener, stopping.clone()).await?;
    tracing::info!("the API listens on {scheme}://{}", serving.address);
    let beside = async move {
        match agent {
            Some(agent) => {
                tracing::info!(host.name = agent.host, "this host's agent runs");
                agent::run(agent, bus, stopping).await.context("the agent ended")
            }
            None => std::future::pending().await,
        }
    };
    let mut beside = tokio::spawn(beside);
    let outcome = tokio::select! {
        signal = wait_for_signal() => signal,
        () = serving.broken() => Err(anyhow::anyhow!("the server cannot go on; see the log")),
        ended = &mut beside => ended.context("the agent panicked").flatten(),
    };
    tracing::info!("stopping; wiring stays as it is");
    stop.send_replace(true);
    serving.until_stopped().await;
    beside.abort();
    outcome
}

/// Runs a program of a host until it ends or is told to; then says what stays.
pub async fn until_told<F, E>(
    name: &str,
    stays: &str,
    run: impl FnOnce(watch::Receiver<bool>) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let mut running = tokio::spawn(run(stopping));
    let ended = tokio::select! {
        signal = wait_for_signal() => {
            signal?;
            tracing::info!("stopping; {stays}");
            stop.send_replace(true);
            running.await
        }
        ended = &mut running => ended,
    };
    ended.with_context(|| format!("{name} panicked"))?.with_context(|| format!("{name} ended"))
}

pub async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    Ok(())
}

//! Running this host's agent alone, for servers elsewhere.

use anyhow::{Context, bail};
use tokio::sync::watch;

use crate::config::{BusKind, Config};
use crate::{buses, serve};

pub async fn alone(config: &Config) -> anyhow::Result<()> {
    let Some(agent) = config.agent()? else {
        bail!("there is no [agent] section: set agent.host to this host's name, as ports are bound to it");
    };
    if config.bus.kind == BusKind::InProcess {
        bail!(
            "an agent alone reaches its servers over NATS: set bus.kind = \"nats\" and bus.nats.urls. \
             With \"in-process\", `neutrino server` runs the agent beside the server"
        );
    }
    let bus = buses::open(&config.bus, Some(&agent.host))?;
    tracing::info!(host.name = agent.host, urls = config.bus.nats.urls.join(", "), "this host's agent runs");
    let (stop, stopping) = watch::channel(false);
    let mut running = tokio::spawn(::agent::run(agent, bus, stopping));
    tokio::select! {
        signal = serve::wait_for_signal() => signal?,
        ended = &mut running => return ended.context("the agent panicked")?.context("the agent ended"),
    }
    tracing::info!("stopping; wiring stays as it is");
    stop.send_replace(true);
    running.await.context("the agent panicked")?.context("the agent ended")
}

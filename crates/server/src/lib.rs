//! The API server: REST in, transactions, wakes out; reports and heartbeats in.
//!
//! ```text
//! app      what every handler shares          error    refusal -> status and type, nowhere else
//! auth     headers -> who asks
//! http     requests and answers as bytes      routes/  one file per resource
//! tasks/   relay (wakes), sync, report, heartbeat, dhcp: loops beside the requests
//! ```

mod app;
mod auth;
mod error;
mod http;
mod routes;
mod tasks;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use bus::Bus;
use db::Db;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use app::{App, Settings};
pub use cloud::Rules;

/// How long a stop waits for requests that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is listening.
pub struct Serving {
    pub address: SocketAddr,
    pub app: App,
    tasks: tokio::task::JoinSet<()>,
}

impl Serving {
    /// Returns when a loop has ended that should not have: nothing may go on without it.
    pub async fn broken(&mut self) {
        match self.tasks.join_next().await {
            Some(Err(error)) => tracing::error!(%error, "a part of the server ended"),
            _ => tracing::error!("a part of the server ended"),
        }
    }

    /// Waits, after `stop` turned true, for open requests to be answered; not for ever, as a client
    /// may be slow.
    pub async fn until_stopped(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("clients were too slow to wait for");
            self.tasks.abort_all();
        }
    }
}

/// Starts to serve on `listener`; returns at once.
pub async fn start(
    settings: Settings,
    db: Db,
    bus: Bus,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> std::io::Result<Serving> {
    let address = listener.local_addr()?;
    let (app, nudges) = App::new(settings, db, bus);
    app.begin_epoch().await.map_err(std::io::Error::other)?;
    let mut running = tokio::task::JoinSet::new();
    tasks::spawn(&mut running, &app, nudges, &stop);
    let router: Router = Router::new().fallback(http::handle).with_state(app.clone());
    let mut stopping = stop;
    running.spawn(async move {
        let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the API stopped serving");
        }
    });
    Ok(Serving { address, app, tasks: running })
}

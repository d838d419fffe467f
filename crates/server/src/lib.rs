//! The API server: REST in, transactions, wakes out; reports and heartbeats in.
//!
//! ```text
//! app      what every handler shares          error    refusal -> status and type, nowhere else
//! http     requests and answers as bytes      routes/  one file per resource
//! tasks/   relay (wakes), sync, report, heartbeat, dhcp: loops beside the requests
//! ```

mod app;
mod error;
mod http;
mod routes;
mod tasks;

use std::net::SocketAddr;

use axum::Router;
use bus::Bus;
use db::Db;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use app::{App, Settings};
pub use cloud::Rules;

/// A server that is listening.
pub struct Serving {
    pub address: SocketAddr,
    pub app: App,
    tasks: tokio::task::JoinSet<()>,
}

impl Serving {
    /// Runs until `stop` turns true and open requests are answered.
    pub async fn until_stopped(mut self) {
        while self.tasks.join_next().await.is_some() {}
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

//! The API server: REST in, transactions, wakes out; reports and heartbeats in.
//!
//! ```text
//! app      what every handler shares          error    refusal -> status and type, nowhere else
//! guard    what the caller may do and see     policy   the operator's rules, read when they change
//! auth     headers -> who asks                keystone/  tokens -> who asks
//! http     requests and answers as bytes      tls/     handshakes, certificate
//! listen   a change -> routers that are due       operator   what the API has no place for
//! nova     who is told of instances' ports    notification  what others are told of changes
//! nudge    what tasks look at before their time
//! routes/  one file per resource              retry    a lost race, a database that is not there yet
//! repository  where software is kept
//! tasks/   relay (wakes), sync, report, heartbeat, dhcp, l3, software: loops beside the requests
//! ```

mod app;
mod auth;
mod error;
mod guard;
mod http;
pub mod keystone;
mod listen;
mod notification;
mod nova;
mod nudge;
pub mod operator;
pub mod policy;
mod repository;
mod retry;
mod routes;
mod tasks;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use bus::Bus;
use db::{Db, DbError, Options};
use tokio::net::TcpListener;
use tokio::sync::watch;

use nova::Nova;
use policy::{PolicyFile, PolicyFileError};
use repository::Repository;
use tls::{Current, TlsListener};

pub use app::{App, Settings};
pub use auth::{Auth, AuthSettings};
pub use cloud::Rules;
pub use cloud::quota::Limits;
pub use notification::NotificationSettings;
pub use nova::{NovaError, NovaSettings};
pub use repository::{RepositoryError, SoftwareSettings};
pub use tls::{TlsError, TlsSettings};

/// How long a stop waits for requests that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Socket(#[from] std::io::Error),
    #[error("in [auth.keystone]")]
    Keystone(#[from] keystone::KeystoneError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error("in the policy file")]
    Policy(#[from] PolicyFileError),
    #[error("in [software]")]
    Software(#[from] RepositoryError),
    #[error("in [nova]")]
    Nova(#[from] NovaError),
    #[error("in [server.tls]")]
    Tls(#[from] TlsError),
}

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

/// Opens the database as soon as it is there, and migrates it.
pub async fn open(options: Options) -> Result<Db, DbError> {
    retry::until_there(|| Db::open(options.clone())).await
}

/// Starts to serve on `listener`; returns at once.
pub async fn start(
    settings: Settings,
    db: Db,
    bus: Bus,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<Serving, StartError> {
    let address = listener.local_addr()?;
    let auth = Auth::open(&settings.auth, &settings.project_id)?;
    let tls = settings.tls.clone();
    let current = tls.as_ref().map(Current::load).transpose()?;
    let policies = PolicyFile::open(settings.policy.clone())?;
    let repository = Repository::open(&settings.software)?;
    let nova = Nova::open(&settings.nova, &auth)?;
    let (app, nudges, router_nudges) = App::new(settings, auth, policies, (repository, nova), db, bus);
    retry::until_there(|| app.begin_epoch()).await?;
    retry::until_there(|| routes::network_segment_range::begin(&app)).await?;
    let mut running = tokio::task::JoinSet::new();
    tasks::spawn(&mut running, &app, nudges, router_nudges, &stop);
    let router: Router = Router::new().fallback(http::handle).with_state(app.clone());
    let mut stopping = stop;
    running.spawn(async move {
        let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
        let served = match current.zip(tls) {
            None => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
            Some((current, tls)) => {
                let listener = TlsListener::new(listener, current.clone());
                let serving = axum::serve(listener, router).with_graceful_shutdown(stopped).into_future();
                tokio::select! {
                    served = serving => served,
                    () = current.follow(tls) => Ok(()),
                }
            }
        };
        if let Err(error) = served {
            tracing::error!(%error, "the API stopped serving");
        }
    });
    Ok(Serving { address, app, tasks: running })
}

//! A server without hosts, with a database of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bus::Bus;
use db::{Db, Options};
use server::{Serving, Settings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client::Client;

/// What another process may hold the database for before a request is refused.
const BUSY: Duration = Duration::from_millis(100);

/// A server on loopback; dropping it stops it.
pub struct Lone {
    pub client: Client,
    pub address: SocketAddr,
    pub bus: Bus,
    folder: TempDir,
    stop: watch::Sender<bool>,
    serving: Option<Serving>,
}

impl Lone {
    pub async fn start(settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        Lone::start_in(tempfile::tempdir()?, settings, bus).await
    }

    /// Starts on what an earlier server left in a folder.
    pub async fn start_in(folder: TempDir, settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        let options = Options { busy_timeout: BUSY, ..Options::new(folder.path().join("neutrino.db")) };
        let db = Db::open(options).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (stop, stopping) = watch::channel(false);
        let serving = server::start(settings, db, bus.clone(), listener, stopping).await?;
        let address = serving.address;
        Ok(Lone { client: Client::new(address), address, bus, folder, stop, serving: Some(serving) })
    }

    /// Where the database is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the server; the folder is what is left of it.
    pub async fn stop(mut self) -> TempDir {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            serving.until_stopped().await;
        }
        self.folder
    }
}

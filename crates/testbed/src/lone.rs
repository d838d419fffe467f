//! A server without hosts, with a database of its own or one that it shares.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bus::Bus;
use db::{Db, Engine, SqliteOptions};
use server::{Serving, Settings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client::Client;
use crate::postgres::{Database, Postgres};

/// What another process may hold the database for before a request is refused.
const BUSY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a server's database is, also while no server runs.
pub enum Home {
    Folder(TempDir),
    Database(Database),
}

impl Home {
    /// An empty one.
    pub async fn make(engine: Engine) -> anyhow::Result<Home> {
        Ok(match engine {
            Engine::Sqlite => Home::Folder(tempfile::tempdir()?),
            Engine::Postgres => Home::Database(Postgres::database().await?),
        })
    }

    /// Where a file's folder is; empty for a database of a server.
    pub fn path(&self) -> &Path {
        match self {
            Home::Folder(folder) => folder.path(),
            Home::Database(_) => Path::new(""),
        }
    }

    pub async fn open(&self) -> anyhow::Result<Db> {
        self.open_waiting(BUSY).await
    }

    async fn open_waiting(&self, busy_timeout: Duration) -> anyhow::Result<Db> {
        match self {
            Home::Folder(folder) => {
                let path = folder.path().join("neutrino.db");
                Ok(Db::open(SqliteOptions { busy_timeout, ..SqliteOptions::new(path) }).await?)
            }
            Home::Database(database) => database.open().await,
        }
    }
}

impl From<TempDir> for Home {
    fn from(folder: TempDir) -> Home {
        Home::Folder(folder)
    }
}

impl From<Database> for Home {
    fn from(database: Database) -> Home {
        Home::Database(database)
    }
}

/// A server on loopback; dropping it stops it.
pub struct Lone {
    pub client: Client,
    pub address: SocketAddr,
    pub bus: Bus,
    home: Home,
    stop: watch::Sender<bool>,
    serving: Option<Serving>,
}

impl Lone {
    pub async fn start(settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        Lone::start_on(Engine::Sqlite, settings, bus).await
    }

    pub async fn start_on(engine: Engine, settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        Lone::start_in(Home::make(engine).await?, settings, bus).await
    }

    /// Starts on what an earlier server left, or another one uses.
    pub async fn start_in(home: impl Into<Home>, settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        let home = home.into();
        let db = home.open().await?;
        Lone::serve(home, db, settings, bus).await
    }

    /// Starts on a database that was opened in its own way.
    pub async fn serve(home: Home, db: Db, settings: Settings, bus: Bus) -> anyhow::Result<Lone> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (stop, stopping) = watch::channel(false);
        let serving = server::start(settings, db, bus.clone(), listener, stopping).await?;
        let address = serving.address;
        Ok(Lone { client: Client::new(address), address, bus, home, stop, serving: Some(serving) })
    }

    /// Another handle on its database, as another server would have. It waits long for the server, which may
    /// write for longer than [`BUSY`] where the machine starves it.
    pub async fn open(&self) -> anyhow::Result<Db> {
        self.home.open_waiting(PATIENCE).await
    }

    /// Where the database's file is.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Stops the server; its database is what is left of it.
    pub async fn stop(mut self) -> Home {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            serving.until_stopped().await;
        }
        self.home
    }
}

//! The software repository: bytes, indexes and their signatures. It decides nothing: who owns and sees what
//! is told by the server, as desired state.
//!
//! ```text
//! settings   what an operator says              keys     keys that sign, in files of their own
//! store/     a folder, or S3                    uploads  files that come in, bit by bit
//! blobs      files that came, by their sum, and what they say of themselves
//! publish/   what is wanted -> indexes: only what changed is made again
//! manage/    HTTP for the server                reading/ HTTP for the gateway: reading, as some project
//! http       connections, ranges, answers       error    what is answered when something is not
//! ```

mod blobs;
mod error;
mod http;
mod keys;
mod manage;
mod publish;
mod reading;
mod settings;
mod store;
mod uploads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use blobs::Blobs;
use publish::Publisher;
use store::Store;
use uploads::Uploads;

pub use error::StartError;
pub use keys::{KeyShown, Keys};
pub use publish::{Change, Outcome, Version, Wanted};
pub use settings::{S3, Settings};

/// How often keys, other writers' publications and leftovers are looked at.
const LOOK: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(600);
/// How long a stop waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all handlers share.
pub(crate) struct Repository {
    settings: Settings,
    secrets: settings::Secrets,
    blobs: Blobs,
    uploads: Uploads,
    publisher: Publisher,
    keys: Keys,
}

/// A repository that is listening.
pub struct Serving {
    /// For the server.
    pub manage: SocketAddr,
    /// For the gateway.
    pub reading: SocketAddr,
    tasks: JoinSet<()>,
}

impl Serving {
    /// Returns when a part has ended that should not have.
    pub async fn broken(&mut self) {
        if let Some(Err(error)) = self.tasks.join_next().await {
            tracing::error!(%error, "a part of the repository ended");
        }
    }

    /// Waits, after `stop` turned true, for what is under way; not for ever.
    pub async fn until_stopped(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            self.tasks.abort_all();
        }
    }
}

/// Opens the repository and starts to serve it; returns at once.
pub async fn start(settings: Settings, stop: watch::Receiver<bool>) -> Result<Serving, StartError> {
    settings.check()?;
    let secrets = settings.secrets()?;
    let keys = Keys::open(&settings.key_folder())?;
    let store = Arc::new(Store::open(&settings).await?);
    let blobs = Blobs::new(store.clone());
    let uploads = Uploads::open(&settings).await?;
    let publisher = Publisher::open(store, blobs.clone(), &settings).await?;
    let listen = async |address: SocketAddr| {
        TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
    };
    let (manage, reading) = (listen(settings.bind).await?, listen(settings.read_bind).await?);
    let addresses = (manage.local_addr(), reading.local_addr());
    let own = |source| StartError::Listen { address: settings.bind, source };
    let (manage_at, reading_at) = (addresses.0.map_err(own)?, addresses.1.map_err(own)?);
    let repository = Arc::new(Repository { settings, secrets, blobs, uploads, publisher, keys });

    let mut tasks = JoinSet::new();
    let (ours, stopping) = (repository.clone(), stop.clone());
    tasks.spawn(http::serve(manage, stopping, http::LARGE, move |call| manage::handle(ours.clone(), call)));
    let (ours, stopping) = (repository.clone(), stop.clone());
    tasks.spawn(http::serve(reading, stopping, http::SMALL, move |call| reading::handle(ours.clone(), call)));
    tasks.spawn(look(repository, stop));
    Ok(Serving { manage: manage_at, reading: reading_at, tasks })
}

/// Looks after what changes by itself: keys, what another process published, leftovers.
async fn look(repository: Arc<Repository>, mut stop: watch::Receiver<bool>) {
    let mut sweep = tokio::time::interval(SWEEP);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = http::until(&mut stop) => return,
            _ = look.tick() => {
                repository.keys.look();
                repository.publisher.look().await;
            }
            _ = sweep.tick() => {
                repository.uploads.sweep().await;
                repository.publisher.sweep().await;
            }
        }
    }
}

//! The certificate in use, and the look whether there is another.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::{MissedTickBehavior, interval};

use super::{TlsError, TlsSettings};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What handshakes that begin use.
#[derive(Clone)]
pub struct Current(Arc<ArcSwap<ServerConfig>>);

/// Tells one state of a file from another without reading it.
type Mark = Option<(u64, u64, i64, i64, i64, i64, u64)>;

impl Current {
    /// Reads the files, which must be good at the start.
    pub fn load(settings: &TlsSettings) -> Result<Current, TlsError> {
        Ok(Current(Arc::new(ArcSwap::new(settings.load()?))))
    }

    pub fn get(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }

    /// Follows the files for ever. While they make no TLS, what was read last stays in use;
    /// connections that are open keep what they began with.
    pub async fn follow(self, settings: TlsSettings) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What was loaded at the start may have been replaced before the first look.
        let mut seen = Vec::new();
        let mut told = None;
        loop {
            looks.tick().await;
            let settings = settings.clone();
            let before = marks(&settings);
            // Broken files are read again though they look the same: permission may have come.
            if before == seen && told.is_none() {
                continue;
            }
            let Ok(loaded) = tokio::task::spawn_blocking(move || settings.load()).await else { continue };
            match loaded {
                Ok(config) => {
                    self.0.store(config);
                    if !seen.is_empty() {
                        tracing::info!("the API's certificate was read again");
                    }
                    (seen, told) = (before, None);
                }
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(error, "the API's certificate stays as it was: its files are broken");
                    }
                    (seen, told) = (before, Some(error));
                }
            }
        }
    }
}

fn marks(settings: &TlsSettings) -> Vec<Mark> {
    let files = [Some(&settings.certificate), Some(&settings.key), settings.client_ca.as_ref()];
    files.into_iter().flatten().map(|path| mark(path)).collect()
}

fn mark(path: &Path) -> Mark {
    let file = std::fs::metadata(path).ok()?;
    let times = (file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec());
    Some((file.dev(), file.ino(), times.0, times.1, times.2, times.3, file.size()))
}

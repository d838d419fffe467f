//! Instances whose frames lie in memory that they share with their host (vhost-user), as a process of its own.
//!
//! ```text
//! virtual machine monitor                this process                              kernel
//!   makes vhu<id> in socket_dir --> folder: who waits there
//!   shares memory, two rings <----> connection: joined as its client; session: what it said
//!   instance: rings, frames  <----> port: copies and bounds, no more  <---> tap<id>
//!                                                                            |
//!                                                       agent: bridge, filters, tunnels, as for any tap
//! ```
//! The device is there while its monitor is, so that the agent wires it, and the port is told active, as for an
//! instance whose monitor made the device itself. Nothing is kept: a restart finds the sockets, and monitors let
//! themselves be joined again.

#[cfg(target_endian = "big")]
compile_error!("headers of virtio 1 are little-endian, and are handed to the kernel as they are");

mod connection;
mod folder;
mod marks;
mod port;
mod ring;
mod session;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use folder::Folder;
pub use settings::Settings;

/// Between two looks at the folder, however often it changes.
const PAUSE: Duration = Duration::from_millis(50);
/// A socket at which nobody could be joined is tried again as often.
const AGAIN: Duration = Duration::from_secs(1);

/// Why the process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum VhostuserdError {
    #[error("[vhostuserd] {option}: {why}")]
    Setting { option: &'static str, why: &'static str },
    #[error("another vhostuserd works with {}: stop it, or set vhostuserd.socket_dir to another folder", .0.display())]
    Occupied(PathBuf),
    #[error("cannot {act} {}: {source}", .path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
}

/// A connection that ended, by its socket, and why there was none, or none any more.
struct Ended {
    name: String,
    why: String,
}

/// Joins instances until told to stop.
pub async fn run(settings: Settings, mut stopping: watch::Receiver<bool>) -> Result<(), VhostuserdError> {
    settings.check()?;
    if let Err(error) = kernel::raise_file_limit() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let folder = Folder::open(&settings.socket_dir)?;
    tracing::info!(socket_dir = %settings.socket_dir.display(), "instances are waited for");
    let (tell, mut ended) = mpsc::unbounded_channel();
    let mut door = Door { settings, tell, joined: BTreeSet::new(), waiting: BTreeMap::new() };
    loop {
        door.look(folder.sockets()?)?;
        tokio::select! {
            changed = folder.changed() => changed?,
            Some(Ended { name, why }) = ended.recv() => {
                door.joined.remove(&name);
                door.wait(name, why, AGAIN);
            }
            () = tokio::time::sleep(AGAIN), if !door.waiting.is_empty() => {}
            _ = stopping.wait_for(|stop| *stop) => return Ok(()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Who is joined, and who is not yet.
struct Door {
    settings: Settings,
    tell: mpsc::UnboundedSender<Ended>,
    joined: BTreeSet<String>,
    /// Why not, and when it is tried again.
    waiting: BTreeMap<String, (String, Instant)>,
}

impl Door {
    /// Joins who waits; sockets and their devices.
    fn look(&mut self, there: BTreeMap<String, String>) -> Result<(), VhostuserdError> {
        self.waiting.retain(|name, _| there.contains_key(name));
        let now = Instant::now();
        for (name, device) in there {
            let is_early = self.waiting.get(&name).is_some_and(|(_, until)| *until > now);
            if is_early || self.joined.contains(&name) {
                continue;
            }
            if self.joined.len() == self.settings.ports {
                let why = format!("there are {} already: see vhostuserd.ports", self.settings.ports);
                // As soon as one goes.
                self.wait(name, why, Duration::ZERO);
                continue;
            }
            self.joined.insert(name.clone());
            self.join(name, device)?;
        }
        Ok(())
    }

    fn join(&self, name: String, device: String) -> Result<(), VhostuserdError> {
        let (socket, namespace, tell) =
            (self.settings.socket_dir.join(&name), self.settings.namespace(), self.tell.clone());
        let serve = move || {
            let why = match connection::serve(&socket, &namespace, &device) {
                Ok(()) => "its monitor went".to_owned(),
                Err(why) => why,
            };
            let _ = tell.send(Ended { name, why });
        };
        let thread = std::thread::Builder::new().name("vhostuser".to_owned()).spawn(serve);
        let failed = |source| VhostuserdError::Io {
            act: "start a thread for",
            path: self.settings.socket_dir.clone(),
            source,
        };
        thread.map(drop).map_err(failed)
    }

    fn wait(&mut self, name: String, why: String, pause: Duration) {
        if self.waiting.get(&name).is_none_or(|(before, _)| *before != why) {
            tracing::info!(socket = name, why, "an instance is not joined");
        }
        self.waiting.insert(name, (why, Instant::now() + pause));
    }
}

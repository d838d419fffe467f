//! A virtual switch on real ports, as a process of its own.
//!
//! ```text
//! operator, agent                    this process
//!   client --message--> serve -+                                 ports, underlays
//!                              v                                      |
//!   kernel --links, routes--> house: one thread           worker: one thread, run to completion
//!   kernel <--neighbours----  what it is to be (keep)  jobs    receive -> Switch -> send
//!                             which devices are open  ----->   waits only when nothing comes
//!                             silence, filter         <-----   neighbours that were found
//! ```
//! `fast_path` keeps frames of settled flows in the kernel, where they go from device to device.
//! Which frame goes where is decided in `vswitch`. What the switch is to be is replaced as a whole, is on disk
//! before it is acknowledged, and is where a restart begins; what it learned is learned again.

mod device;
mod fast_path;
mod filter;
mod happened;
mod house;
mod keep;
mod looks;
mod message;
mod offload;
mod settings;
mod spinning;
mod worker;
mod written;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kernel::conversation;
use tokio::sync::watch;

pub use message::{Answer, Device, Request};
pub use settings::Settings;

/// Asking vswitchd.
pub type Conversation = kernel::conversation::Conversation<Request>;

/// Why the process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum VswitchdError {
    #[error("[vswitchd] {option}: {why}")]
    Setting { option: &'static str, why: &'static str },
    #[error("another vswitchd works with {}: stop it, or set vswitchd.state_dir to another folder", .0.display())]
    Occupied(PathBuf),
    #[error("cannot {act} {}: {source}", .path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
    #[error("{} cannot be read: {source}. Mend it, or remove it and apply what is wanted again", .path.display())]
    Unreadable { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Kernel(#[from] kernel::KernelError),
    #[error("what was kept cannot be carried out: {0}")]
    Wrong(vswitch::Wrong),
    #[error("a thread of the switch ended")]
    Ended,
}

impl VswitchdError {
    fn io(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> VswitchdError {
        let path = path.into();
        move |source| VswitchdError::Io { act, path, source }
    }
}

/// Switches until told to stop.
pub async fn run(settings: Settings, mut stopping: watch::Receiver<bool>) -> Result<(), VswitchdError> {
    settings.check()?;
    // Each port has three.
    if let Err(error) = kernel::raise_file_limit() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let keep = keep::Keep::open(&settings.state_dir)?;
    let (house, mut ended) = house::House::start(&settings, keep)?;
    let house = Arc::new(house);
    // The lock of the folder says that what is left at its place is of an earlier run.
    let listener = conversation::listen(&settings.socket, &settings.users)
        .map_err(VswitchdError::io("listen at", &settings.socket))?;
    tracing::info!(socket = %settings.socket.display(), "the switch runs");
    let outcome = tokio::select! {
        () = conversation::serve(listener, Arc::clone(&house), &settings.users) => Ok(()),
        _ = stopping.wait_for(|stop| *stop) => Ok(()),
        _ = ended.recv() => Err(VswitchdError::Ended),
    };
    house.stop();
    // Each thread holds a sender until it ends.
    while ended.recv().await.is_some() {}
    outcome
}

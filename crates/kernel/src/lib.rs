//! The door to Linux: what a host has, and the acts of `host::op` done to it.
//!
//! ```text
//! Kernel --jobs--> worker: one thread that lives in the governed namespace
//!                    observe   dumps, or single questions when few places are looked at
//!                    apply     acts, many per system call; goes on after a failure
//! inside    acts and observations in other namespaces, one entry for all of one
//! link fdb addr route nft   requests and what the kernel tells  netlink   framing
//! netns     namespaces by name, and threads thrown away after entering one
//! announce  frames that tell of an address, sent again later
//! packet    raw frames of one device                          events    links that come and go
//! ```
//! The only crate with unsafe code. Nothing here decides.

mod addr;
mod announce;
mod apply;
mod error;
mod events;
mod fdb;
mod file_limit;
mod inside;
mod link;
mod netlink;
pub mod netns;
mod nft;
mod observe;
pub mod packet;
mod route;
mod sysctl;
mod wait;
mod worker;

use std::path::Path;

use host::{Observed, Scope, Step};

pub use apply::Failed;
pub use error::KernelError;
pub use events::{Event, Events};
pub use file_limit::raise_file_limit;
pub use netlink::socket::Refusal;

use worker::Worker;

/// A host's kernel, as seen from one network namespace.
pub struct Kernel {
    worker: Worker,
}

impl Kernel {
    /// Opens the door in a namespace (`None`: the process's own); namespaces for DHCP are kept by
    /// name in `netns_dir`.
    pub fn open(namespace: Option<&Path>, netns_dir: &Path) -> Result<Kernel, KernelError> {
        Ok(Kernel { worker: Worker::start(namespace, netns_dir)? })
    }

    /// What is there, as far as the scope goes (or further, where that is cheaper).
    pub async fn observe(&self, scope: &Scope) -> Result<Observed, KernelError> {
        let scope = scope.clone();
        self.worker.run(move |inner| inner.observe(&scope)).await?
    }

    /// Does all steps, and tells those that failed.
    pub async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Failed>, KernelError> {
        self.worker.run(move |inner| inner.apply(&steps)).await
    }

    /// Links of the namespace as they come, change and go.
    pub async fn events(&self) -> Result<Events, KernelError> {
        let broken = || KernelError::io("listen to link events");
        let socket = self.worker.run(|_| events::open()).await?.map_err(broken())?;
        // Listening first: a link that comes meanwhile is told of, or is among the names.
        let names = self.worker.run(worker::Inner::link_names).await??;
        Events::new(socket, names).map_err(broken())
    }

    /// Whether this kernel has VLAN devices.
    pub async fn has_vlan(&self) -> Result<bool, KernelError> {
        self.worker.run(|inner| inner.has_vlan()).await
    }
}

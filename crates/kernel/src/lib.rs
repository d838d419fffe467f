//! The door to Linux: what a host has, and the acts of `host::op` done to it.
//!
//! ```text
//! Kernel --jobs--> worker: one thread that lives in the governed namespace
//!                    observe   dumps, or single questions when few places are looked at
//!                    apply     acts, many per system call; goes on after a failure
//! filter    what filters ports by their groups, as seen
//! inside    acts and observations in other namespaces, one entry for all of one
//! link fdb addr route nft   requests and what the kernel tells  netlink   framing
//! netns     namespaces by name, and threads thrown away after entering one
//! keepalived, changes   its processes, and what they say
//! announce  frames that tell of an address, sent again later
//! conntrack/ tables of tracked connections: walked, matched, deleted from
//! conversation  messages between programs of the host, over a unix socket
//! own       this process and the calling thread: priority, time, memory
//! procfs    a /proc whose look-ups stay quick
//! relay/    bytes from stream to stream, and streams from process to process
//! packet    raw frames of one device                          events    links that come and go
//! packet_log  packets that rules tell of              folder    files that come
//! ports/    frames of a virtual switch, in batches            underlay  what tunnels travel on
//! bpf/      programs in the kernel that see frames of a device
//! ```
//! The only crate with unsafe code. Nothing here decides.

mod addr;
mod announce;
mod apply;
pub mod bpf;
mod changes;
pub mod conntrack;
pub mod conversation;
mod error;
mod events;
mod fdb;
mod file_limit;
mod filter;
mod folder;
mod inside;
mod keepalived;
mod link;
mod netlink;
pub mod netns;
mod nft;
mod observe;
pub mod own;
pub mod packet;
mod packet_log;
pub mod ports;
pub mod procfs;
pub mod relay;
mod route;
mod sysctl;
pub mod underlay;
mod wait;
mod worker;

use std::path::Path;

use host::{Observed, Scope, Step};

pub use apply::Failed;
pub use changes::Changes;
pub use error::KernelError;
pub use events::{Event, Events};
pub use file_limit::raise_file_limit;
pub use folder::FolderWatch;
pub use netlink::socket::Refusal;
pub use packet_log::{LoggedPacket, PacketLog};

use worker::Worker;

/// Where states of programs are kept when nobody says otherwise.
pub const STATE_DIR: &str = "/var/lib/neutrino";

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

    /// Keeps the state of programs in this directory instead of [`STATE_DIR`].
    pub async fn keep_state_in(&self, dir: &Path) -> Result<(), KernelError> {
        let dir = keepalived::Dir::new(dir);
        self.worker.run(move |inner| inner.keepalived = dir).await
    }

    /// Routers of which keepalived says that they become active or standby, as it says so.
    pub async fn changes(&self) -> Result<Changes, KernelError> {
        let dir = self.worker.run(|inner| inner.keepalived.clone()).await?;
        Changes::open(&dir).map_err(KernelError::io("listen to keepalived"))
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

    /// Packets that rules of the namespace tell of.
    pub async fn packet_log(&self) -> Result<PacketLog, KernelError> {
        let socket = self.worker.run(|_| packet_log::open()).await??;
        PacketLog::new(socket).map_err(KernelError::io("hear of logged packets"))
    }

    /// Whether this kernel has VLAN devices.
    pub async fn has_vlan(&self) -> Result<bool, KernelError> {
        self.worker.run(|inner| inner.has_vlan()).await
    }
}

//! The thread that lives in a governed namespace, and what it has open there.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::SockProtocol;
use tokio::sync::oneshot;

use crate::announce::Announcer;
use crate::netlink::Socket;
use crate::sysctl::Settings;
use crate::{KernelError, STATE_DIR, keepalived};

/// What acts and observations work with.
pub(crate) struct Inner {
    pub route: Socket,
    pub netfilter: Socket,
    pub netns_dir: PathBuf,
    /// Indexes of devices by name, as last seen.
    pub indexes: HashMap<String, u32>,
    pub announcer: Announcer,
    /// Sockets of other namespaces that are done with.
    pub closing: mpsc::Sender<Vec<Socket>>,
    pub keepalived: keepalived::Dir,
    pub settings: Settings,
}

type Job = Box<dyn FnOnce(&mut Inner) + Send>;

/// Runs jobs one after the other on its thread, which ends when the handle is dropped.
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    /// Starts the thread and waits until it is in the namespace; `None` stays in the process's.
    pub fn start(namespace: Option<&Path>, netns_dir: &Path) -> Result<Worker, KernelError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (ready, opened) = mpsc::channel();
        let (namespace, netns_dir) = (namespace.map(Path::to_owned), netns_dir.to_owned());
        std::thread::Builder::new()
            .name("kernel".into())
            .spawn(move || match open(namespace.as_deref(), netns_dir) {
                Ok(mut inner) => {
                    let _ = ready.send(Ok(()));
                    while let Ok(job) = inbox.recv() {
                        job(&mut inner);
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            })
            .map_err(KernelError::io("start a thread"))?;
        opened.recv().map_err(|_| KernelError::ThreadEnded)??;
        Ok(Worker { jobs })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Inner) -> T + Send + 'static,
    ) -> Result<T, KernelError> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |inner| drop(reply.send(job(inner))));
        self.jobs.send(job).map_err(|_| KernelError::ThreadEnded)?;
        outcome.await.map_err(|_| KernelError::ThreadEnded)
    }
}

fn open(namespace: Option<&Path>, netns_dir: PathBuf) -> Result<Inner, KernelError> {
    if let Some(path) = namespace {
        let entered =
            File::open(path).and_then(|file| setns(file, CloneFlags::CLONE_NEWNET).map_err(Into::into));
        entered.map_err(|source| KernelError::Namespace { path: path.to_owned(), source })?;
    }
    let (closing, closed) = mpsc::channel::<Vec<Socket>>();
    let close = move || closed.into_iter().for_each(drop);
    std::thread::Builder::new()
        .name("close".into())
        .spawn(close)
        .map_err(KernelError::io("start a thread"))?;
    let open = |protocol| Socket::open(protocol).map_err(KernelError::io("open a netlink socket"));
    Ok(Inner {
        route: open(SockProtocol::NetlinkRoute)?,
        netfilter: open(SockProtocol::NetlinkNetFilter)?,
        netns_dir,
        settings: Settings::open().map_err(KernelError::io("open settings"))?,
        indexes: HashMap::new(),
        closing,
        keepalived: keepalived::Dir::new(Path::new(STATE_DIR)),
        announcer: Announcer::start().map_err(KernelError::io("start a thread"))?,
    })
}

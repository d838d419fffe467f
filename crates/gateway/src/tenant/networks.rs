//! What is listened on, made as it is told, and looked after: namespaces come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::netns;
use kernel::relay::{self, Watched};
use model::NetworkId;
use model::gateway::{Counters, Listen, Network, Status, Unserved, Wanted};
use tokio::task::{AbortHandle, spawn_blocking};

use super::network::{State, add};
use super::{Shared, door};

pub(super) struct Networks {
    shared: Arc<Shared>,
    served: BTreeMap<NetworkId, Served>,
    /// Of networks that are gone.
    counters: Counters,
}

struct Served {
    namespace: String,
    listen: Vec<Listen>,
    /// Who is who is there, and there alone: ten thousand ports are not kept twice.
    state: Arc<State>,
    doors: Vec<(Listen, Open)>,
    unserved: Option<String>,
}

/// An address that is listened on, until it is dropped.
struct Open {
    task: AbortHandle,
    /// Tells the namespace from a later one of its name.
    namespace: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.state.end();
    }
}

/// A namespace, what to open in it, and which it should be.
struct Job {
    id: NetworkId,
    path: PathBuf,
    missing: Vec<Listen>,
    /// `None`: any.
    known: Option<u64>,
}

/// What became of a job.
struct Found {
    id: NetworkId,
    namespace: Result<u64, String>,
    opened: Vec<(Listen, Result<OwnedFd, String>)>,
}

impl Networks {
    pub fn new(shared: Arc<Shared>) -> Networks {
        Networks { shared, served: BTreeMap::new(), counters: Counters::default() }
    }

    /// All that should be.
    pub async fn tell(&mut self, wanted: &Wanted) {
        self.keep(&wanted.networks.iter().map(|network| network.id).collect()).await;
        self.change(&wanted.networks, &[]).await;
    }

    /// Only these stay.
    pub async fn keep(&mut self, these: &BTreeSet<NetworkId>) {
        let gone: Vec<NetworkId> = self.served.keys().filter(|id| !these.contains(id)).copied().collect();
        self.change(&[], &gone).await;
    }

    pub async fn change(&mut self, networks: &[Network], gone: &[NetworkId]) {
        for id in gone {
            if let Some(served) = self.served.remove(id) {
                add(&mut self.counters, served.state.counts.read());
            }
        }
        let ids: Vec<NetworkId> = networks.iter().map(|network| network.id).collect();
        for network in networks {
            match self.served.get_mut(&network.id) {
                Some(served) => {
                    if served.namespace != network.namespace {
                        served.doors.clear();
                    }
                    served.doors.retain(|(listen, _)| network.listen.contains(listen));
                    served.state.change(network);
                    served.namespace.clone_from(&network.namespace);
                    served.listen.clone_from(&network.listen);
                }
                None => {
                    let state = Arc::new(State::new(network, self.shared.settings.log_per_s));
                    let (namespace, listen) = (network.namespace.clone(), network.listen.clone());
                    let served = Served { namespace, listen, state, doors: Vec::new(), unserved: None };
                    self.served.insert(network.id, served);
                }
            }
        }
        self.open(&ids).await;
    }

    /// Listens again where namespaces came, and nowhere where they went.
    pub async fn sweep(&mut self) {
        let ids: Vec<NetworkId> = self.served.keys().copied().collect();
        self.open(&ids).await;
    }

    async fn open(&mut self, ids: &[NetworkId]) {
        let jobs: Vec<Job> = ids.iter().filter_map(|id| self.job(*id)).collect();
        if jobs.is_empty() {
            return;
        }
        // Threads enter the namespaces; meanwhile connections are served.
        let found = spawn_blocking(|| jobs.into_iter().map(look).collect::<Vec<Found>>()).await;
        for found in found.unwrap_or_default() {
            self.take(found);
        }
    }

    fn job(&self, id: NetworkId) -> Option<Job> {
        let served = self.served.get(&id)?;
        let missing =
            served.listen.iter().filter(|listen| served.doors.iter().all(|(open, _)| open != *listen));
        Some(Job {
            id,
            path: self.shared.settings.netns_dir.join(&served.namespace),
            missing: missing.cloned().collect(),
            known: served.doors.first().map(|(_, open)| open.namespace),
        })
    }

    fn take(&mut self, found: Found) {
        let Some(served) = self.served.get_mut(&found.id) else { return };
        let namespace = match found.namespace {
            Ok(namespace) => namespace,
            Err(why) => {
                // Sockets would keep the namespace that nobody sees any more.
                served.doors.clear();
                served.state.end();
                return served.unserved_because(Some(why));
            }
        };
        served.doors.retain(|(_, open)| open.namespace == namespace);
        served.doors.reserve_exact(found.opened.len());
        let mut why = None;
        for (listen, opened) in found.opened {
            let watched =
                opened.and_then(|fd| Watched::for_reading(Arc::new(fd)).map_err(|error| error.to_string()));
            match watched {
                Ok(watched) => {
                    let accept = door::accept(
                        watched,
                        listen.door,
                        Arc::clone(&served.state),
                        Arc::clone(&self.shared),
                    );
                    let task = tokio::spawn(accept).abort_handle();
                    served.doors.push((listen, Open { task, namespace }));
                }
                Err(error) => {
                    why = Some(format!("cannot listen on {} port {}: {error}", listen.address, listen.port))
                }
            }
        }
        served.unserved_because(why);
    }

    pub fn unserved(&self) -> Vec<Unserved> {
        let unserved = |served: &Served| {
            let why = served.unserved.clone()?;
            Some(Unserved { network: served.state.id, why })
        };
        self.served.values().filter_map(unserved).collect()
    }

    pub fn status(&self) -> Status {
        let mut status = Status {
            linked: self.shared.link.reached().is_some(),
            memory_kib: kernel::own::resident_kib(),
            networks: self.served.len() as u64,
            connections: self.shared.connections.load(Ordering::Relaxed).into(),
            counters: self.counters,
            unserved: self.unserved(),
            ..Status::default()
        };
        for (id, served) in &self.served {
            let counters = served.state.counts.read();
            add(&mut status.counters, counters);
            if counters != Counters::default() {
                status.by_network.insert(id.to_string(), counters);
            }
        }
        status
    }
}

impl Served {
    fn unserved_because(&mut self, why: Option<String>) {
        if self.unserved != why {
            match &why {
                Some(why) => tracing::warn!(network.id = %self.state.id, why, "a network is not served"),
                None => tracing::info!(network.id = %self.state.id, "the network is served"),
            }
            self.unserved = why;
        }
    }
}

/// Looks at one namespace, and opens what is missing there.
fn look(job: Job) -> Found {
    let namespace = netns::id(&job.path);
    let anew = namespace.as_ref().is_ok_and(|id| job.known.is_some_and(|known| known != *id));
    let mut opened = Vec::new();
    if namespace.is_ok() && !anew && !job.missing.is_empty() {
        let open = |listen: Listen| {
            let fd = relay::listen(listen.address, listen.device.as_deref(), listen.port);
            (listen, fd.map_err(|error| error.to_string()))
        };
        let all = || job.missing.iter().cloned().map(open).collect::<Vec<_>>();
        match netns::within(&job.path, all) {
            Ok(all) => opened = all,
            Err(error) => return Found { id: job.id, namespace: Err(error.to_string()), opened },
        }
    }
    let why = |error| format!("its namespace {} is not there: {error}", job.path.display());
    Found { id: job.id, namespace: namespace.map_err(why), opened }
}

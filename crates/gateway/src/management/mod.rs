//! The management gateway: answers what the tenants' gateway judged, and writes it to the instance itself.
//!
//! ```text
//! link      requests from the tenants' gateway, each with a connection     out     writing to an instance
//! origin/   another server: connections kept, heads of its answers         body    bodies, through the kernel
//! repository  the software repository     metadata/  what an instance may know of itself
//! orders    a mailbox for each port       port       where the platform reaches towards instances
//! known     what is kept of a network
//! ```
//! It takes requests from the socket between the gateways and from nowhere else.

mod body;
mod known;
mod link;
mod metadata;
mod orders;
mod origin;
mod out;
mod port;
mod repository;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use kernel::conversation::listen;
use kernel::relay::Listener;
use model::gateway::{Answer, Counters, Network, Request, Status, Wanted};
use model::{NetworkId, PortId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use crate::bucket::Bucket;
use crate::control::done_with;
use crate::{GatewayError, Management, Settings, control};
use body::Pipes;
use known::Known;
use metadata::Nova;
use orders::Mailboxes;
use origin::Origin;

/// What all requests share.
struct Shared {
    settings: Management,
    repository: Origin,
    nova: Option<Nova>,
    pipes: Pipes,
    told: RwLock<Told>,
    mailboxes: Mailboxes,
    /// Tenants' gateways that are there: one, or two while one takes the place of another.
    links: AtomicU64,
    asked: AtomicU64,
    broken: AtomicU64,
    bytes: AtomicU64,
}

/// Who is in the networks, as it was told.
#[derive(Default)]
struct Told {
    networks: HashMap<NetworkId, Known>,
    ports: HashMap<PortId, NetworkId>,
    /// How much of a network's answers goes out in a time.
    buckets: HashMap<NetworkId, Arc<Bucket>>,
    /// Places for answers of the repository.
    places: HashMap<NetworkId, Arc<Semaphore>>,
}

impl Shared {
    fn told(&self) -> std::sync::RwLockReadGuard<'_, Told> {
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Networks that come or change; of the others those stay of which `stays` says so.
    fn change(&self, told_anew: &[Network], stays: impl Fn(&NetworkId) -> bool) {
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        let Told { networks, ports, buckets, places } = &mut *told;
        networks.retain(|id, _| stays(id));
        for network in told_anew {
            networks.insert(network.id, Known::of(network));
            self.mailboxes.give(network.ports.iter().map(|port| (port.id, &port.orders)));
        }
        places.retain(|id, _| networks.contains_key(id));
        *ports = networks.iter().flat_map(|(id, network)| network.ids().map(|port| (port, *id))).collect();
        self.mailboxes.keep(|port| ports.contains_key(port));
        let rate = |id: &NetworkId| {
            networks.get(id).and_then(|n| n.limits.bytes_per_s).unwrap_or(self.settings.bytes_per_s)
        };
        buckets.retain(|id, bucket| networks.contains_key(id) && bucket.per_s() == rate(id));
    }

    /// The bucket of a network; it may not have been told of yet.
    fn bucket(&self, network: NetworkId) -> Option<Arc<Bucket>> {
        let told = self.told();
        let limit = told.networks.get(&network).and_then(|network| network.limits.bytes_per_s);
        let rate = limit.unwrap_or(self.settings.bytes_per_s);
        if rate == 0 {
            return None;
        }
        if let Some(bucket) = told.buckets.get(&network).filter(|bucket| bucket.per_s() == rate) {
            return Some(Arc::clone(bucket));
        }
        drop(told);
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(
            told.buckets.entry(network).or_insert_with(|| Arc::new(Bucket::new(rate, Instant::now()))),
        ))
    }

    /// A place for an answer of the repository to a network; none when others take too long to leave theirs.
    async fn place(&self, network: NetworkId) -> Option<OwnedSemaphorePermit> {
        let places = {
            let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
            let number = self.settings.answers_of_network as usize;
            Arc::clone(told.places.entry(network).or_insert_with(|| Arc::new(Semaphore::new(number))))
        };
        let patience = Duration::from_secs(self.settings.answer_s);
        timeout(patience, places.acquire_owned()).await.ok()?.ok()
    }

    fn status(&self) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = Counters {
            asked: read(&self.asked),
            broken: read(&self.broken),
            bytes: read(&self.bytes),
            ..Counters::default()
        };
        Status {
            linked: read(&self.links) > 0,
            memory_kib: kernel::own::resident_kib(),
            networks: self.told().networks.len() as u64,
            counters,
            ..Status::default()
        }
    }
}

/// Serves until told to stop. The process should have one thread: it moves to its namespace.
pub async fn run(settings: Settings, mut stopping: watch::Receiver<bool>) -> Result<(), GatewayError> {
    settings.check()?;
    kernel::raise_file_limit()
        .map_err(GatewayError::io("raise the limit of", PathBuf::from("open files")))?;
    let management = settings.management.clone();
    let nova = match (&management.metadata, &management.metadata_secret_file) {
        (Some(at), Some(file)) => {
            Some(Nova::new(Origin::new("the metadata service", at, &management), &secret(file)?))
        }
        _ => None,
    };
    let mut repository = Origin::new("the repository", &management.repository, &management);
    if let Some(file) = &management.repository_secret_file {
        repository.show(&secret(file)?)?;
    }
    let shared = Arc::new(Shared {
        repository,
        nova,
        pipes: Pipes::default(),
        told: RwLock::default(),
        mailboxes: Mailboxes::default(),
        links: AtomicU64::new(0),
        asked: AtomicU64::new(0),
        broken: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        settings: management.clone(),
    });
    let port = match (management.bind, &management.secret_file) {
        (Some(bind), Some(file)) => Some(port::open(bind, &secret(file)?, Arc::clone(&shared)).await?),
        _ => None,
    };
    let telling = listen(&management.control, &settings.users)
        .map_err(GatewayError::io("listen at", &management.control))?;
    let between = Listener::bind(&settings.socket, !settings.users.is_empty())
        .map_err(GatewayError::io("listen at", &settings.socket))?;
    let (asks, mut asked) = mpsc::channel(4);
    let mut tasks = vec![
        tokio::spawn(control::serve(telling, settings.users.clone(), asks)),
        tokio::spawn(link::accept(between, settings.users.clone(), Arc::clone(&shared))),
    ];
    tasks.extend(port);
    tracing::info!(socket = %settings.socket.display(), "the management gateway is there");
    kernel::own::give_back();
    loop {
        tokio::select! {
            Some((request, answer)) = asked.recv() => {
                if let Request::Reports { after, wait_s } = request {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        let _ = answer.send(shared.mailboxes.came_after(after, wait_s).await);
                    });
                } else {
                    let answered = answer_to(&shared, &request);
                    done_with(request);
                    let _ = answer.send(answered);
                }
            }
            _ = stopping.changed() => break,
        }
    }
    for task in tasks {
        task.abort();
    }
    Ok(())
}

fn answer_to(shared: &Shared, request: &Request) -> Answer {
    match request {
        Request::Tell { wanted } => match Wanted::check(wanted) {
            Ok(()) => shared.change(&wanted.networks, |_| false),
            Err(refused) => return Answer::Refused(refused),
        },
        Request::Change { networks, gone } => match networks.iter().try_for_each(Network::check) {
            Ok(()) => shared.change(networks, |id| !gone.contains(id)),
            Err(refused) => return Answer::Refused(refused),
        },
        Request::Keep { networks } => shared.change(&[], |id| networks.contains(id)),
        Request::Status | Request::Reports { .. } => {
            return Answer::Status { status: Box::new(shared.status()) };
        }
    }
    Answer::Told { unserved: Vec::new() }
}

/// The first line of a file that nobody else should read.
fn secret(file: &Path) -> Result<String, GatewayError> {
    let text = std::fs::read_to_string(file).map_err(GatewayError::io("read", file))?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.len() < 16 {
        return Err(GatewayError::Setting { option: "management", why: "a secret has 16 letters at least" });
    }
    Ok(line)
}

//! One network: who is who, limits, counts, and the connections that are open.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use model::gateway::{Counters, Network};
use model::{NetworkId, PortId};
use tokio::task::AbortHandle;

use super::Shared;
use crate::bucket::Bucket;
use crate::link::Conn;

/// Who asks from an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Caller {
    pub port: PortId,
    /// Mostly one for all of a network.
    pub project: Arc<str>,
    pub instance: Box<str>,
}

/// By address.
type Callers = Box<[(IpAddr, Arc<Caller>)]>;

#[derive(Debug)]
pub(super) struct State {
    pub id: NetworkId,
    callers: RwLock<Callers>,
    open: Mutex<Open>,
    pub counts: Counts,
    /// Lines of the log.
    log: Bucket,
}

/// Connections that are open.
#[derive(Debug, Default)]
struct Open {
    limits: model::gateway::Limits,
    of_port: HashMap<PortId, u32>,
    by_number: HashMap<Conn, Held>,
}

#[derive(Debug)]
struct Held {
    from: IpAddr,
    caller: Arc<Caller>,
    /// `None` until its task runs.
    task: Option<AbortHandle>,
}

macro_rules! counts {
    ($($name:ident)*) => {
        #[derive(Debug, Default)]
        pub(super) struct Counts { $(pub $name: AtomicU64,)* }

        impl Counts {
            pub fn read(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        pub(super) fn add(sum: &mut Counters, other: Counters) {
            $(sum.$name += other.$name;)*
        }
    };
}

counts! { connections unknown too_many asked refused broken bytes }

pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl State {
    pub fn new(network: &Network, log_per_s: u32) -> State {
        let state = State {
            id: network.id,
            callers: RwLock::default(),
            open: Mutex::default(),
            counts: Counts::default(),
            log: Bucket::new(log_per_s.into(), Instant::now()),
        };
        state.change(network);
        state
    }

    /// Who is who from here on; connections of those who are not that any longer end.
    pub fn change(&self, network: &Network) {
        let callers = callers_of(network);
        let mut open = self.open();
        open.limits = network.limits;
        for held in open.by_number.values() {
            if find(&callers, held.from).is_none_or(|caller| **caller != *held.caller)
                && let Some(task) = &held.task
            {
                task.abort();
            }
        }
        *self.callers.write().unwrap_or_else(PoisonError::into_inner) = callers;
    }

    /// Whether one more line of this network may be logged.
    pub fn may_log(&self) -> bool {
        self.log.try_one(Instant::now())
    }

    /// Ends all connections.
    pub fn end(&self) {
        for task in self.open().by_number.values().filter_map(|held| held.task.as_ref()) {
            task.abort();
        }
    }

    pub fn caller(&self, from: IpAddr) -> Option<Arc<Caller>> {
        find(&self.callers.read().unwrap_or_else(PoisonError::into_inner), from).cloned()
    }

    /// A place for a connection, if the network, the port and the host have one left.
    pub fn admit(
        self: &Arc<State>,
        shared: &Arc<Shared>,
        from: IpAddr,
        caller: Arc<Caller>,
    ) -> Option<Place> {
        let settings = &shared.settings;
        let mut open = self.open();
        let most = open.limits.connections.unwrap_or(settings.connections_of_network);
        let most_of_port = open.limits.connections_of_port.unwrap_or(settings.connections_of_port);
        let of_port = open.of_port.get(&caller.port).copied().unwrap_or(0);
        let all = shared.connections.load(Ordering::Relaxed);
        if open.by_number.len() >= most as usize || of_port >= most_of_port || all >= settings.connections {
            return None;
        }
        shared.connections.fetch_add(1, Ordering::Relaxed);
        *open.of_port.entry(caller.port).or_insert(0) += 1;
        let number = shared.number();
        open.by_number.insert(number, Held { from, caller: Arc::clone(&caller), task: None });
        drop(open);
        Some(Place { number, caller, state: Arc::clone(self), shared: Arc::clone(shared) })
    }

    /// Whom to end when the port goes.
    pub fn runs(&self, number: Conn, task: AbortHandle) {
        if let Some(held) = self.open().by_number.get_mut(&number) {
            held.task = Some(task);
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sorted by address; of ports that have the same the last.
fn callers_of(network: &Network) -> Box<[(IpAddr, Arc<Caller>)]> {
    let mut project: Arc<str> = Arc::default();
    let mut callers = BTreeMap::new();
    for port in &network.ports {
        if *project != *port.project {
            project = port.project.as_str().into();
        }
        let instance = port.instance.as_str().into();
        let caller = Arc::new(Caller { port: port.id, project: Arc::clone(&project), instance });
        callers.extend(port.addresses.iter().map(|address| (*address, Arc::clone(&caller))));
    }
    callers.into_iter().collect()
}

fn find(callers: &[(IpAddr, Arc<Caller>)], from: IpAddr) -> Option<&Arc<Caller>> {
    let at = callers.binary_search_by_key(&from, |(address, _)| *address).ok()?;
    Some(&callers[at].1)
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub number: Conn,
    pub caller: Arc<Caller>,
    pub state: Arc<State>,
    pub shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        let mut open = self.state.open();
        open.by_number.remove(&self.number);
        if let Some(left) = open.of_port.get_mut(&self.caller.port) {
            *left -= 1;
            if *left == 0 {
                open.of_port.remove(&self.caller.port);
            }
        }
    }
}

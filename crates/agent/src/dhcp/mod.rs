//! DHCP and router advertisements of all networks of the host, answered by one task.
//!
//! ```text
//! run loop --Command--> task: a Served per network      served   sockets, pace, what is answered
//!                        | frame in --> host::dhcp (pure) --> frame out
//!                        └ timer: unsolicited advertisements
//! ```
//! What is answered is decided in `host::dhcp`; here are sockets, timers and the bound on what a
//! tenant may cost.

mod pace;
mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::desired::{Dhcp, Lease};
use model::{NetworkId, PortId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::backoff::chance;
pub(crate) use pace::Pace;
use served::Served;

/// Unsolicited router advertisements are this far apart, the more by chance (RFC 4861: up to
/// 1,800 s; routers' usual 200 s).
const ADVERTISE_AT_LEAST: Duration = Duration::from_secs(30);
const ADVERTISE_SPREAD: Duration = Duration::from_secs(170);

/// Where a network's DHCP is answered from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub netns: PathBuf,
    pub device: String,
    /// Tell the namespace and the device from later ones of the same names.
    pub netns_id: u64,
    pub index: u32,
}

enum Command {
    Serve { part: Box<Dhcp>, place: Place, done: oneshot::Sender<Result<(), std::io::Error>> },
    Stop(NetworkId),
    Lease(Box<Lease>),
    Forget(PortId),
}

/// The run loop's end of the task.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    dropped: Arc<AtomicU64>,
}

impl Handle {
    /// Answers a network at a place from here on; says when the sockets are open.
    pub async fn serve(&self, part: Dhcp, place: Place) -> std::io::Result<()> {
        let (done, outcome) = oneshot::channel();
        self.tell(Command::Serve { part: Box::new(part), place, done });
        outcome.await.unwrap_or_else(|_| Err(std::io::Error::other("the DHCP task ended")))
    }

    pub fn stop(&self, network: NetworkId) {
        self.tell(Command::Stop(network));
    }

    pub fn lease(&self, lease: Lease) {
        self.tell(Command::Lease(Box::new(lease)));
    }

    pub fn forget(&self, port: PortId) {
        self.tell(Command::Forget(port));
    }

    /// Frames that were not looked at because a network sent too many.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn tell(&self, command: Command) {
        // The task ends only together with the run loop.
        let _ = self.commands.send(command);
    }
}

/// A handle, and the task to run beside the run loop.
pub(crate) fn task(gateways: bool) -> (Handle, impl Future<Output = ()> + Send) {
    let (commands, inbox) = mpsc::unbounded_channel();
    let dropped = Arc::new(AtomicU64::new(0));
    (Handle { commands, dropped: dropped.clone() }, Task::new(dropped, gateways).run(inbox))
}

/// A network whose sockets may have frames; the number tells its sockets from earlier ones.
type Ready = (NetworkId, u64);

struct Task {
    served: BTreeMap<NetworkId, Served>,
    /// By network: leases may come before their network and stay when it is made anew.
    leases: BTreeMap<NetworkId, BTreeMap<PortId, Lease>>,
    networks_of: BTreeMap<PortId, NetworkId>,
    waits: FuturesUnordered<BoxFuture<'static, Ready>>,
    advertise: BTreeSet<(Instant, NetworkId)>,
    generation: u64,
    dropped: Arc<AtomicU64>,
    /// Clients are led to the host's gateways.
    gateways: bool,
}

impl Task {
    fn new(dropped: Arc<AtomicU64>, gateways: bool) -> Task {
        Task {
            served: BTreeMap::new(),
            leases: BTreeMap::new(),
            networks_of: BTreeMap::new(),
            waits: FuturesUnordered::new(),
            advertise: BTreeSet::new(),
            generation: 0,
            dropped,
            gateways,
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        loop {
            let next = self.advertise.first().map(|(at, _)| *at);
            let timer = sleep_until(next.unwrap_or_else(Instant::now));
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some((network, generation)) = self.waits.next() => self.answer(network, generation),
                () = timer, if next.is_some() => self.advertise(),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Serve { part, place, done } => {
                // Whoever asked may have gone; the network is served all the same.
                let _ = done.send(self.serve(*part, place));
            }
            Command::Stop(network) => {
                self.served.remove(&network);
                self.advertise.retain(|(_, id)| *id != network);
            }
            Command::Lease(lease) => self.lease(*lease),
            Command::Forget(port) => self.forget(port),
        }
    }

    fn serve(&mut self, part: Dhcp, place: Place) -> std::io::Result<()> {
        let id = part.network_id;
        let leases = self.leases.get(&id);
        if let Some(served) = self.served.get_mut(&id)
            && served.place == place
        {
            if served.part != part {
                served.change(part, leases);
                self.plan_advertisement(id, Instant::now());
            }
            return Ok(());
        }
        self.served.remove(&id);
        self.generation += 1;
        let served = Served::open(part, place, leases, self.gateways, self.generation)?;
        self.waits.push(served.wait());
        self.served.insert(id, served);
        self.plan_advertisement(id, Instant::now());
        Ok(())
    }

    fn lease(&mut self, lease: Lease) {
        let (network, port) = (lease.network_id, lease.port_id);
        if self.networks_of.get(&port).is_some_and(|known| *known != network) {
            self.forget(port);
        }
        self.networks_of.insert(port, network);
        let leases = self.leases.entry(network).or_default();
        if leases.get(&port) == Some(&lease) {
            return;
        }
        if let Some(served) = self.served.get_mut(&network) {
            served.network.set_lease(&lease);
        }
        leases.insert(port, lease);
    }

    fn forget(&mut self, port: PortId) {
        let Some(network) = self.networks_of.remove(&port) else { return };
        if let Some(served) = self.served.get_mut(&network) {
            served.network.remove_lease(port);
        }
        if let Some(leases) = self.leases.get_mut(&network) {
            leases.remove(&port);
            if leases.is_empty() {
                self.leases.remove(&network);
            }
        }
    }

    fn answer(&mut self, network: NetworkId, generation: u64) {
        let Some(served) = self.served.get_mut(&network).filter(|s| s.generation == generation) else {
            return;
        };
        let dropped = served.answer();
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.waits.push(served.wait());
    }

    fn advertise(&mut self) {
        let now = Instant::now();
        while let Some((at, network)) = self.advertise.first().copied().filter(|(at, _)| *at <= now) {
            self.advertise.remove(&(at, network));
            if let Some(served) = self.served.get(&network)
                && served.advertise()
            {
                self.plan_advertisement(
                    network,
                    now + ADVERTISE_AT_LEAST + ADVERTISE_SPREAD.mul_f64(chance()),
                );
            }
        }
    }

    fn plan_advertisement(&mut self, network: NetworkId, at: Instant) {
        self.advertise.retain(|(_, id)| *id != network);
        self.advertise.insert((at, network));
    }
}

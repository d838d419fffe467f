//! The loop of an agent: wakes, kernel events and timers in, turns out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus::{Bus, BusError};
use host::secgroup::{GROUND, purge_due};
use host::{Scope, Settings};
use kernel::{Event, Kernel, raise_file_limit};
use model::PortId;
use model::desired::{Key, Kind, Part};
use model::gateway::Said;
use model::report::{Outcome, State};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::config::Config;
use crate::gateways::Gateways;
use crate::heartbeat::{self, Health, Routers};
use crate::link::{Heard, Link};
use crate::meter::Meters;
use crate::packet_log::Logging;
use crate::purges::{Purges, Told};
use crate::reconcile::{self, Door, Turn};
use crate::watch::Watch;
use crate::{AgentError, advertise, dhcp};

const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Runs an agent until `stop` turns true or is dropped. The wiring stays as it is.
pub async fn run(config: Config, bus: Bus, mut stop: watch::Receiver<bool>) -> Result<(), AgentError> {
    if let Err(error) = raise_file_limit() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let kernel = Kernel::open(config.namespace.as_deref(), &config.netns_dir)?;
    kernel.keep_state_in(&config.state_dir()).await?;
    let watch = Watch::default();
    let health = Arc::new(Mutex::new(Health::default()));
    health.lock().unwrap_or_else(PoisonError::into_inner).has_vlan = kernel.has_vlan().await?;
    let (dhcp, dhcp_task) = dhcp::task(config.gateway.is_some());
    let (advertise, advertise_task) = advertise::task();

    // Dropping the set ends them all.
    let mut tasks = JoinSet::new();
    tasks.spawn(watch.clone().run(kernel.events().await?));
    match kernel.changes().await {
        Ok(changes) => drop(tasks.spawn(watch.clone().hear(changes))),
        Err(error) => tracing::warn!(%error, "routers that change hosts wait for the sweep"),
    }
    tasks.spawn(dhcp_task);
    tasks.spawn(advertise_task);

    let logging = Logging::default();
    match kernel.packet_log().await {
        Ok(packets) => drop(tasks.spawn(logging.clone().tell(packets))),
        Err(error) => tracing::warn!(%error, "packets of logged ports will not be told"),
    }
    let meters = Meters::default();
    let mut link = link(&config, bus, health.clone(), meters.clone())?;
    let socket = config.ctpurge_socket.clone();
    let purges = Purges::open(&config.state_dir(), socket, &mut link.store.wanted);
    let gateways = Gateways::start(
        config.gateway.clone(),
        &health.lock().unwrap_or_else(PoisonError::into_inner).gateways,
    );
    let mut agent =
        Agent::new(config, kernel, (dhcp, advertise, gateways), link, purges, (health, meters, logging));
    loop {
        let timer = sleep_until(agent.next_sweep);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            heard = agent.link.heard() => agent.told(heard),
            () = watch.changed() => agent.happened(&watch),
            () = timer => agent.sweep(),
            news = agent.purges.news() => agent.purged(news),
            said = agent.gateways.said() => agent.said(said),
        }
        agent.turn().await;
    }
    tracing::info!(host.name = agent.config.host, "agent stops; the wiring stays");
    Ok(())
}

fn link(config: &Config, bus: Bus, health: Arc<Mutex<Health>>, meters: Meters) -> Result<Link, BusError> {
    let settings = Settings {
        tunneling_ip: config.tunneling_ip,
        vxlan_port: config.vxlan_port,
        interface_mappings: config.interface_mappings.clone(),
        gateways: config.gateway.is_some(),
    };
    let (of, started_at_us) = (config.clone(), heartbeat::now_us());
    let beat = move || {
        let health = health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        heartbeat::heartbeat(&of, &health, meters.page(), started_at_us)
    };
    Link::start(bus, &config.host, settings, config.heartbeat_interval(), beat)
}

struct Agent {
    config: Config,
    kernel: Kernel,
    dhcp: dhcp::Handle,
    advertise: advertise::Handle,
    gateways: Gateways,
    link: Link,
    purges: Purges,
    health: Arc<Mutex<Health>>,
    meters: Meters,
    logging: Logging,
    due: Due,
    next_sweep: Instant,
    retry: Backoff,
    /// Why parts are not in place, and since which turn.
    failures: BTreeMap<Key, (u64, String)>,
    turns: u64,
    /// Links of ours as last left: index, up, bridge's index.
    known: BTreeMap<String, (u32, bool, Option<u32>)>,
}

/// What the next turn looks at.
#[derive(Default)]
struct Due {
    all: bool,
    keys: BTreeSet<Key>,
    old: Vec<Part>,
    /// Ports of which some are revoked no longer.
    restored: BTreeSet<PortId>,
}

impl Agent {
    fn new(
        config: Config,
        kernel: Kernel,
        (dhcp, advertise, gateways): (dhcp::Handle, advertise::Handle, Gateways),
        link: Link,
        purges: Purges,
        (health, meters, logging): (Arc<Mutex<Health>>, Meters, Logging),
    ) -> Agent {
        Agent {
            retry: Backoff::new(FIRST_RETRY, config.sweep_interval()),
            next_sweep: Instant::now() + config.sweep_interval(),
            config,
            kernel,
            dhcp,
            advertise,
            gateways,
            link,
            purges,
            health,
            meters,
            logging,
            due: Due::default(),
            failures: BTreeMap::new(),
            turns: 0,
            known: BTreeMap::new(),
        }
    }

    fn told(&mut self, heard: Heard) {
        self.due.all |= heard.full;
        if heard.full {
            self.gateways.ask_again();
        }
        self.due.keys.extend(heard.taken.keys);
        self.due.old.extend(heard.taken.old);
    }

    fn happened(&mut self, watch: &Watch) {
        let seen = watch.take();
        self.due.all |= seen.lost;
        self.due.keys.extend(seen.routers.into_iter().map(|id| Key::new(Kind::Router, id.0)));
        for (device, event) in seen.devices {
            let keys = self.link.store.wanted.keys_of_device(&device);
            if keys.is_empty() || self.expected(&device, &event) {
                continue;
            }
            self.known.remove(&device);
            self.due.keys.extend(keys);
        }
    }

    /// Whether an event only tells what this agent did.
    fn expected(&self, device: &str, event: &Event) -> bool {
        match (event, self.known.get(device)) {
            (Event::Link { index, up, master, .. }, Some(known)) => *known == (*index, *up, *master),
            (Event::Gone { .. }, None) => true,
            _ => false,
        }
    }

    fn purged(&mut self, news: Vec<Told>) {
        self.due.restored.extend(self.purges.hear(news, &mut self.link.store.wanted));
        self.health.lock().unwrap_or_else(PoisonError::into_inner).purges = self.purges.failures();
    }

    /// What instances said of orders that they have.
    fn said(&mut self, said: Vec<Said>) {
        for Said { port, order, report } in said {
            let key = Key::new(Kind::Lease, port.0);
            let Some(Part::Lease(lease)) = self.link.store.wanted.get(key) else { continue };
            if lease.orders.iter().any(|known| known.id == order) {
                self.link.say(key, order, report);
            }
        }
    }

    fn sweep(&mut self) {
        self.next_sweep = Instant::now() + self.config.sweep_interval();
        self.due.all = true;
        self.link.sweep();
    }

    async fn turn(&mut self) {
        // Before the first whole answer nobody knows what is not wanted.
        let idle = !self.due.all && self.due.keys.is_empty() && self.due.restored.is_empty();
        if idle || !self.link.store.is_whole() {
            return;
        }
        let due = std::mem::take(&mut self.due);
        let want = &mut self.link.store.wanted;
        self.logging.learn(want);
        // Before what the filters were is gone.
        let dues = purge_due(want, &due.old, self.purges.zones(), self.purges.joined());
        let mut revoked = self.purges.note(dues, want);
        revoked.extend(self.purges.revoke_heirs(&due.keys, want));
        let mut scope = match due.all {
            true => Scope::All,
            false => want.scope(&due.keys, &due.old),
        };
        scope.add_revoked(&revoked);
        scope.add_revoked(&due.restored);
        let known = due.old.iter().map(Part::key).collect();
        let door =
            Door { config: &self.config, kernel: &self.kernel, dhcp: &self.dhcp, advertise: &self.advertise };
        match reconcile::turn(&door, &mut self.purges, want, &known, &scope).await {
            Ok(turn) => self.settle(&scope, &due, turn),
            Err(error) => {
                tracing::error!(%error, host.name = self.config.host, "host not observed");
                // What was to be done was not: nothing may be taken to be in place. What parts were before is
                // still to be known then, or all that was ever let in by them would be forgotten.
                self.due = Due { all: true, ..due };
                self.retry_soon();
            }
        }
    }

    fn settle(&mut self, scope: &Scope, due: &Due, turn: Turn) {
        tracing::debug!(host.name = self.config.host, steps = turn.steps, "turn");
        self.turns += 1;
        self.meters.learn(&turn.now);
        self.purges.learn(&turn.now, &self.link.store.wanted, scope);
        if due.all {
            self.known.clear();
        }
        self.remember(&turn);
        let gone = due.keys.iter().chain(self.failures.keys()).copied().collect::<Vec<_>>();
        for key in gone {
            if key != GROUND && self.link.store.wanted.get(key).is_none() {
                self.failures.remove(&key);
                self.link.forget(key);
            }
        }
        self.gateways.learn(&self.link.store, &due.keys, &due.old, due.all);
        let mut outcomes = Vec::new();
        for (key, state) in turn.states {
            match &state {
                State::Failed { reason } => self.failed(key, reason),
                State::Up | State::Down => drop(self.failures.remove(&key)),
            }
            let router = host::router_state(&self.link.store.wanted, &turn.now, key);
            outcomes.push(Outcome { router, ..Outcome::new(key, self.link.store.revision(key), state) });
        }
        match &turn.ground {
            Some(reason) => self.failed(GROUND, reason),
            None if due.all => drop(self.failures.remove(&GROUND)),
            None => {}
        }
        self.purges.hand_over(&self.failures.keys().copied().collect(), &self.link.store.wanted);
        self.link.tell(outcomes);
        if !self.failures.is_empty() || !turn.leftovers.is_empty() {
            self.retry_soon();
        } else if *scope == Scope::All {
            self.retry.reset();
        }
        self.update_health(&turn.leftovers);
    }

    fn failed(&mut self, key: Key, reason: &str) {
        if self.failures.get(&key).is_none_or(|(_, known)| known != reason) {
            self.failures.insert(key, (self.turns, reason.to_owned()));
        }
    }

    /// Looks at everything again, sooner than the sweep would.
    fn retry_soon(&mut self) {
        self.next_sweep = self.next_sweep.min(Instant::now() + self.retry.next());
    }

    fn remember(&mut self, turn: &Turn) {
        for (device, link) in &turn.now.links {
            if !self.link.store.wanted.keys_of_device(device).is_empty() {
                let master = link.master.as_ref().and_then(|name| turn.now.links.get(name));
                let known = (link.index, link.up, master.map(|master| master.index));
                self.known.insert(device.clone(), known);
            }
        }
    }

    fn update_health(&self, leftovers: &[String]) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest: Vec<_> = self.failures.iter().collect();
        newest.sort_by_key(|(_, (since, _))| std::cmp::Reverse(*since));
        let failures = newest.into_iter().map(|(key, (_, reason))| format!("{key}: {reason}"));
        health.failures = failures.chain(leftovers.iter().cloned()).collect();
        health.purges = self.purges.failures();
        let count = |kind| self.link.store.wanted.count(kind);
        health.networks = count(Kind::Network);
        health.ports = count(Kind::Port);
        health.dhcp_networks = count(Kind::Dhcp);
        health.leases = count(Kind::Lease);
        health.frames_dropped = self.dhcp.dropped();
        health.routers = Routers::count(&self.link.store.wanted);
    }
}

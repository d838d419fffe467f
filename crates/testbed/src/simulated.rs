//! Hosts without a kernel: the agent's real sync code against a real server; only turns are left
//! out. A simulated host takes every part and says that it works.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::{Heard, Link};
use bus::Bus;
use host::Settings;
use model::desired::{Key, Kind, Part, Router};
use model::lazy::{self, Load};
use model::report::{
    AgentState, HaState, Heartbeat, L2Configuration, L3_TOPIC, L3Configuration, Outcome, RouterState, State,
};
use model::subject::Word;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::wait;

/// How often a host does what it does by the clock.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Asks without having been woken.
    pub sweep: Duration,
    pub heartbeat: Duration,
}

impl Pace {
    /// As agents are by default.
    pub const REAL: Pace = Pace { sweep: Duration::from_secs(30), heartbeat: Duration::from_secs(10) };
    /// For tests that lose messages on purpose.
    pub const HASTY: Pace = Pace { sweep: Duration::from_millis(500), heartbeat: Duration::from_millis(500) };
}

/// A host that takes parts, and reports each as working.
pub struct SimulatedHost {
    pub name: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    parts: BTreeMap<Key, Part>,
    /// How often each was told.
    told: BTreeMap<Key, u64>,
    answers: u64,
    full: u64,
    /// What it says of HA routers that it stands ready for, if it was asked to say something else.
    ha: Option<HaState>,
}

impl SimulatedHost {
    /// Starts to follow the server; reports itself first, and as long as that takes.
    pub async fn start(bus: Bus, name: &str, tunneling_ip: IpAddr) -> SimulatedHost {
        SimulatedHost::start_as(bus, name, tunneling_ip, None).await
    }

    /// The same of a host that routes, too.
    pub async fn start_as(
        bus: Bus,
        name: &str,
        tunneling_ip: IpAddr,
        l3: Option<L3Configuration>,
    ) -> SimulatedHost {
        let beat = heartbeat(name, tunneling_ip, l3.as_ref());
        let known = wait::until(Duration::from_secs(60), || async {
            bus.ask::<_, ()>(Word::Beat, name, &beat).await.ok()
        });
        known.await.expect("the server hears of the host");
        SimulatedHost::follow_as(bus, name, tunneling_ip, Pace::HASTY, l3)
    }

    /// Starts to follow the server, which may not be there yet.
    pub fn follow(bus: Bus, name: &str, tunneling_ip: IpAddr, pace: Pace) -> SimulatedHost {
        SimulatedHost::follow_as(bus, name, tunneling_ip, pace, None)
    }

    fn follow_as(
        bus: Bus,
        name: &str,
        tunneling_ip: IpAddr,
        pace: Pace,
        l3: Option<L3Configuration>,
    ) -> SimulatedHost {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let beat = heartbeat(name, tunneling_ip, l3.as_ref());
        let settings = Settings { tunneling_ip: Some(tunneling_ip), ..Settings::default() };
        let link = Link::start(bus, name, settings, pace.heartbeat, move || beat.clone());
        let link = link.expect("a host may be called so");
        let task = tokio::spawn(follow(link, pace.sweep, seen.clone()));
        SimulatedHost { name: name.to_owned(), seen, task }
    }

    pub fn parts(&self) -> BTreeMap<Key, Part> {
        lock(&self.seen).parts.clone()
    }

    pub fn count(&self, kind: Kind) -> usize {
        lock(&self.seen).parts.keys().filter(|key| key.kind == kind).count()
    }

    pub fn has(&self, key: Key) -> bool {
        lock(&self.seen).parts.contains_key(&key)
    }

    pub fn part(&self, key: Key) -> Option<Part> {
        lock(&self.seen).parts.get(&key).cloned()
    }

    /// How often the host was told of a part.
    pub fn told(&self, key: Key) -> u64 {
        lock(&self.seen).told.get(&key).copied().unwrap_or_default()
    }

    /// From now on it says so of HA routers that it stands ready for.
    pub fn say(&self, ha: HaState) {
        lock(&self.seen).ha = Some(ha);
    }

    /// Answers that arrived, and how many of them told everything.
    pub fn answers(&self) -> (u64, u64) {
        let seen = lock(&self.seen);
        (seen.answers, seen.full)
    }
}

impl Drop for SimulatedHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(mut link: Link, sweep: Duration, seen: Arc<Mutex<Seen>>) {
    let mut next_sweep = Instant::now() + sweep;
    loop {
        tokio::select! {
            heard = link.heard() => take(&link, heard, &seen),
            () = tokio::time::sleep_until(next_sweep) => {
                next_sweep = Instant::now() + sweep;
                link.sweep();
                let all: Vec<Key> = link.store.wanted.keys().collect();
                let ha = lock(&seen).ha;
                tell(&link, all, ha);
            }
        }
    }
}

fn take(link: &Link, heard: Heard, seen: &Mutex<Seen>) {
    let mut seen = lock(seen);
    seen.answers += 1;
    seen.full += u64::from(heard.full);
    if !link.store.is_whole() {
        return;
    }
    for key in &heard.taken.keys {
        *seen.told.entry(*key).or_default() += 1;
        match link.store.wanted.get(*key) {
            Some(part) => drop(seen.parts.insert(*key, part.clone())),
            None => {
                seen.parts.remove(key);
                link.forget(*key);
            }
        }
    }
    let keys = if heard.full { link.store.wanted.keys().collect() } else { heard.taken.keys };
    let ha = seen.ha;
    drop(seen);
    tell(link, keys, ha);
}

fn tell(link: &Link, keys: impl IntoIterator<Item = Key>, ha: Option<HaState>) {
    let outcome = |key| {
        let part = link.store.wanted.get(key)?;
        let mut outcome = Outcome::new(key, link.store.revision(key), State::Up);
        if let Part::Router(router) = part {
            outcome.router = Some(made_of(router, ha));
        }
        Some(outcome)
    };
    link.tell(keys.into_iter().filter_map(outcome));
}

/// What a host without a kernel makes of a router: of several that stand ready, each claims to be
/// active once, unless it was asked to `say` something else, and the last that says so is.
fn made_of(router: &Router, say: Option<HaState>) -> RouterState {
    let load = lazy::load(router);
    let ready = if load == Load::Lazy { HaState::Standby } else { say.unwrap_or(HaState::Active) };
    RouterState { load, ha: router.ha.as_ref().map(|_| ready) }
}

fn heartbeat(host: &str, tunneling_ip: IpAddr, l3: Option<&L3Configuration>) -> Heartbeat {
    let l2 = L2Configuration {
        datapath: "kernel".into(),
        tunneling_ip: Some(tunneling_ip),
        tunnel_types: vec!["vxlan".into()],
        interface_mappings: ["physnet1", "public"].map(|name| (name.to_owned(), "eth1".to_owned())).into(),
        ..L2Configuration::default()
    };
    let agent = |agent_type: &str, topic: &str, configurations| AgentState {
        agent_type: agent_type.into(),
        binary: "simulated".into(),
        topic: topic.into(),
        availability_zone: Some("nova".into()),
        started_at_us: 0,
        configurations,
    };
    let mut agents = vec![
        agent("Linux bridge agent", "N/A", json!(l2)),
        agent("DHCP agent", "dhcp_agent", json!({ "dhcp_driver": "simulated" })),
    ];
    agents.extend(l3.map(|l3| agent("L3 agent", L3_TOPIC, json!(l3))));
    Heartbeat { host: host.to_owned(), agents, meters: vec![] }
}

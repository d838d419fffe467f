//! Hosts without a kernel: the agent's real sync code against a real server, parts only.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::{Store, fetch};
use bus::Bus;
use host::Settings;
use model::desired::{Key, Kind, Part};
use model::report::{AgentState, Heartbeat, L2Configuration, Outcome, Report, State};
use model::sync::{HEARTBEAT, REPORT};
use serde_json::json;
use tokio::task::JoinHandle;

/// How often a simulated host asks without being woken.
const SWEEP: Duration = Duration::from_millis(500);

/// A host that takes parts, and reports each as working.
pub struct SimulatedHost {
    pub name: String,
    parts: Arc<Mutex<BTreeMap<Key, Part>>>,
    task: JoinHandle<()>,
}

impl SimulatedHost {
    /// Starts to follow the server; reports itself first, and as long as that takes.
    pub async fn start(bus: Bus, name: &str, tunneling_ip: IpAddr) -> SimulatedHost {
        while bus.ask::<_, ()>(HEARTBEAT, &heartbeat(name, tunneling_ip)).await.is_err() {
            tokio::task::yield_now().await;
        }
        let parts = Arc::new(Mutex::new(BTreeMap::new()));
        let task = tokio::spawn(follow(bus, name.to_owned(), tunneling_ip, Arc::clone(&parts)));
        SimulatedHost { name: name.to_owned(), parts, task }
    }

    pub fn parts(&self) -> BTreeMap<Key, Part> {
        lock(&self.parts).clone()
    }

    pub fn count(&self, kind: Kind) -> usize {
        lock(&self.parts).keys().filter(|key| key.kind == kind).count()
    }
}

impl Drop for SimulatedHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(parts: &Mutex<BTreeMap<Key, Part>>) -> MutexGuard<'_, BTreeMap<Key, Part>> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(tunneling_ip: IpAddr) -> Settings {
    Settings { tunneling_ip: Some(tunneling_ip), ..Settings::default() }
}

async fn follow(bus: Bus, name: String, tunneling_ip: IpAddr, parts: Arc<Mutex<BTreeMap<Key, Part>>>) {
    let mut wakes = bus.wakes(&name);
    let mut store = Store::new(settings(tunneling_ip));
    loop {
        let fetched = fetch(bus.clone(), name.clone(), store.since()).await;
        let taken = store.take(fetched);
        *lock(&parts) = store.wanted.parts().map(|part| (part.key(), part.clone())).collect();
        let outcomes: Vec<Outcome> = taken
            .keys
            .iter()
            .filter(|key| store.wanted.get(**key).is_some())
            .map(|key| Outcome { key: *key, revision: store.revision(*key), state: State::Up })
            .collect();
        let report = Report { host: name.clone(), outcomes };
        while !report.outcomes.is_empty() && bus.ask::<_, ()>(REPORT, &report).await.is_err() {
            tokio::task::yield_now().await;
        }
        // A host reports itself now and then: a lost heartbeat is followed by another.
        let _ = bus.ask::<_, ()>(HEARTBEAT, &heartbeat(&name, tunneling_ip)).await;
        // Woken, or by the clock.
        let _ = tokio::time::timeout(SWEEP, wakes.recv()).await;
    }
}

fn heartbeat(host: &str, tunneling_ip: IpAddr) -> Heartbeat {
    let l2 = L2Configuration {
        datapath: "kernel".into(),
        tunneling_ip: Some(tunneling_ip),
        tunnel_types: vec!["vxlan".into()],
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
    Heartbeat {
        host: host.to_owned(),
        agents: vec![
            agent("Linux bridge agent", "N/A", json!(l2)),
            agent("DHCP agent", "dhcp_agent", json!({ "dhcp_driver": "simulated" })),
        ],
    }
}

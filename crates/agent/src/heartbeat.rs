//! Saying that the host is alive, and what it can and cannot do.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bus::{Bus, BusError};
use model::report::{AgentState, Heartbeat, L2Configuration};
use model::subject::Word;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::backoff::{Backoff, chance, spread};
use crate::config::{Config, Role};

/// Failures named in a heartbeat.
const FAILURES: usize = 8;
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What a heartbeat tells besides the configuration; the run loop keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    pub has_vlan: bool,
    /// Newest first.
    pub failures: Vec<String>,
    pub networks: usize,
    pub ports: usize,
    pub dhcp_networks: usize,
    pub leases: usize,
    pub frames_dropped: u64,
}

/// Sends heartbeats for ever; tells when the server answers after it did not.
pub(crate) async fn run(
    beat: impl Fn() -> Heartbeat + Send + Sync,
    interval: Duration,
    bus: Bus,
    returned: Arc<Notify>,
) {
    let mut connected = bus.connected();
    let mut backoff = Backoff::new(FIRST_RETRY, interval);
    let mut lost = false;
    loop {
        let beat = beat();
        let wait = match bus.ask::<_, IgnoredAny>(Word::Beat, &beat.host, &beat).await {
            Ok(_) => {
                backoff.reset();
                if std::mem::take(&mut lost) {
                    returned.notify_one();
                }
                // Hosts that were started together drift apart.
                interval.mul_f64(0.9 + 0.1 * chance())
            }
            Err(error) => {
                tracing::debug!(%error, host.name = beat.host, "heartbeat not answered");
                // A server that is busy is there, and keeps what it was told.
                lost |= !matches!(error, BusError::Busy(_));
                backoff.next()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = back(&mut connected) => {
                lost = true;
                tokio::time::sleep(spread()).await;
            }
        }
    }
}

/// Returns when the bus was gone and is back.
async fn back(connected: &mut watch::Receiver<bool>) {
    while connected.changed().await.is_ok() {
        if *connected.borrow_and_update() {
            return;
        }
    }
    std::future::pending().await
}

pub(crate) fn heartbeat(config: &Config, health: &Health, started_at_us: i64) -> Heartbeat {
    let agents = config.roles.iter().map(|role| {
        let (agent_type, binary, topic, configurations) = match role {
            Role::L2 => ("Linux bridge agent", "neutrino-agent", "N/A", l2(config, health)),
            Role::Dhcp => ("DHCP agent", "neutrino-dhcp-agent", "dhcp_agent", dhcp(health)),
        };
        AgentState {
            agent_type: agent_type.to_owned(),
            binary: binary.to_owned(),
            topic: topic.to_owned(),
            availability_zone: config.availability_zone.clone(),
            started_at_us,
            configurations,
        }
    });
    Heartbeat { host: config.host.clone(), agents: agents.collect() }
}

fn l2(config: &Config, health: &Health) -> serde_json::Value {
    let tunnels = config.tunneling_ip.is_some();
    let l2 = L2Configuration {
        datapath: "kernel".to_owned(),
        tunneling_ip: config.tunneling_ip,
        tunnel_types: if tunnels { vec!["vxlan".to_owned()] } else { Vec::new() },
        interface_mappings: config.interface_mappings.clone(),
        vlan: health.has_vlan,
        failures: health.failures.iter().take(FAILURES).cloned().collect(),
    };
    let mut value = serde_json::to_value(l2).unwrap_or_default();
    value["devices"] = json!(health.ports);
    value["networks"] = json!(health.networks);
    value
}

fn dhcp(health: &Health) -> serde_json::Value {
    json!({
        "dhcp_driver": "neutrino",
        "networks": health.dhcp_networks,
        "ports": health.leases,
        "frames_dropped": health.frames_dropped,
    })
}

pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

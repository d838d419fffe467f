//! Saying that the host is alive, and what it can and cannot do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bus::Bus;
use model::report::{AgentState, Heartbeat, L2Configuration};
use model::sync::HEARTBEAT;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::config::{Config, Role};

/// Failures named in a heartbeat.
const FAILURES: usize = 8;

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

/// Sends heartbeats for ever; wakes `reconnected` when the server answers after it did not.
pub(crate) async fn run(config: Config, bus: Bus, health: Arc<Mutex<Health>>, reconnected: Arc<Notify>) {
    let mut ticks = tokio::time::interval(config.heartbeat_interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started_at_us = now_us();
    let mut lost = false;
    loop {
        ticks.tick().await;
        let health = health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let heartbeat = heartbeat(&config, &health, started_at_us);
        match bus.ask::<_, IgnoredAny>(HEARTBEAT, &heartbeat).await {
            Ok(_) => {
                if std::mem::take(&mut lost) {
                    reconnected.notify_one();
                }
            }
            Err(error) => {
                tracing::debug!(%error, host.name = config.host, "heartbeat not answered");
                lost = true;
            }
        }
    }
}

fn heartbeat(config: &Config, health: &Health, started_at_us: i64) -> Heartbeat {
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

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

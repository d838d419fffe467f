//! Saying that the host is alive, and what it can and cannot do.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bus::{Bus, BusError};
use host::Wanted;
use model::desired::{Kind, Part};
use model::lazy::{Load, load};
use model::meter::Reading;
use model::report::{
    AgentState, DHCP_AGENT, Heartbeat, L2_AGENT, L2Configuration, L3_AGENT, L3_TOPIC, L3Configuration,
};
use model::subject::Word;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::backoff::{Backoff, chance, spread};
use crate::config::{Config, Role};
use crate::gateways::Amiss;

/// Failures named in a heartbeat.
const FAILURES: usize = 8;
/// Of those, of purges.
const PURGES: usize = 2;
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What a heartbeat tells besides the configuration; the run loop keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    pub has_vlan: bool,
    /// Newest first.
    pub failures: Vec<String>,
    /// Of connections that should be forgotten.
    pub purges: Vec<String>,
    /// Of the host's gateways.
    pub gateways: Amiss,
    pub networks: usize,
    pub ports: usize,
    pub dhcp_networks: usize,
    pub leases: usize,
    pub frames_dropped: u64,
    pub routers: Routers,
}

/// What the host has of routers, counted as Neutron counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Routers {
    pub routers: usize,
    /// Of those, without a place on the host.
    pub lazy: usize,
    pub gateways: usize,
    pub interfaces: usize,
    pub floating_ips: usize,
}

impl Routers {
    pub fn count(want: &Wanted) -> Routers {
        let mut all = Routers::default();
        let of_kind = want.of_kind(Kind::Router).filter_map(|part| match part {
            Part::Router(router) => Some(router),
            _ => None,
        });
        for router in of_kind {
            all.routers += 1;
            all.lazy += usize::from(load(router) == Load::Lazy);
            all.gateways += usize::from(router.gateway.is_some());
            all.interfaces += router.interfaces.len();
            all.floating_ips += router.floating_ips.len();
        }
        all
    }
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

pub(crate) fn heartbeat(
    config: &Config,
    health: &Health,
    meters: Vec<Reading>,
    started_at_us: i64,
) -> Heartbeat {
    let agents = config.roles.iter().map(|role| {
        let (agent_type, binary, topic, configurations) = match role {
            Role::L2 => (L2_AGENT, "neutrino-agent", "N/A", l2(config, health)),
            Role::Dhcp => (DHCP_AGENT, "neutrino-dhcp-agent", "dhcp_agent", dhcp(health)),
            Role::L3 => (L3_AGENT, "neutrino-l3-agent", L3_TOPIC, l3(config, health)),
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
    Heartbeat { host: config.host.clone(), agents: agents.collect(), meters }
}

fn l2(config: &Config, health: &Health) -> serde_json::Value {
    let tunnels = config.tunneling_ip.is_some();
    let l2 = L2Configuration {
        datapath: "kernel".to_owned(),
        tunneling_ip: config.tunneling_ip,
        tunnel_types: if tunnels { vec!["vxlan".to_owned()] } else { Vec::new() },
        interface_mappings: config.interface_mappings.clone(),
        vlan: health.has_vlan,
        vhostuser_socket_dir: config.vhostuser_socket_dir.as_ref().map(|dir| dir.display().to_string()),
        failures: failures(health),
    };
    let mut value = serde_json::to_value(l2).unwrap_or_default();
    value["devices"] = json!(health.ports);
    value["networks"] = json!(health.networks);
    value
}

fn failures(health: &Health) -> Vec<String> {
    let gateways = health.gateways.sentences();
    let all = health.purges.iter().take(PURGES).chain(&gateways).chain(&health.failures);
    all.take(FAILURES).cloned().collect()
}

fn dhcp(health: &Health) -> serde_json::Value {
    json!({
        "dhcp_driver": "neutrino",
        "networks": health.dhcp_networks,
        "ports": health.leases,
        "frames_dropped": health.frames_dropped,
    })
}

fn l3(config: &Config, health: &Health) -> serde_json::Value {
    let l3 = L3Configuration { agent_mode: config.agent_mode, lazy_routers: config.lazy_routers };
    let mut value = serde_json::to_value(l3).unwrap_or_default();
    let Routers { routers, lazy, gateways, interfaces, floating_ips } = health.routers;
    value["routers"] = json!(routers);
    value["routers_lazy"] = json!(lazy);
    value["ex_gw_ports"] = json!(gateways);
    value["interfaces"] = json!(interfaces);
    value["floating_ips"] = json!(floating_ips);
    value["interface_driver"] = json!("neutrino");
    value["handle_internal_only_routers"] = json!(true);
    value
}

pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

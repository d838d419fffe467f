//! What a host's operator says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::desired::L3Mode;
use serde::{Deserialize, Serialize};

use crate::gateways;

/// The VXLAN port that IANA assigned.
const VXLAN_PORT: u16 = 4789;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The host's name, as ports are bound to it.
    pub host: String,
    #[serde(default = "usual_roles")]
    pub roles: BTreeSet<Role>,
    /// What the host's routers are for; counts with the role `l3`.
    #[serde(default)]
    pub agent_mode: L3Mode,
    /// Routers without traffic for this host take nothing of it.
    #[serde(default = "lazy_routers")]
    pub lazy_routers: bool,
    /// The network namespace that the agent governs; its own when not given.
    #[serde(default)]
    pub namespace: Option<PathBuf>,
    /// Where namespaces of DHCP and routers are kept by name.
    #[serde(default = "netns_dir")]
    pub netns_dir: PathBuf,
    /// Where states of programs are kept; beside `netns_dir` where that is not the usual one, for
    /// then this host is not the only one of the machine.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// Where ctpurge is asked to forget connections.
    #[serde(default = "ctpurge_socket")]
    pub ctpurge_socket: PathBuf,
    /// Address of the host that tunnels end at.
    #[serde(default)]
    pub tunneling_ip: Option<IpAddr>,
    #[serde(default = "vxlan_port")]
    pub vxlan_port: u16,
    /// Physical network to interface.
    #[serde(default)]
    pub interface_mappings: BTreeMap<String, String>,
    /// Instances share their memory with this host, and vhostuserd joins them at sockets in this folder; without
    /// it they have taps.
    #[serde(default)]
    pub vhostuser_socket_dir: Option<PathBuf>,
    /// Instances reach software and metadata by gateways of this host, where their DHCP is answered.
    #[serde(default)]
    pub gateway: Option<gateways::Settings>,
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Seconds between looks at everything. What is damaged inside a namespace (an address, route, rule,
    /// setting or table) is told by nobody, and repaired within so long; what is damaged of the host's
    /// own devices, and keepalived that becomes active or standby, is heard of at once.
    #[serde(default = "sweep_interval_s")]
    pub sweep_interval_s: u64,
    #[serde(default = "heartbeat_interval_s")]
    pub heartbeat_interval_s: u64,
}

/// What an agent does on its host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Bridges, tunnels and ports.
    L2,
    /// DHCP and router advertisements.
    Dhcp,
    /// Routers and floating IPs.
    L3,
}

impl Config {
    /// The defaults, for a host of this name.
    pub fn new(host: impl Into<String>) -> Config {
        Config {
            host: host.into(),
            roles: usual_roles(),
            agent_mode: L3Mode::default(),
            lazy_routers: lazy_routers(),
            namespace: None,
            netns_dir: netns_dir(),
            state_dir: None,
            ctpurge_socket: ctpurge_socket(),
            tunneling_ip: None,
            vxlan_port: VXLAN_PORT,
            interface_mappings: BTreeMap::new(),
            vhostuser_socket_dir: None,
            gateway: None,
            availability_zone: None,
            sweep_interval_s: sweep_interval_s(),
            heartbeat_interval_s: heartbeat_interval_s(),
        }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        let usual = || match self.netns_dir == netns_dir() {
            true => PathBuf::from(kernel::STATE_DIR),
            false => self.netns_dir.with_extension("state"),
        };
        self.state_dir.clone().unwrap_or_else(usual)
    }

    pub(crate) fn sweep_interval(&self) -> Duration {
        Duration::from_secs(self.sweep_interval_s.max(1))
    }

    pub(crate) fn heartbeat_interval(&self) -> Duration {
        Duration::from_secs(self.heartbeat_interval_s.max(1))
    }
}

fn usual_roles() -> BTreeSet<Role> {
    BTreeSet::from([Role::L2, Role::Dhcp])
}

fn lazy_routers() -> bool {
    true
}

fn netns_dir() -> PathBuf {
    PathBuf::from("/run/netns")
}

fn ctpurge_socket() -> PathBuf {
    crate::ctpurge::Settings::default().socket
}

fn vxlan_port() -> u16 {
    VXLAN_PORT
}

fn sweep_interval_s() -> u64 {
    30
}

fn heartbeat_interval_s() -> u64 {
    10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_enough() {
        let config: Config = serde_json::from_str(r#"{"host": "compute-1"}"#).expect("valid");
        assert_eq!(config, Config::new("compute-1"));
    }

    #[test]
    fn a_network_node() {
        let text = r#"{"host": "network-1", "roles": ["l2", "l3"], "agent_mode": "dvr_snat"}"#;
        let config: Config = serde_json::from_str(text).expect("valid");
        assert_eq!((config.agent_mode, config.lazy_routers), (L3Mode::DvrSnat, true));
        assert_eq!(config.roles, BTreeSet::from([Role::L2, Role::L3]));
    }

    #[test]
    fn two_hosts_of_one_machine_keep_their_states_apart() {
        let usual = Config::new("one");
        assert_eq!(usual.state_dir(), PathBuf::from(kernel::STATE_DIR));
        let other = Config { netns_dir: "/tmp/x/two.d".into(), ..Config::new("two") };
        assert_eq!(other.state_dir(), PathBuf::from("/tmp/x/two.state"));
        let said = Config { state_dir: Some("/srv".into()), ..other };
        assert_eq!(said.state_dir(), PathBuf::from("/srv"));
    }

    #[test]
    fn a_misspelt_option_is_refused() {
        let text = r#"{"host": "compute-1", "tuneling_ip": "10.0.0.1"}"#;
        assert!(serde_json::from_str::<Config>(text).is_err());
    }
}

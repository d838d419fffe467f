//! The operator's settings that decisions depend on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::Mac;

/// Section `[network]` of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Segment types tried, in order, for a network that names none.
    pub project_network_types: Vec<String>,
    /// Ids to choose from, as `[first, last]`.
    pub vxlan_ranges: Vec<[i64; 2]>,
    pub geneve_ranges: Vec<[i64; 2]>,
    pub gre_ranges: Vec<[i64; 2]>,
    /// VLANs to choose from, by physical network; an empty list allows explicit VLANs only.
    pub vlan_ranges: BTreeMap<String, Vec<[i64; 2]>>,
    /// Physical networks for flat networks; `*` allows any.
    pub flat_networks: Vec<String>,
    /// MTU of the underlay, in bytes.
    pub global_physnet_mtu: i64,
    /// MTU of tunnels' path when it is lower than the underlay's; 0 means that it is not.
    pub path_mtu: i64,
    /// MTU by physical network where it differs.
    pub physical_network_mtus: BTreeMap<String, i64>,
    /// IP version of the tunnels' outer header: 4 or 6.
    pub overlay_ip_version: u8,
    /// Bytes a GENEVE header may take, its options included.
    pub geneve_header_bytes: i64,
    /// Generated MAC addresses begin with its first three octets.
    pub base_mac: Mac,
    /// The same of the addresses by which switches know hosts' distributed routers.
    pub dvr_base_mac: Mac,
    /// Domain of ports' names, with or without the trailing dot.
    pub dns_domain: String,
    pub max_dns_nameservers: usize,
    pub max_subnet_host_routes: usize,
    /// DHCP agents per network.
    pub dhcp_agents_per_network: usize,
    /// Routers are distributed, and stand ready on several hosts, unless the request says otherwise.
    pub router_distributed: bool,
    pub l3_ha: bool,
    /// Agents that carry the centralized traffic of an HA router.
    pub max_l3_agents_per_router: usize,
    /// Routers move from dead agents to live ones; HA routers see to themselves.
    pub allow_automatic_l3agent_failover: bool,
    /// Seconds without a heartbeat after which an agent counts as dead.
    pub agent_down_s: i64,
    /// Helpers of connection tracking that routers may have, and of which protocols.
    pub allowed_conntrack_helpers: BTreeMap<String, Vec<String>>,
}

/// Neutron's.
fn helpers() -> BTreeMap<String, Vec<String>> {
    let both = &["udp", "tcp"][..];
    let all: [(&str, &[&str]); 10] = [
        ("amanda", &["tcp"]),
        ("ftp", &["tcp"]),
        ("h323", both),
        ("irc", &["tcp"]),
        ("netbios-ns", &["udp"]),
        ("pptp", &["tcp"]),
        ("sane", &["tcp"]),
        ("sip", both),
        ("snmp", &["udp"]),
        ("tftp", &["udp"]),
    ];
    let named = |(name, protocols): (&str, &[&str])| {
        (name.to_owned(), protocols.iter().map(|protocol| (*protocol).to_owned()).collect())
    };
    all.into_iter().map(named).collect()
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            project_network_types: vec!["vxlan".into()],
            vxlan_ranges: vec![[1, 16_777_215]],
            geneve_ranges: vec![],
            gre_ranges: vec![],
            vlan_ranges: BTreeMap::new(),
            flat_networks: vec!["*".into()],
            global_physnet_mtu: 1500,
            path_mtu: 0,
            physical_network_mtus: BTreeMap::new(),
            overlay_ip_version: 4,
            geneve_header_bytes: 30,
            base_mac: Mac([0xfa, 0x16, 0x3e, 0, 0, 0]),
            dvr_base_mac: Mac([0xfa, 0x16, 0x3f, 0, 0, 0]),
            dns_domain: "openstacklocal".into(),
            max_dns_nameservers: 5,
            max_subnet_host_routes: 20,
            dhcp_agents_per_network: 1,
            router_distributed: false,
            l3_ha: false,
            max_l3_agents_per_router: 3,
            allow_automatic_l3agent_failover: false,
            agent_down_s: 75,
            allowed_conntrack_helpers: helpers(),
        }
    }
}

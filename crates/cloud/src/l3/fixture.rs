//! A router for tests: `r` with an interface on 10.0.0.0/24, a gateway on 203.0.113.0/24, and hosts
//! `net-1` (dvr_snat, lazy), `cmp-1` and `cmp-2` (dvr), `far` (dvr_no_external) and `bare` (no agent).

use std::collections::{BTreeMap, BTreeSet};

use model::api::port::Port;
use model::api::router::{Router, RouterPortKind};
use model::api::subnet::Subnet;
use model::desired::{Centralized, L3Mode, PortForwarding};
use model::l3::{CentralAgent, FloatingFact, OwnPort, RouterFacts};
use model::report::{HaState, L3Configuration};
use serde_json::{Value, json};
use uuid::Uuid;

pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Networks 1 (inside) and 2 (outside) with one subnet each of the same number.
pub fn subnet(n: u128, cidr: &str, gateway: &str) -> Subnet {
    serde_json::from_value(json!({
        "id": id(n), "project_id": "p", "network_id": id(n), "ip_version": if cidr.contains(':') { 6 } else { 4 },
        "cidr": cidr, "gateway_ip": gateway, "allocation_pools": [], "dns_nameservers": [],
        "host_routes": [], "enable_dhcp": true, "ipv6_ra_mode": null, "ipv6_address_mode": null,
        "service_types": [], "segment_id": null,
    }))
    .expect("a subnet")
}

pub fn port(n: u128, network: u128, ip: &str, owner: &str, host: &str) -> Port {
    let vif = if host.is_empty() { "unbound" } else { "tap" };
    let fixed_ips: Value = match ip {
        "" => json!([]),
        ip => json!([{ "subnet_id": id(network), "ip_address": ip }]),
    };
    serde_json::from_value(json!({
        "id": id(n), "project_id": "p", "network_id": id(network), "admin_state_up": true,
        "mac_address": format!("fa:16:3e:00:00:{n:02x}"), "fixed_ips": fixed_ips, "device_id": "",
        "device_owner": owner, "status": "DOWN", "allowed_address_pairs": [], "extra_dhcp_opts": [],
        "ip_allocation": "immediate", "binding:vif_type": vif, "binding:vif_details": {},
        "binding:vnic_type": "normal", "binding:host_id": host, "binding:profile": {},
        "port_security_enabled": true, "dns_name": "", "dns_domain": "", "dns_assignment": [],
        "l2_ready": false, "dhcp_ready": false, "failure": null, "name": "", "description": "",
    }))
    .expect("a port")
}

pub fn row(distributed: bool, ha: bool) -> Router {
    serde_json::from_value(json!({
        "id": id(100), "project_id": "p", "admin_state_up": true, "status": "ACTIVE",
        "external_gateway_info": null, "gw_port_id": id(12), "gw_network_id": id(2), "enable_snat": false,
        "ha": ha, "ha_vr_id": if ha { Some(7) } else { None }, "distributed": distributed,
        "enable_ndp_proxy": false, "flavor_id": null, "availability_zone_hints": [], "routes": [],
        "name": "r", "description": "",
    }))
    .expect("a router")
}

pub fn configuration(mode: L3Mode) -> L3Configuration {
    L3Configuration { agent_mode: mode, lazy_routers: true }
}

pub fn central(n: u128, host: &str, state: HaState) -> CentralAgent {
    CentralAgent { id: id(n).into(), host: host.into(), state, ha_port: Some(id(n + 50).into()) }
}

pub fn facts(distributed: bool, ha: bool) -> RouterFacts {
    let own = |kind, port| OwnPort { kind, port };
    let hosts = [
        ("net-1", L3Mode::DvrSnat),
        ("net-2", L3Mode::DvrSnat),
        ("cmp-1", L3Mode::Dvr),
        ("cmp-2", L3Mode::Dvr),
        ("far", L3Mode::DvrNoExternal),
    ];
    let inside =
        if distributed { "network:router_interface_distributed" } else { "network:router_interface" };
    let mut ports = vec![
        own(RouterPortKind::Interface, port(11, 1, "10.0.0.1", inside, "")),
        own(RouterPortKind::Gateway, port(12, 2, "203.0.113.10", "network:router_gateway", "")),
    ];
    if distributed {
        let snat = port(13, 1, "10.0.0.2", "network:router_centralized_snat", "");
        ports.push(own(RouterPortKind::Snat, snat));
    }
    let mut agents = vec![central(21, "net-1", HaState::Standby)];
    if ha {
        agents.push(central(22, "net-2", HaState::Standby));
        for n in [71, 72] {
            ports
                .push(own(RouterPortKind::Ha, port(n, 3, &format!("169.254.192.{n}"), super::ha::OWNER, "")));
        }
    }
    RouterFacts {
        row: row(distributed, ha),
        ports,
        subnets: [
            (id(1).into(), subnet(1, "10.0.0.0/24", "10.0.0.1")),
            (id(2).into(), subnet(2, "203.0.113.0/24", "203.0.113.1")),
            (id(3).into(), subnet(3, "169.254.192.0/18", "169.254.192.1")),
        ]
        .into(),
        floating_ips: vec![],
        forwardings: vec![],
        forwarding_rules: BTreeMap::new(),
        helpers: vec![],
        ndp_proxies: BTreeSet::new(),
        meters: vec![],
        gateway_rules: vec![],
        agents,
        users: BTreeSet::new(),
        hosts: hosts.map(|(host, mode)| (host.to_owned(), configuration(mode))).into(),
        macs: BTreeMap::new(),
        counts: Centralized::default(),
    }
}

pub fn floating(n: u8, host: Option<&str>) -> FloatingFact {
    FloatingFact {
        id: id(n.into()).into(),
        network_id: id(2).into(),
        floating_ip: [203, 0, 113, n].into(),
        fixed_ip: [10, 0, 0, n].into(),
        host: host.map(str::to_owned),
        rules: vec![],
    }
}

pub fn forwarding(n: u8) -> PortForwarding {
    PortForwarding {
        id: id(n.into()).into(),
        floating_ip: [203, 0, 113, n].into(),
        protocol: "tcp".into(),
        external_ports: Some((80, 80)),
        internal_ip: [10, 0, 0, n].into(),
        internal_ports: Some((8080, 8080)),
        qos: None,
    }
}

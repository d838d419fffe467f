//! A router's part of one host, and a host's own way to an external network.
//!
//! A part holds what its host works with and nothing else, so that a change elsewhere leaves it as it
//! is: a host that is not central hears nothing of SNAT, of counts and of forwardings, and a count,
//! of a distributed router, says only whether there is anything to count.

use std::net::IpAddr;

use ipnet::IpNet;
use model::NetworkId;
use model::api::port::Port;
use model::api::router::RouterPortKind as PortKind;
use model::api::subnet::Subnet;
use model::desired::{
    Centralized, Fip, FloatingIp, Gateway, Ha, Interface, L3Mode, Meter, PortForwarding, Router, RouterPort,
    RouterSubnet,
};
use model::l3::{FloatingFact, RouterFacts};
use uuid::Uuid;

use crate::{metering, qos};

/// As Neutron arranges it: whoever hears nobody of a higher address becomes active.
const HA_PRIORITY: u8 = 50;
const HA_ADVERT_INT_S: u32 = 2;

/// Names that digests are made under.
const DIGEST: Uuid = Uuid::from_u128(0x6e65_7574_7269_6e6f_0000_726f_7574_6572);

/// The router on one host; `None` when it has no share there.
pub fn router(facts: &RouterFacts, host: &str) -> Option<Router> {
    let central = is_central(facts, host);
    let serves = serves(facts, host);
    if !central && !serves {
        return None;
    }
    let configuration = facts.hosts.get(host).cloned().unwrap_or_default();
    let nothing = Centralized::default();
    let floating_ips = floating_ips(facts, host, central);
    let counts = central || !floating_ips.is_empty();
    Some(Router {
        id: facts.row.id,
        mode: configuration.agent_mode,
        may_be_lazy: configuration.lazy_routers,
        distributed: facts.row.distributed,
        central,
        serves_here: serves,
        counts: if central && facts.row.distributed { facts.counts.any() } else { nothing },
        interfaces: facts.ports_of(PortKind::Interface).map(|port| interface(facts, port)).collect(),
        gateway: gateway(facts, central).map(Box::new),
        floating_ips,
        port_forwardings: if central { forwardings(facts) } else { vec![] },
        conntrack_helpers: if central { facts.helpers.clone() } else { vec![] },
        meters: if counts { meters(facts) } else { vec![] },
        routes: facts.row.routes.clone(),
        host_mac: facts.macs.get(host).copied().filter(|_| facts.row.distributed),
        ha: ha(facts, host).filter(|_| central),
    })
}

/// The host's agent carries the router's centralized traffic.
pub fn is_central(facts: &RouterFacts, host: &str) -> bool {
    facts.row.admin_state_up && facts.agents.iter().any(|agent| agent.host == host)
}

/// The host routes for ports of its own.
pub fn serves(facts: &RouterFacts, host: &str) -> bool {
    let routes_itself =
        matches!(facts.mode(host), Some(L3Mode::Dvr | L3Mode::DvrSnat | L3Mode::DvrNoExternal));
    let used =
        || facts.users.contains(host) || facts.floating_ips.iter().any(|ip| carrier(facts, ip) == Some(host));
    facts.row.admin_state_up && facts.row.distributed && routes_itself && used()
}

/// The host that carries a floating IP by itself; `None`: it is carried where the gateway is.
pub fn carrier<'a>(facts: &RouterFacts, ip: &'a FloatingFact) -> Option<&'a str> {
    let host = ip.host.as_deref()?;
    let carries = facts.mode(host).is_some_and(L3Mode::has_own_way);
    (facts.row.admin_state_up && facts.row.distributed && carries).then_some(host)
}

/// What tells one part from another.
pub fn digest(part: &Router) -> String {
    let json = serde_json::to_vec(part).expect("parts are of what JSON has");
    Uuid::new_v5(&DIGEST, &json).simple().to_string()
}

/// A host's own way to the external network that `port` is in.
pub fn fip(port: &Port, subnets: &[Subnet]) -> Fip {
    let of = |id| subnets.iter().find(|subnet| subnet.id == id);
    Fip {
        network_id: port.network_id,
        port: leg(port, of),
        nexthops: port.fixed_ips.iter().filter_map(|fixed| of(fixed.subnet_id)?.gateway_ip).collect(),
    }
}

fn interface(facts: &RouterFacts, port: &Port) -> Interface {
    let shares = |snat: &&Port| {
        let on = |id| port.fixed_ips.iter().any(|fixed| fixed.subnet_id == id);
        snat.network_id == port.network_id && snat.fixed_ips.iter().any(|fixed| on(fixed.subnet_id))
    };
    let subnets = port.fixed_ips.iter().filter_map(|fixed| facts.subnets.get(&fixed.subnet_id));
    Interface {
        port: own_leg(facts, port),
        subnets: subnets
            .map(|subnet| RouterSubnet {
                id: subnet.id,
                cidr: subnet.cidr,
                ipv6_ra_mode: subnet.ipv6_ra_mode,
                dns_nameservers: subnet.dns_nameservers.clone(),
            })
            .collect(),
        snat: facts.ports_of(PortKind::Snat).find(shares).map(|port| own_leg(facts, port)),
    }
}

fn gateway(facts: &RouterFacts, central: bool) -> Option<Gateway> {
    let port = facts.ports_of(PortKind::Gateway).next()?;
    let nexthop = |id| facts.subnets.get(id)?.gateway_ip;
    let mut nexthops: Vec<IpAddr> =
        port.fixed_ips.iter().filter_map(|fixed| nexthop(&fixed.subnet_id)).collect();
    nexthops.dedup();
    Some(Gateway {
        port: own_leg(facts, port),
        nexthops,
        enable_snat: central && facts.row.enable_snat,
        qos: qos::view(&facts.gateway_rules).filter(|_| central),
        ndp_proxies: (central && facts.row.enable_ndp_proxy).then(|| facts.ndp_proxies.clone()),
    })
}

/// Of what passes the gateway; labels that count nothing are left out.
fn meters(facts: &RouterFacts) -> Vec<Meter> {
    let by_label = facts.meters.chunk_by(|one, next| one.metering_label_id == next.metering_label_id);
    let counting = by_label.filter(|rules| rules.iter().any(|rule| !rule.excluded));
    counting
        .map(|rules| Meter {
            label: rules[0].metering_label_id,
            rules: rules.iter().map(metering::view).collect(),
        })
        .collect()
}

fn floating_ips(facts: &RouterFacts, host: &str, central: bool) -> Vec<FloatingIp> {
    let carried = |ip: &FloatingFact| match carrier(facts, ip) {
        Some(carrier) => (carrier == host).then_some(false),
        None => central.then_some(true),
    };
    let here = facts.floating_ips.iter().filter_map(|ip| {
        let FloatingFact { id, floating_ip, fixed_ip, .. } = *ip;
        let qos = qos::view(&ip.rules);
        Some(FloatingIp { id, floating_ip, fixed_ip, centralized: carried(ip)?, qos })
    });
    here.collect()
}

fn forwardings(facts: &RouterFacts) -> Vec<PortForwarding> {
    let held = |ip: &IpAddr| facts.forwarding_rules.get(ip).and_then(|rules| qos::view(rules));
    let told = |one: &PortForwarding| PortForwarding { qos: held(&one.floating_ip), ..one.clone() };
    facts.forwardings.iter().map(told).collect()
}

fn ha(facts: &RouterFacts, host: &str) -> Option<Ha> {
    let id = facts.agents.iter().find(|agent| agent.host == host)?.ha_port?;
    let port = facts.ports_of(PortKind::Ha).find(|port| port.id == id)?;
    Some(Ha {
        port: own_leg(facts, port),
        vr_id: facts.row.ha_vr_id.and_then(|id| u8::try_from(id).ok())?,
        priority: HA_PRIORITY,
        advert_int_s: HA_ADVERT_INT_S,
    })
    .filter(|_| facts.row.ha)
}

fn own_leg(facts: &RouterFacts, port: &Port) -> RouterPort {
    leg(port, |id| facts.subnets.get(&id))
}

fn leg<'a>(port: &Port, subnet: impl Fn(model::SubnetId) -> Option<&'a Subnet>) -> RouterPort {
    let address = |fixed: &model::api::port::FixedIp| {
        IpNet::new(fixed.ip_address, subnet(fixed.subnet_id)?.cidr.prefix_len()).ok()
    };
    RouterPort {
        port_id: port.id,
        network_id: port.network_id,
        mac: port.mac_address,
        addresses: port.fixed_ips.iter().filter_map(address).collect(),
    }
}

/// The external networks that a host needs a way of its own to, for one router's floating IPs.
pub fn ways(facts: &RouterFacts) -> std::collections::BTreeSet<(NetworkId, String)> {
    let carried = |ip: &FloatingFact| Some((ip.network_id, carrier(facts, ip)?.to_owned()));
    facts.floating_ips.iter().filter_map(carried).collect()
}

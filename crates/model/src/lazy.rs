//! Does a router take its place on a host, and why.
//!
//! The host builds by this decision, and the server brings the router's networks to the host by it:
//! both make it alike, from the same data. It looks at nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::desired::{L3Mode, Router};

/// Whether a router takes namespaces, processes and memory on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "load", content = "reason", rename_all = "lowercase")]
pub enum Load {
    /// Nothing of it is here: the host has no traffic to carry for it.
    Lazy,
    Loaded(Reason),
}

/// The first condition that made a router take its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The host's configuration keeps it from leaving routers out.
    LazyOff,
    /// Not a network node: what a compute host has, its instances use.
    AgentMode,
    NotDistributed,
    Snat,
    PortForwarding,
    NdpProxy,
    Baremetal,
    CentralizedIpv4,
    CentralizedIpv6,
    /// Instances on the network node itself use the router.
    ServesHere,
}

impl Reason {
    pub const ALL: [Reason; 10] = [
        Reason::LazyOff,
        Reason::AgentMode,
        Reason::NotDistributed,
        Reason::Snat,
        Reason::PortForwarding,
        Reason::NdpProxy,
        Reason::Baremetal,
        Reason::CentralizedIpv4,
        Reason::CentralizedIpv6,
        Reason::ServesHere,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::LazyOff => "lazy_off",
            Reason::AgentMode => "agent_mode",
            Reason::NotDistributed => "not_distributed",
            Reason::Snat => "snat",
            Reason::PortForwarding => "port_forwarding",
            Reason::NdpProxy => "ndp_proxy",
            Reason::Baremetal => "baremetal",
            Reason::CentralizedIpv4 => "centralized_ipv4",
            Reason::CentralizedIpv6 => "centralized_ipv6",
            Reason::ServesHere => "serves_here",
        }
    }

    pub fn parse(text: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    fn holds(self, router: &Router) -> bool {
        match self {
            Reason::LazyOff => !router.may_be_lazy,
            Reason::AgentMode => router.mode != L3Mode::DvrSnat,
            Reason::NotDistributed => !router.distributed,
            Reason::Snat => router.gateway.as_ref().is_some_and(|gateway| gateway.enable_snat),
            Reason::PortForwarding => !router.port_forwardings.is_empty(),
            Reason::NdpProxy => {
                let proxies = router.gateway.as_ref().and_then(|gateway| gateway.ndp_proxies.as_ref());
                proxies.is_some_and(|proxies| !proxies.is_empty())
            }
            Reason::Baremetal => router.counts.baremetal > 0,
            Reason::CentralizedIpv4 => router.counts.ipv4 > 0,
            Reason::CentralizedIpv6 => router.counts.ipv6 > 0,
            Reason::ServesHere => router.serves_here,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides for the host that the router's data was made for.
pub fn load(router: &Router) -> Load {
    let first = Reason::ALL.into_iter().find(|reason| reason.holds(router));
    first.map_or(Load::Lazy, Load::Loaded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{Centralized, Gateway, PortForwarding, RouterPort};
    use uuid::Uuid;

    fn port() -> RouterPort {
        RouterPort {
            port_id: Uuid::nil().into(),
            network_id: Uuid::nil().into(),
            mac: wire::Mac([2, 0, 0, 0, 0, 1]),
            addresses: vec![],
        }
    }

    fn forwarding() -> PortForwarding {
        let ip = [10, 0, 0, 1].into();
        PortForwarding {
            id: Uuid::nil().into(),
            floating_ip: ip,
            protocol: "tcp".into(),
            external_ports: Some((1, 1)),
            internal_ip: ip,
            internal_ports: Some((1, 1)),
            qos: None,
        }
    }

    /// What of a router forces it to be loaded, said by itself, beside the gateway with its three ways.
    fn router(mode: L3Mode, gateway: usize, forced: u32) -> (Router, Vec<Reason>) {
        let on = |bit: u32| forced >> bit & 1 == 1;
        let router = Router {
            id: Uuid::nil().into(),
            mode,
            may_be_lazy: !on(0),
            distributed: !on(1),
            central: true,
            serves_here: on(2),
            counts: Centralized { baremetal: on(3).into(), ipv6: on(4).into(), ipv4: on(5).into() },
            interfaces: vec![],
            gateway: (gateway > 0).then(|| {
                Box::new(Gateway {
                    port: port(),
                    nexthops: vec![],
                    enable_snat: gateway == 2,
                    qos: None,
                    ndp_proxies: on(7).then(|| [std::net::Ipv6Addr::LOCALHOST].into()),
                })
            }),
            floating_ips: vec![],
            port_forwardings: if on(6) { vec![forwarding()] } else { vec![] },
            conntrack_helpers: vec![],
            meters: vec![],
            routes: vec![],
            host_mac: None,
            ha: None,
        };
        let table = [
            (on(0), Reason::LazyOff),
            (mode != L3Mode::DvrSnat, Reason::AgentMode),
            (on(1), Reason::NotDistributed),
            (gateway == 2, Reason::Snat),
            (on(6), Reason::PortForwarding),
            (gateway > 0 && on(7), Reason::NdpProxy),
            (on(3), Reason::Baremetal),
            (on(5), Reason::CentralizedIpv4),
            (on(4), Reason::CentralizedIpv6),
            (on(2), Reason::ServesHere),
        ];
        (router, table.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect())
    }

    #[test]
    fn every_combination_is_lazy_only_when_nothing_forces_it_and_names_the_first_that_does() {
        let (mut all, mut lazy) = (0, 0);
        for mode in L3Mode::ALL {
            for gateway in 0..3 {
                for forced in 0..1 << 8 {
                    let (router, reasons) = router(mode, gateway, forced);
                    let wanted = reasons.first().map_or(Load::Lazy, |reason| Load::Loaded(*reason));
                    assert_eq!(load(&router), wanted, "{router:?}");
                    all += 1;
                    lazy += usize::from(wanted == Load::Lazy);
                }
            }
        }
        assert_eq!((all, lazy), (4 * 3 * 256, 3), "a network node, with no gateway or one without SNAT");
    }

    #[test]
    fn reasons_have_one_word_each() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).expect("a word"), reason.as_str());
        }
    }
}

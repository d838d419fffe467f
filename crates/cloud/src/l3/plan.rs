//! What hosts should have of a router, and whom the difference to what they were told touches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::api::port::Port;
use model::api::router::RouterPortKind as PortKind;
use model::desired::{Key, Kind, Router};
use model::l3::{RouterFacts, Told};
use model::lazy::{self, Load};
use model::report::HaState;
use model::{NetworkId, PortId, Touch};

use crate::view::router as view;

/// What one host should have of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub part: Router,
    pub load: Load,
    /// As it is remembered.
    pub told: Told,
}

/// Where a port of a router should be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<'a> {
    On(&'a str),
    /// Wherever the router is, without any of them being the port's host.
    Everywhere,
    Nowhere,
}

/// The shares of all hosts that a router has a place on, by host.
pub fn shares(facts: &RouterFacts) -> BTreeMap<String, Share> {
    let agents = facts.agents.iter().map(|agent| &agent.host);
    let hosts: BTreeSet<&String> = agents
        .chain(&facts.users)
        .chain(facts.floating_ips.iter().filter_map(|ip| ip.host.as_ref()))
        .collect();
    hosts.into_iter().filter_map(|host| Some((host.clone(), share(view::router(facts, host)?)))).collect()
}

fn share(part: Router) -> Share {
    let load = lazy::load(&part);
    let loaded = load != Load::Lazy;
    let networks = if loaded { part.networks().into_iter().collect() } else { BTreeSet::new() };
    let (central, serves) = (part.central, part.serves_here);
    let told = Told { central, serves, loaded, part: view::digest(&part), networks };
    Share { part, load, told }
}

/// The host whose network node carries the traffic: of several that stand ready, the active one.
fn active<'a>(facts: &'a RouterFacts, shares: &BTreeMap<String, Share>) -> Option<&'a str> {
    let ready = |host: &str| shares.get(host).is_some_and(|share| share.told.central && share.told.loaded);
    let mut agents = facts.agents.iter().filter(|agent| ready(&agent.host));
    if !facts.row.ha {
        return agents.next().map(|agent| agent.host.as_str());
    }
    if let Some(agent) = agents.find(|agent| agent.state == HaState::Active) {
        return Some(&agent.host);
    }
    // Until somebody says that it took over, all stays where it was.
    let moves = |kind| matches!(kind, PortKind::Interface | PortKind::Gateway | PortKind::Snat);
    let bound = facts.ports.iter().filter(|own| moves(own.kind)).map(|own| own.port.host.as_str());
    bound.filter(|host| is_among(facts, host)).find(|host| ready(host))
}

fn is_among(facts: &RouterFacts, host: &str) -> bool {
    facts.agents.iter().any(|agent| agent.host == host)
}

/// Floating IPs that some host is told of: of the others nobody speaks.
pub fn spoken_for(shares: &BTreeMap<String, Share>) -> BTreeSet<IpAddr> {
    let parts = shares.values().map(|share| &share.part);
    parts
        .flat_map(|part| {
            let tied = part.floating_ips.iter().map(|ip| ip.floating_ip);
            tied.chain(part.port_forwardings.iter().map(|forwarding| forwarding.floating_ip))
        })
        .collect()
}

/// Where each of the router's ports should be bound.
pub fn places<'a>(facts: &'a RouterFacts, shares: &BTreeMap<String, Share>) -> Vec<(&'a Port, Place<'a>)> {
    let active = active(facts, shares).map_or(Place::Nowhere, Place::On);
    let place = |kind, id: PortId| match kind {
        PortKind::Interface if facts.row.distributed => Place::Everywhere,
        PortKind::Interface | PortKind::Gateway | PortKind::Snat => active,
        PortKind::Ha => {
            let agent = facts.agents.iter().find(|agent| agent.ha_port == Some(id));
            let host = agent.map(|agent| agent.host.as_str());
            let loaded = host.filter(|host| shares.get(*host).is_some_and(|share| share.told.loaded));
            loaded.map_or(Place::Nowhere, Place::On)
        }
    };
    facts.ports.iter().map(|own| (&own.port, place(own.kind, own.port.id))).collect()
}

/// Whom the way from what hosts were told to what they should have touches.
pub fn touches(
    facts: &RouterFacts,
    told: &BTreeMap<String, Told>,
    shares: &BTreeMap<String, Share>,
) -> Vec<Touch> {
    let key = Key::new(Kind::Router, facts.row.id.0);
    let none = BTreeSet::new();
    let mut out = Vec::new();
    let mut peers: BTreeSet<NetworkId> = BTreeSet::new();
    let hosts: BTreeSet<&String> = told.keys().chain(shares.keys()).collect();
    for host in hosts {
        let (before, after) = (told.get(host), shares.get(host).map(|share| &share.told));
        if before.map(|told| &told.part) != after.map(|told| &told.part) {
            out.push(Touch::Part { host: host.clone(), key });
        }
        let had = before.map_or(&none, |told| &told.networks);
        let has = after.map_or(&none, |told| &told.networks);
        for network in had.symmetric_difference(has) {
            out.push(Touch::Membership { host: host.clone(), network: *network });
            peers.insert(*network);
        }
    }
    let key = |network: NetworkId| Key::new(Kind::Network, network.0);
    out.extend(peers.into_iter().map(|network| Touch::Members { network, key: key(network) }));
    out
}

#[cfg(test)]
mod tests;

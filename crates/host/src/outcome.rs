//! What became of a part, as far as the host shows it.

use model::desired::{Key, Network, Part, Port, Router};
use model::report::{HaState, RouterState, State};
use model::{NetworkId, SecurityGroupId};

use crate::carrier::Impossible;
use crate::diff::fits;
use crate::inner::WantNamespace;
use crate::keepalived;
use crate::lazy;
use crate::leg;
use crate::names;
use crate::observed::{Namespace, Observed};
use crate::secgroup::{self, Chain, Item, Set};
use crate::target::target;
use crate::wanted::{Scope, Slots, Wanted};

/// Why a part that could be carried is not in place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Amiss {
    #[error(transparent)]
    Impossible(#[from] Impossible),
    #[error("a device {0} that is not neutrino's is in the way")]
    InTheWay(String),
    #[error("there is no device {0}")]
    NoDevice(String),
    #[error("{0} is not a port of {1}")]
    NotJoined(String, String),
    #[error("{0} is not up")]
    NotUp(String),
    #[error("there is no namespace {0}")]
    NoNamespace(String),
    #[error("in namespace {0}: {1} is missing")]
    Missing(String, String),
    #[error("this host has no way of its own to the external network {0}")]
    NoWay(NetworkId),
    #[error("keepalived does not run for it")]
    NoKeepalived,
    #[error("it was not told of its security group {0}")]
    NoGroup(SecurityGroupId),
    #[error("bridged packets are not handed to the IP layer: connections are not known")]
    NotBridged,
    #[error("its filter is not in place: {0}")]
    Unfiltered(String),
}

/// The state of a part on a host that looks like this.
pub fn state(want: &Wanted, now: &Observed, key: Key) -> State {
    let Some(part) = want.get(key) else { return State::Down };
    let amiss = match part {
        Part::Network(network) => network_amiss(want, now, network),
        Part::Port(port) => match port_state(want, now, port) {
            Ok(state) => return state,
            Err(amiss) => Err(amiss),
        },
        Part::Remote(remote) => want.carrier(remote.network_id).map_err(Amiss::from).and_then(|carrier| {
            match carrier.vxlan_device() {
                Some(device) if !now.links.contains_key(device) => Err(Amiss::NoDevice(device.clone())),
                _ => Ok(()),
            }
        }),
        Part::Router(router) => router_amiss(want, now, router),
        Part::Dhcp(_) | Part::Fip(_) => legs_amiss(want, now, part),
        Part::Group(group) => chains_amiss(now, &secgroup::group_chains(group)),
        Part::Member(_) | Part::Addresses(_) => Ok(()),
        Part::Lease(lease) => want.carrier(lease.network_id).map(drop).map_err(Amiss::from),
    };
    match amiss {
        Ok(()) => State::Up,
        Err(amiss) => State::Failed { reason: amiss.to_string() },
    }
}

fn network_amiss(want: &Wanted, now: &Observed, network: &Network) -> Result<(), Amiss> {
    want.carrier(network.id)?;
    links_amiss(want, now, Part::Network(network.clone()).key())
}

fn port_state(want: &Wanted, now: &Observed, port: &Port) -> Result<State, Amiss> {
    let carrier = want.carrier(port.network_id)?;
    let tap = names::tap(port.id);
    let Some(link) = now.links.get(&tap) else { return Ok(State::Down) };
    if !port.admin_state_up {
        return Ok(State::Down);
    }
    if link.master.as_ref() != Some(&carrier.bridge) {
        return Err(Amiss::NotJoined(tap, carrier.bridge));
    }
    filter_amiss(want, now, port)?;
    if link.up { Ok(State::Up) } else { Err(Amiss::NotUp(tap)) }
}

fn filter_amiss(want: &Wanted, now: &Observed, port: &Port) -> Result<(), Amiss> {
    if port.groups.is_none() {
        return Ok(());
    }
    if now.filter.bridged != Some(true) {
        return Err(Amiss::NotBridged);
    }
    if let Some(group) = secgroup::unknown_group(want, port) {
        return Err(Amiss::NoGroup(group));
    }
    chains_amiss(now, &secgroup::ground())?;
    chains_amiss(now, &secgroup::port_chains(want, port))?;
    let tap = Item::Device(names::tap(port.id));
    for set in [Set::WaysIn, Set::WaysOut] {
        let at = set.at();
        if now.filter.sets.get(&at).and_then(|set| set.get(&tap)) != set.wanted_item(want, &tap).as_ref() {
            return Err(Amiss::Unfiltered(at.to_string()));
        }
    }
    Ok(())
}

fn chains_amiss(now: &Observed, chains: &[Chain]) -> Result<(), Amiss> {
    let missing = chains.iter().find(|chain| now.filter.chains.get(&chain.at) != Some(&chain.mark()));
    missing.map_or(Ok(()), |chain| Err(Amiss::Unfiltered(format!("chain {}", chain.at))))
}

/// What the host made of a router; `None` of other parts.
pub fn router_state(want: &Wanted, now: &Observed, key: Key) -> Option<RouterState> {
    match want.get(key) {
        Some(Part::Router(router)) => Some(lazy::state(router, ha_state(now, router))),
        _ => None,
    }
}

fn ha_state(now: &Observed, router: &Router) -> Option<HaState> {
    let seen = keepalived::seen(router, now)?;
    // What it left behind is no sign of it.
    let alive = now.keepalived.get(&router.id).is_some_and(|seen| seen.alive);
    Some(if alive { seen } else { HaState::Unknown })
}

/// A router with a piece that cannot be is amiss, though all others are in place.
fn router_amiss(want: &Wanted, now: &Observed, router: &Router) -> Result<(), Amiss> {
    let part = Part::Router(router.clone());
    legs_amiss(want, now, &part)?;
    let carried = router.floating_ips.iter().any(|floating| !floating.centralized);
    if let Some(gateway) = &router.gateway
        && carried
        && lazy::pieces(router).distributed
    {
        let network = gateway.port.network_id;
        want.fip(network).ok_or(Amiss::NoWay(network))?;
        want.carrier(network)?;
    }
    Ok(())
}

fn legs_amiss(want: &Wanted, now: &Observed, part: &Part) -> Result<(), Amiss> {
    for leg in leg::legs(part) {
        want.carrier(leg.network)?;
    }
    links_amiss(want, now, part.key())
}

/// Whether every device of a part is there and joined, and everything in its namespaces.
fn links_amiss(want: &Wanted, now: &Observed, key: Key) -> Result<(), Amiss> {
    let scope = Scope::Some { keys: [key].into(), slots: Box::new(Slots::default()) };
    let target = target(want, &scope);
    for (netns, wanted) in &target.namespaces {
        let missing = |what: String| Amiss::Missing(netns.clone(), what);
        let inside = now.namespaces.get(netns).ok_or_else(|| Amiss::NoNamespace(netns.clone()))?;
        inside_amiss(wanted, inside).map_err(missing)?;
    }
    for (router, (_, instance)) in &target.keepalived {
        let seen = now.keepalived.get(router).filter(|seen| seen.alive);
        if seen.is_none_or(|seen| seen.hash != instance.hash()) {
            return Err(Amiss::NoKeepalived);
        }
    }
    for (name, (_, wanted)) in target.links {
        let Some(link) = now.links.get(&name) else { return Err(Amiss::NoDevice(name)) };
        if !fits(now, link, &wanted.make) {
            return Err(Amiss::InTheWay(name));
        }
        if let Some((bridge, _)) = wanted.bridge
            && link.master.as_ref() != Some(&bridge)
        {
            return Err(Amiss::NotJoined(name, bridge));
        }
        if !link.up && wanted.up {
            return Err(Amiss::NotUp(name));
        }
    }
    Ok(())
}

/// The first of what is wanted inside a namespace and not there.
fn inside_amiss(want: &WantNamespace, seen: &Namespace) -> Result<(), String> {
    for (device, wanted) in &want.links {
        let link = seen.links.get(device).filter(|link| link.up).ok_or(device)?;
        let addresses = wanted.addresses.iter().flatten();
        if let Some(net) = addresses.into_iter().find(|net| !link.addresses.contains(net)) {
            return Err(format!("{net} on {device}"));
        }
    }
    if let Some(route) = want.routes.difference(&seen.routes).next() {
        return Err(route.to_string());
    }
    if let Some(rule) = want.rules.difference(&seen.rules).next() {
        return Err(rule.to_string());
    }
    let known = |device: &String, ip| seen.neighbours.get(device).and_then(|known| known.get(ip));
    let neighbour = want.neighbours.iter().find(|((device, ip), mac)| known(device, ip) != Some(mac));
    if let Some(((device, ip), _)) = neighbour {
        return Err(format!("neighbour {ip} on {device}"));
    }
    let proxy = want.proxies.difference(&seen.proxies).next().filter(|_| want.moves.is_none());
    if let Some((device, ip)) = proxy {
        return Err(format!("answers for {ip} on {device}"));
    }
    let wrong = want.sysctls.iter().find(|(name, value)| seen.setting(name) != Some(**value));
    if let Some((name, value)) = wrong {
        return Err(format!("{name} = {value}"));
    }
    match &want.nat {
        Some(nat) if seen.table != Some(nat.hash()) => Err("its table of address translation".to_owned()),
        _ if want.helpers.as_ref().is_some_and(|helpers| seen.helpers != Some(helpers.hash())) => {
            Err("its helpers of connections".to_owned())
        }
        _ if want.meters.as_ref().is_some_and(|meters| !meters.is_as(seen.meters.as_ref())) => {
            Err("its counts".to_owned())
        }
        _ => Ok(()),
    }
}

//! What became of a part, as far as the host shows it.

use model::desired::{Key, Network, Part, Port};
use model::report::State;

use crate::carrier::Impossible;
use crate::diff::fits;
use crate::names;
use crate::observed::Observed;
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
        Part::Dhcp(_) | Part::Router(_) | Part::Fip(_) => links_amiss(want, now, key),
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
    if link.up { Ok(State::Up) } else { Err(Amiss::NotUp(tap)) }
}

/// Whether every device of a part is there and joined.
fn links_amiss(want: &Wanted, now: &Observed, key: Key) -> Result<(), Amiss> {
    if let Some(part) = want.get(key) {
        for network in part.networks() {
            want.carrier(network)?;
        }
    }
    let scope = Scope::Some { keys: [key].into(), slots: Box::new(Slots::default()) };
    for (name, (_, wanted)) in target(want, &scope).links {
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

//! One turn: observe, diff, apply, and what became of the parts looked at.

use std::collections::{BTreeMap, BTreeSet};

use host::observed::Observed;
use host::secgroup::{GROUND, purge_arrived, purge_unexplained};
use host::{Scope, Step, Wanted, keepalived, names};
use kernel::{Failed, Kernel, KernelError};
use model::desired::{Dhcp, Key, Kind, Part};
use model::lazy::{Load, load};
use model::report::{HaState, State};
use model::{NetworkId, RouterId};

use crate::config::Config;
use crate::purges::Purges;
use crate::{advertise, dhcp};

/// What a turn found out.
pub(crate) struct Turn {
    /// The host as it was left.
    pub now: Observed,
    /// State of every part that was looked at and that the host has.
    pub states: BTreeMap<Key, State>,
    /// Why what the filters of all ports stand on is not in place.
    pub ground: Option<String>,
    /// Failures of parts that the host no longer has.
    pub leftovers: Vec<String>,
    pub steps: usize,
}

/// What a turn works with.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub config: &'a Config,
    pub kernel: &'a Kernel,
    pub dhcp: &'a dhcp::Handle,
    pub advertise: &'a advertise::Handle,
}

/// Makes the host as wanted, as far as the scope goes.
pub(crate) async fn turn(
    door: &Door<'_>,
    purges: &mut Purges,
    want: &mut Wanted,
    known: &BTreeSet<Key>,
    scope: &Scope,
) -> Result<Turn, KernelError> {
    let Door { config, kernel, dhcp, advertise } = *door;
    let mut now = kernel.observe(scope).await?;
    purges.learn(&now, want, scope);
    if *scope == Scope::All {
        purges.catch_up(want);
        let dues = purge_unexplained(want, &now, known, purges.zones());
        purges.note(dues, want);
    }
    purges.note(purge_arrived(want, &now, scope, purges.zones(), purges.joined()), want);
    purges.remember(want, scope);
    let steps = host::diff(want, &now, scope);
    purges.release(&steps, want);
    let want: &Wanted = want;
    for step in &steps {
        tracing::debug!(host.name = config.host, part.key = %step.key, op = %step.op, "act");
    }
    let failed = match steps.len() {
        0 => Vec::new(),
        _ => kernel.apply(steps.clone()).await?,
    };
    purges.tried(&steps, &failed);
    pretend(&mut now, &steps, &failed);
    let mut reasons = reasons(&failed);
    let keys: BTreeSet<Key> = match scope {
        Scope::All => want.keys().collect(),
        Scope::Some { keys, .. } => keys.clone(),
    };
    let (mut unserved, mut unadvertised) = (BTreeMap::new(), BTreeMap::new());
    let devices = advertise::Devices::of(config, &now);
    for key in &keys {
        match want.get(*key) {
            Some(Part::Dhcp(part)) => {
                if let Err(reason) = serve(config, dhcp, part, &now).await {
                    unserved.insert(part.network_id, reason);
                }
            }
            Some(Part::Lease(lease)) => dhcp.lease(lease.clone()),
            Some(Part::Router(router)) => {
                // Only the active one of several hosts speaks for the router.
                let speaks = keepalived::seen(router, &now).is_none_or(|state| state == HaState::Active);
                let set = match speaks {
                    true => advertise.set(router.id, advertise::told(router, want, &devices)).await,
                    false => advertise.hush(router.id).await,
                };
                if let Err(error) = set {
                    unadvertised.insert(*key, format!("cannot advertise: {error}"));
                }
            }
            None if key.kind == Kind::Dhcp => dhcp.stop(NetworkId(key.id)),
            None if key.kind == Kind::Router => {
                // Closing is not refused.
                let _ = advertise.set(RouterId(key.id), advertise::Told::new()).await;
            }
            None if key.kind == Kind::Lease => dhcp.forget(model::PortId(key.id)),
            _ => {}
        }
    }
    for (key, reason) in unadvertised {
        reasons.entry(key).or_insert(reason);
    }
    // An act may be charged to a part that is not looked at otherwise.
    let charged: BTreeSet<Key> = keys.iter().chain(reasons.keys()).copied().collect();
    let wanted = charged.iter().filter(|key| want.get(**key).is_some());
    let states = wanted.map(|key| (*key, state(want, &now, *key, &reasons, &unserved))).collect();
    let ground = reasons.remove(&GROUND);
    let gone = reasons.iter().filter(|(key, _)| want.get(**key).is_none());
    let leftovers = gone.map(|(key, reason)| format!("{key}: {reason}")).collect();
    Ok(Turn { now, states, ground, leftovers, steps: steps.len() })
}

/// What was done, done to the observation.
fn pretend(now: &mut Observed, steps: &[Step], failed: &[Failed]) {
    let mut failed = failed.iter().map(|failed| failed.index).peekable();
    for (index, step) in steps.iter().enumerate() {
        if failed.next_if_eq(&index).is_none() {
            now.pretend(&step.op);
        }
    }
}

/// The first failure of each part: the others follow from it.
fn reasons(failed: &[Failed]) -> BTreeMap<Key, String> {
    let mut reasons = BTreeMap::new();
    for Failed { key, error, .. } in failed {
        tracing::warn!(%error, part.key = %key, "act failed");
        reasons.entry(*key).or_insert_with(|| error.to_string());
    }
    reasons
}

fn state(
    want: &Wanted,
    now: &Observed,
    key: Key,
    reasons: &BTreeMap<Key, String>,
    unserved: &BTreeMap<NetworkId, String>,
) -> State {
    let fail = |reason: &String| State::Failed { reason: reason.clone() };
    let Some(part) = want.get(key) else { return State::Down };
    // A router that takes no place needs no network.
    let is_lazy = matches!(part, Part::Router(router) if load(router) == Load::Lazy);
    let networks = if is_lazy { Vec::new() } else { part.networks() };
    let networks = networks.into_iter().map(|id| Key::new(Kind::Network, id.0));
    if let Some(reason) = networks.filter(|network| key != *network).find_map(|network| reasons.get(&network))
    {
        return State::Failed { reason: format!("its network is not in place: {reason}") };
    }
    if let Some(reason) = reasons.get(&key) {
        return fail(reason);
    }
    match part {
        Part::Dhcp(dhcp) if unserved.contains_key(&dhcp.network_id) => fail(&unserved[&dhcp.network_id]),
        Part::Lease(lease) if want.get(Key::new(Kind::Dhcp, lease.network_id.0)).is_none() => {
            State::Failed { reason: "this host does not answer DHCP for its network".to_owned() }
        }
        Part::Lease(lease) if unserved.contains_key(&lease.network_id) => fail(&unserved[&lease.network_id]),
        _ => host::state(want, now, key),
    }
}

/// Answers a network's DHCP from its namespace, if that is there.
async fn serve(config: &Config, handle: &dhcp::Handle, part: &Dhcp, now: &Observed) -> Result<(), String> {
    let netns = names::dhcp_netns(part.network_id);
    let device = names::dhcp_device(part.port_id);
    let inside = now.namespaces.get(&netns);
    let link = inside.and_then(|inside| inside.links.get(&device));
    let (Some(inside), Some(link)) = (inside, link) else {
        return Err(format!("there is no {device} in namespace {netns}"));
    };
    let place =
        dhcp::Place { netns: config.netns_dir.join(&netns), device, netns_id: inside.id, index: link.index };
    let served = handle.serve(part.clone(), place).await;
    served.map_err(|error| format!("cannot listen in namespace {netns}: {error}"))
}

//! Desired and observed to acts.
//!
//! ```text
//! 1 clear    what fills a place wrongly: devices, namespaces, memberships
//! 2 make     namespaces and devices
//! 3 shape    alias, MTU, IPv6, ARP, and up for what we made
//! 4 filter   tables and chains: before a tap is joined, so that nothing passes unfiltered
//! 5 join     bridge ports and their flags, but for legs that are new
//! 6 entries  forwarding, tunnels, neighbours
//! 7 inside   all within namespaces that were there: their ways outside open before there is a way to them
//! 8 open     uplinks up; those on the links are told of new devices of ours; these up, ways outside first,
//!            and then joined
//! 9 announce addresses that appeared on devices that were there
//! 10 ready   keepalived, of routers that stand ready on several hosts
//! 11 floods  hosts that broadcast goes to
//! ```
//! Every act is also pretended on a copy of what was seen, so that each step decides on the
//! host as the steps before it leave it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::desired::{Key, Kind};

use crate::names::{self, Mark, Netns};
use crate::observed::{Ipv6, Link, LinkKind, Observed, TableMark};
use crate::op::{Op, Step};
use crate::target::{Make, Target, WantLink, target};
use crate::wanted::{Scope, Slots, Wanted};

/// The acts that make a host as wanted, as far as the scope goes.
pub fn diff(want: &Wanted, seen: &Observed, scope: &Scope) -> Vec<Step> {
    let target = target(want, scope);
    let (keys, slots) = match scope {
        Scope::All => (None, None),
        Scope::Some { keys, slots } => (Some(keys), Some(slots.as_ref())),
    };
    let (now, steps, news, born) = (seen.clone(), Vec::new(), Vec::new(), BTreeMap::new());
    let opened = Vec::new();
    let mut plan = Plan { seen, now, steps, news, born, opened, target: &target, keys, slots };
    plan.clear();
    plan.make();
    plan.shape();
    plan.filter();
    plan.guard();
    plan.join(|link, want| !is_new_leg(link, want));
    plan.entries();
    plan.open_outward(has_inside);
    plan.inside();
    plan.open(|make| !matches!(make, Make::Veth { .. }));
    plan.announce_born();
    plan.open_outward(|_, _| true);
    plan.await_opened(|_| true);
    plan.open(|make| matches!(make, Make::Veth { .. }));
    plan.await_opened(|_| true);
    plan.join_legs();
    plan.clear_tables();
    plan.unguard();
    plan.announce();
    plan.start_keepalived();
    plan.floods();
    plan.steps
}

pub(crate) struct Plan<'a> {
    /// The host as it was.
    pub seen: &'a Observed,
    /// The host as the steps so far leave it.
    pub now: Observed,
    pub steps: Vec<Step>,
    /// To be told when the links are open: part, namespace, device and address.
    pub news: Vec<(Key, String, String, IpAddr)>,
    /// Ways outside that come up: part, namespace and tap.
    pub opened: Vec<(Key, String, String)>,
    /// Devices made, by namespace and name, with their other ends.
    pub born: BTreeMap<(String, String), String>,
    pub target: &'a Target,
    /// The parts looked at; `None` for all, as below.
    pub keys: Option<&'a BTreeSet<Key>>,
    pub slots: Option<&'a Slots>,
}

impl Plan<'_> {
    pub fn act(&mut self, key: Key, op: Op) {
        self.now.pretend(&op);
        let device = op.device().and_then(|device| self.target.of_devices.get(device));
        let needs = device.or_else(|| self.target.networks.get(&key)).copied();
        let needs = needs.filter(|needs| *needs != key);
        self.steps.push(Step { key, needs, op });
    }

    pub fn act_needing(&mut self, key: Key, needs: Option<Key>, op: Op) {
        self.now.pretend(&op);
        self.steps.push(Step { key, needs: needs.filter(|needs| *needs != key), op });
    }

    fn clear(&mut self) {
        self.stop_keepalived();
        for (device, why) in self.links_to_clear() {
            match why {
                Clear::Release(key) => self.act(key, Op::SetMaster { device, master: None }),
                Clear::Delete(key) => self.act(key, Op::DeleteLink { device }),
            }
        }
        self.clear_namespaces();
    }

    fn links_to_clear(&self) -> Vec<(String, Clear)> {
        let in_scope = |name: &String| self.slots.is_none_or(|slots| slots.links.contains(name));
        let seen = self.now.links.iter().filter(|(name, _)| in_scope(name));
        let clear: Vec<(String, Clear)> = seen
            .filter_map(|(name, link)| {
                let clear = match self.target.links.get(name) {
                    Some((_, want)) if fits(&self.now, link, &want.make) => None,
                    // Of ours, and it cannot be changed into what is wanted.
                    Some((key, _)) if is_ours(link) => Some(Clear::Delete(*key)),
                    _ => self.is_stray(name, link),
                };
                Some((name.clone(), clear?))
            })
            .collect();
        // Ports are let go before their bridge goes.
        let (first, last) = clear.into_iter().partition::<Vec<_>, _>(|(name, _)| !names::is_bridge(name));
        first.into_iter().chain(last).collect()
    }

    /// What to do with a device that no part wants as it is.
    fn is_stray(&self, name: &str, link: &Link) -> Option<Clear> {
        if let Some(mark) = Mark::parse(&link.alias) {
            // What another part took over is that part's.
            let key = mark.key();
            let in_scope = self.keys.is_none_or(|keys| keys.contains(&key));
            return in_scope.then_some(Clear::Delete(key));
        }
        if is_ours(link) {
            return Some(Clear::Delete(NOBODY));
        }
        let known = names::is_tap(name) || self.target.interfaces.contains(name);
        let bridge = link.master.as_ref().filter(|_| known)?;
        let mark = Mark::parse(&self.now.links.get(bridge)?.alias);
        // A bridge that is about to be marked is ours already.
        let wanted = || self.target.links.get(bridge).map(|(key, _)| *key);
        let is_free = || self.now.links.get(bridge).is_some_and(is_free);
        let adopted = || wanted().filter(|_| is_free());
        mark.map(Mark::key).or_else(adopted).map(Clear::Release)
    }

    fn make(&mut self) {
        let target = self.target;
        self.make_namespaces();
        for (device, (key, want)) in target.in_order() {
            if self.now.links.contains_key(device) {
                continue;
            }
            let device = device.clone();
            let op = match want.make.clone() {
                Make::Foreign => continue,
                Make::Bridge { mac, .. } => Op::AddBridge { device, mac },
                Make::Vxlan { vni, local, port, .. } => Op::AddVxlan { device, vni, local, port },
                Make::Vlan { parent, vid, .. } => Op::AddVlan { device, parent, vid },
                // It comes and goes with its parent, which somebody else makes.
                Make::Tagged { parent, .. } if !self.now.links.contains_key(&parent) => continue,
                Make::Tagged { parent, vid, .. } => Op::AddVlan { device, parent, vid },
                Make::Veth { netns, peer, peer_mac, .. } => {
                    let mtu_bytes = want.mtu_bytes.unwrap_or(DEFAULT_MTU_BYTES);
                    self.born.insert((netns.clone(), peer.clone()), device.clone());
                    Op::AddVeth { device, netns, peer, peer_mac, mtu_bytes }
                }
            };
            self.act(*key, op);
        }
        self.make_ways();
    }

    fn shape(&mut self) {
        let target = self.target;
        for (name, (key, want)) in target.in_order() {
            let Some(link) = self.usable(name, want).cloned() else { continue };
            let device = || name.clone();
            if let Some(mark) = want.make.mark().filter(|mark| link.alias != mark.to_string()) {
                self.act(*key, Op::SetAlias { device: device(), alias: mark.to_string() });
            }
            if link.kind == (LinkKind::Bridge { plain: false }) {
                self.act(*key, Op::SetBridge { device: device() });
            }
            if let Some(mtu_bytes) = want.mtu_bytes.filter(|mtu| link.mtu_bytes != *mtu) {
                self.act(*key, Op::SetMtu { device: device(), mtu_bytes });
            }
            // As the MTU leaves it.
            let has = self.now.links.get(name).map(|link| link.ipv6);
            if let Some(ipv6) = want.ipv6.filter(|ipv6| has != Some(*ipv6)) {
                self.act(*key, ipv6_op(device(), ipv6));
            }
            let waits = matches!(want.make, Make::Foreign | Make::Tagged { .. } | Make::Veth { .. });
            if !waits && want.up && !link.up {
                self.act(*key, Op::SetUp { device: device(), up: true });
            }
        }
    }

    fn filter(&mut self) {
        let target = self.target;
        for (name, (key, table)) in &target.tables {
            let Some(link) = self.filtered(&table.device) else { continue };
            let wanted = TableMark { hash: table.hash(), index: link.index };
            if self.now.tables.get(name) != Some(&wanted) {
                self.act(*key, Op::ReplaceTable { table: name.clone(), content: table.clone() });
            }
        }
    }

    fn join(&mut self, which: impl Fn(&Link, &WantLink) -> bool) {
        let target = self.target;
        for (name, (key, want)) in &target.links {
            if self.usable(name, want).is_some_and(|link| which(link, want)) {
                self.enter(*key, name, want);
                self.flag(*key, name, want);
            }
        }
    }

    /// Legs that carry frames. Answers to them find them before they are closed to what nobody knows the
    /// place of.
    fn join_legs(&mut self) {
        let target = self.target;
        for (name, (key, want)) in &target.links {
            if self.usable(name, want).is_some() {
                self.enter(*key, name, want);
            }
        }
        self.lead_in();
        self.join(|_, _| true);
    }

    fn enter(&mut self, key: Key, name: &str, want: &WantLink) {
        let master = want.bridge.as_ref().map(|(bridge, _)| bridge.clone());
        if master.is_some() && self.now.links.get(name).is_some_and(|link| link.master != master) {
            self.act(key, Op::SetMaster { device: name.to_owned(), master });
        }
    }

    /// Sets what its bridge does with a port.
    fn flag(&mut self, key: Key, name: &str, want: &WantLink) {
        let Some((_, flags)) = &want.bridge else { return };
        if self.now.links.get(name).is_some_and(|link| link.port != Some(*flags)) {
            self.act(key, Op::SetPort { device: name.to_owned(), flags: *flags });
        }
    }

    /// A question for a next hop that is asked before the link carries frames is lost, and repeated
    /// only after a second: who comes from inside finds the way outside open.
    fn open_outward(&mut self, which: impl Fn(&Observed, &str) -> bool) {
        let target = self.target;
        for (name, (key, want)) in &target.links {
            let Make::Veth { netns, peer, .. } = &want.make else { continue };
            let down = self.usable(name, want).is_some_and(|link| !link.up);
            if names::is_outward(peer) && want.up && down && which(self.seen, netns) {
                self.act(*key, Op::SetUp { device: name.clone(), up: true });
                self.opened.push((*key, netns.clone(), name.clone()));
            }
        }
    }

    /// Goes on when the ways outside that came up carry frames.
    pub fn await_opened(&mut self, which: impl Fn(&str) -> bool) {
        let (now, later) =
            std::mem::take(&mut self.opened).into_iter().partition(|(_, netns, _)| which(netns));
        self.opened = later;
        let now: Vec<(Key, String, String)> = now;
        for (key, _, device) in now {
            self.act(key, Op::AwaitLink { device });
        }
    }

    fn open(&mut self, which: impl Fn(&Make) -> bool) {
        let target = self.target;
        for (name, (key, want)) in target.links.iter().filter(|(_, (_, want))| which(&want.make)) {
            let up = want.up;
            if self.usable(name, want).is_some_and(|link| link.up != up) {
                self.act(*key, Op::SetUp { device: name.clone(), up });
                if let (Make::Veth { netns, .. }, true) = (&want.make, up) {
                    self.opened.push((*key, netns.clone(), name.clone()));
                }
            }
        }
    }

    /// The device of this name, if it is what we want or can become it.
    fn usable(&self, name: &str, want: &WantLink) -> Option<&Link> {
        let link = self.now.links.get(name)?;
        fits(&self.now, link, &want.make).then_some(link)
    }

    /// A device to be filtered, which is one of those wanted.
    fn filtered(&self, device: &str) -> Option<&Link> {
        match self.target.links.get(device) {
            Some((_, want)) => self.usable(device, want),
            // An uplink, which is its network's.
            None if names::is_tap(device) || names::is_bridge(device) => None,
            None => self.now.links.get(device),
        }
    }

    /// Last, when nothing that a table guards is open any more.
    fn clear_tables(&mut self) {
        let unwanted: BTreeSet<String> = self
            .now
            .tables
            .keys()
            .filter(|name| self.slots.is_none_or(|slots| slots.tables.contains(*name)))
            .filter(|name| {
                let wanted = self.target.tables.get(*name);
                wanted.is_none_or(|(_, table)| self.filtered(&table.device).is_none())
            })
            .cloned()
            .collect();
        for table in unwanted {
            let key = self.target.tables.get(&table).map_or(NOBODY, |(key, _)| *key);
            self.act(key, Op::DeleteTable { table });
        }
    }
}

/// A leg that nothing is to come through before it can answer. A port of a bridge
/// may be open to the others there before its other end can send: a question asked then is lost for a second.
fn is_new_leg(link: &Link, want: &WantLink) -> bool {
    let is_leg = matches!(&want.make, Make::Veth { peer, .. } if !names::is_outward(peer));
    is_leg && want.up && !link.up && link.master.is_none()
}

/// Something may send by a namespace's ways outside before its own devices open: it was there, or
/// other namespaces lead into it.
fn has_inside(seen: &Observed, netns: &str) -> bool {
    seen.namespaces.contains_key(netns) || matches!(Netns::parse(netns), Some(Netns::Fip(_)))
}

/// Of a device of which nobody says one.
const DEFAULT_MTU_BYTES: u32 = 1500;

enum Clear {
    /// Takes it out of its bridge; it is somebody else's.
    Release(Key),
    Delete(Key),
}

/// Charged with what is left over from parts that nobody knows any more.
pub const NOBODY: Key = Key::new(Kind::Port, uuid::Uuid::nil());

/// Whether a device is of the wanted make, in all that cannot be changed later.
pub(crate) fn fits(now: &Observed, link: &Link, make: &Make) -> bool {
    let Some(mark) = make.mark() else {
        // A device of ours is not somebody else's.
        return Mark::parse(&link.alias).is_none();
    };
    if !is_free(link) && link.alias != mark.to_string() {
        return false;
    }
    match (make, &link.kind) {
        (Make::Bridge { .. }, LinkKind::Bridge { .. }) => true,
        (Make::Vxlan { vni, local, port, .. }, kind) => {
            let (vni, local, port) = (*vni, Some(*local), *port);
            *kind == LinkKind::Vxlan { vni, local, port, learning: false, proxy: false }
        }
        (Make::Vlan { parent, vid, .. } | Make::Tagged { parent, vid, .. }, kind) => {
            *kind == LinkKind::Vlan { parent: parent.clone(), vid: *vid }
        }
        (Make::Veth { netns, peer, .. }, LinkKind::Veth) => {
            let inside = now.namespaces.get(netns);
            inside.is_some_and(|inside| inside.links.contains_key(peer))
        }
        (Make::Bridge { .. } | Make::Veth { .. } | Make::Foreign, _) => false,
    }
}

/// Whether an agent made it: it is marked, or was not yet when its maker died.
fn is_ours(link: &Link) -> bool {
    Mark::parse(&link.alias).is_some() || (link.made && is_free(link))
}

/// Without a mark: one of ours may be put on it.
fn is_free(link: &Link) -> bool {
    link.alias.is_empty()
}

fn ipv6_op(device: String, ipv6: Ipv6) -> Op {
    match ipv6 {
        Ipv6::Silent => Op::SilenceIpv6 { device },
        Ipv6::Off | Ipv6::On => Op::DisableIpv6 { device },
    }
}

//! The part of diff about namespaces, and what stands inside them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use model::RouterId;
use model::desired::{Key, Kind};
use model::report::HaState;

use crate::diff::Plan;
use crate::inner::{Moves, WantInner, WantNamespace};
use crate::keepalived;
use crate::names::{self, Netns};
use crate::observed::{InnerLink, Namespace};
use crate::op::{Inside, MAIN_TABLE, Of, Op, Route, Sysctl};

impl<'a> Plan<'a> {
    /// Takes away namespaces that nobody wants, and devices that are in the way in the others.
    pub fn clear_namespaces(&mut self) {
        let unwanted = |name: &&String| {
            let wanted = self.target.namespaces.get(*name);
            wanted.is_none_or(|wanted| wanted.maker.is_none()) && self.is_whole(name)
        };
        let names = self.now.namespaces.keys().filter(unwanted);
        let gone: Vec<(String, Netns)> =
            names.filter_map(|name| Some((name.clone(), Netns::parse(name)?))).collect();
        // A namespace goes some time after its name: what reaches into others goes at once.
        for (netns, device, key) in self.inner_to_clear(&gone) {
            // It may have gone with its other end.
            if self.has(&netns, &device) {
                self.act(key, Op::Inside { netns, act: Inside::DeleteLink { device } });
            }
        }
        for (netns, of) in gone {
            self.act(of.key(), Op::DeleteNetns { netns });
        }
    }

    fn inner_to_clear(&self, gone: &[(String, Netns)]) -> Vec<(String, String, Key)> {
        let mut clear = Vec::new();
        let gone: BTreeSet<&String> = gone.iter().map(|(name, _)| name).collect();
        let stays = |name: &&String| !gone.contains(name);
        for (netns, seen) in self.now.namespaces.iter().filter(|(name, _)| stays(name)) {
            let Some(of) = Netns::parse(netns) else { continue };
            let wanted = self.target.namespaces.get(netns);
            for device in seen.links.keys().filter(|device| names::is_inner(device)) {
                if !self.is_in_scope(netns, device) {
                    continue;
                }
                let want = wanted.and_then(|wanted| wanted.links.get(device));
                if !want.is_some_and(|want| self.is_whole_pair(want)) {
                    let key = want.map_or(of.key(), |want| want.key);
                    clear.push((netns.clone(), device.clone(), key));
                }
            }
        }
        clear
    }

    /// Whether the other end of a wanted device may be where it belongs.
    fn is_whole_pair(&self, want: &WantInner) -> bool {
        let tap_is_there = want.tap.as_ref().is_none_or(|tap| self.now.links.contains_key(tap));
        tap_is_there && want.other_end.as_ref().is_none_or(|(netns, device)| self.has(netns, device))
    }

    pub fn make_namespaces(&mut self) {
        let target = self.target;
        for (netns, want) in &target.namespaces {
            let Some(key) = want.maker else { continue };
            if !self.now.namespaces.contains_key(netns) {
                self.act(key, Op::AddNetns { netns: netns.clone() });
            }
            // Before there are devices, which take some of these as they come.
            self.set(key, netns, want, |name| !matches!(name.of(), Some(Of::Device(_))));
        }
    }

    /// Pairs of devices between namespaces, where both are there.
    pub fn make_ways(&mut self) {
        let target = self.target;
        for (netns, want) in &target.namespaces {
            for (device, inner) in &want.links {
                let Some(way) = &inner.pair else { continue };
                let (ours, theirs) = (self.has(netns, device), self.has_netns(&way.fip_netns.to_string()));
                if ours || !theirs || !self.has_netns(netns) {
                    continue;
                }
                let op = Op::AddVethBetween {
                    netns: netns.clone(),
                    device: device.clone(),
                    mac: way.mac,
                    peer_netns: way.fip_netns.to_string(),
                    peer: way.fip_device.clone(),
                    peer_mac: way.fip_mac,
                };
                self.act(inner.key, op);
            }
        }
    }

    pub fn inside(&mut self) {
        let target = self.target;
        for (netns, want) in &target.namespaces {
            if !self.has_netns(netns) {
                continue;
            }
            let active = want.moves.as_ref().and_then(|moves| self.is_active(netns, want.maker?, moves));
            // Its chains wait for devices by name, and there is no moment without them.
            self.translate(netns, want);
            self.help(netns, want);
            self.meter(netns, want);
            for (device, inner) in &want.links {
                self.shape_inner(netns, device, inner);
                if inner.addresses.is_none() && inner.tap.is_some() {
                    let moves = want.moves.as_ref().filter(|_| active == Some(true));
                    self.move_addresses(netns, device, inner.key, moves);
                }
            }
            if let Some(key) = want.maker {
                self.set(key, netns, want, |name| matches!(name.of(), Some(Of::Device(_))));
            }
            // What comes from inside asks for the next hop as soon as there is a route.
            self.await_opened(|opened| opened == netns);
            let moved = want.moves.as_ref().filter(|_| active == Some(true)).map(|moves| &moves.routes);
            self.route(netns, want, moved.unwrap_or(&want.routes));
            self.answer_for(netns, want, want.moves.is_none() || active == Some(true));
        }
    }

    fn shape_inner(&mut self, netns: &str, device: &str, want: &WantInner) {
        let Some(link) = self.inner_link(netns, device).cloned() else { return };
        let name = || device.to_owned();
        let mut acts = Vec::new();
        if link.mac != want.mac {
            acts.push(Inside::SetMac { device: name(), mac: want.mac });
        }
        if link.mtu_bytes != want.mtu_bytes {
            acts.push(Inside::SetMtu { device: name(), mtu_bytes: want.mtu_bytes });
        }
        self.act_inside(want.key, netns, acts);
        // As the MTU leaves it.
        let Some(link) = self.inner_link(netns, device).cloned() else { return };
        let mut acts = Vec::new();
        if let Some(addresses) = &want.addresses {
            let stale = link.addresses.difference(addresses).filter(|net| Some(**net) != want.lent);
            acts.extend(stale.map(|net| Inside::DeleteAddress { device: name(), net: *net }));
            for net in addresses.difference(&link.addresses) {
                acts.push(Inside::AddAddress { device: name(), net: *net });
                if want.announced {
                    self.news.push((want.key, netns.to_owned(), name(), net.addr()));
                }
            }
        }
        if !link.up {
            acts.push(Inside::SetUp { device: name() });
        }
        self.act_inside(want.key, netns, acts);
    }

    /// Whether keepalived has made this host the active one; `None` when it does not run.
    fn is_active(&self, netns: &str, key: Key, moves: &Moves) -> Option<bool> {
        let device = names::ha_device(moves.ha.port.port_id);
        let seen = self.now.namespaces.get(netns).filter(|_| self.is_ready(key))?;
        Some(keepalived::state(&moves.ha, &device, seen) == HaState::Active)
    }

    /// Addresses of a leg whose router is active here, or nowhere (`None`): whoever set them runs no more
    /// or gave them up, and another host may have them.
    fn move_addresses(&mut self, netns: &str, device: &str, key: Key, moves: Option<&Moves>) {
        let Some(link) = self.inner_link(netns, device).cloned() else { return };
        let moving = moves.into_iter().flat_map(|moves| &moves.addresses);
        let wanted: BTreeSet<IpNet> = moving.filter(|at| at.device == device).map(|at| at.net).collect();
        // One that is not wanted any more on the active host is keepalived's to take away.
        let stale = link.addresses.difference(&wanted).filter(|_| moves.is_none());
        let device = || device.to_owned();
        let stale = stale.map(|net| Inside::DeleteAddress { device: device(), net: *net });
        let mut acts: Vec<Inside> = stale.collect();
        for net in wanted.difference(&link.addresses) {
            acts.push(Inside::AddAddress { device: device(), net: *net });
            self.news.push((key, netns.to_owned(), device(), net.addr()));
        }
        self.act_inside(key, netns, acts);
    }

    fn route(&mut self, netns: &str, want: &WantNamespace, wanted: &BTreeSet<Route>) {
        let Some(seen) = self.now.namespaces.get(netns).cloned() else { return };
        let whole = self.is_whole(netns);
        let in_scope = |device: &String| whole || self.is_in_scope(netns, device);
        let key = |device: &String| want.links.get(device).map(|link| link.key).or(want.maker);
        let there = |device: &String| seen.links.contains_key(device);
        let mut acts: Vec<(Option<Key>, Inside)> = Vec::new();
        let stale = seen.routes.iter().filter(|route| in_scope(&route.device));
        let stale = stale.filter(|route| !wanted.contains(*route) && !is_replaced(route, wanted, &seen));
        acts.extend(stale.map(|route| (key(&route.device), Inside::DeleteRoute { route: route.clone() })));
        for (device, known) in seen.neighbours.iter().filter(|(device, _)| in_scope(device)) {
            let stale = known.keys().filter(|ip| !want.neighbours.contains_key(&(device.clone(), **ip)));
            let act = |ip: &IpAddr| Inside::DeleteNeighbour { device: device.clone(), ip: *ip };
            acts.extend(stale.map(|ip| (key(device), act(ip))));
        }
        for ((device, ip), mac) in want.neighbours.iter().filter(|((device, _), _)| there(device)) {
            if seen.neighbours.get(device).and_then(|known| known.get(ip)) != Some(mac) {
                let act = Inside::SetNeighbour { device: device.clone(), ip: *ip, mac: *mac };
                acts.push((key(device), act));
            }
        }
        let missing = wanted.difference(&seen.routes).filter(|route| there(&route.device));
        for route in missing {
            acts.push((key(&route.device), Inside::AddRoute { route: route.clone() }));
            self.tell_of(netns, key(&route.device), route);
        }
        if let Some(maker) = want.maker {
            let stale = seen.rules.difference(&want.rules).cloned();
            acts.extend(stale.map(|rule| (Some(maker), Inside::DeleteRule { rule })));
            let missing = want.rules.difference(&seen.rules).cloned();
            acts.extend(missing.map(|rule| (Some(maker), Inside::AddRule { rule })));
        }
        let of = Netns::parse(netns).map(Netns::key);
        for (key, act) in acts {
            if let Some(key) = key.or(of) {
                self.act_inside(key, netns, [act]);
            }
        }
    }

    /// Answers for addresses elsewhere; on a host that only stands ready, for none.
    fn answer_for(&mut self, netns: &str, want: &WantNamespace, active: bool) {
        let (Some(key), Some(seen)) = (want.maker, self.now.namespaces.get(netns)) else { return };
        let there = |at: &&(String, Ipv6Addr)| seen.links.contains_key(&at.0);
        let wanted: BTreeSet<_> = want.proxies.iter().filter(|_| active).filter(there).cloned().collect();
        let stale = seen.proxies.difference(&wanted).cloned();
        let stale = stale.map(|(device, ip)| Inside::DeleteProxy { device, ip });
        let missing: Vec<_> = wanted.difference(&seen.proxies).cloned().collect();
        let add = |(device, ip): &(String, Ipv6Addr)| Inside::AddProxy { device: device.clone(), ip: *ip };
        let acts: Vec<Inside> = stale.chain(missing.iter().map(add)).collect();
        let news = missing.into_iter().map(|(device, ip)| (key, netns.to_owned(), device, ip.into()));
        self.news.extend(news);
        self.act_inside(key, netns, acts);
    }

    /// A floating IP that leads on from a host's own way to its network is said to be there.
    fn tell_of(&mut self, netns: &str, key: Option<Key>, route: &Route) {
        let Some(Netns::Fip(_)) = Netns::parse(netns) else { return };
        let is_host = route.to.prefix_len() == route.to.max_prefix_len();
        let seen = self.now.namespaces.get(netns);
        let device = seen.and_then(|seen| seen.links.keys().find(|device| device.starts_with("fg-")));
        if let (true, MAIN_TABLE, Some(device), Some(key)) = (is_host, route.table, device, key) {
            self.news.push((key, netns.to_owned(), device.clone(), route.to.addr()));
        }
    }

    fn translate(&mut self, netns: &str, want: &WantNamespace) {
        let Some(key) = want.maker else { return };
        let seen = self.now.namespaces.get(netns).and_then(|seen| seen.table);
        let act = match &want.nat {
            Some(nat) if seen != Some(nat.hash()) => Inside::ReplaceTable { content: nat.clone() },
            None if seen.is_some() => Inside::DeleteTable,
            _ => return,
        };
        self.act_inside(key, netns, [act]);
    }

    fn help(&mut self, netns: &str, want: &WantNamespace) {
        let Some(key) = want.maker else { return };
        let seen = self.now.namespaces.get(netns).and_then(|seen| seen.helpers);
        let act = match &want.helpers {
            Some(helpers) if seen != Some(helpers.hash()) => {
                Inside::ReplaceHelpers { content: helpers.clone() }
            }
            None if seen.is_some() => Inside::DeleteHelpers,
            _ => return,
        };
        self.act_inside(key, netns, [act]);
    }

    /// Counts of labels that stay are not touched.
    fn meter(&mut self, netns: &str, want: &WantNamespace) {
        let Some(key) = want.maker else { return };
        let seen = self.now.namespaces.get(netns).and_then(|seen| seen.meters.as_ref());
        let act = match (&want.meters, seen) {
            (Some(meters), seen) if !meters.is_as(seen) => {
                let known = seen.into_iter().flat_map(|seen| seen.counts.keys());
                let stale = known.filter(|label| !meters.has(**label)).copied().collect();
                Inside::ReplaceMeters { content: meters.clone(), stale }
            }
            (None, Some(_)) => Inside::DeleteMeters,
            _ => return,
        };
        self.act_inside(key, netns, [act]);
    }

    fn set(&mut self, key: Key, netns: &str, want: &WantNamespace, which: impl Fn(&Sysctl) -> bool) {
        let Some(seen) = self.now.namespaces.get(netns) else { return };
        let is_there = |name: &Sysctl| match name.of() {
            Some(Of::Device(device)) => seen.links.contains_key(device),
            _ => true,
        };
        let wrong = want.sysctls.iter().filter(|(name, value)| seen.setting(name) != Some(**value));
        let acts: Vec<Inside> = wrong
            .filter(|(name, _)| which(name) && is_there(name))
            .map(|(name, value)| Inside::SetSysctl { name: name.clone(), value: *value })
            .collect();
        self.act_inside(key, netns, acts);
    }

    /// While they are shut: many that are made at once need not hear of each other.
    pub fn announce_born(&mut self) {
        let target = self.target;
        for (key, netns, device, ip) in std::mem::take(&mut self.news) {
            let at = (netns, device);
            let tap = self.born.get(&at).and_then(|tap| target.links.get(tap));
            let bridge = tap.and_then(|(_, link)| link.bridge.as_ref().filter(|_| link.up));
            let mac = self.inner_link(&at.0, &at.1).map(|link| link.mac);
            match (tap, bridge, mac) {
                (Some(_), Some((bridge, _)), Some(mac)) => {
                    let (bridge, uplink) = (bridge.clone(), target.uplinks.get(bridge).cloned());
                    self.act(key, Op::Announce { bridge, uplink, mac, ip });
                }
                // Nobody can reach it.
                (Some(_), None, _) => {}
                _ => self.news.push((key, at.0, at.1, ip)),
            }
        }
    }

    pub fn announce(&mut self) {
        for (key, netns, device, ip) in std::mem::take(&mut self.news) {
            self.act_inside(key, &netns, [Inside::Announce { device, ip }]);
        }
    }

    /// First, while the namespaces are there; what ran in one that is gone runs nowhere of use.
    pub fn stop_keepalived(&mut self) {
        let mut standing = self.target.keepalived.clone();
        standing.retain(|_, (netns, _)| self.has_netns(netns));
        let keys = self.keys;
        let looked_at = |id: RouterId| keys.is_none_or(|keys| keys.contains(&key_of(id)));
        self.act_on_keepalived(keepalived::ending(&standing, &self.now.keepalived, looked_at));
    }

    pub fn start_keepalived(&mut self) {
        let ops = keepalived::beginning(&self.target.keepalived, &self.now.keepalived);
        self.act_on_keepalived(ops);
    }

    fn act_on_keepalived(&mut self, ops: Vec<Op>) {
        for op in ops {
            if let Op::StartKeepalived { router, .. }
            | Op::ReloadKeepalived { router, .. }
            | Op::StopKeepalived { router } = op
            {
                self.act(key_of(router), op);
            }
        }
    }

    /// Whether keepalived runs for the part.
    fn is_ready(&self, key: Key) -> bool {
        self.now.keepalived.get(&RouterId(key.id)).is_some_and(|seen| seen.alive)
    }

    fn act_inside(&mut self, key: Key, netns: &str, acts: impl IntoIterator<Item = Inside>) {
        for act in acts {
            self.act(key, Op::Inside { netns: netns.to_owned(), act });
        }
    }

    /// Whether all that is in a namespace is looked at.
    fn is_whole(&self, netns: &str) -> bool {
        self.slots.is_none_or(|slots| slots.namespaces.contains(netns))
    }

    fn is_in_scope(&self, netns: &str, device: &str) -> bool {
        let named =
            |slots: &crate::wanted::Slots| slots.inner.contains(&(netns.to_owned(), device.to_owned()));
        self.is_whole(netns) || self.slots.is_some_and(named)
    }

    fn has_netns(&self, netns: &str) -> bool {
        self.now.namespaces.contains_key(netns)
    }

    fn has(&self, netns: &str, device: &str) -> bool {
        self.inner_link(netns, device).is_some()
    }

    fn inner_link(&self, netns: &str, device: &str) -> Option<&InnerLink> {
        self.now.namespaces.get(netns)?.links.get(device)
    }
}

const fn key_of(router: RouterId) -> Key {
    Key::new(Kind::Router, router.0)
}

/// Whether another route comes in its place.
fn is_replaced(route: &Route, wanted: &BTreeSet<Route>, seen: &Namespace) -> bool {
    let there: BTreeSet<&String> = seen.links.keys().collect();
    let same = |other: &&Route| (other.table, other.to) == (route.table, route.to);
    wanted.iter().filter(same).any(|other| there.contains(&other.device))
}

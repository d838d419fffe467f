//! The part of diff about entries: what bridges and tunnels know, and what stands inside a
//! DHCP namespace.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::desired::Key;
use wire::Mac;

use crate::diff::{Plan, key_of};
use crate::names::Mark;
use crate::observed::InnerLink;
use crate::op::{Inside, Op};

impl<'a> Plan<'a> {
    pub fn entries(&mut self) {
        self.clear_fdb();
        self.clear_tunnels();
        self.clear_neighbours();
        let target = self.target;
        for ((device, mac), (key, dst)) in &target.tunnels {
            if self.is_ours(device).is_some() && self.now.tunnel(device, *mac) != Some(*dst) {
                self.act(*key, Op::SetTunnel { device: device.clone(), mac: *mac, dst: *dst });
            }
        }
        for (bridge, mac) in target.fdb.keys() {
            if let Some((key, device)) = self.lead(bridge, *mac)
                && self.now.fdb_port(bridge, *mac) != Some(device)
            {
                let (bridge, device) = (bridge.clone(), device.clone());
                self.act(*key, Op::SetFdb { bridge, mac: *mac, device });
            }
        }
        for ((device, ip), (key, mac)) in &target.neighbours {
            if self.is_ours(device).is_some() && self.now.neighbour(device, *ip) != Some(*mac) {
                self.act(*key, Op::SetNeighbour { device: device.clone(), ip: *ip, mac: *mac });
            }
        }
    }

    pub fn inside(&mut self) {
        let target = self.target;
        for (netns, (key, want)) in &target.namespaces {
            let Some(link) = self.inner_link(netns, &want.device).cloned() else { continue };
            let device = || want.device.clone();
            if link.mac != want.mac {
                self.act_inside(*key, netns, Inside::SetMac { device: device(), mac: want.mac });
            }
            if link.mtu_bytes != want.mtu_bytes {
                let mtu_bytes = want.mtu_bytes;
                self.act_inside(*key, netns, Inside::SetMtu { device: device(), mtu_bytes });
            }
            // As the MTU leaves it.
            let Some(link) = self.inner_link(netns, &want.device).cloned() else { continue };
            let mut acts = Vec::new();
            let stale = link.addresses.difference(&want.addresses);
            acts.extend(stale.map(|net| Inside::DeleteAddress { device: device(), net: *net }));
            let missing = want.addresses.difference(&link.addresses);
            acts.extend(missing.map(|net| Inside::AddAddress { device: device(), net: *net }));
            if !link.up {
                acts.push(Inside::SetUp { device: device() });
            }
            for act in acts {
                self.act_inside(*key, netns, act);
            }
        }
    }

    fn inner_link(&self, netns: &str, device: &str) -> Option<&InnerLink> {
        self.now.namespaces.get(netns)?.links.get(device)
    }

    fn act_inside(&mut self, key: Key, netns: &str, act: Inside) {
        self.act(key, Op::Inside { netns: netns.to_owned(), act });
    }

    /// Last, for a peer that cannot be reached must not keep ports from being opened.
    pub fn floods(&mut self) {
        let target = self.target;
        for (device, (key, peers)) in &target.floods {
            if self.is_ours(device).is_none() {
                continue;
            }
            let seen = self.now.floods.get(device).cloned().unwrap_or_default();
            for dst in seen.difference(peers) {
                self.act(*key, Op::DeleteFlood { device: device.clone(), dst: *dst });
            }
            for dst in peers.difference(&seen) {
                self.act(*key, Op::AddFlood { device: device.clone(), dst: *dst });
            }
        }
    }

    /// Where a bridge should lead a MAC: to the best place that is one of its ports.
    fn lead(&self, bridge: &str, mac: Mac) -> Option<&'a (Key, String)> {
        let joined = |device: &String| {
            let link = self.now.links.get(device);
            link.is_some_and(|link| link.master.as_deref() == Some(bridge))
        };
        let places = self.target.fdb.get(&(bridge.to_owned(), mac))?;
        places.iter().find(|(_, device)| joined(device))
    }

    fn clear_fdb(&mut self) {
        let mut stale: Vec<(Key, String, Mac, String)> = Vec::new();
        for (bridge, entries) in &self.now.fdb {
            let Some(key) = self.is_ours(bridge) else { continue };
            for (mac, device) in entries {
                let at = (bridge.clone(), *mac);
                let in_scope = self.slots.is_none_or(|slots| slots.fdb.contains(&at));
                if in_scope && self.lead(bridge, *mac).is_none() {
                    stale.push((key, at.0, *mac, device.clone()));
                }
            }
        }
        for (key, bridge, mac, device) in stale {
            self.act(key, Op::DeleteFdb { bridge, mac, device });
        }
    }

    fn clear_tunnels(&mut self) {
        let mut stale: Vec<(Key, String, Mac, IpAddr)> = Vec::new();
        for (device, entries) in &self.now.tunnels {
            let Some(key) = self.is_ours(device) else { continue };
            for (mac, dst) in entries {
                let at = (device.clone(), *mac);
                let in_scope = self.slots.is_none_or(|slots| slots.tunnels.contains(&at));
                if in_scope && !self.target.tunnels.contains_key(&at) {
                    stale.push((key, at.0, *mac, *dst));
                }
            }
        }
        for (key, device, mac, dst) in stale {
            self.act(key, Op::DeleteTunnel { device, mac, dst });
        }
    }

    fn clear_neighbours(&mut self) {
        let mut stale: BTreeSet<(Key, String, IpAddr)> = BTreeSet::new();
        for (device, entries) in &self.now.neighbours {
            let Some(key) = self.is_ours(device) else { continue };
            for ip in entries.keys() {
                let at = (device.clone(), *ip);
                let in_scope = self.slots.is_none_or(|slots| slots.neighbours.contains(&at));
                if in_scope && !self.target.neighbours.contains_key(&at) {
                    stale.insert((key, at.0, *ip));
                }
            }
        }
        for (key, device, ip) in stale {
            self.act(key, Op::DeleteNeighbour { device, ip });
        }
    }

    /// The part that a device of ours serves.
    fn is_ours(&self, device: &str) -> Option<Key> {
        self.now.links.get(device).and_then(|link| Mark::parse(&link.alias)).map(key_of)
    }
}

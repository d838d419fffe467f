//! The part of diff about entries: what bridges and tunnels know.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::desired::Key;
use wire::Mac;

use crate::diff::Plan;
use crate::names::Mark;
use crate::op::Op;

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
        self.lead_in();
        for ((device, ip), (key, mac)) in &target.neighbours {
            if self.is_ours(device).is_some() && self.now.neighbour(device, *ip) != Some(*mac) {
                self.act(*key, Op::SetNeighbour { device: device.clone(), ip: *ip, mac: *mac });
            }
        }
    }

    /// Leads frames to what is joined.
    pub fn lead_in(&mut self) {
        for (bridge, mac) in self.target.fdb.keys() {
            if let Some((key, device)) = self.lead(bridge, *mac)
                && self.now.fdb_port(bridge, *mac) != Some(device)
            {
                let (bridge, device) = (bridge.clone(), device.clone());
                self.act(*key, Op::SetFdb { bridge, mac: *mac, device });
            }
        }
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
        self.now.links.get(device).and_then(|link| Mark::parse(&link.alias)).map(Mark::key)
    }
}

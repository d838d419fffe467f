//! What the kernel does on an act, done to an [`Observed`].

mod inside;

use crate::carrier::IPV6_MIN_MTU_BYTES;
use crate::names::{self, Mark};
use crate::observed::{InnerLink, Ipv6, Keepalived, Link, LinkKind, Namespace, Observed, TableMark};
use crate::op::{Inside, Op, PortFlags, UNSET_BRIDGE_MTU_BYTES};
use wire::Mac;

impl Observed {
    /// Changes what was seen as the act would change the host.
    pub fn pretend(&mut self, op: &Op) {
        match op {
            Op::AddBridge { device, mac } => {
                self.add_link(device, LinkKind::Bridge { plain: true }, *mac, UNSET_BRIDGE_MTU_BYTES);
            }
            Op::AddVxlan { device, vni, local, port } => {
                let (vni, local, port) = (*vni, Some(*local), *port);
                let kind = LinkKind::Vxlan { vni, local, port, learning: false, proxy: false };
                self.add_link(device, kind, Mac::ZERO, 1500);
            }
            Op::AddVlan { device, parent, vid } => {
                let kind = LinkKind::Vlan { parent: parent.clone(), vid: *vid };
                self.add_link(device, kind, Mac::ZERO, 1500);
            }
            Op::AddVeth { device, netns, peer, peer_mac, mtu_bytes } => {
                self.add_link(device, LinkKind::Veth, Mac::ZERO, *mtu_bytes);
                let inner = self.namespaces.entry(netns.clone()).or_default();
                inner.links.insert(peer.clone(), inner_link(*peer_mac, *mtu_bytes));
            }
            Op::AddVethBetween { netns, device, mac, peer_netns, peer, peer_mac } => {
                for (netns, device, mac) in [(netns, device, mac), (peer_netns, peer, peer_mac)] {
                    let inner = self.namespaces.entry(netns.clone()).or_default();
                    inner.links.insert(device.clone(), inner_link(*mac, 1500));
                }
            }
            Op::DeleteLink { device } => self.delete_link(device),
            Op::SetFdb { bridge, mac, device } => {
                self.fdb.entry(bridge.clone()).or_default().insert(*mac, device.clone());
            }
            Op::DeleteFdb { bridge, mac, device } => {
                if self.fdb_port(bridge, *mac) == Some(device) {
                    take(&mut self.fdb, bridge, |entries| entries.remove(mac).is_some());
                }
            }
            Op::SetTunnel { device, mac, dst } => {
                self.tunnels.entry(device.clone()).or_default().insert(*mac, *dst);
            }
            Op::DeleteTunnel { device, mac, .. } => {
                take(&mut self.tunnels, device, |entries| entries.remove(mac).is_some());
            }
            Op::AddFlood { device, dst } => {
                self.floods.entry(device.clone()).or_default().insert(*dst);
            }
            Op::DeleteFlood { device, dst } => {
                if let Some(entries) = self.floods.get_mut(device) {
                    entries.remove(dst);
                    if entries.is_empty() {
                        self.floods.remove(device);
                    }
                }
            }
            Op::SetNeighbour { device, ip, mac } => {
                self.neighbours.entry(device.clone()).or_default().insert(*ip, *mac);
            }
            Op::DeleteNeighbour { device, ip } => {
                take(&mut self.neighbours, device, |entries| entries.remove(ip).is_some());
            }
            Op::ReplaceTable { table, content } => {
                let index = self.links.get(&content.device).map_or(0, |link| link.index);
                self.tables.insert(table.clone(), TableMark { hash: content.hash(), index });
            }
            Op::DeleteTable { table } => {
                self.tables.remove(table);
            }
            Op::AddNetns { netns } => {
                let namespace = Namespace { id: self.next_index().into(), ..Namespace::default() };
                self.namespaces.insert(netns.clone(), namespace);
            }
            Op::DeleteNetns { netns } => {
                let gone = self.namespaces.remove(netns);
                let devices = gone.iter().flat_map(|gone| gone.links.keys());
                devices.for_each(|device| self.delete_other_end(device));
            }
            Op::FilterBridged => self.filter.bridged = Some(true),
            Op::ReplaceChain { chain } => {
                self.filter.chains.insert(chain.at.clone(), chain.mark());
            }
            Op::DeleteChain { at } => drop(self.filter.chains.remove(at)),
            Op::AddSet { at } => drop(self.filter.sets.entry(at.clone()).or_default()),
            Op::DeleteSet { at } => drop(self.filter.sets.remove(at)),
            Op::AddElements { at, elements } => self.filter.pretend_add(at, elements),
            Op::DeleteElements { at, elements } => self.filter.pretend_delete(at, elements),
            Op::Inside { netns, act } => self.pretend_inside(netns, act),
            Op::Announce { .. } => {}
            Op::StartKeepalived { router, instance, .. } | Op::ReloadKeepalived { router, instance } => {
                self.keepalived.insert(*router, Keepalived { hash: instance.hash(), alive: true });
            }
            Op::StopKeepalived { router } => drop(self.keepalived.remove(router)),
            Op::AwaitLink { .. } => {}
            Op::SetBridge { .. }
            | Op::SetAlias { .. }
            | Op::SetMtu { .. }
            | Op::DisableIpv6 { .. }
            | Op::SilenceIpv6 { .. }
            | Op::SetUp { .. }
            | Op::SetMaster { .. }
            | Op::SetPort { .. } => self.pretend_set(op),
        }
    }

    fn pretend_set(&mut self, op: &Op) {
        match op {
            Op::SetMaster { device, master } => return self.set_master(device, master.as_deref()),
            // A device that goes down forgets its neighbours.
            Op::SetUp { device, up: false } => drop(self.neighbours.remove(device)),
            _ => {}
        }
        let Some(link) = op_device(op).and_then(|device| self.links.get_mut(device)) else { return };
        match op {
            Op::SetBridge { .. } => link.kind = LinkKind::Bridge { plain: true },
            Op::SetAlias { alias, .. } => link.alias.clone_from(alias),
            Op::SetMtu { mtu_bytes, .. } => set_mtu(link, *mtu_bytes),
            Op::DisableIpv6 { .. } => link.ipv6 = Ipv6::Off,
            Op::SilenceIpv6 { .. } => link.ipv6 = Ipv6::Silent,
            Op::SetUp { up, .. } => link.up = *up,
            Op::SetPort { flags, .. } => link.port = Some(*flags),
            _ => {}
        }
    }

    fn pretend_inside(&mut self, netns: &str, act: &Inside) {
        let Some(namespace) = self.namespaces.get_mut(netns) else { return };
        namespace.pretend(act);
        if let Inside::DeleteLink { device } = act {
            self.delete_other_end(device);
        }
    }

    /// The other end of a device between two namespaces, wherever it is.
    fn delete_other_end(&mut self, device: &str) {
        let Some(other) = names::other_end(device) else { return };
        for namespace in self.namespaces.values_mut() {
            namespace.delete_links(|name| name == other);
        }
    }

    fn next_index(&self) -> u32 {
        1 + self.links.values().map(|link| link.index).max().unwrap_or(0)
    }

    fn add_link(&mut self, device: &str, kind: LinkKind, mac: Mac, mtu_bytes: u32) {
        let link = Link {
            index: self.next_index(),
            kind,
            mac,
            up: false,
            mtu_bytes,
            master: None,
            alias: String::new(),
            made: true,
            ipv6: if mtu_bytes < IPV6_MIN_MTU_BYTES { Ipv6::Off } else { Ipv6::On },
            port: None,
        };
        self.links.insert(device.to_owned(), link);
    }

    /// With a device go its entries, its ports' membership and the other end of its pair.
    fn delete_link(&mut self, device: &str) {
        self.forget_port(device);
        self.fdb.remove(device);
        self.tunnels.remove(device);
        self.floods.remove(device);
        self.neighbours.remove(device);
        let Some(gone) = self.links.remove(device) else { return };
        if matches!(gone.kind, LinkKind::Bridge { .. }) {
            for port in self.links.values_mut().filter(|l| l.master.as_deref() == Some(device)) {
                (port.master, port.port) = (None, None);
            }
        }
        for mark in self.tables.values_mut().filter(|mark| mark.index == gone.index) {
            mark.index = 0;
        }
        if gone.kind == LinkKind::Veth {
            for namespace in self.namespaces.values_mut() {
                namespace.delete_links(|name| names::is_peer(device, name));
            }
        }
        // Ports of a trunk go with the device that they are on.
        let on_it = |link: &Link| matches!(&link.kind, LinkKind::Vlan { parent, .. } if parent == device);
        let is_port = |link: &Link| matches!(Mark::parse(&link.alias), Some(Mark::Port(_)));
        let gone = self.links.iter().filter(|(_, link)| on_it(link) && is_port(link));
        for name in gone.map(|(name, _)| name.clone()).collect::<Vec<String>>() {
            self.delete_link(&name);
        }
    }

    fn set_master(&mut self, device: &str, master: Option<&str>) {
        self.forget_port(device);
        if let Some(link) = self.links.get_mut(device) {
            link.master = master.map(str::to_owned);
            link.port = master.map(|_| PortFlags::OPEN);
        }
    }

    /// A bridge forgets the entries of a port that leaves it.
    fn forget_port(&mut self, device: &str) {
        let Some(bridge) = self.links.get(device).and_then(|link| link.master.clone()) else { return };
        let Some(entries) = self.fdb.get_mut(&bridge) else { return };
        entries.retain(|_, port| port != device);
        if entries.is_empty() {
            self.fdb.remove(&bridge);
        }
    }
}

/// Below its least MTU, IPv6 leaves a device; it comes back with the settings of a new one.
fn set_mtu(link: &mut Link, mtu_bytes: u32) {
    if mtu_bytes < IPV6_MIN_MTU_BYTES {
        link.ipv6 = Ipv6::Off;
    } else if link.mtu_bytes < IPV6_MIN_MTU_BYTES {
        link.ipv6 = Ipv6::On;
    }
    link.mtu_bytes = mtu_bytes;
}

fn op_device(op: &Op) -> Option<&String> {
    match op {
        Op::SetBridge { device }
        | Op::SetAlias { device, .. }
        | Op::SetMtu { device, .. }
        | Op::DisableIpv6 { device }
        | Op::SilenceIpv6 { device }
        | Op::SetUp { device, .. }
        | Op::SetPort { device, .. } => Some(device),
        _ => None,
    }
}

fn inner_link(mac: Mac, mtu_bytes: u32) -> InnerLink {
    let addresses = std::collections::BTreeSet::new();
    InnerLink { index: 2, mac, up: false, mtu_bytes, addresses }
}

/// Takes one entry out of a device's map, and the map when it was the last.
fn take<K, V>(
    maps: &mut std::collections::BTreeMap<String, std::collections::BTreeMap<K, V>>,
    device: &str,
    remove: impl FnOnce(&mut std::collections::BTreeMap<K, V>) -> bool,
) {
    if let Some(entries) = maps.get_mut(device)
        && remove(entries)
        && entries.is_empty()
    {
        maps.remove(device);
    }
}

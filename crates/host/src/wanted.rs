//! A host's desired state, kept so that one part can be looked at without the others.
//!
//! [`Wanted`] holds the newest version of every part and knows which parts meet: share a
//! network, a MAC or an address. A [`Scope`] is what one reconcile looks at.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::desired::{Fip, Key, Kind, Network, Part, Port, Remote, Router, Trunked};
use model::{NetworkId, PortId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wire::Mac;

use crate::carrier::{self, Carrier, Impossible};
use crate::leg::{self, Leg};
use crate::local_ip;
use crate::names;
use crate::secgroup::{self, FilterSlots};

/// What a host's configuration says of its wiring.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub tunneling_ip: Option<IpAddr>,
    pub vxlan_port: u16,
    /// Physical network to interface.
    pub interface_mappings: BTreeMap<String, String>,
    /// Instances reach gateways where their DHCP is answered.
    #[serde(default)]
    pub gateways: bool,
}

/// The parts of a host.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub settings: Settings,
    parts: BTreeMap<Key, Part>,
    by_network: BTreeMap<NetworkId, BTreeSet<Key>>,
    by_mac: BTreeMap<(NetworkId, Mac), BTreeSet<Key>>,
    by_ip: BTreeMap<(NetworkId, IpAddr), BTreeSet<Key>>,
    by_device: BTreeMap<String, BTreeSet<Key>>,
    /// Ports that answer for local IPs.
    answering: BTreeMap<NetworkId, BTreeSet<Key>>,
    /// Those that are on a device of another part.
    by_parent: BTreeMap<String, BTreeSet<Key>>,
    counts: BTreeMap<Kind, usize>,
    pub(crate) secgroups: secgroup::Index,
}

/// What one reconcile looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    All,
    Some { keys: BTreeSet<Key>, slots: Box<Slots> },
}

/// Places on a host that parts fill; each is filled by one part at a time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Slots {
    pub links: BTreeSet<String>,
    /// Devices to be seen, for what they tell of others, and left as they are.
    pub context: BTreeSet<String>,
    /// Bridge and MAC.
    pub fdb: BTreeSet<(String, Mac)>,
    /// VXLAN device and MAC.
    pub tunnels: BTreeSet<(String, Mac)>,
    /// VXLAN devices.
    pub floods: BTreeSet<String>,
    /// Bridge and address.
    pub neighbours: BTreeSet<(String, IpAddr)>,
    pub tables: BTreeSet<String>,
    pub namespaces: BTreeSet<String>,
    /// Namespace and device: places in namespaces of which the rest is others'.
    pub inner: BTreeSet<(String, String)>,
    pub filter: FilterSlots,
}

impl Scope {
    /// Looks at whether connections of ports are judged anew, too.
    pub fn add_revoked(&mut self, ports: &BTreeSet<PortId>) {
        if let Scope::Some { slots, .. } = self {
            let items = ports.iter().map(|id| secgroup::revoked_item(*id));
            slots.filter.items.extend(items);
        }
    }
}

impl Slots {
    /// How many questions to the kernel these are.
    pub fn len(&self) -> usize {
        self.links.len()
            + self.context.len()
            + self.fdb.len()
            + self.tunnels.len()
            + self.floods.len()
            + self.neighbours.len()
            + self.tables.len()
            + self.namespaces.len()
            + self.inner.len()
            + self.filter.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Wanted {
    pub fn new(settings: Settings) -> Wanted {
        Wanted { settings, ..Wanted::default() }
    }

    pub fn get(&self, key: Key) -> Option<&Part> {
        self.parts.get(&key)
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.values()
    }

    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.parts.keys().copied()
    }

    /// How many parts there are of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Part> {
        let first = Key::new(kind, Uuid::nil());
        self.parts.range(first..).take_while(move |(key, _)| key.kind == kind).map(|(_, part)| part)
    }

    pub fn network(&self, id: NetworkId) -> Option<&Network> {
        match self.parts.get(&Key::new(Kind::Network, id.0)) {
            Some(Part::Network(network)) => Some(network),
            _ => None,
        }
    }

    /// How a network's frames are carried here, or why they cannot be.
    pub fn carrier(&self, id: NetworkId) -> Result<Carrier, Impossible> {
        let network = self.network(id).ok_or(Impossible::NoNetwork(id))?;
        carrier::choose(&self.settings, network)
    }

    /// The host's own way to an external network.
    pub fn fip(&self, id: NetworkId) -> Option<&Fip> {
        match self.parts.get(&Key::new(Kind::Fip, id.0)) {
            Some(Part::Fip(fip)) => Some(fip),
            _ => None,
        }
    }

    /// Routers that have to do with a network.
    pub fn routers(&self, id: NetworkId) -> impl Iterator<Item = &Router> {
        let first = Key::new(Kind::Router, Uuid::nil());
        let keys = self.by_network.get(&id).into_iter().flat_map(move |keys| keys.range(first..));
        keys.filter_map(|key| match self.parts.get(key) {
            Some(Part::Router(router)) => Some(router),
            _ => None,
        })
    }

    /// Whether a part leads a MAC of a network somewhere: here or to another host.
    pub fn leads(&self, network: NetworkId, mac: Mac) -> bool {
        self.by_mac.contains_key(&(network, mac))
    }

    /// What of a network is on other hosts.
    pub fn remotes(&self, id: NetworkId) -> impl Iterator<Item = &Remote> {
        let first = Key::new(Kind::Remote, Uuid::nil());
        let keys = self.by_network.get(&id).into_iter().flat_map(move |keys| keys.range(first..));
        keys.take_while(|key| key.kind == Kind::Remote).filter_map(|key| match self.parts.get(key) {
            Some(Part::Remote(remote)) => Some(remote),
            _ => None,
        })
    }

    /// Ports of a network that answer for local IPs.
    pub(crate) fn answering(&self, id: NetworkId) -> impl Iterator<Item = Key> {
        self.answering.get(&id).into_iter().flatten().copied()
    }

    fn ports(&self, id: NetworkId) -> impl Iterator<Item = Key> {
        let keys = self.by_network.get(&id).into_iter().flatten();
        keys.filter(|key| key.kind == Kind::Port).copied()
    }

    /// All parts of a network, itself included.
    pub fn keys_of_network(&self, id: NetworkId) -> BTreeSet<Key> {
        self.by_network.get(&id).cloned().unwrap_or_default()
    }

    /// The parts to look at when something happened to a device.
    pub fn keys_of_device(&self, device: &str) -> BTreeSet<Key> {
        self.by_device.get(device).cloned().unwrap_or_default()
    }

    /// Takes a part in; the version it replaces comes back.
    pub fn put(&mut self, part: Part) -> Option<Part> {
        let old = self.remove(part.key());
        self.index(&part, |set, key| {
            set.insert(key);
        });
        *self.counts.entry(part.key().kind).or_default() += 1;
        self.parts.insert(part.key(), part);
        old
    }

    pub fn remove(&mut self, key: Key) -> Option<Part> {
        let old = self.parts.remove(&key)?;
        *self.counts.entry(key.kind).or_default() -= 1;
        self.index(&old, |set, key| {
            set.remove(&key);
        });
        Some(old)
    }

    /// Known connections of the port are asked for by its groups again, until it is restored;
    /// whether that is a change.
    pub fn revoke(&mut self, port: PortId) -> bool {
        self.secgroups.revoke(port)
    }

    pub fn restore(&mut self, port: PortId) -> bool {
        self.secgroups.restore(port)
    }

    /// Zones that no network is given, for connections of another are in them.
    pub fn hold_zones(&mut self, zones: BTreeSet<u16>) {
        self.secgroups.held_zones = zones;
    }

    /// What must be looked at so that these parts, and what they were before, are settled.
    pub fn scope(&self, keys: &BTreeSet<Key>, old: &[Part]) -> Scope {
        let mut closure = keys.clone();
        let current = keys.iter().filter_map(|key| self.parts.get(key));
        let mut waiting: Vec<&Part> = current.chain(old).collect();
        while let Some(part) = waiting.pop() {
            let met = self.meets(part, old);
            let fresh: Vec<Key> = met.into_iter().filter(|key| closure.insert(*key)).collect();
            waiting.extend(fresh.iter().filter_map(|key| self.parts.get(key)));
        }
        let mut slots = Slots::default();
        for part in old.iter().chain(closure.iter().filter_map(|key| self.parts.get(key))) {
            self.add_slots(&mut slots, part, old);
        }
        Scope::Some { keys: closure, slots: Box::new(slots) }
    }

    /// Parts whose places a part's may be, itself included.
    fn meets(&self, part: &Part, old: &[Part]) -> BTreeSet<Key> {
        if let Part::Network(network) = part {
            let reshaped = self.reshapes(network, old);
            return if reshaped { self.keys_of_network(network.id) } else { [part.key()].into() };
        }
        let stations = leg::stations(part);
        let by_mac = stations.iter().filter_map(|at| self.by_mac.get(&(at.network, at.mac)));
        let by_ip =
            stations.iter().flat_map(|at| at.ips.iter().filter_map(|ip| self.by_ip.get(&(at.network, *ip))));
        let devices = devices(&self.settings, part);
        let by_device = devices.iter().filter_map(|device| self.by_device.get(device));
        let met = by_mac.chain(by_ip).chain(by_device).flatten().copied();
        let mut met: BTreeSet<Key> = met.chain([part.key()]).collect();
        met.extend(secgroup::meets(self, part, old));
        if let Part::Port(port) = part
            && !port.local_ips.is_empty()
        {
            met.extend(self.ports(port.network_id));
        }
        met.extend(devices.iter().filter_map(|device| self.by_parent.get(device)).flatten());
        let router_key = |router: &Router| Key::new(Kind::Router, router.id.0);
        if let Part::Fip(fip) = part {
            met.extend(self.routers(fip.network_id).map(router_key));
        }
        // A router's way to its network node is written where that is known.
        let at = stations.iter().map(|at| (at.network, at.mac));
        for (network, mac) in at {
            met.extend(self.routers(network).filter(|router| redirects_to(router, mac)).map(router_key));
        }
        // One table of an uplink serves all distributed routers of its network, and each of them is
        // told who lives behind it.
        let shared = match part {
            Part::Router(router) => leg::shared_networks(router),
            Part::Remote(remote) => [remote.network_id].into(),
            _ => BTreeSet::new(),
        };
        let of_router = matches!(part, Part::Router(_));
        let concerned = |at: Carrier| match of_router {
            true => at.walled().is_some(),
            false => at.guarded().is_some(),
        };
        let guarded = |id: &NetworkId| self.carrier(*id).is_ok_and(concerned);
        for id in shared.into_iter().filter(guarded) {
            let sharing = self.routers(id).filter(|router| leg::shared_networks(router).contains(&id));
            met.extend(sharing.map(router_key));
        }
        met
    }

    /// Whether a network changed in more than its peers, so that its other parts are concerned.
    fn reshapes(&self, network: &Network, old: &[Part]) -> bool {
        let Some(current) = self.network(network.id) else { return true };
        network_in(old, network.id).is_none_or(|before| {
            let peers = current.peers.clone();
            Network { peers, ..before.clone() } != *current
        })
    }

    fn add_slots(&self, slots: &mut Slots, part: &Part, old: &[Part]) {
        // A part that changed together with its network leaves traces on what that was before.
        let of = |id| network_in(old, id).into_iter().chain(self.network(id));
        for network in leg::networks(part).into_iter().flat_map(of) {
            if let Ok(carrier) = carrier::choose(&self.settings, network) {
                carrier::slots(slots, part, network.id, &carrier);
            }
        }
        carrier::own_slots(slots, part);
        if let Part::Port(port) = part {
            let addresses = local_ip::addresses(self, port.network_id, old).into_iter();
            slots.tables.extend(addresses.map(|ip| names::local_table(port.id, ip)));
        }
        secgroup::add_slots(self, slots, part, old);
    }

    fn index(&mut self, part: &Part, act: impl Fn(&mut BTreeSet<Key>, Key)) {
        let key = part.key();
        for network_id in leg::networks(part) {
            touch(&mut self.by_network, network_id, key, &act);
        }
        for station in leg::stations(part) {
            touch(&mut self.by_mac, (station.network, station.mac), key, &act);
            for ip in station.ips {
                touch(&mut self.by_ip, (station.network, ip), key, &act);
            }
        }
        for device in devices(&self.settings, part) {
            touch(&mut self.by_device, device, key, &act);
        }
        if let Part::Port(port) = part
            && !port.local_ips.is_empty()
        {
            touch(&mut self.answering, port.network_id, key, &act);
        }
        if let Part::Port(Port { trunk: Some(Trunked::Tagged { parent, .. }), .. }) = part {
            touch(&mut self.by_parent, names::tap(*parent), key, &act);
        }
        self.secgroups.touch(part, act);
    }
}

fn redirects_to(router: &Router, mac: Mac) -> bool {
    router.interfaces.iter().any(|interface| interface.snat.as_ref().is_some_and(|snat| snat.mac == mac))
}

fn network_in(parts: &[Part], id: NetworkId) -> Option<&Network> {
    parts.iter().find_map(|part| match part {
        Part::Network(network) if network.id == id => Some(network),
        _ => None,
    })
}

fn devices(settings: &Settings, part: &Part) -> Vec<String> {
    match part {
        Part::Network(network) => {
            let mut devices = vec![names::bridge(network.id)];
            if let Ok(carrier) = carrier::choose(settings, network) {
                devices.extend(carrier.uplink_device());
            }
            devices
        }
        Part::Port(port) => vec![names::tap(port.id)],
        Part::Dhcp(_) | Part::Router(_) | Part::Fip(_) => leg::legs(part).iter().map(Leg::tap).collect(),
        Part::Remote(_) | Part::Lease(_) | Part::Group(_) | Part::Member(_) | Part::Addresses(_) => {
            Vec::new()
        }
    }
}

/// Adds to or takes from a set in a map, which keeps no empty sets.
pub(crate) fn touch<K: Ord>(
    map: &mut BTreeMap<K, BTreeSet<Key>>,
    at: K,
    key: Key,
    act: &impl Fn(&mut BTreeSet<Key>, Key),
) {
    match map.entry(at) {
        Entry::Occupied(mut entry) => {
            act(entry.get_mut(), key);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        Entry::Vacant(entry) => act(entry.insert(BTreeSet::new()), key),
    }
}

//! What is there: dumps for a whole host, single questions for a few places.

use std::collections::{BTreeMap, BTreeSet};

use host::names;
use host::observed::{Link, LinkKind};
use host::{Observed, Scope, Slots};
use model::RouterId;
use nix::errno::Errno;
use uuid::Uuid;

use crate::KernelError;
use crate::fdb::{self, Entry};
use crate::link::{self, Told, ToldKind};
use crate::netlink::socket::{Answer, Refusal};
use crate::netlink::{Message, Socket};
use crate::worker::Inner;
use crate::{inside, netns, nft};

/// With more questions than this, reading everything is cheaper.
const QUESTIONS: usize = 600;

impl Inner {
    /// Names of all links, by index.
    pub fn link_names(&mut self) -> Result<BTreeMap<u32, String>, KernelError> {
        let links = dump(&mut self.route, "list links", link::dump)?;
        let told = links.iter().filter_map(|(_, bytes)| link::parse(bytes));
        Ok(told.map(|told| (told.index, told.name)).collect())
    }

    pub fn observe(&mut self, scope: &Scope) -> Result<Observed, KernelError> {
        match scope {
            Scope::Some { slots, .. } if slots.len() <= QUESTIONS => self.observe_slots(slots),
            Scope::Some { slots, .. } => self.observe_all(Some(slots)),
            Scope::All => self.observe_all(None),
        }
    }

    /// Everything; of namespaces only those asked for, as each has to be entered.
    fn observe_all(&mut self, slots: Option<&Slots>) -> Result<Observed, KernelError> {
        let links = dump(&mut self.route, "list links", link::dump)?;
        let told: Vec<Told> = links.iter().filter_map(|(_, bytes)| link::parse(bytes)).collect();
        let mut seen = Seen::new(told);
        seen.add_entries(&dump(&mut self.route, "list bridge entries", || fdb::dump(0))?);
        seen.add_entries(&dump(&mut self.route, "list neighbours", fdb::dump_neighbours)?);
        seen.add_tables(&dump(&mut self.netfilter, "list tables", nft::dump)?);
        let names = match slots {
            Some(slots) => namespaces(slots),
            None => netns::list(&self.netns_dir).map_err(KernelError::io("list namespaces"))?,
        };
        let routers = match slots {
            Some(_) => routers_of(&names),
            None => self.keepalived.list().map_err(KernelError::io("list keepalived"))?,
        };
        seen.observed.filter = self.observe_whole_filter(slots.map(|slots| &slots.filter))?;
        self.finish(seen, &names, &routers)
    }

    fn observe_slots(&mut self, slots: &Slots) -> Result<Observed, KernelError> {
        let mut seen = Seen::new(self.links_of(slots)?);
        let index = |seen: &Seen, name: &String| seen.indexes.get(name).copied();
        let mut questions = Vec::new();
        for (bridge, mac) in &slots.fdb {
            questions.extend(index(&seen, bridge).map(|at| fdb::get(at, *mac)));
        }
        for (device, mac) in &slots.tunnels {
            questions.extend(index(&seen, device).map(|at| fdb::get_tunnel(at, *mac)));
        }
        for (device, ip) in &slots.neighbours {
            questions.extend(index(&seen, device).map(|at| fdb::get_neighbour(at, *ip)));
        }
        let answers = present("read an entry", self.route.request(questions))?;
        seen.learn_names(&mut self.route, &answers)?;
        seen.add_entries(&answers);
        for device in &slots.floods {
            if let Some(at) = index(&seen, device) {
                let answers = dump(&mut self.route, "list tunnel entries", || fdb::dump(at))?;
                seen.learn_names(&mut self.route, &answers)?;
                seen.add_entries(&answers);
            }
        }
        let tables = slots.tables.iter().map(|table| nft::get(table)).collect();
        seen.add_tables(&present("read a table", self.netfilter.request(tables))?);
        if !slots.filter.is_empty() {
            seen.observed.filter = self.observe_filter(&slots.filter)?;
        }
        let names = namespaces(slots);
        self.finish(seen, &names, &routers_of(&names))
    }

    /// The links asked for, and the bridges they are in.
    fn links_of(&mut self, slots: &Slots) -> Result<Vec<Told>, KernelError> {
        let names: BTreeSet<&String> =
            slots.links.iter().chain(&slots.context).chain(&slots.floods).collect();
        let questions = names.into_iter().map(|name| link::get(name)).collect();
        let answers = present("read a link", self.route.request(questions))?;
        let mut told: Vec<Told> = answers.iter().filter_map(|(_, bytes)| link::parse(bytes)).collect();
        let known = |index: &u32| told.iter().any(|link| link.index == *index);
        let mut others: Vec<u32> = told.iter().flat_map(Told::refers_to).filter(|i| !known(i)).collect();
        others.sort_unstable();
        others.dedup();
        let questions = others.into_iter().map(link::get_by_index).collect();
        let answers = present("read a link", self.route.request(questions))?;
        told.extend(answers.iter().filter_map(|(_, bytes)| link::parse(bytes)));
        Ok(told)
    }

    fn finish(
        &mut self,
        seen: Seen,
        namespaces: &[String],
        routers: &[RouterId],
    ) -> Result<Observed, KernelError> {
        self.indexes.extend(seen.indexes);
        let mut observed = seen.observed;
        observed.keepalived = self.keepalived.observe(routers);
        for name in namespaces.iter().filter(|name| inside::is_ours(name)) {
            let path = self.netns_dir.join(name);
            // What cannot be entered is not there: it will be made again.
            if let Ok(id) = netns::id(&path)
                && let Some(namespace) = inside::observe(&path, id)?
            {
                observed.namespaces.insert(name.clone(), namespace);
            }
        }
        Ok(observed)
    }

    /// Asks for a VLAN device that cannot be: a kernel that has them finds fault with the rest.
    pub fn has_vlan(&mut self) -> bool {
        match self.route.request_one(link::probe_vlan()) {
            Ok(_) => true,
            Err(refusal) => refusal.errno != Errno::EOPNOTSUPP,
        }
    }
}

/// Those that are looked into, each once.
fn namespaces(slots: &Slots) -> Vec<String> {
    let inner = slots.inner.iter().map(|(netns, _)| netns);
    let names: BTreeSet<&String> = slots.namespaces.iter().chain(inner).collect();
    names.into_iter().cloned().collect()
}

impl Told {
    fn refers_to(&self) -> impl Iterator<Item = u32> + use<> {
        let parent = match self.kind {
            ToldKind::Vlan { parent, .. } => Some(parent),
            ToldKind::Plain(_) => None,
        };
        self.master.into_iter().chain(parent)
    }
}

/// An observation being put together, indexes becoming names.
struct Seen {
    observed: Observed,
    names: BTreeMap<u32, String>,
    indexes: BTreeMap<String, u32>,
}

impl Seen {
    fn new(told: Vec<Told>) -> Seen {
        let names: BTreeMap<u32, String> = told.iter().map(|link| (link.index, link.name.clone())).collect();
        let indexes = names.iter().map(|(index, name)| (name.clone(), *index)).collect();
        let mut observed = Observed::default();
        for link in told {
            let kind = match link.kind {
                ToldKind::Plain(kind) => kind,
                ToldKind::Vlan { parent, vid } => {
                    LinkKind::Vlan { parent: names.get(&parent).cloned().unwrap_or_default(), vid }
                }
            };
            let seen = Link {
                index: link.index,
                kind,
                mac: link.mac,
                up: link.up,
                mtu_bytes: link.mtu_bytes,
                master: link.master.and_then(|index| names.get(&index).cloned()),
                alias: link.alias,
                made: link.group == link::MADE,
                ipv6: link.ipv6,
                port: link.port,
            };
            observed.links.insert(link.name, seen);
        }
        Seen { observed, names, indexes }
    }

    /// Asks for the names of ports that entries speak of and nobody asked for.
    fn learn_names(&mut self, route: &mut Socket, answers: &[Answer]) -> Result<(), KernelError> {
        let ports = answers.iter().filter_map(|(_, bytes)| match fdb::parse(bytes)? {
            Entry::Bridge { port, .. } => Some(port),
            _ => None,
        });
        let unknown: BTreeSet<u32> = ports.filter(|port| !self.names.contains_key(port)).collect();
        let questions = unknown.into_iter().map(link::get_by_index).collect();
        for (_, bytes) in present("read a link", route.request(questions))? {
            if let Some(told) = link::parse(&bytes) {
                self.names.insert(told.index, told.name.clone());
                self.indexes.insert(told.name, told.index);
            }
        }
        Ok(())
    }

    fn add_entries(&mut self, answers: &[Answer]) {
        for entry in answers.iter().filter_map(|(_, bytes)| fdb::parse(bytes)) {
            self.add_entry(entry);
        }
    }

    fn add_entry(&mut self, entry: Entry) {
        let name = |index| self.names.get(&index).cloned();
        match entry {
            Entry::Bridge { bridge, port, mac } => {
                if let (Some(bridge), Some(port)) = (name(bridge), name(port)) {
                    self.observed.fdb.entry(bridge).or_default().insert(mac, port);
                }
            }
            Entry::Tunnel { device, mac, dst } => {
                let Some(device) = name(device).filter(|name| self.is_vxlan(name)) else { return };
                if mac == wire::Mac::ZERO {
                    self.observed.floods.entry(device).or_default().insert(dst);
                } else {
                    self.observed.tunnels.entry(device).or_default().insert(mac, dst);
                }
            }
            Entry::Neighbour { device, ip, mac } => {
                if let Some(device) = name(device).filter(|name| self.is_bridge(name)) {
                    self.observed.neighbours.entry(device).or_default().insert(ip, mac);
                }
            }
            // Of namespaces that route.
            Entry::Proxy { .. } => {}
        }
    }

    fn is_vxlan(&self, name: &str) -> bool {
        let link = self.observed.links.get(name);
        link.is_some_and(|link| matches!(link.kind, LinkKind::Vxlan { .. }))
    }

    fn is_bridge(&self, name: &str) -> bool {
        let link = self.observed.links.get(name);
        link.is_some_and(|link| matches!(link.kind, LinkKind::Bridge { .. }))
    }

    fn add_tables(&mut self, answers: &[Answer]) {
        let tables = answers.iter().filter_map(|(_, bytes)| nft::parse(bytes));
        self.observed.tables.extend(tables.filter(|(name, _)| names::parse_table(name).is_some()));
    }
}

/// Routers that have one of these namespaces.
fn routers_of(namespaces: &[String]) -> Vec<RouterId> {
    let id = |name: &String| Uuid::parse_str(name.split_once('-')?.1).ok().map(RouterId);
    let routers: BTreeSet<RouterId> = namespaces.iter().filter_map(id).collect();
    routers.into_iter().collect()
}

pub(crate) fn dump(
    socket: &mut Socket,
    what: &str,
    message: impl Fn() -> Message,
) -> Result<Vec<Answer>, KernelError> {
    socket.dump(message).map_err(KernelError::refused(what))
}

/// Answers to questions; what is not there has none.
pub(crate) fn present(
    what: &str,
    outcomes: Vec<Result<Vec<Answer>, Refusal>>,
) -> Result<Vec<Answer>, KernelError> {
    let mut answers = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Ok(found) => answers.extend(found),
            Err(Refusal { errno: Errno::ENODEV | Errno::ENOENT | Errno::ESRCH, .. }) => {}
            Err(refusal) => return Err(KernelError::refused(what)(refusal)),
        }
    }
    Ok(answers)
}

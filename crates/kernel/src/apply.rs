//! Acts carried out: in order, many per system call, going on after a failure.

mod instances;
mod room;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use host::names::is_tap;
use host::op::UNSET_BRIDGE_MTU_BYTES;
use host::{Op, Step};
use model::desired::Key;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollTimeout, poll};

use crate::KernelError;
use crate::announce::Announcement;
use crate::netlink::Message;
use crate::netlink::socket::{Answer, Refusal};
use crate::nft::filter;
use crate::worker::Inner;
use crate::{fdb, link, netns, nft, sysctl};

/// A transaction costs the kernel more than its parts when it grows.
const TRANSACTION_BYTES: usize = 64 << 10;
/// Namespaces kept open for requests not sent yet.
const NAMESPACES: usize = 512;

/// How long devices that came up are waited for, and between two looks.
const OPENS_WITHIN: Duration = Duration::from_millis(50);
const OPEN_PAUSE_MS: u8 = 1;
/// What filters ports by their groups changes in one transaction, up to what a socket takes at once.
const FILTER_BYTES: usize = 512 << 10;

/// A step that could not be done.
#[derive(Debug)]
pub struct Failed {
    /// Its place among the steps.
    pub index: usize,
    pub key: Key,
    pub error: KernelError,
}

impl Inner {
    pub fn apply(&mut self, steps: &[Step]) -> Vec<Failed> {
        let mut run = Run {
            inner: self,
            steps,
            waiting: Vec::new(),
            unborn: BTreeSet::new(),
            namespaces: BTreeMap::new(),
            announcement: None,
            failed: Vec::new(),
            keys: BTreeSet::new(),
        };
        let mut at = 0;
        while at < steps.len() {
            at += run.next(at);
        }
        run.flush();
        if let Some(announcement) = run.announcement.take() {
            run.inner.announcer.repeat(announcement);
        }
        run.failed.sort_by_key(|failed| failed.index);
        run.failed
    }
}

/// One list of steps being carried out.
struct Run<'a> {
    inner: &'a mut Inner,
    steps: &'a [Step],
    /// Requests not sent yet.
    waiting: Vec<(usize, Message)>,
    /// Devices that are made, or given another MTU, by requests not sent yet.
    unborn: BTreeSet<&'a str>,
    /// Namespaces that waiting requests speak of.
    namespaces: BTreeMap<String, File>,
    /// To be repeated later on.
    announcement: Option<Announcement>,
    failed: Vec<Failed>,
    /// Parts with a failure: what is left of them is not tried, so that no port is opened whose
    /// filter is missing.
    keys: BTreeSet<Key>,
}

impl<'a> Run<'a> {
    /// Carries out the step at a place, and those behind it that go with it; how many they were.
    fn next(&mut self, at: usize) -> usize {
        let steps = self.steps;
        match &steps[at].op {
            Op::ReplaceTable { .. } | Op::DeleteTable { .. } => {
                let is_table = |op: &Op| matches!(op, Op::ReplaceTable { .. } | Op::DeleteTable { .. });
                self.together(at, is_table, Run::tables)
            }
            op if op.is_filter() => self.together(at, Op::is_filter, Run::tables),
            Op::StopKeepalived { .. } => {
                self.together(at, |op| matches!(op, Op::StopKeepalived { .. }), Run::stop)
            }
            Op::StartKeepalived { .. } => {
                self.together(at, |op| matches!(op, Op::StartKeepalived { .. }), Run::start)
            }
            Op::AwaitLink { .. } => {
                self.together(at, |op| matches!(op, Op::AwaitLink { .. }), Run::await_links)
            }
            Op::DeleteLink { .. } => {
                let is_link = |s: &&Step| matches!(s.op, Op::DeleteLink { .. });
                let count = self.steps[at..].iter().take_while(is_link).count();
                if count < together::MANY {
                    self.one(at, &steps[at].op);
                    return 1;
                }
                self.flush();
                self.delete_links(at, count);
                count
            }
            Op::AddNetns { .. } | Op::Inside { .. } => self.rooms(at),
            op => {
                if self.may_try(at) {
                    self.one(at, op);
                }
                1
            }
        }
    }

    /// Carries out steps of a kind that stand one after another, when what waits before them is done.
    fn together(
        &mut self,
        at: usize,
        is: impl Fn(&Op) -> bool,
        act: impl FnOnce(&mut Self, usize, usize),
    ) -> usize {
        let count = self.steps[at..].iter().take_while(|step| is(&step.op)).count();
        self.flush();
        act(self, at, count);
        count
    }

    fn one(&mut self, at: usize, op: &'a Op) {
        let outcome = match op {
            Op::DisableIpv6 { device } => {
                if self.unborn.contains(device.as_str()) {
                    self.flush();
                }
                let set = self.inner.settings.set_ipv6(device, "disable_ipv6", "1");
                set.map_err(KernelError::io(op.to_string()))
            }
            Op::SilenceIpv6 { device } => {
                // Silent first, and on after: in between it would take an address.
                self.waiting.push((at, link::silence_ipv6(device)));
                self.flush();
                let set = self.inner.settings.set_ipv6(device, "disable_ipv6", "0");
                set.map_err(KernelError::io(op.to_string()))
            }
            Op::Announce { bridge, uplink, mac, ip } => {
                self.announce(op, (bridge, uplink.as_ref()), *mac, *ip)
            }
            Op::FilterBridged => {
                self.flush();
                sysctl::set_bridged().map_err(KernelError::io(op.to_string()))
            }
            Op::DeleteNetns { netns } => {
                self.flush();
                netns::delete(&self.inner.netns_dir, netns).map_err(KernelError::io(op.to_string()))
            }
            Op::ReloadKeepalived { router, instance } => {
                self.flush();
                self.inner.keepalived.reload(*router, instance).map_err(KernelError::io(op.to_string()))
            }
            Op::AddVeth { device, netns, peer, peer_mac, mtu_bytes } => self.namespace(op, netns).map(|to| {
                self.inner.indexes.remove(device);
                self.unborn.insert(device);
                self.waiting.push((at, link::add_veth(device, (peer, *peer_mac, to), *mtu_bytes)));
            }),
            Op::AddVethBetween { netns, device, mac, peer_netns, peer, peer_mac } => {
                self.namespace(op, netns).and_then(|from| {
                    let to = self.namespace(op, peer_netns)?;
                    let ends = ((device.as_str(), *mac, from), (peer.as_str(), *peer_mac, to));
                    self.waiting.push((at, link::add_veth_between(ends.0, ends.1)));
                    Ok(())
                })
            }
            Op::AddBridge { device, .. }
            | Op::AddVxlan { device, .. }
            | Op::AddVlan { device, .. }
            | Op::SetMtu { device, .. } => self.encode(op).map(|message| {
                self.unborn.insert(device);
                self.waiting.push((at, message));
            }),
            _ => self.encode(op).map(|message| self.waiting.push((at, message))),
        };
        if let Err(error) = outcome {
            self.fail(at, error);
        }
    }

    /// The request of an act that is one.
    fn encode(&mut self, op: &Op) -> Result<Message, KernelError> {
        // A name that somebody else's device had is another device's from here on.
        if let Op::AddBridge { device, .. } | Op::AddVxlan { device, .. } | Op::AddVlan { device, .. } = op {
            self.inner.indexes.remove(device);
        }
        let message = match op {
            Op::AddBridge { device, mac } => link::add_bridge(device, *mac, UNSET_BRIDGE_MTU_BYTES),
            Op::AddVxlan { device, vni, local, port } => link::add_vxlan(device, *vni, *local, *port),
            Op::AddVlan { device, parent, vid } => {
                // A tap is up when its own port says so, whatever becomes of what it is on.
                link::add_vlan(device, self.index(op, parent)?, *vid, is_tap(device))
            }
            Op::DeleteLink { device } => {
                self.inner.indexes.remove(device);
                link::delete(device)
            }
            Op::SetBridge { device } => link::set_bridge(device),
            Op::SetAlias { device, alias } => link::set_alias(device, alias),
            Op::SetMtu { device, mtu_bytes } => link::set_mtu(device, *mtu_bytes),
            Op::SetUp { device, up } => link::set_up(device, *up),
            Op::SetMaster { device, master: Some(bridge) } => {
                link::set_master(device, self.index(op, bridge)?)
            }
            Op::SetMaster { device, master: None } => link::set_master(device, 0),
            Op::SetPort { device, flags } => link::set_port(device, *flags),
            Op::SetFdb { device, mac, .. } => fdb::set(self.index(op, device)?, *mac),
            Op::DeleteFdb { device, mac, .. } => fdb::delete(self.index(op, device)?, *mac),
            Op::SetTunnel { device, mac, dst } => fdb::set_tunnel(self.index(op, device)?, *mac, *dst),
            Op::DeleteTunnel { device, mac, dst } => fdb::delete_tunnel(self.index(op, device)?, *mac, *dst),
            Op::AddFlood { device, dst } => fdb::add_flood(self.index(op, device)?, *dst),
            Op::DeleteFlood { device, dst } => fdb::delete_flood(self.index(op, device)?, *dst),
            Op::SetNeighbour { device, ip, mac } => fdb::set_neighbour(self.index(op, device)?, *ip, *mac),
            Op::DeleteNeighbour { device, ip } => fdb::delete_neighbour(self.index(op, device)?, *ip),
            Op::DisableIpv6 { .. }
            | Op::SilenceIpv6 { .. }
            | Op::AddVeth { .. }
            | Op::AddVethBetween { .. }
            | Op::AddNetns { .. }
            | Op::DeleteNetns { .. }
            | Op::ReplaceTable { .. }
            | Op::DeleteTable { .. }
            | Op::Announce { .. }
            | Op::FilterBridged
            | Op::ReplaceChain { .. }
            | Op::DeleteChain { .. }
            | Op::AddSet { .. }
            | Op::DeleteSet { .. }
            | Op::AddElements { .. }
            | Op::DeleteElements { .. }
            | Op::StartKeepalived { .. }
            | Op::ReloadKeepalived { .. }
            | Op::StopKeepalived { .. }
            | Op::AwaitLink { .. }
            | Op::Inside { .. } => unreachable!("carried out by its own function"),
        };
        Ok(message)
    }

    /// The index of a device; one made a moment ago is asked for.
    fn index(&mut self, op: &Op, device: &str) -> Result<u32, KernelError> {
        if let Some(index) = self.inner.indexes.get(device) {
            return Ok(*index);
        }
        self.flush();
        let index = if_nametoindex(device)
            .map_err(|_| KernelError::NoDevice { act: op.to_string(), device: device.to_owned() })?;
        self.inner.indexes.insert(device.to_owned(), index);
        Ok(index)
    }

    /// A descriptor that lasts until what waits is sent.
    fn namespace(&mut self, op: &Op, netns: &str) -> Result<RawFd, KernelError> {
        if let Some(file) = self.namespaces.get(netns) {
            return Ok(file.as_raw_fd());
        }
        if self.namespaces.len() >= NAMESPACES {
            self.flush();
        }
        let file = File::open(self.inner.netns_dir.join(netns)).map_err(KernelError::io(op.to_string()))?;
        Ok(self.namespaces.entry(netns.to_owned()).or_insert(file).as_raw_fd())
    }

    fn flush(&mut self) {
        let (places, messages): (Vec<usize>, Vec<Message>) = self.waiting.drain(..).unzip();
        let outcomes = self.inner.route.request(messages);
        self.namespaces.clear();
        self.unborn.clear();
        for (at, outcome) in places.into_iter().zip(outcomes) {
            let op = &self.steps[at].op;
            match outcome {
                Err(refusal) if !(op.is_cleanup() && is_gone(&refusal)) => {
                    self.fail(at, KernelError::Refused { act: op.to_string(), refusal });
                }
                _ => {}
            }
        }
    }

    /// Many tables in one transaction. When it is refused, the tables at fault are charged and
    /// the others tried again without them.
    fn tables(&mut self, at: usize, count: usize) {
        let mut todo: Vec<usize> = (at..at + count).filter(|at| self.may_try(*at)).collect();
        todo.reverse();
        while !todo.is_empty() {
            let (mut places, mut messages, mut bytes) = (Vec::new(), Vec::new(), 0);
            if self.steps[at].op.is_filter() {
                messages.extend(filter::tables());
                places.extend(messages.iter().filter_map(|_| todo.last().copied()));
            }
            let limit = if self.steps[at].op.is_filter() { FILTER_BYTES } else { TRANSACTION_BYTES };
            while bytes < limit
                && let Some(at) = todo.pop()
            {
                match self.table(&self.steps[at].op) {
                    Ok(table) => {
                        bytes += table.iter().map(Message::len).sum::<usize>();
                        places.extend(table.iter().map(|_| at));
                        messages.extend(table);
                    }
                    Err(error) => self.fail(at, error),
                }
            }
            let refused = self.inner.netfilter.transact(nft::bracket, messages);
            let mut at_fault = BTreeSet::new();
            for (message, refusal) in refused {
                let Some(at) = places.get(message).copied().filter(|at| at_fault.insert(*at)) else {
                    continue;
                };
                let op = &self.steps[at].op;
                if op.is_filter() && op.is_cleanup() && is_gone(&refusal) {
                    continue;
                }
                let act = op.to_string();
                self.fail(at, KernelError::Refused { act, refusal });
            }
            if !at_fault.is_empty() {
                places.dedup();
                todo.extend(places.into_iter().rev().filter(|at| !at_fault.contains(at)));
            }
        }
    }

    fn table(&mut self, op: &Op) -> Result<Vec<Message>, KernelError> {
        match op {
            Op::ReplaceTable { table, content } => {
                let index = self.index(op, &content.device)?;
                Ok(nft::replace(table, index, content))
            }
            Op::DeleteTable { table } => Ok(nft::delete(table)),
            Op::ReplaceChain { chain } => Ok(filter::replace_chain(chain)),
            Op::DeleteChain { at } => Ok(filter::delete_chain(at)),
            Op::AddSet { at } => Ok(filter::add_set(at)),
            Op::DeleteSet { at } => Ok(filter::delete_set(at)),
            Op::AddElements { at, elements } => Ok(filter::add_elements(at, elements)),
            Op::DeleteElements { at, elements } => Ok(filter::delete_elements(at, elements)),
            _ => Ok(Vec::new()),
        }
    }

    /// The kernel opens a device whose other end came up when it comes to it; one that is asked for, at
    /// once, as far as it does what it says since 6.8. So both ends are. A pair that is not open soon has
    /// an end that is down.
    fn await_links(&mut self, at: usize, count: usize) {
        let steps = self.steps;
        let mut devices: Vec<&str> = steps[at..at + count].iter().filter_map(awaited).collect();
        let end = Instant::now() + OPENS_WITHIN;
        loop {
            let near = self.told(devices.iter().map(|device| link::get(device)).collect());
            let far = near.iter().filter_map(|link| Some(link::get_far(link.as_ref()?.far?))).collect();
            let far = self.told(far);
            let mut far = far.iter();
            let mut is_closed = near.iter().map(|link| {
                let Some(link) = link else { return false };
                let other = link.far.and_then(|_| far.next().and_then(Option::as_ref));
                !link.running || other.is_some_and(|other| !other.running)
            });
            devices.retain(|_| is_closed.next().unwrap_or(false));
            if devices.is_empty() || Instant::now() >= end {
                return;
            }
            // Nothing tells of it in this thread: a wait for nobody.
            let _ = poll(&mut [], PollTimeout::from(OPEN_PAUSE_MS));
        }
    }

    /// Devices as they are; `None` of one that is not there.
    fn told(&mut self, questions: Vec<Message>) -> Vec<Option<link::Told>> {
        let outcomes = self.inner.route.request(questions);
        let parsed = |outcome: &Result<Vec<Answer>, Refusal>| {
            outcome.as_ref().ok()?.iter().find_map(|(_, bytes)| link::parse(bytes))
        };
        outcomes.iter().map(parsed).collect()
    }

    fn may_try(&mut self, at: usize) -> bool {
        let Step { key, needs, op } = &self.steps[at];
        let failed = |key| self.keys.contains(key);
        let hindered = needs.as_ref().is_some_and(failed);
        if op.is_cleanup() || !(failed(key) || hindered) {
            return true;
        }
        let (key, error) = (*key, KernelError::Skipped { act: op.to_string() });
        // A router goes on in its other networks; a port that is not filtered is not opened.
        if hindered && !op.is_filter() {
            self.failed.push(Failed { index: at, key, error });
        } else {
            self.fail(at, error);
        }
        false
    }

    fn fail(&mut self, index: usize, error: KernelError) {
        let key = self.steps[index].key;
        self.keys.insert(key);
        self.failed.push(Failed { index, key, error });
    }
}

fn awaited(step: &Step) -> Option<&str> {
    match &step.op {
        Op::AwaitLink { device } => Some(device),
        _ => None,
    }
}

/// What is gone need not be deleted.
pub(crate) fn is_gone(refusal: &Refusal) -> bool {
    matches!(refusal.errno, Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL)
}

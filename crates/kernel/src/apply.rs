//! Acts carried out: in order, many per system call, going on after a failure.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use host::op::{Inside, UNSET_BRIDGE_MTU_BYTES};
use host::{Op, Step};
use model::desired::Key;
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use crate::KernelError;
use crate::netlink::socket::Refusal;
use crate::netlink::{Message, Socket};
use crate::worker::Inner;
use crate::{addr, fdb, link, netns, nft, sysctl};

/// A transaction costs the kernel more than its parts when it grows.
const TRANSACTION_BYTES: usize = 64 << 10;

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
        let mut run =
            Run { inner: self, steps, waiting: Vec::new(), failed: Vec::new(), keys: BTreeSet::new() };
        let mut at = 0;
        while at < steps.len() {
            at += run.next(at);
        }
        run.flush();
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
    failed: Vec<Failed>,
    /// Parts with a failure: what is left of them is not tried, so that no port is opened whose
    /// filter is missing.
    keys: BTreeSet<Key>,
}

impl Run<'_> {
    /// Carries out the step at a place, and those behind it that go with it; how many they were.
    fn next(&mut self, at: usize) -> usize {
        match &self.steps[at].op {
            Op::ReplaceTable { .. } | Op::DeleteTable { .. } => {
                let is_table = |s: &&Step| matches!(s.op, Op::ReplaceTable { .. } | Op::DeleteTable { .. });
                let count = self.steps[at..].iter().take_while(is_table).count();
                self.flush();
                self.tables(at, count);
                count
            }
            Op::Inside { netns, .. } => {
                let same = |s: &&Step| matches!(&s.op, Op::Inside { netns: other, .. } if other == netns);
                let count = self.steps[at..].iter().take_while(same).count();
                self.flush();
                self.inside(at, count, netns);
                count
            }
            op => {
                if self.may_try(at) {
                    self.one(at, op);
                }
                1
            }
        }
    }

    fn one(&mut self, at: usize, op: &Op) {
        let outcome = match op {
            Op::DisableIpv6 { device } => {
                self.flush();
                sysctl::set_ipv6(device, "disable_ipv6", "1").map_err(KernelError::io(op.to_string()))
            }
            Op::SilenceIpv6 { device } => {
                // Silent first, and on after: in between it would take an address.
                self.waiting.push((at, link::silence_ipv6(device)));
                self.flush();
                sysctl::set_ipv6(device, "disable_ipv6", "0").map_err(KernelError::io(op.to_string()))
            }
            Op::AddNetns { netns } => {
                create_netns(&self.inner.netns_dir, netns).map_err(KernelError::io(op.to_string()))
            }
            Op::DeleteNetns { netns } => {
                self.flush();
                netns::delete(&self.inner.netns_dir, netns).map_err(KernelError::io(op.to_string()))
            }
            Op::AddVeth { device, netns, peer, peer_mac } => {
                self.flush();
                let file = File::open(self.inner.netns_dir.join(netns));
                file.map_err(KernelError::io(op.to_string())).and_then(|file| {
                    let message = link::add_veth(device, peer, Some(*peer_mac), file.as_raw_fd());
                    let sent = self.inner.route.request_one(message);
                    sent.map(drop).map_err(KernelError::refused(op.to_string()))
                })
            }
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
            Op::AddVlan { device, parent, vid } => link::add_vlan(device, self.index(op, parent)?, *vid),
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
            | Op::AddNetns { .. }
            | Op::DeleteNetns { .. }
            | Op::ReplaceTable { .. }
            | Op::DeleteTable { .. }
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
        let answers = self.inner.route.request_one(link::get(device));
        let told = answers.ok().and_then(|a| a.iter().find_map(|(_, bytes)| link::parse(bytes)));
        let Some(told) = told else {
            return Err(KernelError::NoDevice { act: op.to_string(), device: device.to_owned() });
        };
        self.inner.indexes.insert(told.name, told.index);
        Ok(told.index)
    }

    fn flush(&mut self) {
        let (places, messages): (Vec<usize>, Vec<Message>) = self.waiting.drain(..).unzip();
        let outcomes = self.inner.route.request(messages);
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
            while bytes < TRANSACTION_BYTES
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
                let act = self.steps[at].op.to_string();
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
            _ => Ok(Vec::new()),
        }
    }

    fn inside(&mut self, at: usize, count: usize, netns: &str) {
        let steps = self.steps;
        let tried = (at..at + count).filter(|at| self.may_try(*at));
        let todo: Vec<(usize, &Op)> = tried.map(|at| (at, &steps[at].op)).collect();
        let path = self.inner.netns_dir.join(netns);
        match netns::within(&path, || apply_inside(&todo)) {
            Ok(failures) => failures.into_iter().for_each(|(at, error)| self.fail(at, error)),
            Err(source) => self.fail(at, KernelError::Namespace { path, source }),
        }
    }

    fn may_try(&mut self, at: usize) -> bool {
        let Step { key, needs, op } = &self.steps[at];
        let failed = |key| self.keys.contains(key);
        if op.is_cleanup() || !(failed(key) || needs.as_ref().is_some_and(failed)) {
            return true;
        }
        self.fail(at, KernelError::Skipped { act: op.to_string() });
        false
    }

    fn fail(&mut self, index: usize, error: KernelError) {
        let key = self.steps[index].key;
        self.keys.insert(key);
        self.failed.push(Failed { index, key, error });
    }
}

/// Routers on a network are not its DHCP namespace's to follow.
fn create_netns(dir: &Path, name: &str) -> std::io::Result<()> {
    netns::create_with(dir, name, || sysctl::set_ipv6("default", "accept_ra", "0"))
}

fn apply_inside(todo: &[(usize, &Op)]) -> Vec<(usize, KernelError)> {
    let all = |error: &dyn Fn() -> KernelError| todo.iter().map(|(at, _)| (*at, error())).collect();
    let mut socket = match Socket::open(SockProtocol::NetlinkRoute) {
        Ok(socket) => socket,
        Err(error) => {
            let kind = error.kind();
            return all(&|| KernelError::io("open a netlink socket")(kind.into()));
        }
    };
    let mut messages = Vec::new();
    for (_, op) in todo {
        let Op::Inside { act, .. } = op else { continue };
        messages.push(match act {
            Inside::SetMac { device, mac } => link::set_mac(device, *mac),
            Inside::SetMtu { device, mtu_bytes } => link::set_mtu(device, *mtu_bytes),
            Inside::SetUp { device } => link::set_up(device, true),
            Inside::AddAddress { device, net } => addr::add(index_of(&mut socket, device), *net),
            Inside::DeleteAddress { device, net } => addr::delete(index_of(&mut socket, device), *net),
        });
    }
    let outcomes = socket.request(messages);
    let failed = todo.iter().zip(outcomes).filter_map(|((at, op), outcome)| {
        let refusal = outcome.err().filter(|r| !(op.is_cleanup() && is_gone(r)))?;
        Some((*at, KernelError::Refused { act: op.to_string(), refusal }))
    });
    failed.collect()
}

/// 0, which no device has, when there is none of that name.
fn index_of(socket: &mut Socket, device: &str) -> u32 {
    let answers = socket.request_one(link::get(device)).unwrap_or_default();
    answers.iter().find_map(|(_, bytes)| link::parse(bytes)).map_or(0, |told| told.index)
}

/// What is gone need not be deleted.
fn is_gone(refusal: &Refusal) -> bool {
    matches!(refusal.errno, Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL)
}

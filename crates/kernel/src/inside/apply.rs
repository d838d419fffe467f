//! Acts inside a namespace, carried out by a thread that has entered it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use host::ct_helpers::HelperSet;
use host::op::{Inside, Of, Route, Sysctl};
use host::{Op, Step};
use model::desired::Key;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockProtocol;

use crate::announce::Announcement;
use crate::apply::is_gone;
use crate::netlink::socket::Refusal;
use crate::netlink::{Message, Socket};
use crate::sysctl::Settings;
use crate::{KernelError, addr, fdb, link, nft, route};

/// What came of one entry.
#[derive(Default)]
pub(crate) struct Done {
    /// By their places among all steps.
    pub failed: Vec<(usize, KernelError)>,
    /// To be repeated later on.
    pub announcement: Option<Announcement>,
    /// To be closed when nobody waits: the kernel takes its time.
    pub sockets: Vec<Socket>,
}

/// Carries out the acts among the steps; the calling thread is in the namespace.
pub(crate) fn apply(todo: &[(usize, &Step)]) -> Done {
    let mut socket = match Socket::open(SockProtocol::NetlinkRoute) {
        Ok(socket) => socket,
        Err(error) => {
            let kind = error.kind();
            let fail = |at| (at, KernelError::io("open a netlink socket")(kind.into()));
            return Done { failed: todo.iter().map(|(at, _)| fail(*at)).collect(), ..Done::default() };
        }
    };
    let mut run = Run {
        socket: &mut socket,
        settings: None,
        indexes: BTreeMap::new(),
        waiting: Vec::new(),
        keys: BTreeSet::new(),
        done: Done::default(),
    };
    for (at, step) in todo {
        let Op::Inside { act, .. } = &step.op else { continue };
        if let Err(error) = run.step(*at, step, act) {
            run.fail(*at, step.key, error);
        }
    }
    run.flush();
    let mut done = run.done;
    done.sockets.push(socket);
    done
}

struct Run<'a> {
    socket: &'a mut Socket,
    settings: Option<Settings>,
    indexes: BTreeMap<String, u32>,
    waiting: Vec<(usize, &'a Step, Message)>,
    /// Parts with a failure.
    keys: BTreeSet<Key>,
    done: Done,
}

impl<'a> Run<'a> {
    fn step(&mut self, at: usize, step: &'a Step, act: &'a Inside) -> Result<(), KernelError> {
        if self.keys.contains(&step.key) && !act.is_cleanup() {
            return Err(KernelError::Skipped { act: step.op.to_string() });
        }
        let message = match act {
            Inside::SetSysctl { name, value } => {
                self.flush();
                return self.set_sysctl(step, name, *value);
            }
            Inside::ReplaceTable { content } => {
                self.flush();
                return self.transact(step, nft::replace_nat(content));
            }
            Inside::DeleteTable => {
                self.flush();
                return self.transact(step, nft::delete_nat());
            }
            Inside::ReplaceHelpers { content } => {
                self.flush();
                return self.replace_helpers(step, content);
            }
            Inside::DeleteHelpers => {
                self.flush();
                return self.transact(step, nft::delete_helpers());
            }
            Inside::ReplaceMeters { content, stale } => {
                self.flush();
                return self.transact(step, nft::replace_meters(content, stale, now_us()));
            }
            Inside::DeleteMeters => {
                self.flush();
                return self.transact(step, nft::delete_meters());
            }
            Inside::Announce { device, ip } => {
                self.flush();
                return self.announce(step, device, *ip);
            }
            act => match self.encode(step, act) {
                // With its device, an address or route is gone.
                Err(KernelError::NoDevice { .. }) if act.is_cleanup() => return Ok(()),
                message => message?,
            },
        };
        self.waiting.push((at, step, message));
        Ok(())
    }

    fn encode(&mut self, step: &Step, act: &Inside) -> Result<Message, KernelError> {
        Ok(match act {
            Inside::SetMac { device, mac } => link::set_mac(device, *mac),
            Inside::SetMtu { device, mtu_bytes } => link::set_mtu(device, *mtu_bytes),
            Inside::SetUp { device } => link::set_up(device, true),
            Inside::DeleteLink { device } => {
                self.indexes.remove(device);
                link::delete(device)
            }
            Inside::AddAddress { device, net } => addr::add(self.index(step, device)?, *net),
            Inside::DeleteAddress { device, net } => addr::delete(self.index(step, device)?, *net),
            Inside::AddRoute { route } => {
                one_family(step, route)?;
                route::add(route, self.index(step, &route.device)?)
            }
            Inside::DeleteRoute { route } => {
                one_family(step, route)?;
                route::delete(route, self.index(step, &route.device)?)
            }
            Inside::AddRule { rule } => route::add_rule(rule),
            Inside::DeleteRule { rule } => route::delete_rule(rule),
            Inside::SetNeighbour { device, ip, mac } => {
                fdb::set_neighbour(self.index(step, device)?, *ip, *mac)
            }
            Inside::DeleteNeighbour { device, ip } => fdb::delete_neighbour(self.index(step, device)?, *ip),
            Inside::AddProxy { device, ip } => fdb::add_proxy(self.index(step, device)?, *ip),
            Inside::DeleteProxy { device, ip } => fdb::delete_proxy(self.index(step, device)?, *ip),
            Inside::SetSysctl { .. }
            | Inside::ReplaceTable { .. }
            | Inside::DeleteTable
            | Inside::ReplaceHelpers { .. }
            | Inside::DeleteHelpers
            | Inside::ReplaceMeters { .. }
            | Inside::DeleteMeters
            | Inside::Announce { .. } => unreachable!("carried out by its own function"),
        })
    }

    fn index(&mut self, step: &Step, device: &str) -> Result<u32, KernelError> {
        if let Some(index) = self.indexes.get(device) {
            return Ok(*index);
        }
        // The device may be among what waits.
        self.flush();
        let index = if_nametoindex(device).map_err(|_| no_device(step, device))?;
        self.indexes.insert(device.to_owned(), index);
        Ok(index)
    }

    fn told(&mut self, step: &Step, device: &str) -> Result<link::Told, KernelError> {
        let answers = self.socket.request_one(link::get(device)).unwrap_or_default();
        let told = answers.iter().find_map(|(_, bytes)| link::parse(bytes));
        told.ok_or_else(|| no_device(step, device))
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut steps = Vec::with_capacity(self.waiting.len());
        let mut messages = Vec::with_capacity(self.waiting.len());
        for (at, step, message) in self.waiting.drain(..) {
            steps.push((at, step));
            messages.push(message);
        }
        let outcomes = self.socket.request(messages);
        for ((at, step), outcome) in steps.into_iter().zip(outcomes) {
            if let Err(refusal) = outcome
                && !is_as_wanted(&step.op, &refusal)
            {
                self.fail(at, step.key, KernelError::Refused { act: step.op.to_string(), refusal });
            }
        }
    }

    fn set_sysctl(&mut self, step: &Step, name: &Sysctl, value: u32) -> Result<(), KernelError> {
        let settings = match &mut self.settings {
            Some(settings) => settings,
            none => none.insert(Settings::open().map_err(KernelError::io(step.op.to_string()))?),
        };
        settings.set(name, value).map_err(|source| match name.of() {
            Some(Of::Device(device)) if source.kind() == io::ErrorKind::NotFound => {
                KernelError::NoDevice { act: step.op.to_string(), device: device.clone() }
            }
            _ => KernelError::Io { act: step.op.to_string(), source },
        })
    }

    fn announce(&mut self, step: &Step, device: &str, ip: IpAddr) -> Result<(), KernelError> {
        let told = self.told(step, device)?;
        let announcement = match &mut self.done.announcement {
            Some(announcement) => announcement,
            none => none.insert(Announcement::open().map_err(KernelError::io(step.op.to_string()))?),
        };
        let frames = host::announce::frames(ip, told.mac);
        announcement.add(told.index, frames).map_err(KernelError::io(step.op.to_string()))
    }

    /// One table, whole or not at all.
    fn transact(&mut self, step: &Step, messages: Vec<Message>) -> Result<(), KernelError> {
        let mut socket = Socket::open(SockProtocol::NetlinkNetFilter)
            .map_err(|source| KernelError::NoNat { act: step.op.to_string(), source })?;
        let refused_first = socket.transact(nft::bracket, messages).into_iter().next();
        self.done.sockets.push(socket);
        refused_first.map_or(Ok(()), |(_, refusal)| Err(refused(step, refusal)))
    }

    /// Helpers that the kernel does not have are left out: whoever asked for one has the others, and all
    /// else of the router.
    fn replace_helpers(&mut self, step: &Step, wanted: &HelperSet) -> Result<(), KernelError> {
        let mut content = wanted.clone();
        loop {
            let mut socket =
                Socket::open(SockProtocol::NetlinkNetFilter).map_err(KernelError::io(step.op.to_string()))?;
            let refused_all = socket.transact(nft::bracket, nft::replace_helpers(&content, wanted));
            self.done.sockets.push(socket);
            let Some((_, first)) = refused_all.first().cloned() else { return Ok(()) };
            let lacking = refused_all.iter().filter(|(_, refusal)| lacks(refusal)).map(|(at, _)| *at);
            let missing = nft::refused_helpers(&content, &lacking.collect());
            if missing.is_empty() {
                return Err(KernelError::Refused { act: step.op.to_string(), refusal: first });
            }
            for helper in &missing {
                let part = step.key;
                tracing::warn!(%helper, part.key = %part, "the kernel has no such helper of connections");
            }
            content = content.without(&missing);
        }
    }

    fn fail(&mut self, at: usize, key: Key, error: KernelError) {
        self.keys.insert(key);
        self.done.failed.push((at, error));
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn no_device(step: &Step, device: &str) -> KernelError {
    KernelError::NoDevice { act: step.op.to_string(), device: device.to_owned() }
}

/// The kernel would read the shorter address as part of the longer, or route by another protocol.
fn one_family(step: &Step, route: &Route) -> Result<(), KernelError> {
    match route.via {
        Some(via) if via.is_ipv4() != route.to.addr().is_ipv4() => {
            Err(KernelError::TwoFamilies { act: step.op.to_string() })
        }
        _ => Ok(()),
    }
}

/// What is gone need not be deleted, and a rule that is there need not be added.
fn is_as_wanted(op: &Op, refusal: &Refusal) -> bool {
    let is_rule = matches!(op, Op::Inside { act: Inside::AddRule { .. }, .. });
    op.is_cleanup() && is_gone(refusal) || is_rule && refusal.errno == Errno::EEXIST
}

/// What it names is not in the kernel.
fn lacks(refusal: &Refusal) -> bool {
    matches!(refusal.errno, Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT)
}

/// A kernel that lacks a kind of chain or expression does not find it.
fn refused(step: &Step, refusal: Refusal) -> KernelError {
    let act = step.op.to_string();
    match lacks(&refusal) {
        true => KernelError::NoNat { act, source: refusal.errno.into() },
        false => KernelError::Refused { act, refusal },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::nat::Nat;
    use model::desired::Kind;

    #[test]
    fn a_kernel_without_nat_is_told_from_a_table_that_does_not_fit() {
        let act = Inside::ReplaceTable { content: Nat { outside: "qg-1".into(), ..Nat::default() } };
        let op = Op::Inside { netns: "qrouter-1".into(), act };
        let key = Key::new(Kind::Router, uuid::Uuid::nil());
        let step = Step { key, needs: None, op };
        let lacking = refused(&step, Refusal::from(Errno::ENOENT));
        assert!(matches!(lacking, KernelError::NoNat { .. }));
        assert!(lacking.to_string().contains("no address translation"), "{lacking}");
        let misfit = refused(&step, Refusal::from(Errno::EEXIST));
        assert!(matches!(misfit, KernelError::Refused { .. }));
    }
}

//! Namespaces made and entered, one entry for all acts in a row; and addresses told of from outside
//! of them.

use std::io;
use std::net::IpAddr;

use host::{Op, Step};
use wire::Mac;

use super::Run;
use crate::announce::Announcement;
use crate::sysctl::Settings;
use crate::{KernelError, inside, netns};

impl Run<'_> {
    /// Carries out the acts on namespaces from a place on, by one thread that ends with the last; how many
    /// they were.
    pub(super) fn rooms(&mut self, at: usize) -> usize {
        let steps = self.steps;
        let is_room = |step: &&Step| matches!(step.op, Op::AddNetns { .. } | Op::Inside { .. });
        let count = steps[at..].iter().take_while(is_room).count();
        self.flush();
        let entered = netns::on_thread(|| {
            let mut next = at;
            while next < at + count {
                next += self.room(next);
            }
            Ok(())
        });
        if let Err(error) = entered {
            for (after, step) in steps[at..at + count].iter().enumerate() {
                let source = io::Error::new(error.kind(), error.to_string());
                self.fail(at + after, KernelError::Io { act: step.op.to_string(), source });
            }
        }
        count
    }

    fn room(&mut self, at: usize) -> usize {
        let steps = self.steps;
        match &steps[at].op {
            Op::AddNetns { netns } if self.may_try(at) => {
                let count = self.acts_inside(at + 1, netns);
                self.create(at, count, netns);
                1 + count
            }
            Op::Inside { netns, .. } => {
                let count = self.acts_inside(at, netns);
                self.inside(at, count, netns);
                count
            }
            _ => 1,
        }
    }

    fn inside(&mut self, at: usize, count: usize, netns: &str) {
        let steps = self.steps;
        let tried = (at..at + count).filter(|at| self.may_try(*at));
        let todo: Vec<(usize, &Step)> = tried.map(|at| (at, &steps[at])).collect();
        let path = self.inner.netns_dir.join(netns);
        match netns::within_here(&path, || inside::apply(&todo)) {
            Ok(done) => self.done(done),
            Err(source) => self.fail(at, KernelError::Namespace { path, source }),
        }
    }

    fn done(&mut self, done: inside::Done) {
        done.failed.into_iter().for_each(|(at, error)| self.fail(at, error));
        // The thread that closes them ends only together with the worker.
        let _ = self.inner.closing.send(done.sockets);
        if let Some(announcement) = done.announcement {
            self.inner.announcer.repeat(announcement);
        }
    }

    /// How many of the steps from a place on are acts in this namespace.
    fn acts_inside(&self, from: usize, netns: &str) -> usize {
        let inside = |s: &&Step| matches!(&s.op, Op::Inside { netns: other, .. } if other == netns);
        self.steps[from..].iter().take_while(inside).count()
    }

    /// Makes a namespace, and carries out the first acts in it while its maker is there.
    fn create(&mut self, at: usize, count: usize, netns: &str) {
        let steps = self.steps;
        self.namespaces.remove(netns);
        let tried = (at + 1..at + 1 + count).filter(|at| self.may_try(*at));
        let todo: Vec<(usize, &Step)> = tried.map(|at| (at, &steps[at])).collect();
        let made = netns::create_here(&self.inner.netns_dir, netns, || {
            let settings = Settings::open()?;
            // Routers on a network are not a namespace's of ours to follow.
            settings.set_ipv6("default", "accept_ra", "0")?;
            settings.promote_secondaries()?;
            Ok(if todo.is_empty() { inside::Done::default() } else { inside::apply(&todo) })
        });
        match made {
            Ok(Some(done)) => self.done(done),
            Ok(None) => self.inside(at + 1, count, netns),
            Err(source) => {
                self.fail(at, KernelError::Io { act: steps[at].op.to_string(), source });
                for at in at + 1..at + 1 + count {
                    self.may_try(at);
                }
            }
        }
    }

    /// Tells of an address through a bridge.
    pub(super) fn announce(
        &mut self,
        op: &Op,
        (bridge, uplink): (&str, Option<&String>),
        mac: Mac,
        ip: IpAddr,
    ) -> Result<(), KernelError> {
        self.flush();
        let at = self.index(op, bridge)?;
        let later = uplink.map(|uplink| self.index(op, uplink)).transpose()?;
        let announcement = match &mut self.announcement {
            Some(announcement) => announcement,
            none => none.insert(Announcement::open().map_err(KernelError::io(op.to_string()))?),
        };
        let frames = host::announce::frames(ip, mac);
        announcement.add_for(at, later, frames).map_err(KernelError::io(op.to_string()))
    }
}

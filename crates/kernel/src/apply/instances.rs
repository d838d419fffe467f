//! keepalived instances of many routers, started or ended together: each is told before one is waited for.

use std::io;

use host::Op;
use model::RouterId;

use super::Run;
use crate::KernelError;

/// A process that is waited for takes a watch of those that a user may have.
const AT_ONCE: usize = 64;

impl Run<'_> {
    pub(super) fn start(&mut self, at: usize, count: usize) {
        let (steps, all) = (self.steps, (at..at + count).collect::<Vec<usize>>());
        for some in all.chunks(AT_ONCE) {
            let mut begun = Vec::new();
            for at in some {
                let Op::StartKeepalived { netns, router, instance } = &steps[*at].op else { continue };
                if !self.may_try(*at) {
                    continue;
                }
                let netns = self.inner.netns_dir.join(netns);
                match self.inner.keepalived.start(*router, &netns, instance) {
                    Ok(starting) => begun.push((*at, starting)),
                    Err(error) => self.refuse(*at, error),
                }
            }
            for (at, starting) in begun {
                if let Err(error) = starting.started() {
                    self.refuse(at, error);
                }
            }
        }
    }

    pub(super) fn stop(&mut self, at: usize, count: usize) {
        let stopped = self.steps[at..at + count].iter().filter_map(|step| match &step.op {
            Op::StopKeepalived { router } => Some(*router),
            _ => None,
        });
        let routers: Vec<RouterId> = stopped.collect();
        if let Err(error) = self.inner.keepalived.stop(&routers) {
            // Which of them it was is seen when it is looked at again.
            let (kind, said) = (error.kind(), error.to_string());
            for at in at..at + count {
                self.refuse(at, io::Error::new(kind, said.clone()));
            }
        }
    }

    fn refuse(&mut self, at: usize, source: io::Error) {
        self.fail(at, KernelError::Io { act: self.steps[at].op.to_string(), source });
    }
}

//! Many links deleted at once.
//!
//! Each deletion waits until nobody in the kernel can hold the link any more, which takes tens of
//! milliseconds. Those of one group wait together.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::{Failed, Run, is_gone};
use crate::KernelError;
use crate::link;
use crate::netlink::Message;
use crate::observe::dump;

/// Fewer are deleted one by one.
pub(super) const MANY: usize = 4;
/// Nobody else can change links while one group is deleted.
const AT_ONCE: usize = 512;
/// Where groups are looked for that are nobody's.
const FIRST_GROUP: u32 = link::MADE + 1;

impl Run<'_> {
    /// Carries out the deletions from a place on.
    pub(super) fn delete_links(&mut self, at: usize, count: usize) {
        let all: Vec<usize> = (at..at + count).collect();
        for some in all.chunks(AT_ONCE) {
            if self.delete_together(some).is_none() {
                for at in some {
                    self.delete_link(*at);
                }
                self.flush();
            }
        }
    }

    fn delete_link(&mut self, at: usize) {
        let Some(device) = self.steps[at].op.device() else { return };
        self.inner.indexes.remove(device);
        self.waiting.push((at, link::delete(device)));
    }

    /// `None` when they have to be deleted one by one.
    fn delete_together(&mut self, places: &[usize]) -> Option<()> {
        let group = self.free_group().ok()?;
        let steps = self.steps;
        let devices: Vec<(usize, &String)> =
            places.iter().filter_map(|at| Some((*at, steps[*at].op.device()?))).collect();
        let messages: Vec<Message> =
            devices.iter().map(|(_, device)| link::set_group(device, group)).collect();
        let outcomes = self.inner.route.request(messages);
        let mut grouped = Vec::new();
        for ((at, device), outcome) in devices.into_iter().zip(outcomes) {
            self.inner.indexes.remove(device);
            match outcome {
                Ok(_) => grouped.push(at),
                Err(refusal) if is_gone(&refusal) => {}
                Err(refusal) => {
                    let (key, act) = (steps[at].key, steps[at].op.to_string());
                    self.keys.insert(key);
                    self.failed.push(Failed { index: at, key, error: KernelError::Refused { act, refusal } });
                }
            }
        }
        if grouped.is_empty() {
            return Some(());
        }
        match self.inner.route.request_one(link::delete_group(group)) {
            Ok(_) => Some(()),
            // All of them went meanwhile.
            Err(refusal) if refusal.errno == Errno::ENODEV => Some(()),
            Err(refusal) => {
                tracing::debug!(%refusal, "links are deleted one by one");
                None
            }
        }
    }

    /// A group that no link is in, whoever made it.
    fn free_group(&mut self) -> Result<u32, KernelError> {
        let links = dump(&mut self.inner.route, "list links", link::dump)?;
        let taken: BTreeSet<u32> = links.iter().filter_map(|(_, bytes)| link::group(bytes)).collect();
        Ok((FIRST_GROUP..).find(|group| !taken.contains(group)).unwrap_or(FIRST_GROUP))
    }
}

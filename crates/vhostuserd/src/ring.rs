//! One of the two rings of an instance's network card.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use virtio_queue::{DescriptorChain, Error, Queue, QueueT};
use vm_memory::GuestMemoryMmap;

use crate::marks::Marks;

/// Memory of an instance; what is written there is marked while it moves to another host.
pub(crate) type Memory = Arc<GuestMemoryMmap<Marks>>;

pub(crate) struct Ring {
    pub queue: Queue,
    /// The instance lays, and says so here.
    kick: Option<File>,
    /// It wants to be told here of what was given back.
    pub call: Option<File>,
    pub is_enabled: bool,
}

impl Ring {
    pub const SIZE: u16 = 1024;

    pub fn new() -> Result<Ring, Error> {
        Ok(Ring { queue: Queue::new(Ring::SIZE)?, kick: None, call: None, is_enabled: false })
    }

    /// Begins, when there is a way to be told.
    pub fn start(&mut self, kick: Option<File>) {
        self.queue.set_ready(kick.is_some());
        self.kick = kick;
    }

    /// Ends; where it would have gone on.
    pub fn stop(&mut self) -> u16 {
        self.start(None);
        self.call = None;
        self.queue.next_avail()
    }

    /// Where it lies, in addresses of the instance. What was given back before counts on.
    pub fn lay(&mut self, descriptors: u64, available: u64, used: u64, memory: &Memory) -> Result<(), Error> {
        self.queue.try_set_desc_table_address(vm_memory::GuestAddress(descriptors))?;
        self.queue.try_set_avail_ring_address(vm_memory::GuestAddress(available))?;
        self.queue.try_set_used_ring_address(vm_memory::GuestAddress(used))?;
        let used = self.queue.used_idx(memory.deref(), Ordering::Relaxed)?;
        self.queue.set_next_used(used.0);
        Ok(())
    }

    pub fn runs(&self) -> bool {
        self.is_enabled && self.queue.ready()
    }

    /// Readable when the instance laid something.
    pub fn kick(&self) -> Option<&File> {
        self.kick.as_ref().filter(|_| self.runs())
    }

    pub fn kicked(&self) {
        if let Some(mut kick) = self.kick.as_ref() {
            let _ = kick.read(&mut [0; 8]);
        }
    }

    /// What the instance has laid next. When there is nothing it will tell of what comes.
    pub fn next(&mut self, memory: &Memory) -> Option<DescriptorChain<Memory>> {
        if let Some(chain) = self.queue.pop_descriptor_chain(Arc::clone(memory)) {
            return Some(chain);
        }
        match self.queue.enable_notification(memory.deref()) {
            // It came meanwhile.
            Ok(true) => self.queue.pop_descriptor_chain(Arc::clone(memory)),
            _ => None,
        }
    }

    pub fn give_back(&mut self, memory: &Memory, used: u16, written: u32) {
        // It fails for a ring that is not in the memory: the instance harms itself.
        let _ = self.queue.add_used(memory.deref(), used, written);
    }

    /// Tells the instance of what was given back, if it wants to know.
    pub fn tell(&mut self, memory: &Memory) {
        if self.queue.needs_notification(memory.deref()).unwrap_or(true)
            && let Some(mut call) = self.call.as_ref()
        {
            let _ = call.write(&1u64.to_ne_bytes());
        }
    }
}

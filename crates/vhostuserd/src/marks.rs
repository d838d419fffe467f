//! Which pages of an instance's memory were written to, for its monitor that moves it to another host.
//!
//! The monitor shares a bit for each page of 4,096 bytes, by the instance's own addresses (vhost-user,
//! `VHOST_USER_SET_LOG_BASE`).

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use vm_memory::bitmap::{Bitmap, BitmapSlice, WithBitmapSlice};
use vm_memory::mmap::NewBitmap;
use vm_memory::{GuestAddress, MmapRegion, VolatileMemory};

const PAGE: u64 = 4096;

/// Marks in one region of memory; none while the instance stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    log: Arc<RwLock<Option<Log>>>,
    /// From the start of the region.
    offset: usize,
}

#[derive(Clone, Debug)]
struct Log {
    bits: Arc<MmapRegion>,
    start: GuestAddress,
}

impl Marks {
    /// From now on what is written is marked, in a region that starts there.
    pub fn mark_in(&self, bits: Arc<MmapRegion>, start: GuestAddress) {
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = Some(Log { bits, start });
    }
}

impl Log {
    fn mark(&self, offset: usize, bytes: usize) {
        let Some(last) = bytes.checked_sub(1) else { return };
        let first = self.start.0 + offset as u64;
        for page in first / PAGE..=(first + last as u64) / PAGE {
            // A log that is too small is its monitor's harm.
            if let Ok(byte) = self.bits.get_atomic_ref::<AtomicU8>((page / 8) as usize) {
                byte.fetch_or(1 << (page % 8), Ordering::Relaxed);
            }
        }
    }
}

impl Bitmap for Marks {
    fn mark_dirty(&self, offset: usize, bytes: usize) {
        if let Some(log) = &*self.log.read().unwrap_or_else(PoisonError::into_inner) {
            log.mark(self.offset.saturating_add(offset), bytes);
        }
    }

    /// Marks are for the monitor; nobody asks here.
    fn dirty_at(&self, _offset: usize) -> bool {
        false
    }

    fn slice_at(&self, offset: usize) -> Marks {
        Marks { log: Arc::clone(&self.log), offset: self.offset.saturating_add(offset) }
    }
}

impl BitmapSlice for Marks {}

impl WithBitmapSlice<'_> for Marks {
    type S = Marks;
}

impl NewBitmap for Marks {
    fn with_len(_bytes: usize) -> Marks {
        Marks::default()
    }
}

#[cfg(test)]
mod tests {
    use vm_memory::{Bytes, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

    use super::*;

    #[test]
    fn pages_that_are_written_to_are_marked_by_their_addresses() {
        let regions = [(GuestAddress(0), 0x4000), (GuestAddress(0x10000), 0x4000)];
        let memory: GuestMemoryMmap<Marks> = GuestMemoryMmap::from_ranges(&regions).expect("memory");
        let bits = Arc::new(MmapRegion::new(4096).expect("a log"));
        let marked = || {
            (0..8)
                .filter_map(|at| bits.get_atomic_ref::<AtomicU8>(at).ok())
                .map(|byte| byte.load(Ordering::Relaxed))
                .collect::<Vec<_>>()
        };
        memory.write_slice(&[1; 100], GuestAddress(0)).expect("writes");
        assert_eq!(marked(), [0; 8], "nobody moves yet");
        for region in memory.iter() {
            region.bitmap().mark_in(Arc::clone(&bits), region.start_addr());
        }
        memory.write_slice(&[1; 2], GuestAddress(0x1fff)).expect("writes");
        memory.write_slice(&[1; 1], GuestAddress(0x13fff)).expect("writes");
        memory.read_slice(&mut [0; 1], GuestAddress(0x3000)).expect("reads");
        assert_eq!(marked(), [0b110, 0, 0b1000, 0, 0, 0, 0, 0]);
    }
}

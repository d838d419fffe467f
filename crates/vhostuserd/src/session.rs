//! What a virtual machine monitor says of its instance: where its memory and rings lie, and what its driver
//! understands.

use std::fs::File;
use std::io;
use std::sync::Arc;

use kernel::ports::Offloads;
use vhost::VhostUserMemoryRegionBase;
use vhost::vhost_user::message::{
    VhostTransferStateDirection, VhostTransferStatePhase, VhostUserConfigFlags, VhostUserInflight,
    VhostUserLog, VhostUserMemoryRegion, VhostUserProtocolFeatures, VhostUserShMemConfig, VhostUserSharedMsg,
    VhostUserSingleMemoryRegion, VhostUserVirtioFeatures, VhostUserVringAddrFlags, VhostUserVringState,
};
use vhost::vhost_user::{Error, GpuBackend, Result, VhostUserBackendReqHandlerMut};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN,
    VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4,
    VIRTIO_NET_F_HOST_TSO6,
};
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_queue::QueueT;
use vm_memory::{
    FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap,
    MmapRegion,
};

use crate::port::Port;
use crate::ring::{Memory, Ring};

/// Rings, by the instance's side of them.
const RECEIVES: usize = 0;
const SENDS: usize = 1;

const FEATURES: &[u32] = &[
    VIRTIO_F_VERSION_1,
    VIRTIO_RING_F_EVENT_IDX,
    VIRTIO_RING_F_INDIRECT_DESC,
    VIRTIO_NET_F_CSUM,
    VIRTIO_NET_F_HOST_TSO4,
    VIRTIO_NET_F_HOST_TSO6,
    VIRTIO_NET_F_HOST_ECN,
    VIRTIO_NET_F_GUEST_CSUM,
    VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6,
    VIRTIO_NET_F_GUEST_ECN,
    VIRTIO_NET_F_GUEST_ANNOUNCE,
];

/// One instance, as its monitor described it so far.
pub(crate) struct Session {
    pub port: Port,
    pub rings: [Ring; 2],
    memory: Memory,
    regions: Vec<VhostUserMemoryRegion>,
    /// Where its monitor is told of what is written, since it moves to another host.
    log: Option<Arc<MmapRegion>>,
    /// Both have said what they understand.
    pub has_agreed: bool,
}

impl Session {
    pub fn new(port: Port) -> std::result::Result<Session, virtio_queue::Error> {
        let (rings, memory) = ([Ring::new()?, Ring::new()?], Memory::new(GuestMemoryMmap::new()));
        Ok(Session { port, rings, memory, regions: vec![], log: None, has_agreed: false })
    }

    /// Carries a burst each way; how many frames there were. An error says that the device is gone.
    pub fn carry(&mut self) -> io::Result<usize> {
        let mut moved = 0;
        if self.rings[SENDS].runs() {
            moved += self.port.send(&mut self.rings[SENDS], &self.memory);
        }
        if self.rings[RECEIVES].runs() {
            moved += self.port.receive(&mut self.rings[RECEIVES], &self.memory)?;
        }
        Ok(moved)
    }

    /// Frames of the device can be taken to the instance.
    pub fn receives(&self) -> bool {
        self.rings[RECEIVES].runs() && !self.port.is_held()
    }

    fn mark(&self) {
        for (region, bits) in self.memory.iter().flat_map(|region| Some((region, self.log.clone()?))) {
            region.bitmap().mark_in(bits, region.start_addr());
        }
    }

    fn ring(&mut self, number: u32) -> Result<&mut Ring> {
        self.rings.get_mut(number as usize).ok_or(Error::InvalidParam)
    }

    /// An address of the monitor's as one of the instance.
    fn inside(&self, address: u64) -> Result<u64> {
        let found = self.regions.iter().find_map(|region| {
            let offset =
                address.checked_sub(region.user_addr).filter(|offset| *offset < region.memory_size)?;
            region.guest_phys_addr.checked_add(offset)
        });
        found.ok_or(Error::InvalidParam)
    }
}

fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::ReqHandlerError(io::Error::other(error))
}

const NOT_OFFERED: Error = Error::InvalidOperation("it was not offered");

impl VhostUserBackendReqHandlerMut for Session {
    fn set_owner(&mut self) -> Result<()> {
        Ok(())
    }

    fn get_features(&mut self) -> Result<u64> {
        let bits = FEATURES.iter().fold(0, |bits, feature| bits | 1 << feature);
        Ok(bits | (VhostUserVirtioFeatures::PROTOCOL_FEATURES | VhostUserVirtioFeatures::LOG_ALL).bits())
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        if features & !self.get_features()? != 0 {
            return Err(Error::InvalidParam);
        }
        let has = |feature: u32| features & (1 << feature) != 0;
        for ring in &mut self.rings {
            ring.queue.set_event_idx(has(VIRTIO_RING_F_EVENT_IDX));
            // Who does not know of that runs from the beginning.
            ring.is_enabled |= features & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0;
        }
        self.has_agreed = true;
        let takes = Offloads {
            checksum: has(VIRTIO_NET_F_GUEST_CSUM),
            tso4: has(VIRTIO_NET_F_GUEST_TSO4),
            tso6: has(VIRTIO_NET_F_GUEST_TSO6),
            ecn: has(VIRTIO_NET_F_GUEST_ECN),
        };
        self.port.agree(has(VIRTIO_F_VERSION_1), takes).map_err(refused)
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        Ok(VhostUserProtocolFeatures::REPLY_ACK | VhostUserProtocolFeatures::LOG_SHMFD)
    }

    fn set_protocol_features(&mut self, _features: u64) -> Result<()> {
        Ok(())
    }

    fn set_mem_table(
        &mut self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy: Option<bool>,
    ) -> Result<Option<Vec<VhostUserMemoryRegionBase>>> {
        let mapped = regions.iter().zip(files).map(|(region, file)| {
            let start = GuestAddress(region.guest_phys_addr);
            GuestRegionMmap::new(region.mmap_region(file)?, start).ok_or(Error::InvalidParam)
        });
        let memory = GuestMemoryMmap::from_regions(mapped.collect::<Result<_>>()?).map_err(refused)?;
        (self.memory, self.regions) = (Arc::new(memory), regions.to_vec());
        self.mark();
        Ok(None)
    }

    fn set_vring_num(&mut self, number: u32, size: u32) -> Result<()> {
        let size = u16::try_from(size).map_err(|_| Error::InvalidParam)?;
        self.ring(number)?.queue.try_set_size(size).map_err(refused)
    }

    fn set_vring_addr(
        &mut self,
        number: u32,
        _flags: VhostUserVringAddrFlags,
        descriptors: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        let [descriptors, available, used] =
            [self.inside(descriptors)?, self.inside(available)?, self.inside(used)?];
        let memory = Arc::clone(&self.memory);
        self.ring(number)?.lay(descriptors, available, used, &memory).map_err(refused)
    }

    fn set_vring_base(&mut self, number: u32, base: u32) -> Result<()> {
        self.ring(number)?.queue.set_next_avail(base as u16);
        Ok(())
    }

    fn get_vring_base(&mut self, number: u32) -> Result<VhostUserVringState> {
        let next = self.ring(number)?.stop();
        Ok(VhostUserVringState::new(number, next.into()))
    }

    fn set_vring_kick(&mut self, number: u8, file: Option<File>) -> Result<()> {
        self.ring(number.into())?.start(file);
        Ok(())
    }

    fn set_vring_call(&mut self, number: u8, file: Option<File>) -> Result<()> {
        self.ring(number.into())?.call = file;
        Ok(())
    }

    fn set_vring_err(&mut self, _number: u8, _file: Option<File>) -> Result<()> {
        Ok(())
    }

    fn set_vring_enable(&mut self, number: u32, enable: bool) -> Result<()> {
        self.ring(number)?.is_enabled = enable;
        Ok(())
    }

    /// What is written from now on is marked in memory of the monitor's.
    fn set_log_base(&mut self, log: &VhostUserLog, file: File) -> Result<()> {
        let file = FileOffset::new(file, log.mmap_offset);
        let bits = MmapRegion::from_file(file, log.mmap_size as usize).map_err(refused)?;
        self.log = Some(Arc::new(bits));
        self.mark();
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn reset_device(&mut self) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        Err(NOT_OFFERED)
    }

    fn get_config(&mut self, _offset: u32, _size: u32, _flags: VhostUserConfigFlags) -> Result<Vec<u8>> {
        Err(NOT_OFFERED)
    }

    fn set_config(&mut self, _offset: u32, _bytes: &[u8], _flags: VhostUserConfigFlags) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn set_gpu_socket(&mut self, _gpu: GpuBackend) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn get_shared_object(&mut self, _object: VhostUserSharedMsg) -> Result<File> {
        Err(NOT_OFFERED)
    }

    fn get_inflight_fd(&mut self, _inflight: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        Err(NOT_OFFERED)
    }

    fn set_inflight_fd(&mut self, _inflight: &VhostUserInflight, _file: File) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        Err(NOT_OFFERED)
    }

    fn add_mem_region(
        &mut self,
        _region: &VhostUserSingleMemoryRegion,
        _file: File,
        _postcopy: Option<bool>,
    ) -> Result<Option<VhostUserMemoryRegionBase>> {
        Err(NOT_OFFERED)
    }

    fn remove_mem_region(&mut self, _region: &VhostUserSingleMemoryRegion) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn set_device_state_fd(
        &mut self,
        _direction: VhostTransferStateDirection,
        _phase: VhostTransferStatePhase,
        _file: File,
    ) -> Result<Option<File>> {
        Err(NOT_OFFERED)
    }

    fn check_device_state(&mut self) -> Result<()> {
        Err(NOT_OFFERED)
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        Err(NOT_OFFERED)
    }
}

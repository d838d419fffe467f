//! The fast path: frames of flows that are settled go from device to device in the kernel, without coming to us.
//!
//! ```text
//! a device receives      filters: a flow that is open?        programs: header on or off, out by the other device
//!                          no, or not yet --> our socket: the slow path, through the switch
//! flows    which are open, and wait until nothing can be overtaken
//! lay      what both sides share: flows by key, a place for each with its header, its state and what it carried
//! ```
//! Which flows, and by what header, is decided in `vswitch`. No frame overtakes one of its flow: its frames pass when
//! all that took the slow path before have left, and wait for those that take it again.

mod filters;
mod flows;
mod lay;
mod programs;

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::bpf::{Kind, Link, Map, Program, Shared, Table};
use kernel::netns;
use kernel::packet::Instruction;
use kernel::ports::PacketPort;
use vswitch::{Action, Carried, FastFlow};

pub(crate) use flows::Flows;
use lay::{key, place};

/// Ethernet.
const MAC_LEN: i32 = 14;

/// A flow's key.
pub(crate) type Key = [u8; key::LEN];

/// What programs and we share.
pub(crate) struct Maps {
    note: Map,
    flows: Table<Key>,
    places: Shared,
}

/// The programs, and what they know.
pub(crate) struct FastPath {
    maps: Maps,
    port_filter: Program,
    port: Program,
    underlay: Program,
    underlay_filter: Mutex<Option<Program>>,
}

/// A device's frames are looked at, until this is dropped.
pub(crate) struct Looked {
    _link: Link,
}

impl FastPath {
    /// The fast path with room for so many flows, if any are wanted and the kernel has it.
    pub fn wanted(flows: u32) -> Option<Arc<FastPath>> {
        if flows == 0 {
            return None;
        }
        let why = |error: &io::Error| tracing::warn!(%error, "no frames take the fast path");
        FastPath::new(flows).inspect_err(why).ok().map(Arc::new)
    }

    fn new(flows: u32) -> io::Result<FastPath> {
        let places = Shared::new(place::LEN, flows)?;
        let maps = Maps { note: Map::per_cpu(lay::note::LEN)?, flows: Table::new(flows)?, places };
        Ok(FastPath {
            port_filter: Program::load(Kind::Filter, "port_filter", &filters::port(&maps))?,
            port: Program::load(Kind::Ingress, "port", &programs::port(&maps))?,
            underlay: Program::load(Kind::Ingress, "underlay", &programs::underlay(&maps))?,
            underlay_filter: Mutex::new(None),
            maps,
        })
    }

    /// Looks at what a port receives.
    pub fn look_at_port(&self, namespace: &Path, port: &PacketPort) -> io::Result<Looked> {
        let index = port.index();
        let link = netns::within(namespace, || self.port.link(index))??;
        port.set_program(&self.port_filter)?;
        Ok(Looked { _link: link })
    }

    /// Looks at what an underlay receives; the rest is judged by a filter.
    pub fn look_at_underlay(
        &self,
        namespace: &Path,
        port: &PacketPort,
        filter: &[Instruction],
    ) -> io::Result<Looked> {
        let index = port.index();
        let link = netns::within(namespace, || self.underlay.link(index))??;
        self.refilter(filter)?;
        self.filter(port)?;
        Ok(Looked { _link: link })
    }

    /// Lets another filter judge the rest, where [`FastPath::filter`] is called.
    pub fn refilter(&self, filter: &[Instruction]) -> io::Result<()> {
        let program = Program::load(Kind::Filter, "underlay_filter", &filters::underlay(&self.maps, filter))?;
        *self.underlay_filter.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
        Ok(())
    }

    pub fn filter(&self, port: &PacketPort) -> io::Result<()> {
        match &*self.underlay_filter.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(program) => port.set_program(program),
            None => Ok(()),
        }
    }

    /// Writes a flow between devices of these numbers; its frames are counted and take the slow path still.
    pub fn write(&self, no: u32, flow: &FastFlow, from: u32, to: u32) -> io::Result<Key> {
        let word = |at: usize, value: u32| self.maps.places.word(no, at).store(value, Relaxed);
        let double = |at: usize, value: u64| self.maps.places.double(no, at).store(value, Relaxed);
        word(place::STATE, lay::CLOSED);
        word(place::OUT, to);
        for at in [place::WENT, place::LEFT, place::FRAMES, place::BYTES, place::OVERRUN] {
            double(at, 0);
        }
        let (head_len, room) = match &flow.action {
            Action::Forward => (0, u32::MAX),
            Action::Decapsulate(outer) => (head_len(outer.port != 0), 0),
            Action::Encapsulate(outer) => {
                let is_udp = outer.head.len() == lay::UDP_HEAD_LEN;
                let mut head = [0; place::OVERRUN - place::HEAD];
                head[..outer.head.len()].copy_from_slice(&outer.head);
                for (nth, bytes) in head.as_chunks::<8>().0.iter().enumerate() {
                    double(place::HEAD + 8 * nth, u64::from_ne_bytes(*bytes));
                }
                double(place::FLAGS, encapsulation_flags(is_udp));
                word(place::SUM, outer.sum);
                word(place::CLASS_OF_INNER, outer.class_of_inner.into());
                word(place::CLASS, outer.class.into());
                word(
                    place::DIFFERS,
                    match (is_udp, outer.flow_id) {
                        (true, _) => lay::DIFFERS_UDP,
                        (false, true) => lay::DIFFERS_FLOW_ID,
                        (false, false) => 0,
                    },
                );
                (head_len(is_udp), outer.room as u32)
            }
        };
        word(place::HEAD_LEN, head_len);
        self.maps.places.word(no, place::ROOM).store(room, Release);
        let key = key_of(flow, from);
        self.maps.flows.insert(&key, no).map(|()| key)
    }

    /// Frames that took the slow path by now.
    pub fn went(&self, no: u32) -> u64 {
        self.maps.places.double(no, place::WENT).load(Relaxed)
    }

    /// So many of them have left: who comes next may pass, if no other took the slow path meanwhile.
    pub fn left(&self, no: u32, went: u64) {
        self.maps.places.double(no, place::LEFT).store(went, Release);
        self.maps.places.word(no, place::STATE).store(lay::OPEN, Release);
    }

    /// Drops frames of a flow until those that took the slow path have left.
    pub fn hold(&self, no: u32) {
        self.maps.places.word(no, place::STATE).store(lay::HELD, Release);
    }

    /// They take the slow path again.
    pub fn let_go(&self, no: u32) {
        self.maps.places.word(no, place::STATE).store(lay::CLOSED, Release);
    }

    /// Ends a flow. Its place must not be used before programs that see it still have run.
    pub fn end(&self, no: u32, key: &Key) -> io::Result<()> {
        self.maps.places.word(no, place::STATE).store(lay::CLOSED, Release);
        self.maps.flows.remove(key)
    }

    pub fn carried(&self, no: u32) -> Carried {
        let double = |at: usize| self.maps.places.double(no, at).load(Relaxed);
        Carried {
            frames: double(place::FRAMES),
            bytes: double(place::BYTES),
            overrun: double(place::OVERRUN),
        }
    }
}

const fn head_len(is_udp: bool) -> u32 {
    (if is_udp { lay::UDP_HEAD_LEN } else { lay::GRE_HEAD_LEN }) as u32
}

/// An outer IPv4 header, with UDP or GRE, before an inner Ethernet header of 14 bytes; segments stay as long.
const fn encapsulation_flags(is_udp: bool) -> u64 {
    const FIXED_SEGMENTS: u64 = 1 << 0;
    const IPV4: u64 = 1 << 1;
    const GRE: u64 = 1 << 3;
    const UDP: u64 = 1 << 4;
    const ETHERNET: u64 = 1 << 6;
    FIXED_SEGMENTS | IPV4 | ETHERNET | (if is_udp { UDP } else { GRE }) | (MAC_LEN as u64) << 56
}

fn key_of(flow: &FastFlow, from: u32) -> Key {
    let mut key = [0; key::LEN];
    let mut put = |at: usize, bytes: &[u8]| key[at..at + bytes.len()].copy_from_slice(bytes);
    put(key::DEVICE, &from.to_ne_bytes());
    if let Action::Decapsulate(outer) = &flow.action {
        put(key::SOURCE, &outer.remote.octets());
        put(key::DESTINATION, &outer.local.octets());
        put(key::PORT, &outer.port.to_be_bytes());
        put(key::TUNNEL, &outer.tunnel);
        put(key::OUTER_MAC, &outer.mac.0);
    }
    put(key::MACS, &flow.dst.0);
    put(key::MACS + 6, &flow.src.0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its checker reads each way through them. These tests need root.
    #[test]
    fn the_kernel_takes_all_programs() {
        let fast_path = FastPath::new(16).expect("taken");
        for ports in [vec![], vec![4789, 6081], (0..70).collect()] {
            for gre in [false, true] {
                fast_path.refilter(&crate::filter::underlay(&ports, gre)).expect("taken");
            }
        }
    }
}

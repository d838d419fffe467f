//! An open device, whichever its kind.

use std::io;
use std::path::Path;

use kernel::packet::Instruction;
use kernel::ports::{Lost, PacketPort, Poller, Room, Tap, VnetHeader};
use vswitch::{Frame, Pool, Reach};

use crate::fast_path::{FastPath, Looked};
use crate::offload;

/// What of a tap is handed over as it is; less is copied, for it would hold a large buffer.
const SMALL: usize = 1024;

pub(crate) enum Opened {
    Port(Packet),
    Tap(Tap),
    Underlay(Packet),
}

/// A device that somebody else made. Its socket goes first: what it takes no longer is not looked at either.
pub(crate) struct Packet {
    port: PacketPort,
    looked: Option<Looked>,
    is_veth: bool,
}

impl std::ops::Deref for Packet {
    type Target = PacketPort;

    fn deref(&self) -> &PacketPort {
        &self.port
    }
}

impl std::ops::DerefMut for Packet {
    fn deref_mut(&mut self) -> &mut PacketPort {
        &mut self.port
    }
}

impl Opened {
    pub fn port(
        namespace: &Path,
        device: &str,
        slots: usize,
        fast_path: Option<&FastPath>,
    ) -> io::Result<Opened> {
        let port = PacketPort::open(namespace, device, None, slots)?;
        let looked = fast_path.map(|fast_path| fast_path.look_at_port(namespace, &port));
        Ok(Opened::Port(Packet { looked: told(device, looked), is_veth: port.is_veth(device), port }))
    }

    pub fn underlay(
        namespace: &Path,
        device: &str,
        filter: &[Instruction],
        slots: usize,
        fast_path: Option<&FastPath>,
    ) -> io::Result<Opened> {
        let port = PacketPort::open(namespace, device, Some(filter), slots)?;
        let looked = fast_path.map(|fast_path| fast_path.look_at_underlay(namespace, &port, filter));
        Ok(Opened::Underlay(Packet { looked: told(device, looked), is_veth: port.is_veth(device), port }))
    }

    pub fn tap(namespace: &Path, device: &str) -> io::Result<Opened> {
        Ok(Opened::Tap(Tap::open(namespace, device, None)?))
    }

    pub fn watch(&self, poller: &Poller, number: u16) -> io::Result<()> {
        match self {
            Opened::Port(port) | Opened::Underlay(port) => poller.add(&port.port, number),
            Opened::Tap(tap) => poller.add(tap, number),
        }
    }

    pub fn unwatch(&self, poller: &Poller) -> io::Result<()> {
        match self {
            Opened::Port(port) | Opened::Underlay(port) => poller.remove(&port.port),
            Opened::Tap(tap) => poller.remove(tap),
        }
    }

    /// The fast path has the same filter already.
    pub fn set_filter(&self, filter: &[Instruction], fast_path: Option<&FastPath>) -> io::Result<()> {
        match (self, fast_path) {
            (Opened::Underlay(port), Some(fast_path)) if port.looked.is_some() => fast_path.filter(port),
            (Opened::Underlay(port), _) => port.set_filter(filter),
            (Opened::Port(_) | Opened::Tap(_), _) => Ok(()),
        }
    }

    /// Its number in the kernel.
    pub fn index(&self) -> Option<u32> {
        match self {
            Opened::Port(port) | Opened::Underlay(port) => Some(port.index()),
            Opened::Tap(_) => None,
        }
    }

    /// What of it the fast path reaches. A frame that came out of a tunnel there is still marked as being in one, for which
    /// a tap would have it cut.
    pub fn reach(&self) -> Reach {
        match self {
            Opened::Port(port) | Opened::Underlay(port) if port.looked.is_some() => {
                if port.is_veth {
                    Reach::Whole
                } else {
                    Reach::Plain
                }
            }
            _ => Reach::Nothing,
        }
    }

    /// Looking whether there is something costs a system call.
    pub fn looks_dear(&self) -> bool {
        matches!(self, Opened::Tap(_))
    }

    /// Frames that came, into `got`.
    pub fn receive(&mut self, most: usize, pool: &mut Pool, got: &mut Vec<Frame>) -> io::Result<usize> {
        let mut basket = Basket { pool, got, frame: None };
        let count = match self {
            Opened::Port(port) | Opened::Underlay(port) => port.receive(most, &mut basket),
            Opened::Tap(tap) => tap.receive(most, &mut basket),
        };
        if let Some(frame) = basket.frame.take() {
            basket.pool.recycle(frame);
        }
        count
    }

    /// The kernel says that there is something, and there is no frame: it may be that the device was down, of which
    /// it tells until it is asked.
    pub fn take_error(&self) {
        if let Opened::Port(port) | Opened::Underlay(port) = self
            && let Some(error) = port.take_error()
        {
            tracing::debug!(%error, "a device was down");
        }
    }

    pub fn send(&mut self, frames: &[Frame]) {
        match self {
            Opened::Port(port) | Opened::Underlay(port) => {
                port.send_slices(frames.iter().map(|frame| (offload::header_of(frame), frame.slices())));
            }
            Opened::Tap(tap) => {
                frames.iter().for_each(|frame| tap.send_slices(&offload::header_of(frame), frame.slices()));
            }
        }
    }

    pub fn lost(&mut self) -> Lost {
        match self {
            Opened::Port(port) | Opened::Underlay(port) => port.lost(),
            Opened::Tap(tap) => tap.lost(),
        }
    }
}

/// A device is open without, and its frames take the slow path.
fn told(device: &str, looked: Option<io::Result<Looked>>) -> Option<Looked> {
    match looked? {
        Ok(looked) => Some(looked),
        Err(error) => {
            tracing::warn!(device, %error, "its frames do not take the fast path, which needs Linux 6.6");
            None
        }
    }
}

/// Where received frames are laid.
struct Basket<'a> {
    pool: &'a mut Pool,
    got: &'a mut Vec<Frame>,
    /// Room that was given and not filled yet.
    frame: Option<Frame>,
}

impl Room for Basket<'_> {
    #[inline]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let pool = &mut *self.pool;
        let fits = |frame: &Frame| frame.footprint() >= bytes + Frame::HEADROOM;
        if self.frame.as_ref().is_some_and(|frame| !fits(frame))
            && let Some(frame) = self.frame.take()
        {
            pool.recycle(frame);
        }
        self.frame.get_or_insert_with(|| pool.take(bytes)).room()
    }

    #[inline]
    fn filled(&mut self, head: VnetHeader, bytes: usize) {
        let Some(mut frame) = self.frame.take() else { return };
        frame.fill(bytes);
        if bytes <= SMALL && frame.footprint() > 16 * SMALL {
            let mut small = self.pool.take(bytes);
            small.room()[..bytes].copy_from_slice(frame.bytes());
            small.fill(bytes);
            // The large one is for the next.
            self.frame = Some(std::mem::replace(&mut frame, small));
        }
        frame.offload = offload::of_header(&head);
        self.got.push(frame);
    }
}

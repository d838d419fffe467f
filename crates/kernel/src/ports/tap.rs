//! A tap: a device of our own, whose other end is this process.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::socket::SockProtocol;

use super::{LONGEST_FRAME, Lost, Room, VnetHeader};
use crate::netlink::{Message, Socket};
use crate::{link, netns};

const CHECKSUM: u32 = 1;
const TSO4: u32 = 2;
const TSO6: u32 = 4;
const TSO_ECN: u32 = 8;
/// Frames that wait for us in the kernel.
const QUEUE: u32 = 4096;

nix::ioctl_write_int!(set_persist, b'T', 203);
nix::ioctl_write_int!(set_offload, b'T', 208);
nix::ioctl_write_ptr!(set_header_len, b'T', 216, c_int);
// Its number speaks of an int, and a struct is what it takes.
nix::ioctl_write_ptr_bad!(attach, nix::request_code_write!(b'T', 202, size_of::<c_int>()), libc::ifreq);

/// What whoever reads a tap takes unfinished: without checksums, and not cut into segments.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Offloads {
    /// Without it none of the others counts.
    pub checksum: bool,
    pub tso4: bool,
    pub tso6: bool,
    pub ecn: bool,
}

impl Offloads {
    const ALL: Offloads = Offloads { checksum: true, tso4: true, tso6: true, ecn: true };

    fn bits(self) -> libc::c_ulong {
        let rows = [(self.tso4, TSO4), (self.tso6, TSO6), (self.ecn && (self.tso4 || self.tso6), TSO_ECN)];
        let cut = rows.into_iter().filter(|(takes, _)| *takes).fold(CHECKSUM, |bits, (_, bit)| bits | bit);
        if self.checksum { cut.into() } else { 0 }
    }
}

/// One open tap.
pub struct Tap {
    file: File,
    lost: Lost,
}

impl Tap {
    /// Opens the tap of a name in a namespace, and makes it when it is not there. It stays when we end.
    pub fn open(namespace: &Path, name: &str, mtu_bytes: Option<u32>) -> io::Result<Tap> {
        let mtu = mtu_bytes.map(|mtu_bytes| link::set_mtu(name, mtu_bytes));
        let tap = netns::within(namespace, || open(name, mtu))??;
        tap.stay(true)?;
        Ok(tap)
    }

    /// Makes a tap that is there, and up, until it is closed or this process ends. This machine has no address on it.
    pub fn while_open(namespace: &Path, name: &str) -> io::Result<Tap> {
        let wishes = [link::silence_ipv6(name), link::set_up(name, true)];
        let tap = netns::within(namespace, || open(name, wishes))??;
        tap.stay(false)?;
        Ok(tap)
    }

    fn stay(&self, stays: bool) -> io::Result<()> {
        // SAFETY: the descriptor is open, and the argument is a plain number.
        unsafe { set_persist(self.file.as_raw_fd(), stays.into()) }?;
        Ok(())
    }

    /// From the next frame on it gives what may be given unfinished, and nothing else so.
    pub fn set_offloads(&self, takes: Offloads) -> io::Result<()> {
        // SAFETY: the descriptor is open, and the argument is a plain number.
        unsafe { set_offload(self.file.as_raw_fd(), takes.bits()) }?;
        Ok(())
    }

    /// Removes the device.
    pub fn delete(self) -> io::Result<()> {
        self.stay(false)
    }

    /// Takes frames that are there, no more than so many. An error says that the device is gone for good.
    pub fn receive(&mut self, most: usize, room: &mut impl Room) -> io::Result<usize> {
        for count in 0..most {
            let mut head = [0; VnetHeader::LEN];
            let space = room.room(LONGEST_FRAME);
            let slices = &mut [IoSliceMut::new(&mut head), IoSliceMut::new(space)];
            match self.file.read_vectored(slices) {
                Ok(length) if length > VnetHeader::LEN => {
                    room.filled(VnetHeader::parse(&head), length - VnetHeader::LEN);
                }
                Ok(_) => self.lost.received += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came before it went away is told first.
                Err(error) if count == 0 && error.raw_os_error() == Some(libc::EBADFD) => return Err(error),
                Err(_) => return Ok(count),
            }
        }
        Ok(most)
    }

    /// Gives a frame to the device, or counts it as lost.
    pub fn send(&mut self, head: &VnetHeader, frame: &[u8]) {
        self.send_slices(head, std::iter::once(frame));
    }

    /// The same of a frame that lies in several places, fewer than a thousand.
    pub fn send_slices<'a>(&mut self, head: &VnetHeader, frame: impl Iterator<Item = &'a [u8]>) {
        let head = head.emit();
        let mut slices = vec![IoSlice::new(&head)];
        for slice in frame {
            slices.push(IoSlice::new(slice));
        }
        if self.file.write_vectored(&slices).is_err() {
            self.lost.sent += 1;
        }
    }

    pub fn lost(&self) -> Lost {
        self.lost
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn open(name: &str, wishes: impl IntoIterator<Item = Message>) -> io::Result<Tap> {
    let file =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // SAFETY: ifreq is plain integers and arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
    let fd = file.as_raw_fd();
    // SAFETY: the descriptor is open; the arguments are plain numbers, or point to values that live across
    // the calls.
    unsafe {
        attach(fd, &request)?;
        set_header_len(fd, &(VnetHeader::LEN as c_int))?;
    }
    let tap = Tap { file, lost: Lost::default() };
    tap.set_offloads(Offloads::ALL)?;
    let mut socket = Socket::open(SockProtocol::NetlinkRoute)?;
    let wishes = [link::set_queue(name, QUEUE)].into_iter().chain(wishes).collect();
    for outcome in socket.request(wishes) {
        outcome.map_err(|refusal| io::Error::from(refusal.errno))?;
    }
    Ok(tap)
}

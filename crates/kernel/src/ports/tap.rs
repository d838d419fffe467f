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
use crate::netlink::Socket;
use crate::{link, netns};

const OFFLOADS: libc::c_ulong = (CHECKSUM | TSO4 | TSO6 | TSO_ECN) as libc::c_ulong;
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

/// One open tap.
pub struct Tap {
    file: File,
    lost: Lost,
}

impl Tap {
    /// Opens the tap of a name in a namespace, and makes it when it is not there. It stays when we end.
    pub fn open(namespace: &Path, name: &str, mtu_bytes: Option<u32>) -> io::Result<Tap> {
        netns::within(namespace, || open(name, mtu_bytes))?
    }

    /// Removes the device.
    pub fn delete(self) -> io::Result<()> {
        // SAFETY: the descriptor is open, and the argument is a plain number.
        unsafe { set_persist(self.file.as_raw_fd(), 0) }?;
        Ok(())
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

fn open(name: &str, mtu_bytes: Option<u32>) -> io::Result<Tap> {
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
        set_offload(fd, OFFLOADS)?;
        set_persist(fd, 1)?;
    }
    let mut socket = Socket::open(SockProtocol::NetlinkRoute)?;
    let mut wishes = vec![link::set_queue(name, QUEUE)];
    wishes.extend(mtu_bytes.map(|mtu_bytes| link::set_mtu(name, mtu_bytes)));
    for outcome in socket.request(wishes) {
        outcome.map_err(|refusal| io::Error::from(refusal.errno))?;
    }
    Ok(Tap { file, lost: Lost::default() })
}

//! Raw frames of one device, filtered by the kernel.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socket, sockopt,
};
use tokio::io::unix::AsyncFd;

use crate::netns;

/// Frames beyond this many bytes waiting are dropped by the kernel.
const RECEIVE_BUFFER_BYTES: usize = 128 << 10;

/// One instruction of classic BPF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub value: u32,
}

/// Sends and receives whole Ethernet frames on one device.
pub struct PacketSocket {
    fd: AsyncFd<OwnedFd>,
}

impl PacketSocket {
    /// Opens on a device inside a namespace; only frames that the filter takes arrive.
    /// Must be called within a tokio runtime.
    pub fn open(namespace: &Path, device: &str, filter: &[Instruction]) -> io::Result<PacketSocket> {
        let fd = netns::within(namespace, || open(device, filter))??;
        Ok(PacketSocket { fd: crate::wait::register(fd)? })
    }

    /// Waits until a frame may be there.
    pub async fn readable(&self) -> io::Result<()> {
        self.fd.readable().await.map(|mut guard| guard.retain_ready())
    }

    /// A frame that is there; `None` when there is none, and `readable` waits for the next.
    pub fn try_receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let length = self.fd.try_io(tokio::io::Interest::READABLE, |fd| {
            recv(fd.as_raw_fd(), buffer, MsgFlags::empty()).map_err(io::Error::from)
        });
        match length {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a frame, or drops it when the device is busy.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        match send(self.fd.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Frames dropped, since last asked, because nobody fetched them.
    pub fn dropped(&self) -> io::Result<u64> {
        let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of_val(&stats) as libc::socklen_t;
        // SAFETY: the descriptor is open; the kernel writes at most `length` bytes, the size of
        // the struct it is given, and both live across the call.
        let outcome = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                std::ptr::from_mut(&mut stats).cast(),
                &raw mut length,
            )
        };
        if outcome == 0 { Ok(stats.tp_drops.into()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Takes a UDP port of a namespace and reads nothing, so that the kernel does not refuse what
/// arrives there and is read from a [`PacketSocket`].
pub struct Sink {
    _sockets: Vec<UdpSocket>,
}

impl Sink {
    pub fn open(namespace: &Path, addresses: &[SocketAddr]) -> io::Result<Sink> {
        let take = |address: &SocketAddr| {
            let socket = UdpSocket::bind(address)?;
            attach(&socket, &[TAKE_NOTHING])?;
            Ok(socket)
        };
        let sockets: io::Result<_> = netns::within(namespace, || addresses.iter().map(take).collect())?;
        Ok(Sink { _sockets: sockets? })
    }
}

pub(crate) const TAKE_NOTHING: Instruction =
    Instruction { code: 0x06, jump_true: 0, jump_false: 0, value: 0 };

fn open(device: &str, filter: &[Instruction]) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    // Without a protocol nothing arrives before the filter is in place and the device chosen.
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    setsockopt(&fd, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
    attach(&fd, filter)?;
    bind(&fd, if_nametoindex(device)?)?;
    Ok(fd)
}

pub(crate) fn attach(fd: &impl AsRawFd, filter: &[Instruction]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = filter
        .iter()
        .map(|i| libc::sock_filter { code: i.code, jt: i.jump_true, jf: i.jump_false, k: i.value })
        .collect();
    let program = libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_mut_ptr() };
    // SAFETY: the descriptor is open; the option's value is a sock_fprog that points to `len`
    // instructions which live until the end of this function; the kernel copies both.
    let outcome = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// All that comes by a device comes to the socket.
pub(crate) fn bind(fd: &OwnedFd, index: u32) -> io::Result<()> {
    bind_for(fd, index, libc::ETH_P_ALL as u16)
}

/// The socket sends by a device, and nothing comes to it.
pub(crate) fn bind_to_send(fd: &OwnedFd, index: u32) -> io::Result<()> {
    bind_for(fd, index, 0)
}

fn bind_for(fd: &OwnedFd, index: u32, protocol: u16) -> io::Result<()> {
    let address = address(index, protocol);
    // SAFETY: the descriptor is open, and the address is a sockaddr_ll that lives across the
    // call, with its own size given.
    let outcome = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a whole frame by a device, through a socket that is bound to none; a busy device drops it.
pub(crate) fn send_to(socket: RawFd, index: u32, frame: &[u8]) -> io::Result<()> {
    let protocol =
        frame.get(12..14).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u16::from_be_bytes(*b));
    let address = address(index, protocol);
    // SAFETY: the frame's bytes and the address, a sockaddr_ll, live across the call, with their
    // own sizes given; a descriptor that is not open is refused.
    let outcome = unsafe {
        libc::sendto(
            socket,
            frame.as_ptr().cast(),
            frame.len(),
            0,
            std::ptr::from_ref(&address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    match Errno::result(outcome) {
        Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn address(index: u32, protocol: u16) -> libc::sockaddr_ll {
    // SAFETY: sockaddr_ll is plain integers and arrays of them, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as libc::c_ushort;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index as libc::c_int;
    address
}

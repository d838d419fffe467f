//! A TCP stream as a bare descriptor.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpListener};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    Backlog, MsgFlags, Shutdown, SockFlag, SockaddrStorage, accept4, getpeername, recv, setsockopt, shutdown,
    sockopt,
};

/// The next connection that waits, and who is at its other end. It does not block.
pub fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let taken = accept4(listener.as_fd().as_raw_fd(), SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: accept4 gave a descriptor that nobody else knows of.
    let stream = unsafe { OwnedFd::from_raw_fd(taken) };
    let peer: SockaddrStorage = getpeername(taken)?;
    let address = match (peer.as_sockaddr_in(), peer.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::new(IpAddr::from(v4.ip()), v4.port()),
        (_, Some(v6)) => SocketAddr::new(IpAddr::from(v6.ip()), v6.port()),
        _ => return Err(Errno::EAFNOSUPPORT.into()),
    };
    Ok((stream, address))
}

pub fn receive(stream: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(stream.as_fd().as_raw_fd(), buffer, MsgFlags::empty())?)
}

/// Never ends the process, as writing to a stream that has ended else does.
pub fn send(stream: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(nix::sys::socket::send(stream.as_fd().as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
}

/// The other side reads the end after what was written; for every holder of the stream.
pub fn end_writing(stream: impl AsFd) -> io::Result<()> {
    Ok(shutdown(stream.as_fd().as_raw_fd(), Shutdown::Write)?)
}

pub fn set_no_delay(stream: impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&stream, sockopt::TcpNoDelay, &true)?)
}

/// Bytes of `struct tcp_info` up to and with `tcpi_bytes_retrans`; kernels append, and never move.
const INFO_BYTES: usize = 216;
const NOT_SENT_AT: usize = 144;
const SENT_AT: usize = 200;
const SENT_AGAIN_AT: usize = 208;

/// How many bytes whoever holds this TCP stream ever wrote to it, those that wait included.
pub fn sent_ever(stream: impl AsFd) -> io::Result<u64> {
    let mut info = [0u8; INFO_BYTES];
    let mut len = INFO_BYTES as libc::socklen_t;
    // SAFETY: the buffer and its length live across the call, which writes at most that many bytes.
    let outcome = unsafe {
        libc::getsockopt(
            stream.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    Errno::result(outcome)?;
    if (len as usize) < INFO_BYTES {
        return Err(Errno::ENOPROTOOPT.into());
    }
    let word = |at: usize| info[at..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let long = |at: usize| info[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    Ok(long(SENT_AT).saturating_sub(long(SENT_AGAIN_AT)) + u64::from(word(NOT_SENT_AT)))
}

/// Bytes that wait, which go on waiting; 0 at the end.
pub fn peek(stream: impl AsFd) -> io::Result<usize> {
    Ok(recv(stream.as_fd().as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK)?)
}

/// Listens in the namespace of the calling thread; link-local addresses need their device.
pub fn listen(address: IpAddr, device: Option<&str>, port: u16) -> io::Result<OwnedFd> {
    const WAITING: i32 = 1024;
    let address = match (address, device) {
        (IpAddr::V6(v6), Some(device)) => {
            SocketAddr::V6(SocketAddrV6::new(v6, port, 0, if_nametoindex(device)?))
        }
        (address, _) => SocketAddr::new(address, port),
    };
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    nix::sys::socket::listen(&listener, Backlog::new(WAITING)?)?;
    Ok(listener.into())
}

//! Sockets that take what the switch takes as well, and read nothing: without them the kernel would tell
//! the other side that nobody is there.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, sockopt};

use crate::netns;
use crate::packet::{TAKE_NOTHING, attach};

/// Open for as long as the switch takes tunnels.
pub struct Silence {
    _udp: Vec<UdpSocket>,
    _raw: Vec<OwnedFd>,
    taken: Vec<u16>,
}

impl Silence {
    /// Holds ports of UDP, of both families, and GRE if it is asked for.
    pub fn open(namespace: &Path, ports: &[u16], gre: bool) -> io::Result<Silence> {
        netns::within(namespace, || open(ports, gre))?
    }

    /// Ports that something else holds, which then decides what the kernel says of them.
    pub fn taken(&self) -> &[u16] {
        &self.taken
    }
}

fn open(ports: &[u16], gre: bool) -> io::Result<Silence> {
    let (mut udp, mut taken) = (Vec::new(), Vec::new());
    for port in ports {
        // One of both families; where there is no IPv6, one of the other.
        let socket = UdpSocket::bind(("::", *port)).or_else(|_| UdpSocket::bind(("0.0.0.0", *port)));
        match socket {
            Ok(socket) => {
                attach(&socket, &[TAKE_NOTHING])?;
                // Packets that belong together are thrown away together, not cut apart before.
                let _ = setsockopt(&socket, sockopt::UdpGroSegment, &true);
                udp.push(socket);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken.push(*port),
            Err(error) => return Err(error),
        }
    }
    let mut raw = Vec::new();
    if gre {
        for family in [libc::AF_INET, libc::AF_INET6] {
            match raw_socket(family) {
                Ok(socket) => {
                    attach(&socket, &[TAKE_NOTHING])?;
                    raw.push(socket);
                }
                Err(Errno::EAFNOSUPPORT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(Silence { _udp: udp, _raw: raw, taken })
}

fn raw_socket(family: libc::c_int) -> nix::Result<OwnedFd> {
    let family = if family == libc::AF_INET { AddressFamily::Inet } else { AddressFamily::Inet6 };
    // nix names only some protocols of raw sockets, so the call is made by hand.
    // SAFETY: takes plain numbers.
    let fd = unsafe {
        let kind = SockType::Raw as libc::c_int | SockFlag::SOCK_CLOEXEC.bits();
        libc::socket(family as libc::c_int, kind, libc::IPPROTO_GRE)
    };
    Errno::result(fd)?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    let fd = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
    debug_assert!(AsRawFd::as_raw_fd(&fd as &OwnedFd) >= 0);
    Ok(fd)
}

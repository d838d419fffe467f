//! Messages over a unix socket: whole, in order, each with one descriptor at most.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, setsockopt, socket, sockopt,
};

use super::Watched;

/// What waits for the other process, so that it may pause for a moment.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Where other processes of this host call.
#[derive(Debug)]
pub struct Listener {
    watched: Watched,
}

impl Listener {
    /// Takes the place of a socket that is left of an earlier run. Others than the owner may connect only
    /// if `open`; who they are is told by [`Packets::user`], which cannot be pretended.
    pub fn bind(path: &Path, open: bool) -> io::Result<Listener> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        if fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path)?;
        }
        let fd = new_socket()?;
        bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
        fs::set_permissions(path, fs::Permissions::from_mode(if open { 0o666 } else { 0o600 }))?;
        listen(&fd, Backlog::new(16)?)?;
        Ok(Listener { watched: Watched::for_reading(Arc::new(fd))? })
    }

    pub async fn accept(&self) -> io::Result<Packets> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let taken = self.watched.when_ready(|fd| Ok(accept4(fd.as_raw_fd(), flags)?)).await?;
        // SAFETY: accept4 gave a descriptor that nobody else knows of.
        Packets::new(unsafe { OwnedFd::from_raw_fd(taken) })
    }
}

/// One message.
#[derive(Debug)]
pub struct Received {
    /// 0 at the end: the other process has ended, or let go.
    pub bytes: usize,
    pub descriptor: Option<OwnedFd>,
}

/// A connection to another process.
#[derive(Debug)]
pub struct Packets {
    incoming: Watched,
    outgoing: Watched,
}

impl Packets {
    pub fn connect(path: &Path) -> io::Result<Packets> {
        let fd = new_socket()?;
        connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
        Packets::new(fd)
    }

    fn new(fd: OwnedFd) -> io::Result<Packets> {
        setsockopt(&fd, sockopt::SndBuf, &SEND_BUFFER_BYTES)?;
        // One descriptor per direction: the runtime waits on each once.
        let other = Arc::new(fd.try_clone()?);
        Ok(Packets { incoming: Watched::for_reading(Arc::new(fd))?, outgoing: Watched::for_writing(other)? })
    }

    /// The user of the process at the other end.
    pub fn user(&self) -> io::Result<u32> {
        Ok(getsockopt(self.incoming.descriptor(), sockopt::PeerCredentials)?.uid())
    }

    /// Sends a message whole, once there is room for it.
    pub async fn send(&self, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let raw = descriptor.map(|fd| [fd.as_raw_fd()]);
        let rights: Option<[ControlMessage<'_>; 1]> =
            raw.as_ref().map(|fds| [ControlMessage::ScmRights(fds)]);
        let rights: &[ControlMessage<'_>] = rights.as_ref().map_or(&[], |one| one.as_slice());
        self.outgoing
            .when_ready(|fd| {
                let text = [IoSlice::new(message)];
                let none: Option<&UnixAddr> = None;
                sendmsg(fd.as_raw_fd(), &text, rights, MsgFlags::MSG_NOSIGNAL, none)?;
                Ok(())
            })
            .await
    }

    /// The next message. One that is longer than the buffer is an error, as its rest is lost.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.incoming.when_ready(|fd| receive(fd.as_raw_fd(), buffer)).await
    }
}

fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = cmsg_space!(RawFd);
    let mut text = [IoSliceMut::new(buffer)];
    // The kernel closes what does not fit into the space.
    let message = recvmsg::<()>(fd, &mut text, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut descriptor = None;
    for part in message.cmsgs()? {
        let ControlMessageOwned::ScmRights(fds) = part else { continue };
        for fd in fds {
            // SAFETY: the kernel made this descriptor for us with the message, and nobody else knows of it.
            descriptor = Some(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        return Err(Errno::EMSGSIZE.into());
    }
    Ok(Received { bytes: message.bytes, descriptor })
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    Ok(socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?)
}

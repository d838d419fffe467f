//! What the kernel answers on a netlink socket, and what is wrong with it.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};

use super::ConntrackError;
use crate::netlink::message::u32_of;
use crate::netlink::socket::Header;

/// What an error or the end of a dump says.
pub(super) fn errno_of(header: &Header, payload: &[u8]) -> Option<Errno> {
    let ends = [libc::NLMSG_ERROR, libc::NLMSG_DONE].contains(&i32::from(header.kind));
    let number = (u32_of(payload) as i32).wrapping_neg();
    (ends && number > 0).then(|| Errno::from_raw(number))
}

pub(super) fn receive(fd: &OwnedFd, buffer: &mut [u8], act: &'static str) -> Result<usize, ConntrackError> {
    loop {
        match recv(fd.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC) {
            Err(Errno::EINTR) => continue,
            // With MSG_TRUNC the true length is told: what did not fit is lost.
            Ok(len) if len > buffer.len() => return Err(lost(act, Errno::EMSGSIZE)),
            Ok(len) => return Ok(len),
            Err(errno) => return Err(lost(act, errno)),
        }
    }
}

/// Takes away what is left of answers of which some were lost: until then the kernel leaves out others.
pub(super) fn drain(fd: &OwnedFd) {
    let mut byte = [0];
    while let Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) =
        recv(fd.as_raw_fd(), &mut byte, MsgFlags::MSG_DONTWAIT)
    {}
}

pub(super) fn refused(act: &'static str, errno: Errno) -> ConntrackError {
    ConntrackError::Refused { act, errno }
}

pub(super) fn lost(act: &'static str, errno: Errno) -> ConntrackError {
    ConntrackError::Lost { act, errno }
}

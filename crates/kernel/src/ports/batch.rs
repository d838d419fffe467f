//! Frames that one system call sends, each in as many pieces as it lies in.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::VnetHeader;

/// Frames of one system call.
pub(super) const BATCH: usize = 64;

/// What one system call sends; its pointers mean something only between [`Batch::fill`] and [`Batch::flush`].
pub(super) struct Batch {
    heads: Box<[[u8; VnetHeader::LEN]; BATCH]>,
    parts: Vec<libc::iovec>,
    /// Where the parts of each frame end.
    ends: Vec<usize>,
    messages: Box<[libc::mmsghdr; BATCH]>,
}

// SAFETY: the pointers are written before each use, and are of no thread's own.
unsafe impl Send for Batch {}

/// That a device was down is told once, by whichever call is next, which does nothing else.
pub(super) fn told_first<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    match call() {
        Err(Errno::ENETDOWN) => call(),
        outcome => outcome,
    }
}

impl Batch {
    pub fn new() -> Batch {
        // SAFETY: mmsghdr is plain integers and pointers, for which zero is a value.
        let message: libc::mmsghdr = unsafe { std::mem::zeroed() };
        Batch {
            heads: Box::new([[0; VnetHeader::LEN]; BATCH]),
            parts: Vec::with_capacity(4 * BATCH),
            ends: Vec::with_capacity(BATCH),
            messages: Box::new([message; BATCH]),
        }
    }

    /// Lays out as many frames as go into one call, and tells how many.
    pub fn fill<'a, I>(&mut self, frames: &mut impl Iterator<Item = (VnetHeader, I)>) -> usize
    where
        I: Iterator<Item = &'a [u8]>,
    {
        self.parts.clear();
        self.ends.clear();
        // The kernel only reads what it is given to send.
        let part =
            |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        for at in 0..BATCH {
            let Some((head, frame)) = frames.next() else { break };
            self.heads[at] = head.emit();
            self.parts.push(part(&self.heads[at]));
            self.parts.extend(frame.map(part));
            self.ends.push(self.parts.len());
        }
        let mut begin = 0;
        for (message, end) in self.messages.iter_mut().zip(&self.ends) {
            message.msg_hdr.msg_iov = self.parts[begin..].as_mut_ptr();
            message.msg_hdr.msg_iovlen = end - begin;
            begin = *end;
        }
        self.ends.len()
    }

    /// Frames that were not taken.
    pub fn flush(&mut self, fd: &OwnedFd, count: usize) -> u64 {
        let (mut at, mut lost) = (0, 0);
        while at < count {
            let left = (count - at) as libc::c_uint;
            let give = || {
                // SAFETY: the descriptor is open; messages point to parts, and these to heads of our own and to
                // frames that the caller lends across the call, each with its own size.
                Errno::result(unsafe {
                    libc::sendmmsg(fd.as_raw_fd(), self.messages[at..].as_mut_ptr(), left, libc::MSG_DONTWAIT)
                })
            };
            match told_first(give) {
                Ok(sent) => at += sent.max(1) as usize,
                Err(Errno::EINTR) => {}
                // The first of them was refused; those behind it may pass.
                Err(_) => (at, lost) = (at + 1, lost + 1),
            }
        }
        lost
    }
}

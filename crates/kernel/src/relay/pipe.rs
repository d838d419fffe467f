//! A pipe, by which bytes pass from one stream to another without being copied to this process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

#[derive(Debug)]
pub struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
    /// As much as it holds, if streams bring whole pages.
    pub bytes: usize,
}

impl Pipe {
    /// A pipe of this size, or of the usual one where more is not allowed.
    pub fn new(bytes: usize) -> io::Result<Pipe> {
        let (from, to) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let wanted = i32::try_from(bytes).unwrap_or(i32::MAX);
        let size =
            fcntl(&to, FcntlArg::F_SETPIPE_SZ(wanted)).or_else(|_| fcntl(&to, FcntlArg::F_GETPIPE_SZ))?;
        Ok(Pipe { from, to, bytes: size as usize })
    }

    /// Takes at most so many bytes of a stream; 0 at its end. It would block when nothing is
    /// there, and also when the pipe has no place.
    pub fn fill(&self, stream: impl AsFd, most: usize) -> io::Result<usize> {
        Ok(splice(stream, None, &self.to, None, most, FLAGS)?)
    }

    /// Gives so many bytes to a stream, or fewer.
    pub fn drain(&self, stream: impl AsFd, most: usize) -> io::Result<usize> {
        Ok(splice(&self.from, None, stream, None, most, FLAGS)?)
    }
}

const FLAGS: SpliceFFlags = SpliceFFlags::SPLICE_F_MOVE.union(SpliceFFlags::SPLICE_F_NONBLOCK);

//! Why a table could not be worked on.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

#[derive(Debug, thiserror::Error)]
pub enum ConntrackError {
    #[error("cannot enter namespace {}: {source}", .path.display())]
    Namespace { path: PathBuf, source: io::Error },
    #[error("cannot open a netlink socket for connection tracking: {0}")]
    Open(#[source] io::Error),
    /// The kernel said no.
    #[error("cannot {act}: {}", .errno.desc())]
    Refused { act: &'static str, errno: Errno },
    /// What the kernel said went missing. The work may have been done, and can be done again.
    #[error("cannot {act}: the kernel's answers were lost ({})", .errno.desc())]
    Lost { act: &'static str, errno: Errno },
    /// The table changed its shape, time and again, while it was walked.
    #[error("cannot walk the table: it was changed under every one of {tries} walks")]
    Torn { tries: u32 },
    /// Who looked at it wanted no more.
    #[error("the walk was stopped")]
    Stopped,
}

impl ConntrackError {
    /// True when the namespace itself was not there.
    pub fn is_gone(&self) -> bool {
        match self {
            ConntrackError::Namespace { source, .. } => matches!(
                source.raw_os_error().map(Errno::from_raw),
                // A name that is no namespace (any more) is a plain file.
                Some(Errno::ENOENT | Errno::EINVAL | Errno::ENOTDIR)
            ),
            _ => false,
        }
    }
}

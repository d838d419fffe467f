//! What went wrong at the door, and what was tried on what.

use std::io;
use std::path::PathBuf;

use crate::netlink::socket::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel said no to a request.
    #[error("cannot {act}: {refusal}")]
    Refused { act: String, refusal: Refusal },
    #[error("cannot {act}: there is no device {device}")]
    NoDevice { act: String, device: String },
    #[error("cannot {act}: its addresses are of two families")]
    TwoFamilies { act: String },
    #[error("cannot {act}: this kernel has no address translation in nftables ({source})")]
    NoNat { act: String, source: io::Error },
    #[error("cannot {act}: {source}")]
    Io { act: String, source: io::Error },
    #[error("cannot enter namespace {}: {source}", .path.display())]
    Namespace { path: PathBuf, source: io::Error },
    /// An earlier act for the same part failed.
    #[error("did not {act} after an earlier failure")]
    Skipped { act: String },
    #[error("the thread of the namespace ended")]
    ThreadEnded,
}

impl KernelError {
    pub(crate) fn io(act: impl Into<String>) -> impl FnOnce(io::Error) -> KernelError {
        let act = act.into();
        move |source| KernelError::Io { act, source }
    }

    pub(crate) fn refused(act: impl Into<String>) -> impl FnOnce(Refusal) -> KernelError {
        let act = act.into();
        move |refusal| KernelError::Refused { act, refusal }
    }
}

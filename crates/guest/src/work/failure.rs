//! Why an order ends without what it orders, or waits.

use crate::fetch;
use crate::http::Broken;
use crate::install::Unable;
use crate::trust::Untrusted;

/// Why an order, or one file of it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the order has no packages, or too many")]
    Packages,
    #[error("{0:?} is no package that can be installed: its {1} is not one")]
    Package(String, &'static str),
    #[error("{name}: {why}")]
    Untrusted { name: String, why: Untrusted },
    #[error("{name}: {why}")]
    Fetch { name: String, why: fetch::Failed },
    #[error("{name}: the file is not what it is said to be: it is {found}")]
    OtherPackage { name: String, found: String },
    #[error("{name}: the file cannot be read ({why})")]
    Malformed { name: String, why: String },
    #[error(transparent)]
    Install(#[from] Unable),
    #[error("cannot keep what becomes of it: {0}")]
    Kept(#[from] crate::GuestError),
}

/// How often the gateway may say that there is no such file: what was published last is not everywhere at once.
const MISSING: u32 = 8;

impl Failure {
    /// Whether another try may do better, after so many.
    pub fn may_pass(&self, tries: u32) -> bool {
        let broken = match self {
            Failure::Untrusted { why: Untrusted::Broken(broken), .. } => broken,
            Failure::Fetch { why: fetch::Failed::Broken(broken), .. } => broken,
            Failure::Fetch { why, .. } => return why.may_pass(),
            _ => return false,
        };
        match broken {
            Broken::Status(408 | 425 | 429 | 500.., _) => true,
            Broken::Status(..) => tries < MISSING,
            Broken::TooLong | Broken::Json(_) => false,
            Broken::Unreached(_) | Broken::Io(_) | Broken::Head(_) => true,
        }
    }

    /// Nobody wants it any more.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Failure::Fetch { why: fetch::Failed::Stopped, .. })
    }
}

//! Why a gateway could not start or go on.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("[gateway] {option}: {why}")]
    Setting { option: &'static str, why: &'static str },
    #[error("cannot {act} {what}: {source}")]
    Io { act: &'static str, what: String, source: io::Error },
}

impl GatewayError {
    pub(crate) fn io(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> GatewayError {
        let what = path.into().display().to_string();
        move |source| GatewayError::Io { act, what, source }
    }
}

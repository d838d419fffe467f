//! Why the program itself cannot go on. Why an order failed is in `work::Failure`.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("another neutrino-guest runs on {}", .0.display())]
    Busy(PathBuf),
    #[error("the gateway does not tell its orders: {0}")]
    NoOrders(#[from] crate::http::Broken),
}

impl GuestError {
    pub fn io(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> GuestError {
        let path = path.as_ref().to_owned();
        move |source| GuestError::Io { what, path, source }
    }
}

//! Addresses and packet formats: bytes to typed headers and back.
//!
//! Owns byte offsets and nothing else; what a frame means is decided in `host` and `cloud`.

mod mac;

pub use mac::Mac;

/// Why bytes could not be read as the format they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the format's fixed part needs.
    #[error("too short: {got} bytes where {need} are needed")]
    Short { need: usize, got: usize },
    /// A field holds a value the format does not allow.
    #[error("field {0} holds a value the format does not allow")]
    Field(&'static str),
}

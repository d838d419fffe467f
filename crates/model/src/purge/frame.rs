//! How messages lie in a stream: four bytes of length, in network order, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message; a sender of more splits its jobs.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a message of {0} bytes is too long: send at most {MAX_FRAME_BYTES}, in several messages")]
    TooLong(usize),
    #[error("the message cannot be read: {0}")]
    Unreadable(#[source] serde_json::Error),
}

/// Length and message.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(FrameError::Unreadable)?;
    let len = bytes.len() - 4;
    if len > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(len));
    }
    bytes[..4].copy_from_slice(&(len as u32).to_be_bytes());
    Ok(bytes)
}

/// How many bytes follow, by the first four.
pub fn frame_len(head: [u8; 4]) -> Result<usize, FrameError> {
    let len = u32::from_be_bytes(head) as usize;
    if len > MAX_FRAME_BYTES { Err(FrameError::TooLong(len)) } else { Ok(len) }
}

/// The message, without its length.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(FrameError::Unreadable)
}

//! What vswitchd is asked, and what it answers: JSON behind its length.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use model::vswitch::{FdbEntry, Shown, Wanted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Of this conversation.
pub const VERSION: u32 = 1;
/// 10,000 tunnels take some 4 MB.
pub const MAX_BYTES: usize = 32 << 20;
/// For one message to arrive whole, and for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Before anything else.
    Hello {
        version: u32,
    },
    /// Be this, and nothing besides.
    Apply {
        wanted: Box<Wanted>,
    },
    /// What are you to be?
    Wanted,
    Show,
    /// MACs, of all networks or of one.
    Fdb {
        network: Option<String>,
        limit: usize,
    },
    /// What would become of a frame of a port? Nothing happens to it.
    Trace {
        port: String,
        frame: Vec<u8>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Hello {
        version: u32,
    },
    Applied,
    Wanted {
        wanted: Box<Wanted>,
    },
    Shown {
        shown: Box<Shown>,
        devices: BTreeMap<String, Device>,
    },
    Fdb {
        entries: Vec<FdbEntry>,
        /// Beyond those asked for.
        more: u64,
    },
    /// A line for each stage.
    Trace {
        stages: Vec<String>,
    },
    Refused {
        why: Why,
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    NotAllowed,
    Unreadable,
    Version,
    /// What is wanted contradicts itself.
    Wrong,
    /// It could not be kept, or the switch ended.
    Failed,
}

/// How a device of a port or an underlay is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Why no frames come; nothing when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Frames that came when there was no room.
    pub lost_received: u64,
    /// Frames that it did not take.
    pub lost_sent: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("a message of {0} bytes is too long: at most {MAX_BYTES} are read")]
    TooLong(usize),
    #[error("the message cannot be read: {0}")]
    Unreadable(#[source] serde_json::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// `None` when the other side ended between two messages. A message that has begun must arrive soon; for its
/// beginning nobody is hurried.
pub(crate) async fn read<T: DeserializeOwned>(stream: &mut UnixStream) -> Result<Option<T>, StreamError> {
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    let body = async {
        stream.read_exact(&mut head[1..]).await?;
        let len = u32::from_be_bytes(head) as usize;
        if len > MAX_BYTES {
            return Err(StreamError::TooLong(len));
        }
        // Grows as bytes come: a length alone takes no memory.
        let mut bytes = Vec::new();
        let got = stream.take(len as u64).read_to_end(&mut bytes).await?;
        if got < len {
            return Err(StreamError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    };
    let bytes = timeout(PATIENCE, body).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    serde_json::from_slice(&bytes).map(Some).map_err(StreamError::Unreadable)
}

pub(crate) async fn write(stream: &mut UnixStream, message: &impl Serialize) -> Result<(), StreamError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(StreamError::Unreadable)?;
    let len = bytes.len() - 4;
    if len > MAX_BYTES {
        return Err(StreamError::TooLong(len));
    }
    bytes[..4].copy_from_slice(&(len as u32).to_be_bytes());
    let sent = timeout(PATIENCE, stream.write_all(&bytes)).await;
    Ok(sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
}

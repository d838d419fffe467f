//! nftables: tables are listed over netlink and written by `nft -f -`.

use host::nft::parse_comment;
use host::observed::TableMark;
use nix::libc;

use crate::KernelError;
use crate::netlink::message::text_of;
use crate::netlink::{Message, attributes};
use crate::process::{self, Failure};

const SUBSYSTEM: u16 = 10 << 8;
const GET_TABLE: u16 = SUBSYSTEM | 1;
/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;
const NETDEV: u8 = libc::NFPROTO_NETDEV as u8;

const TABLE_NAME: u16 = 1;
const TABLE_USERDATA: u16 = 6;
const USERDATA_COMMENT: u8 = 0;

pub(crate) fn dump() -> Message {
    Message::new(GET_TABLE, 0, &[NETDEV, 0, 0, 0])
}

pub(crate) fn get(table: &str) -> Message {
    dump().attr_str(TABLE_NAME, table)
}

/// A table's name and what its comment says; a comment that is not ours marks nothing in place.
pub(crate) fn parse(payload: &[u8]) -> Option<(String, TableMark)> {
    let fixed = payload.first_chunk::<NFGENMSG>()?;
    if fixed[0] != NETDEV {
        return None;
    }
    let (mut name, mut comment) = (None, None);
    for (kind, value) in attributes(&payload[NFGENMSG..]) {
        match kind {
            TABLE_NAME => name = Some(text_of(value)),
            TABLE_USERDATA => comment = user_comment(value),
            _ => {}
        }
    }
    let mark = comment.and_then(|comment| parse_comment(&comment));
    Some((name?, mark.unwrap_or(TableMark { hash: 0, index: 0 })))
}

/// Runs a script in the namespace of the calling thread; all of it happens, or nothing.
pub(crate) fn run(act: &str, script: &str) -> Result<(), KernelError> {
    match process::run("nft", &["-f", "-"], script) {
        Ok(()) => Ok(()),
        Err(Failure::Start(source)) => Err(KernelError::Io { act: "start nft".into(), source }),
        Err(Failure::Said(text)) => {
            let message = text.lines().next().unwrap_or("nft gave no reason").to_owned();
            Err(KernelError::Nft { act: act.to_owned(), message })
        }
    }
}

/// User data is a row of (kind, length, bytes).
fn user_comment(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    while let [kind, length, tail @ ..] = rest {
        let value = tail.get(..usize::from(*length))?;
        if *kind == USERDATA_COMMENT {
            return Some(text_of(value));
        }
        rest = &tail[usize::from(*length)..];
    }
    None
}

//! nftables: which tables there are, and tables made and deleted, over netlink.
//!
//! `nft -f -` reads all tables of the namespace before it adds one, so with it a port would cost
//! the more the more ports there are; what `table` builds is sent in transactions instead.

mod asked;
mod ct_helpers;
mod expression;
pub(crate) mod filter;
pub(crate) mod filtered;
mod meter;
mod nat;
mod table;

use std::collections::BTreeSet;

use host::ct_helpers::{HelperSet, Object};
use host::meter::{Count, Meters};
use host::nat::Nat;
use host::nft::{Table, comment, parse_comment};
use host::observed::TableMark;
use model::MeteringLabelId;
use nix::libc;

use crate::netlink::message::text_of;
use crate::netlink::{Message, attributes};

const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const GET_TABLE: u16 = SUBSYSTEM << 8 | 1;
const DELETE_TABLE: u16 = SUBSYSTEM << 8 | 2;
/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;
const NETDEV: u8 = libc::NFPROTO_NETDEV as u8;
const INET: u8 = libc::NFPROTO_INET as u8;

/// The table of a namespace.
const OWN: &str = "neutrino";
/// What in it gives connections to helpers.
const HELPERS: &str = "neutrino-helpers";
/// What counts.
const METERS: &str = "neutrino-meters";

const TABLE_NAME: u16 = 1;
const TABLE_USERDATA: u16 = 6;
const USERDATA_COMMENT: u8 = 0;

pub(crate) fn dump() -> Message {
    message(NETDEV, GET_TABLE, 0)
}

pub(crate) fn get(table: &str) -> Message {
    dump().attr_str(TABLE_NAME, table)
}

/// Asks for the namespace's table of address translation.
pub(crate) fn get_nat() -> Message {
    message(INET, GET_TABLE, 0).attr_str(TABLE_NAME, OWN)
}

/// The messages that put a table in place of an older one of that name, in one transaction.
pub(crate) fn replace(name: &str, index: u32, table: &Table) -> Vec<Message> {
    let mut messages = delete(name);
    messages.push(marked(NETDEV, name, TableMark { hash: table.hash(), index }));
    messages.extend(table::content(name, index, table));
    messages
}

/// The same for a namespace's table of address translation.
pub(crate) fn replace_nat(content: &Nat) -> Vec<Message> {
    let mut messages = delete_nat();
    messages.push(marked(INET, OWN, TableMark { hash: content.hash(), index: 0 }));
    messages.extend(nat::content(OWN, &content.tree()));
    messages
}

pub(crate) fn delete_nat() -> Vec<Message> {
    delete_of(INET, OWN)
}

/// Asks for the namespace's table of helpers of connections.
pub(crate) fn get_helpers() -> Message {
    message(INET, GET_TABLE, 0).attr_str(TABLE_NAME, HELPERS)
}

/// The messages that put a table of helpers in place, marked as `whole`, of which it may be a part.
pub(crate) fn replace_helpers(content: &HelperSet, whole: &HelperSet) -> Vec<Message> {
    let mut messages = delete_helpers();
    messages.push(marked(INET, HELPERS, TableMark { hash: whole.hash(), index: 0 }));
    messages.extend(ct_helpers::content(HELPERS, content));
    messages
}

/// The helpers that the kernel refused, by the places of their messages among those that replace the table.
pub(crate) fn refused_helpers(content: &HelperSet, places: &BTreeSet<usize>) -> BTreeSet<Object> {
    ct_helpers::at(content, delete_helpers().len() + 1, places)
}

pub(crate) fn delete_helpers() -> Vec<Message> {
    delete_of(INET, HELPERS)
}

/// Asks for the namespace's table that counts.
pub(crate) fn get_meters() -> Message {
    message(INET, GET_TABLE, 0).attr_str(TABLE_NAME, METERS)
}

pub(crate) fn is_meters(payload: &[u8]) -> bool {
    parse_of(INET, payload).is_some_and(|(name, _)| name == METERS)
}

/// Asks for what its chain is marked with.
pub(crate) fn get_meters_mark() -> Message {
    meter::get_mark(METERS)
}

pub(crate) fn parse_meters_mark(payload: &[u8]) -> Option<u64> {
    meter::parse_mark(payload)
}

/// Asks for its counts.
pub(crate) fn dump_counts() -> Message {
    meter::dump(METERS)
}

pub(crate) fn parse_count(payload: &[u8]) -> Option<(MeteringLabelId, Count)> {
    meter::parse(payload)
}

/// The messages that put what counts in place; a count that begins is born then.
pub(crate) fn replace_meters(
    content: &Meters,
    stale: &BTreeSet<MeteringLabelId>,
    now_us: i64,
) -> Vec<Message> {
    let mut messages = vec![add(INET, METERS)];
    messages.extend(meter::content(METERS, content, stale, now_us));
    messages
}

pub(crate) fn delete_meters() -> Vec<Message> {
    delete_of(INET, METERS)
}

/// The messages that delete a table; adding it first makes deleting what is not there harmless.
pub(crate) fn delete(name: &str) -> Vec<Message> {
    delete_of(NETDEV, name)
}

fn delete_of(family: u8, name: &str) -> Vec<Message> {
    vec![add(family, name), message(family, DELETE_TABLE, 0).attr_str(TABLE_NAME, name)]
}

/// A table's name and what its comment says; a comment that is not ours marks nothing in place.
pub(crate) fn parse(payload: &[u8]) -> Option<(String, TableMark)> {
    parse_of(NETDEV, payload)
}

/// The hash that the namespace's table is marked with; 0 of one that is not ours.
pub(crate) fn parse_nat(payload: &[u8]) -> Option<u64> {
    parse_of(INET, payload).filter(|(name, _)| name == OWN).map(|(_, mark)| mark.hash)
}

pub(crate) fn parse_helpers(payload: &[u8]) -> Option<u64> {
    parse_of(INET, payload).filter(|(name, _)| name == HELPERS).map(|(_, mark)| mark.hash)
}

fn parse_of(family: u8, payload: &[u8]) -> Option<(String, TableMark)> {
    let fixed = payload.first_chunk::<NFGENMSG>()?;
    if fixed[0] != family {
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

/// First or last of a transaction.
pub(crate) fn bracket(kind: u16) -> Message {
    let subsystem = SUBSYSTEM.to_be_bytes();
    Message::new(kind, 0, &[0, 0, subsystem[0], subsystem[1]])
}

fn add(family: u8, name: &str) -> Message {
    message(family, NEW_TABLE, libc::NLM_F_CREATE).attr_str(TABLE_NAME, name)
}

/// A table with its mark in its comment.
fn marked(family: u8, name: &str, mark: TableMark) -> Message {
    add(family, name).attr(TABLE_USERDATA, &userdata(&comment(mark)))
}

/// A short comment, as nft writes it.
fn userdata(text: &str) -> Vec<u8> {
    [&[USERDATA_COMMENT, text.len() as u8 + 1], text.as_bytes(), &[0]].concat()
}

fn message(family: u8, kind: u16, flags: i32) -> Message {
    Message::new(kind, flags, &[family, 0, 0, 0])
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

//! What a device's table remembers of what is asked through it, as the kernel's expressions.

use std::net::Ipv4Addr;

use host::nft::{ASKED, Asked, SWEPT_S};
use nix::libc;
use wire::Mac;

use super::expression::{
    LINK, NETWORK, REGISTER, TRANSPORT, expression, immediate, load, load_to, meta_to, store,
};
use super::table::{META_TRANSPORT, is_ethernet};
use super::{NETDEV, SUBSYSTEM, message};
use crate::netlink::Message;

const NEW_SET: u16 = SUBSYSTEM << 8 | 9;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_ID: u16 = 10;
const SET_SWEPT_MS: u16 = 12;
const HAS_TIMEOUTS: u32 = 0x10;
const IS_DYNAMIC: u32 = 0x20;
/// `ipv4_addr . inet_proto . inet_service . inet_service`, as nft numbers them, six bits each.
const KEY_TYPE: u32 = ((7 << 6 | 12) << 6 | 13) << 6 | 13;
const KEY_LENGTH: u32 = 16;

/// The small registers that [`REGISTER`] consists of.
const SMALL: [u32; 4] = [8, 9, 10, 11];

const DYNSET_UPDATE: u32 = 1;
const DYNSET_DELETE: u32 = 2;

/// Without a size: for one the kernel would have room from the start.
pub(super) fn add_set(table: &str) -> Message {
    message(NETDEV, NEW_SET, libc::NLM_F_CREATE)
        .attr_str(SET_TABLE, table)
        .attr_str(SET_NAME, ASKED)
        .attr_be32(SET_FLAGS, HAS_TIMEOUTS | IS_DYNAMIC)
        .attr_be32(SET_KEY_TYPE, KEY_TYPE)
        .attr_be32(SET_KEY_LENGTH, KEY_LENGTH)
        .attr_be32(SET_ID, 1)
        .attr_be32(SET_SWEPT_MS, SWEPT_S * 1000)
}

/// Remembers what passes, or remembers it anew; what finds no room goes no further in its rule.
pub(super) fn remember(list: Message, asked: Asked, timeout_s: u32) -> Message {
    let timeout_ms = u64::from(timeout_s) * 1000;
    change(list, asked, DYNSET_UPDATE, |data| data.attr(6, &timeout_ms.to_be_bytes()))
}

pub(super) fn forget(list: Message, asked: Asked) -> Message {
    change(list, asked, DYNSET_DELETE, |data| data)
}

fn change(list: Message, asked: Asked, operation: u32, also: impl FnOnce(Message) -> Message) -> Message {
    expression(key(list, asked, false), "dynset", |data| {
        also(data.attr_str(1, ASKED).attr_be32(3, operation).attr_be32(4, REGISTER))
    })
}

/// Goes on with what is remembered, or answers that.
pub(super) fn is_in(list: Message, asked: Asked, is_answer: bool) -> Message {
    expression(key(list, asked, is_answer), "lookup", |data| data.attr_str(1, ASKED).attr_be32(2, REGISTER))
}

/// Who asks or is asked, by which protocol, from where and to where, into the registers.
fn key(list: Message, asked: Asked, is_answer: bool) -> Message {
    const SOURCE: u32 = 12;
    const DESTINATION: u32 = 16;
    let address = if is_answer == (asked == Asked::Ending) { SOURCE } else { DESTINATION };
    let list = meta_to(load_to(list, SMALL[0], NETWORK, address, 4), SMALL[1], META_TRANSPORT);
    let (from, to) = match asked {
        Asked::Id => (4, 4),
        Asked::Ports | Asked::Ending if is_answer => (2, 0),
        Asked::Ports | Asked::Ending => (0, 2),
    };
    load_to(load_to(list, SMALL[2], TRANSPORT, from, 2), SMALL[3], TRANSPORT, to, 2)
}

/// Turns a request into its answer, and sends it out where it came in (RFC 826).
pub(super) fn answer_arp(list: Message, index: u32, ip: Ipv4Addr, mac: Mac) -> Message {
    const OPERATION: u32 = 6;
    const SENDER_MAC: u32 = 8;
    const SENDER: u32 = 14;
    const TARGET_MAC: u32 = 18;
    const TARGET: u32 = 24;
    const REPLY: u16 = 2;
    let list = store(load(list, NETWORK, SENDER, 4), NETWORK, TARGET, 4);
    let list = store(load(list, NETWORK, SENDER_MAC, 6), NETWORK, TARGET_MAC, 6);
    let list = store(immediate(list, &ip.octets()), NETWORK, SENDER, 4);
    let list = store(immediate(list, &mac.0), NETWORK, SENDER_MAC, 6);
    let list = store(immediate(list, &REPLY.to_be_bytes()), NETWORK, OPERATION, 2);
    let list = store(load(is_ethernet(list), LINK, 6, 6), LINK, 0, 6);
    let list = store(immediate(list, &mac.0), LINK, 6, 6);
    expression(immediate(list, &index.to_ne_bytes()), "fwd", |data| data.attr_be32(1, REGISTER))
}

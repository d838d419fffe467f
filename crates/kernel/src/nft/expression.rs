//! The kernel's small instructions that rules are made of.
//!
//! A rule is a row of them: load bytes into a register, mask them, compare, and at the end a
//! verdict. What nft would add for itself is added as well, so that it can list a table of ours as
//! it was meant.

use nix::libc;

use super::{SUBSYSTEM, message};
use crate::netlink::Message;

const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;

const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const HOOK_DEVICE: u16 = 3;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const RULE_USERDATA: u16 = 7;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VERDICT: u16 = 2;

pub(super) const LIST_ELEMENT: u16 = 1;
pub(super) const DATA_VALUE: u16 = 1;

pub(super) const DROP: i32 = 0;
pub(super) const ACCEPT: i32 = 1;
pub(super) const JUMP: i32 = -3;
pub(super) const GOTO: i32 = -4;
pub(super) const RETURN: i32 = -5;
const REGISTER_VERDICT: u32 = 0;
/// The first of the large registers.
pub(super) const REGISTER: u32 = 1;

/// Where in a packet bytes are loaded from.
pub(super) const LINK: u32 = 0;
pub(super) const NETWORK: u32 = 1;
pub(super) const TRANSPORT: u32 = 2;

/// Where the kernel hands packets to a chain.
pub(super) struct Hook<'a> {
    pub kind: &'a str,
    pub number: u32,
    pub priority: i32,
    pub device: Option<&'a str>,
}

pub(super) fn add_chain(family: u8, table: &str, name: &str, hook: Option<Hook<'_>>) -> Message {
    let message = message(family, NEW_CHAIN, libc::NLM_F_CREATE)
        .attr_str(CHAIN_TABLE, table)
        .attr_str(CHAIN_NAME, name);
    let Some(Hook { kind, number, priority, device }) = hook else { return message };
    message.attr_str(CHAIN_TYPE, kind).attr_be32(CHAIN_POLICY, ACCEPT as u32).nest(CHAIN_HOOK, |hook| {
        let hook = hook.attr_be32(HOOK_NUMBER, number).attr_be32(HOOK_PRIORITY, priority as u32);
        match device {
            Some(device) => hook.attr_str(HOOK_DEVICE, device),
            None => hook,
        }
    })
}

/// A rule behind those that the chain has; `fill` adds its expressions.
pub(super) fn add_rule(
    family: u8,
    table: &str,
    chain: &str,
    fill: impl FnOnce(Message) -> Message,
) -> Message {
    message(family, NEW_RULE, libc::NLM_F_CREATE | libc::NLM_F_APPEND)
        .attr_str(RULE_TABLE, table)
        .attr_str(RULE_CHAIN, chain)
        .nest(RULE_EXPRESSIONS, fill)
}

impl Message {
    /// What a rule says of itself.
    pub(super) fn comment(self, text: &str) -> Message {
        self.attr(RULE_USERDATA, &super::userdata(text))
    }
}

pub(super) fn load(list: Message, place: u32, offset: u32, length: u32) -> Message {
    load_to(list, REGISTER, place, offset, length)
}

pub(super) fn load_to(list: Message, register: u32, place: u32, offset: u32, length: u32) -> Message {
    expression(list, "payload", |data| {
        data.attr_be32(1, register).attr_be32(2, place).attr_be32(3, offset).attr_be32(4, length)
    })
}

/// The first byte of a header of IPv6, which says what follows it; or whether there is such a header.
pub(super) fn header(list: Message, kind: u8, is_there: bool) -> Message {
    expression(list, "exthdr", |data| {
        data.attr_be32(1, REGISTER)
            .attr_u8(2, kind)
            .attr_be32(3, 0)
            .attr_be32(4, 1)
            .attr_be32(5, u32::from(is_there))
            .attr_be32(6, 0)
    })
}

/// Writes what is in the register into a header without a checksum: of Ethernet, of ARP.
pub(super) fn store(list: Message, place: u32, offset: u32, length: u32) -> Message {
    expression(list, "payload", |data| {
        data.attr_be32(5, REGISTER)
            .attr_be32(2, place)
            .attr_be32(3, offset)
            .attr_be32(4, length)
            .attr_be32(6, 0)
            .attr_be32(7, 0)
            .attr_be32(8, 0)
    })
}

/// Writes an address into the header of IPv4, whose checksum counts it, as that of what it carries does.
pub(super) fn store_address(list: Message, offset: u32) -> Message {
    expression(list, "payload", |data| {
        data.attr_be32(5, REGISTER)
            .attr_be32(2, NETWORK)
            .attr_be32(3, offset)
            .attr_be32(4, 4)
            .attr_be32(6, 1)
            .attr_be32(7, 10)
            .attr_be32(8, 1)
    })
}

/// Writes bits into the first two bytes of the network header, keeping those of `keep`; its checksum, if
/// it has one, is at an offset of its own.
pub(super) fn set_bits(list: Message, keep: [u8; 2], bits: [u8; 2], checksum: Option<u32>) -> Message {
    let list = expression(load(list, NETWORK, 0, 2), "bitwise", |data| {
        data.attr_be32(1, REGISTER)
            .attr_be32(2, REGISTER)
            .attr_be32(3, 2)
            .nest(4, |value| value.attr(DATA_VALUE, &keep))
            .nest(5, |value| value.attr(DATA_VALUE, &bits))
    });
    expression(list, "payload", |data| {
        data.attr_be32(5, REGISTER)
            .attr_be32(2, NETWORK)
            .attr_be32(3, 0)
            .attr_be32(4, 2)
            .attr_be32(6, u32::from(checksum.is_some()))
            .attr_be32(7, checksum.unwrap_or(0))
            .attr_be32(8, 0)
    })
}

/// Goes on with what is over so many bytes a second.
pub(super) fn over(list: Message, rate: u64, burst: u32) -> Message {
    const BYTES: u32 = 1;
    limit(list, rate, burst, BYTES)
}

/// The same of packets.
pub(super) fn over_packets(list: Message, rate: u64, burst: u32) -> Message {
    limit(list, rate, burst, 0)
}

/// Goes on with packets that are no more than so many a second.
pub(super) fn within_packets(list: Message, rate: u64, burst: u32) -> Message {
    limit_by(list, rate, burst, 0, 0)
}

fn limit(list: Message, rate: u64, burst: u32, of: u32) -> Message {
    const INVERTED: u32 = 1;
    limit_by(list, rate, burst, of, INVERTED)
}

fn limit_by(list: Message, rate: u64, burst: u32, of: u32, flags: u32) -> Message {
    expression(list, "limit", |data| {
        data.attr(1, &rate.to_be_bytes())
            .attr(2, &1u64.to_be_bytes())
            .attr_be32(3, burst)
            .attr_be32(4, of)
            .attr_be32(5, flags)
    })
}

/// Puts a value into the register.
pub(super) fn immediate(list: Message, value: &[u8]) -> Message {
    expression(list, "immediate", |data| {
        data.attr_be32(1, REGISTER).nest(2, |data| data.attr(DATA_VALUE, value))
    })
}

pub(super) fn meta(list: Message, key: u32) -> Message {
    meta_to(list, REGISTER, key)
}

pub(super) fn meta_to(list: Message, register: u32, key: u32) -> Message {
    expression(list, "meta", |data| data.attr_be32(2, key).attr_be32(1, register))
}

pub(super) fn and(list: Message, mask: &[u8]) -> Message {
    let zero = vec![0; mask.len()];
    expression(list, "bitwise", |data| {
        data.attr_be32(1, REGISTER)
            .attr_be32(2, REGISTER)
            .attr_be32(3, mask.len() as u32)
            .nest(4, |value| value.attr(DATA_VALUE, mask))
            .nest(5, |value| value.attr(DATA_VALUE, &zero))
    })
}

/// The bits of a number in the register's, besides its own.
pub(super) fn or(list: Message, bits: u32) -> Message {
    expression(list, "bitwise", |data| {
        data.attr_be32(1, REGISTER)
            .attr_be32(2, REGISTER)
            .attr_be32(3, 4)
            .nest(4, |value| value.attr(DATA_VALUE, &(!bits).to_ne_bytes()))
            .nest(5, |value| value.attr(DATA_VALUE, &bits.to_ne_bytes()))
    })
}

pub(super) fn compare(list: Message, value: &[u8]) -> Message {
    compare_by(list, 0, value)
}

pub(super) fn differ(list: Message, value: &[u8]) -> Message {
    compare_by(list, 1, value)
}

pub(super) fn compare_by(list: Message, operator: u32, value: &[u8]) -> Message {
    expression(list, "cmp", |data| {
        data.attr_be32(1, REGISTER).attr_be32(2, operator).nest(3, |data| data.attr(DATA_VALUE, value))
    })
}

pub(super) fn verdict(list: Message, code: i32, chain: Option<&str>) -> Message {
    expression(list, "immediate", |data| {
        data.attr_be32(1, REGISTER_VERDICT).nest(2, |data| {
            data.nest(DATA_VERDICT, |value| {
                let value = value.attr_be32(1, code as u32);
                match chain {
                    Some(chain) => value.attr_str(2, chain),
                    None => value,
                }
            })
        })
    })
}

pub(super) fn expression(list: Message, name: &str, fill: impl FnOnce(Message) -> Message) -> Message {
    list.nest(LIST_ELEMENT, |element| element.attr_str(EXPRESSION_NAME, name).nest(EXPRESSION_DATA, fill))
}

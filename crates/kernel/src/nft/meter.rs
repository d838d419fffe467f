//! The table of `host::meter`, what counts, as the kernel's expressions and named counters.

use std::collections::BTreeSet;

use host::meter::{self, CHAIN, Count, Meters, PRIORITY};
use host::nft::{comment, parse_comment};
use host::observed::TableMark;
use ipnet::IpNet;
use model::MeteringLabelId;
use model::desired::{Direction, MeterRule};
use nix::libc;

use super::ct_helpers::{NEW_OBJECT, OBJECT_DATA, OBJECT_NAME, OBJECT_TYPE, TABLE};
use super::expression::{self, Hook, JUMP, NETWORK, RETURN, compare, expression, meta, verdict};
use super::nat::{META_FAMILY, META_FROM, META_TO, device_bytes};
use super::table::address;
use super::{INET, NFGENMSG, SUBSYSTEM, message, user_comment, userdata};
use crate::netlink::message::text_of;
use crate::netlink::{Message, attributes};

const GET_CHAIN: u16 = SUBSYSTEM << 8 | 4;
const DELETE_CHAIN: u16 = SUBSYSTEM << 8 | 5;
const DELETE_RULE: u16 = SUBSYSTEM << 8 | 8;
const GET_OBJECT: u16 = SUBSYSTEM << 8 | 19;
const DELETE_OBJECT: u16 = SUBSYSTEM << 8 | 20;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_USERDATA: u16 = 12;
const OBJECT_USERDATA: u16 = 8;
const COUNTER: u32 = 1;
const BYTES: u16 = 1;
const PACKETS: u16 = 2;
const AT_FORWARD: u32 = 2;

/// Counts that are there stay as they are; chains and rules are made anew, and the first says what they are.
pub(super) fn content(
    table: &str,
    meters: &Meters,
    stale: &BTreeSet<MeteringLabelId>,
    now_us: i64,
) -> Vec<Message> {
    let hook = || Some(Hook { kind: "filter", number: AT_FORWARD, priority: PRIORITY, device: None });
    let mut messages = vec![
        expression::add_chain(INET, table, CHAIN, hook()),
        message(INET, DELETE_RULE, 0).attr_str(CHAIN_TABLE, table),
        delete_chain(table, CHAIN),
    ];
    for name in stale.iter().copied().map(meter::name) {
        // Deleting what is not there is no harm then.
        messages.push(expression::add_chain(INET, table, &name, None));
        messages.push(delete_chain(table, &name));
        messages.push(object(DELETE_OBJECT, 0, table, &name));
    }
    let mark = comment(TableMark { hash: meters.hash(), index: 0 });
    messages.push(expression::add_chain(INET, table, CHAIN, hook()).attr(CHAIN_USERDATA, &userdata(&mark)));
    for name in meters.labels().map(|(label, _)| meter::name(label)) {
        messages.push(expression::add_chain(INET, table, &name, None));
        messages.push(begin(table, &name, now_us));
    }
    for (label, rules) in meters.labels() {
        let name = meter::name(label);
        messages.push(expression::add_rule(INET, table, CHAIN, |list| verdict(list, JUMP, Some(&name))));
        messages.extend(rules.iter().map(|rule| add_rule(table, &name, &meters.outside, rule)));
    }
    messages
}

fn delete_chain(table: &str, name: &str) -> Message {
    message(INET, DELETE_CHAIN, 0).attr_str(CHAIN_TABLE, table).attr_str(CHAIN_NAME, name)
}

fn object(kind: u16, flags: i32, table: &str, name: &str) -> Message {
    message(INET, kind, flags)
        .attr_str(TABLE, table)
        .attr_str(OBJECT_NAME, name)
        .attr_be32(OBJECT_TYPE, COUNTER)
}

/// A count that says when it was born; nothing where there is one.
fn begin(table: &str, name: &str, now_us: i64) -> Message {
    object(NEW_OBJECT, libc::NLM_F_CREATE, table, name)
        .nest(OBJECT_DATA, |data| data.attr(BYTES, &[0; 8]).attr(PACKETS, &[0; 8]))
        .attr(OBJECT_USERDATA, &userdata(&now_us.to_string()))
}

fn add_rule(table: &str, name: &str, outside: &str, rule: &MeterRule) -> Message {
    expression::add_rule(INET, table, name, |list| {
        let side = if rule.direction == Direction::Ingress { META_FROM } else { META_TO };
        let list = compare(meta(list, side), &device_bytes(outside));
        let list = within(list, rule.source.as_ref(), (12, 8));
        let list = within(list, rule.destination.as_ref(), (16, 24));
        let list = match rule.excluded {
            true => list,
            false => expression(list, "objref", |data| data.attr_be32(1, COUNTER).attr_str(2, name)),
        };
        verdict(list, RETURN, None)
    })
}

/// An address at an offset of its family's header.
fn within(list: Message, net: Option<&IpNet>, (ipv4, ipv6): (u32, u32)) -> Message {
    let Some(net) = net else { return list };
    let (family, offset) = match net {
        IpNet::V4(_) => (libc::NFPROTO_IPV4, ipv4),
        IpNet::V6(_) => (libc::NFPROTO_IPV6, ipv6),
    };
    let list = compare(meta(list, META_FAMILY), &[family as u8]);
    match net.prefix_len() {
        0 => list,
        _ => address(list, NETWORK, offset, net),
    }
}

pub(super) fn get_mark(table: &str) -> Message {
    message(INET, GET_CHAIN, 0).attr_str(CHAIN_TABLE, table).attr_str(CHAIN_NAME, CHAIN)
}

pub(super) fn parse_mark(payload: &[u8]) -> Option<u64> {
    let told = attributes(payload.get(NFGENMSG..)?);
    let comment = told.filter(|(kind, _)| *kind == CHAIN_USERDATA).find_map(|(_, value)| user_comment(value));
    Some(parse_comment(&comment?)?.hash)
}

pub(super) fn dump(table: &str) -> Message {
    message(INET, GET_OBJECT, 0).attr_str(TABLE, table).attr_be32(OBJECT_TYPE, COUNTER)
}

/// A count of ours.
pub(super) fn parse(payload: &[u8]) -> Option<(MeteringLabelId, Count)> {
    let (mut label, mut born_us, mut packets, mut bytes) = (None, 0, 0, 0);
    for (kind, value) in attributes(payload.get(NFGENMSG..)?) {
        match kind {
            OBJECT_NAME => label = meter::parse(&text_of(value)),
            OBJECT_DATA => {
                for (kind, value) in attributes(value) {
                    match kind {
                        BYTES => bytes = number(value),
                        PACKETS => packets = number(value),
                        _ => {}
                    }
                }
            }
            OBJECT_USERDATA => born_us = user_comment(value).and_then(|text| text.parse().ok()).unwrap_or(0),
            _ => {}
        }
    }
    Some((label?, Count { born_us, packets, bytes }))
}

fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

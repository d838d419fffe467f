//! The table of `host::helpers`, what gives connections to the kernel's helpers, as the kernel's
//! expressions.

use std::collections::BTreeSet;

use host::ct_helpers::{HelperRule, HelperSet, Object, PRIORITY};
use nix::libc;

use super::expression::{self, Hook, TRANSPORT, compare, expression, load, meta};
use super::{INET, SUBSYSTEM, message};
use crate::netlink::Message;

pub(super) const NEW_OBJECT: u16 = SUBSYSTEM << 8 | 18;
pub(super) const TABLE: u16 = 1;
pub(super) const OBJECT_NAME: u16 = 2;
pub(super) const OBJECT_TYPE: u16 = 3;
pub(super) const OBJECT_DATA: u16 = 4;
const HELPER: u32 = 3;
const HELPER_NAME: u16 = 1;
const HELPER_PROTOCOL: u16 = 3;
const META_TRANSPORT: u32 = 16;
const CHAIN: &str = "prerouting";
/// Of a destination, in a header of TCP or UDP.
const PORT: u32 = 2;

/// Objects, the chain and its rules: each names only what is before it.
pub(super) fn content(table: &str, helpers: &HelperSet) -> Vec<Message> {
    let mut messages: Vec<Message> = helpers.objects().iter().map(|one| object(table, one)).collect();
    let hook = Hook { kind: "filter", number: 0, priority: PRIORITY, device: None };
    messages.push(expression::add_chain(INET, table, CHAIN, Some(hook)));
    messages.extend(helpers.iter().map(|helper| rule(table, helper)));
    messages
}

/// The objects whose messages, of those that make a table, are at some places; `before` are other messages
/// before the table's content.
pub(super) fn at(helpers: &HelperSet, before: usize, places: &BTreeSet<usize>) -> BTreeSet<Object> {
    let objects = helpers.objects().into_iter().zip(before..);
    objects.filter(|(_, place)| places.contains(place)).map(|(object, _)| object).collect()
}

fn object(table: &str, object: &Object) -> Message {
    message(INET, NEW_OBJECT, libc::NLM_F_CREATE)
        .attr_str(TABLE, table)
        .attr_str(OBJECT_NAME, &object.to_string())
        .attr_be32(OBJECT_TYPE, HELPER)
        .nest(OBJECT_DATA, |data| {
            data.attr_str(HELPER_NAME, object.kind).attr_u8(HELPER_PROTOCOL, object.protocol)
        })
}

fn rule(table: &str, helper: &HelperRule) -> Message {
    expression::add_rule(INET, table, CHAIN, |list| {
        let list = compare(meta(list, META_TRANSPORT), &[helper.protocol]);
        let list = compare(load(list, TRANSPORT, PORT, 2), &helper.port.to_be_bytes());
        expression(list, "objref", |data| data.attr_be32(1, HELPER).attr_str(2, &helper.object().to_string()))
    })
}

//! Address groups: what they hold, and what may be added to and taken from them.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::AddressGroupId;
use model::api::address_group::{AddressGroup, AddressGroupCreate, MAX_ADDRESSES};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// What is done to an address group with some prefixes: [`add`] or [`remove`].
pub type Change = fn(&AddressGroup, &BTreeSet<IpNet>) -> Result<AddressGroup, Refusal>;

/// Makes an address group of a checked request.
pub fn create(new: AddressGroupCreate, stamp: &mut Stamp) -> AddressGroup {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    AddressGroup {
        id: AddressGroupId(stamp.uuid()),
        project_id: new.project_id,
        addresses: new.addresses.into_iter().map(|net| net.trunc()).collect(),
        rest,
    }
}

/// Adds what is not there yet; anything that is refuses all of it.
pub fn add(before: &AddressGroup, more: &BTreeSet<IpNet>) -> Result<AddressGroup, Refusal> {
    let there: Vec<IpNet> = before.addresses.intersection(more).copied().collect();
    if !there.is_empty() {
        return Err(Refusal::AddressesExist { group: before.id, addresses: there });
    }
    let mut after = before.clone();
    after.addresses.extend(more);
    if after.addresses.len() > MAX_ADDRESSES {
        return Err(Refusal::Request(format!("An address group holds at most {MAX_ADDRESSES} addresses.")));
    }
    Ok(after)
}

/// Takes what is there; anything that is not refuses all of it.
pub fn remove(before: &AddressGroup, less: &BTreeSet<IpNet>) -> Result<AddressGroup, Refusal> {
    let strange: Vec<IpNet> = less.difference(&before.addresses).copied().collect();
    if !strange.is_empty() {
        return Err(Refusal::AddressesNotFound { group: before.id, addresses: strange });
    }
    let mut after = before.clone();
    after.addresses.retain(|net| !less.contains(net));
    Ok(after)
}

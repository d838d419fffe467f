//! One pool: its prefixes and the lengths that it gives.

use ipnet::IpNet;
use model::SubnetpoolId;
use model::api::subnetpool::{MAX_PREFIXES, Subnetpool, SubnetpoolCreate, SubnetpoolUpdate};

use super::ranges::{compact, overlap, without};
use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Makes a pool of a checked request.
pub fn create(new: SubnetpoolCreate, stamp: &mut Stamp) -> Result<Subnetpool, Refusal> {
    let ip_version = family(&new.prefixes)?;
    let (least, most) = bounds(ip_version);
    let min_prefixlen = new.min_prefixlen.unwrap_or(least);
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    rest.insert("revision_number".into(), 0.into());
    let pool = Subnetpool {
        id: SubnetpoolId(stamp.uuid()),
        project_id: new.project_id,
        prefixes: bounded(compact(&new.prefixes))?,
        ip_version,
        default_quota: new.default_quota,
        default_prefixlen: new.default_prefixlen.unwrap_or(min_prefixlen),
        min_prefixlen,
        max_prefixlen: new.max_prefixlen.unwrap_or(most),
        is_default: new.is_default,
        address_scope_id: new.address_scope_id,
        rest,
    };
    check_lengths(&pool)?;
    Ok(pool)
}

/// Applies a checked change: a pool's prefixes only grow.
pub fn update(before: &Subnetpool, change: SubnetpoolUpdate) -> Result<Subnetpool, Refusal> {
    let mut after = before.clone();
    if let Some(prefixes) = change.prefixes {
        if !without(&before.prefixes, &prefixes).is_empty() {
            let why = "A subnet pool's prefixes stay: give all it has, or use remove_prefixes.";
            return Err(Refusal::BadPrefixes(why.into()));
        }
        after.prefixes = bounded(compact(&prefixes))?;
        after.ip_version = family(&prefixes)?;
    }
    after.default_quota = change.default_quota.unwrap_or(after.default_quota);
    after.min_prefixlen = change.min_prefixlen.unwrap_or(after.min_prefixlen);
    after.max_prefixlen = change.max_prefixlen.unwrap_or(after.max_prefixlen);
    after.default_prefixlen = change.default_prefixlen.unwrap_or(after.default_prefixlen);
    after.is_default = change.is_default.unwrap_or(after.is_default);
    after.address_scope_id = change.address_scope_id.unwrap_or(after.address_scope_id);
    after.rest.extend(change.rest);
    check_lengths(&after)?;
    Ok(after)
}

/// Adds prefixes to those that are there.
pub fn add(before: &Subnetpool, more: &[IpNet]) -> Result<Subnetpool, Refusal> {
    let prefixes = Some([before.prefixes.as_slice(), more].concat());
    update(before, SubnetpoolUpdate { prefixes, ..SubnetpoolUpdate::default() })
}

/// Takes prefixes of which no subnet has anything; `taken`: the ranges of subnets.
pub fn remove(before: &Subnetpool, less: &[IpNet], taken: &[IpNet]) -> Result<Subnetpool, Refusal> {
    let mut after = before.clone();
    let concerns = |one: &&IpNet| before.prefixes.iter().any(|prefix| overlap(prefix, one));
    if less.iter().filter(concerns).any(|less| taken.iter().any(|taken| overlap(taken, less))) {
        return Err(Refusal::BadPrefixes("Subnets have addresses of what is to be removed.".into()));
    }
    after.prefixes = bounded(compact(&without(&before.prefixes, less)))?;
    Ok(after)
}

/// The pool with the ranges of subnets that come to it; `taken`: those of subnets that it has.
pub fn onboard(before: &Subnetpool, coming: &[IpNet], taken: &[IpNet]) -> Result<Subnetpool, Refusal> {
    if let Some(range) = coming.iter().find(|range| taken.iter().any(|taken| overlap(taken, range))) {
        return Err(Refusal::BadPoolUpdate(format!("Another subnet of the pool has addresses of {range}.")));
    }
    add(before, coming)
}

fn bounded(prefixes: Vec<IpNet>) -> Result<Vec<IpNet>, Refusal> {
    match prefixes.len() {
        ..=MAX_PREFIXES => Ok(prefixes),
        many => Err(Refusal::BadPrefixes(format!(
            "A subnet pool has at most {MAX_PREFIXES} prefixes, not {many}."
        ))),
    }
}

fn family(prefixes: &[IpNet]) -> Result<i64, Refusal> {
    let first = prefixes.first().ok_or(Refusal::NoPrefixes)?;
    let is_4 = first.addr().is_ipv4();
    if prefixes.iter().any(|prefix| prefix.addr().is_ipv4() != is_4) {
        return Err(Refusal::PrefixesOfBothFamilies);
    }
    Ok(if is_4 { 4 } else { 6 })
}

/// The shortest prefix that is given where nobody says otherwise, and the longest there is.
fn bounds(ip_version: i64) -> (i64, i64) {
    if ip_version == 4 { (8, 32) } else { (64, 128) }
}

fn check_lengths(pool: &Subnetpool) -> Result<(), Refusal> {
    let bad = |what, is, than, bound| Err(Refusal::BadPrefixBounds { what, is, than, bound });
    let (min, max, default) = (pool.min_prefixlen, pool.max_prefixlen, pool.default_prefixlen);
    let (_, most) = bounds(pool.ip_version);
    if min > max {
        return bad("min_prefixlen", min, "above", max);
    }
    if max > most {
        return bad("max_prefixlen", max, "above", most);
    }
    if default < min {
        return bad("default_prefixlen", default, "below", min);
    }
    if default > max {
        return bad("default_prefixlen", default, "above", max);
    }
    Ok(())
}

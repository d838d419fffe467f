//! A range for a subnet, out of a pool.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::subnet::Subnet;
use model::api::subnetpool::Subnetpool;

use super::ranges::without;
use crate::Refusal;

/// A range that a subnet has from a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub range: IpNet,
    pub project_id: String,
}

/// What range a subnet asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Range(IpNet),
    /// Any of this length, or of the pool's own.
    Any(Option<i64>),
    /// The one with this address.
    Around(IpAddr, Option<i64>),
}

/// The range that a subnet gets: the lowest of the smallest part that is free and large enough.
pub fn allocate(pool: &Subnetpool, taken: &[Taken], wanted: Wanted, project: &str) -> Result<IpNet, Refusal> {
    let length = match wanted {
        Wanted::Range(range) => range.prefix_len().into(),
        Wanted::Any(length) | Wanted::Around(_, length) => length.unwrap_or(pool.default_prefixlen),
    };
    if length > pool.max_prefixlen {
        return Err(Refusal::SubnetTooSmall { asked: length, max: pool.max_prefixlen });
    }
    if length < pool.min_prefixlen {
        return Err(Refusal::SubnetTooLarge { asked: length, min: pool.min_prefixlen });
    }
    check_quota(pool, taken, project, length)?;
    let ranges: Vec<IpNet> = taken.iter().map(|taken| taken.range).collect();
    let mut free = without(&pool.prefixes, &ranges);
    let length = u8::try_from(length).expect("lengths of pools are checked");
    let exact = match wanted {
        Wanted::Range(range) => Some(range.trunc()),
        Wanted::Around(address, _) => IpNet::new(address, length).ok().map(|range| range.trunc()),
        Wanted::Any(_) => None,
    };
    if let Some(range) = exact {
        let held = free.iter().any(|free| free.contains(&range));
        let why = || Refusal::NoSubnetLeft(format!("The subnet pool does not have {range} free."));
        return if held { Ok(range) } else { Err(why()) };
    }
    free.sort_by_key(|range| (u8::MAX - range.prefix_len(), *range));
    let fits = free.iter().find(|range| range.prefix_len() <= length);
    let range = fits.and_then(|range| IpNet::new(range.network(), length).ok());
    range.ok_or_else(|| Refusal::NoSubnetLeft(format!("The subnet pool has no /{length} free.")))
}

/// Addresses of IPv4 and networks of /64 are counted, smaller ones of IPv6 by their part of one.
fn check_quota(pool: &Subnetpool, taken: &[Taken], project: &str, length: i64) -> Result<(), Refusal> {
    let Some(quota) = pool.default_quota.filter(|quota| *quota > 0) else { return Ok(()) };
    let (bits, unit_bits) = if pool.ip_version == 4 { (32, 0) } else { (128, 64) };
    let size = |length: i64| {
        let host_bits = u32::try_from(bits - length).unwrap_or(0);
        1u128.checked_shl(host_bits).unwrap_or(u128::MAX)
    };
    let own = taken.iter().filter(|taken| taken.project_id == project);
    let used =
        own.map(|taken| size(taken.range.prefix_len().into())).fold(size(length), u128::saturating_add);
    let most = u128::try_from(quota).unwrap_or(0) << unit_bits;
    if used > most { Err(Refusal::PoolQuotaExceeded) } else { Ok(()) }
}

/// May a network with these subnets have one of this family, from this pool or from none? `scope` is the
/// address scope of those of the family that are there.
pub fn check_network(
    siblings: &[Subnet],
    ip_version: i64,
    pool: Option<&Subnetpool>,
    scope: Option<&str>,
) -> Result<(), Refusal> {
    if let (Some(scope), Some(pool)) = (scope, pool)
        && pool.address_scope_id.as_deref() != Some(scope)
    {
        return Err(Refusal::MixedScopes);
    }
    let id = pool.map(|pool| pool.id.to_string());
    let mixes = |sibling: &&Subnet| match &id {
        Some(id) => scope.is_none() && sibling.subnetpool_id.as_ref() != Some(id),
        None => sibling.subnetpool_id.is_some(),
    };
    let family = siblings.iter().filter(|sibling| sibling.ip_version == ip_version);
    if family.filter(|sibling| mixes(sibling)).count() > 0 { Err(Refusal::MixedPools) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(prefixes: &[&str], quota: Option<i64>) -> Subnetpool {
        let prefixes: Vec<IpNet> = prefixes.iter().map(|text| text.parse().expect("a range")).collect();
        let is_4 = prefixes[0].addr().is_ipv4();
        Subnetpool {
            id: model::SubnetpoolId(uuid::Uuid::nil()),
            project_id: "p".into(),
            ip_version: if is_4 { 4 } else { 6 },
            default_quota: quota,
            default_prefixlen: if is_4 { 24 } else { 64 },
            min_prefixlen: 8,
            max_prefixlen: if is_4 { 32 } else { 128 },
            prefixes,
            is_default: false,
            address_scope_id: None,
            rest: serde_json::Map::new(),
        }
    }

    fn taken(ranges: &[&str]) -> Vec<Taken> {
        let one = |range: &&str| Taken { range: range.parse().expect("a range"), project_id: "p".into() };
        ranges.iter().map(one).collect()
    }

    fn get(pool: &Subnetpool, had: &[&str], wanted: Wanted) -> Result<String, Refusal> {
        allocate(pool, &taken(had), wanted, "p").map(|range| range.to_string())
    }

    #[test]
    fn the_smallest_part_that_is_large_enough_is_cut() {
        let pool = pool(&["10.0.0.0/16"], None);
        for (had, length, got) in [
            (&[][..], 24, "10.0.0.0/24"),
            (&["10.0.0.0/24"], 24, "10.0.1.0/24"),
            (&["10.0.0.0/28"], 24, "10.0.1.0/24"),
            (&["10.0.0.0/28"], 28, "10.0.0.16/28"),
            (&["10.0.0.0/24"], 20, "10.0.16.0/20"),
        ] {
            assert_eq!(get(&pool, had, Wanted::Any(Some(length))).expect("room"), got);
        }
        let range = |text: &str| Wanted::Range(text.parse().expect("a range"));
        assert_eq!(get(&pool, &[], range("10.0.7.0/24")).expect("free"), "10.0.7.0/24");
        assert!(get(&pool, &["10.0.7.0/25"], range("10.0.7.0/24")).is_err());
        assert!(get(&pool, &[], range("10.1.0.0/24")).is_err());
    }

    #[test]
    fn a_project_gets_its_share() {
        let four = pool(&["10.0.0.0/16"], Some(256));
        assert!(get(&four, &[], Wanted::Any(None)).is_ok());
        assert!(matches!(get(&four, &["10.0.9.0/32"], Wanted::Any(None)), Err(Refusal::PoolQuotaExceeded)));
        assert!(allocate(&four, &taken(&["10.0.9.0/24"]), Wanted::Any(None), "q").is_ok());
        let six = pool(&["2001:db8::/32"], Some(1));
        assert!(get(&six, &[], Wanted::Any(Some(64))).is_ok());
        assert!(get(&six, &[], Wanted::Any(Some(63))).is_err());
        let huge = pool(&["2001:db8::/32"], Some(i64::MAX));
        assert!(get(&huge, &["2001:db8::/33"], Wanted::Any(Some(33))).is_ok());
    }
}

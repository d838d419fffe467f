//! Which address scope a pool may be in.

use ipnet::IpNet;
use model::api::address_scope::AddressScope;
use model::api::subnetpool::Subnetpool;

use super::ranges::overlap;
use crate::Refusal;

/// What must be known to put a pool into an address scope, or to change one that is in it.
#[derive(Debug, Clone)]
pub struct ScopeFacts {
    pub scope: AddressScope,
    /// Prefixes of the other pools in it.
    pub others: Vec<IpNet>,
}

/// May the pool be in the scope? `network_mixes`: a network has subnets of the pool, and others of its
/// family.
pub fn check_scope(pool: &Subnetpool, facts: &ScopeFacts, network_mixes: bool) -> Result<(), Refusal> {
    if facts.scope.ip_version != pool.ip_version {
        return Err(Refusal::ScopeOfOtherFamily(facts.scope.id));
    }
    if network_mixes {
        return Err(Refusal::MixedScopes);
    }
    let clash = |prefix: &IpNet| facts.others.iter().any(|other| overlap(prefix, other));
    if pool.prefixes.iter().any(clash) { Err(Refusal::ScopePrefixConflict) } else { Ok(()) }
}

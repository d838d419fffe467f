//! Security groups, their members and address groups, as hosts are told of them; and whom changes of
//! them touch.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::api::address_group::AddressGroup;
use model::api::port::Port;
use model::api::security_group::SecurityGroup;
use model::api::security_group_rule::SecurityGroupRule;
use model::desired::{Addresses, Group, Key, Kind, Member};
use model::{AddressGroupId, SecurityGroupId, Touch};

use crate::bind::is_bound;
use crate::port::{filtered_by, pair_net};
use crate::security_group_rule::told;

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRows {
    pub group: SecurityGroup,
    pub rules: Vec<SecurityGroupRule>,
}

pub fn group(rows: &GroupRows) -> Group {
    Group { id: rows.group.id, stateful: rows.group.stateful, rules: rows.rules.iter().map(told).collect() }
}

/// A port as a member of its groups; `None` if it has none that count.
pub fn member(port: &Port) -> Option<Member> {
    let groups = filtered_by(port).filter(|groups| !groups.is_empty())?;
    let own = port.fixed_ips.iter().map(|fixed| IpNet::from(fixed.ip_address));
    let pairs = port.allowed_address_pairs.iter().filter_map(pair_net).map(|net| net.trunc());
    Some(Member { port_id: port.id, groups: groups.clone(), addresses: own.chain(pairs).collect() })
}

pub fn addresses(row: &AddressGroup) -> Addresses {
    Addresses { id: row.id, nets: row.addresses.clone() }
}

/// The host that has a port's groups because of the port: where it is bound, if it is filtered there.
pub fn filtered_on(port: &Port) -> &str {
    let filtered = is_bound(&port.vif_type) && filtered_by(port).is_some();
    if filtered { &port.host } else { "" }
}

/// The touches of a port, as far as its groups go.
pub(super) fn of_port(out: &mut Vec<Touch>, before: Option<&Port>, after: Option<&Port>) {
    let Some(id) = before.or(after).map(|port| port.id) else { return };
    let views = (before.and_then(member), after.and_then(member));
    if views.0 != views.1 {
        let named: BTreeSet<SecurityGroupId> =
            [&views.0, &views.1].into_iter().flatten().flat_map(|view| &view.groups).copied().collect();
        let key = Key::new(Kind::Member, id.0);
        out.extend(named.into_iter().map(|named| Touch::Namers { named: named.0, key }));
    }
    let held = |port: Option<&Port>| -> BTreeSet<(String, SecurityGroupId)> {
        let Some(port) = port.filter(|port| !filtered_on(port).is_empty()) else { return BTreeSet::new() };
        let groups = filtered_by(port).into_iter().flatten();
        groups.map(|group| (port.host.clone(), *group)).collect()
    };
    let (had, has) = (held(before), held(after));
    // A host that loses its last group about the port is not among the namers any more.
    let left: BTreeSet<&String> = had.difference(&has).map(|(host, _)| host).collect();
    let key = Key::new(Kind::Member, id.0);
    out.extend(left.into_iter().map(|host| Touch::Part { host: host.clone(), key }));
    let moved = had.symmetric_difference(&has);
    out.extend(moved.map(|(host, group)| Touch::Group { host: host.clone(), group: *group }));
}

/// The touches of a rule that came, or else went.
pub fn of_rule(rule: &SecurityGroupRule, came: bool) -> Vec<Touch> {
    let group = rule.security_group_id;
    let came = came.then_some(rule.id);
    let mut out = of_group(group);
    let named = [rule.remote_group_id.map(|id| id.0), rule.remote_address_group_id.map(|id| id.0)];
    out.extend(named.into_iter().flatten().map(|named| Touch::Remotes { group, named, came }));
    out
}

/// The touches of a group whose part changed.
pub fn of_group(group: SecurityGroupId) -> Vec<Touch> {
    vec![Touch::Holders { group, key: Key::new(Kind::Group, group.0) }]
}

/// The touches of an address group whose addresses changed.
pub fn of_addresses(group: AddressGroupId) -> Vec<Touch> {
    vec![Touch::Namers { named: group.0, key: Key::new(Kind::Addresses, group.0) }]
}

#[cfg(test)]
mod tests;

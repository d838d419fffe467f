//! Rules of security groups: what may be asked for, when two are the same, and what hosts are told.

use ipnet::IpNet;
use model::api::protocol::{self, ICMP, ICMPV6};
use model::api::security_group_rule::{Allowed, SecurityGroupRule, SecurityGroupRuleCreate};
use model::desired::{Direction, Ethertype, GroupRule, Ports, RemoteSide};
use model::{SecurityGroupId, SecurityGroupRuleId};
use serde_json::{Map, Value};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// What stands for nothing in a canonical form.
const NONE: &str = "-";
const ALL_PORTS: (Option<u16>, Option<u16>) = (Some(1), Some(65535));

/// Brings what is asked for into the form that it is stored in, and refuses what makes no sense.
pub fn check(asked: &mut Allowed) -> Result<(), Refusal> {
    if asked.ethertype == Ethertype::V6 {
        match asked.protocol.as_deref() {
            Some("icmp" | "icmpv6") => asked.protocol = Some("ipv6-icmp".into()),
            Some("1") => asked.protocol = Some("58".into()),
            _ => {}
        }
    }
    // Named by nothing is not named.
    for remote in [&mut asked.remote_group_id, &mut asked.remote_address_group_id] {
        remote.take_if(|id| id.is_empty());
    }
    if (asked.port_range_min, asked.port_range_max) == ALL_PORTS {
        (asked.port_range_min, asked.port_range_max) = (None, None);
    }
    check_ports(asked)?;
    if let Some(prefix) = &asked.remote_ip_prefix {
        let is_v6 = prefix.parse::<IpNet>().is_ok_and(|net| matches!(net, IpNet::V6(_)));
        if is_v6 != (asked.ethertype == Ethertype::V6) {
            return Err(Refusal::PrefixOfOtherFamily(prefix.clone()));
        }
    }
    let number = asked.protocol.as_deref().and_then(protocol::number);
    if asked.ethertype == Ethertype::V4 && number.is_some_and(|number| protocol::OF_IPV6.contains(&number)) {
        return Err(Refusal::ProtocolOfIpv6(asked.protocol.clone().unwrap_or_default()));
    }
    let remotes = [&asked.remote_ip_prefix, &asked.remote_group_id, &asked.remote_address_group_id];
    if remotes.into_iter().flatten().count() > 1 {
        return Err(Refusal::SeveralRemotes);
    }
    Ok(())
}

fn check_ports(asked: &Allowed) -> Result<(), Refusal> {
    let (first, last) = (asked.port_range_min, asked.port_range_max);
    if first.is_none() && last.is_none() {
        return Ok(());
    }
    let Some(name) = &asked.protocol else { return Err(Refusal::PortsNeedProtocol) };
    match protocol::number(name).unwrap_or_default() {
        number if protocol::WITH_PORTS.contains(&number) => match (first, last) {
            (Some(0), _) | (_, Some(0)) => Err(Refusal::PortIsZero),
            (Some(first), Some(last)) if first <= last => Ok(()),
            _ => Err(Refusal::BadPortRange),
        },
        ICMP | ICMPV6 => match (first, last) {
            (Some(value), _) if value > 255 => Err(Refusal::BadIcmp { what: "type", value }),
            (_, Some(value)) if value > 255 => Err(Refusal::BadIcmp { what: "code", value }),
            (None, Some(code)) => Err(Refusal::IcmpCodeWithoutType(code)),
            _ => Ok(()),
        },
        _ => Err(Refusal::ProtocolHasNoPorts(name.clone())),
    }
}

/// What is allowed, written in one way only: two rules of a group that allow the same are one. Prefixes
/// count as they are written, host bits and all.
pub fn canonical(allowed: &Allowed) -> String {
    let direction = match allowed.direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let ethertype = if allowed.ethertype == Ethertype::V6 { "6" } else { "4" };
    let text = |part: Option<String>| part.unwrap_or_else(|| NONE.into());
    let number = allowed.protocol.as_deref().and_then(protocol::number);
    let number = number.map(|number| match number {
        ICMP if allowed.ethertype == Ethertype::V6 => ICMPV6,
        number => number,
    });
    let everywhere = |prefix: &&String| !matches!(prefix.as_str(), "0.0.0.0/0" | "::/0");
    [
        direction.to_owned(),
        ethertype.to_owned(),
        text(number.map(|number| number.to_string())),
        text(allowed.port_range_min.map(|port| port.to_string())),
        text(allowed.port_range_max.map(|port| port.to_string())),
        text(allowed.remote_ip_prefix.as_ref().filter(everywhere).cloned()),
        text(allowed.remote_group_id.clone()),
        text(allowed.remote_address_group_id.clone()),
    ]
    .join(" ")
}

/// A POST of several rules is for one group of one project, and asks for nothing twice.
pub fn check_together(rules: &[SecurityGroupRuleCreate]) -> Result<(), Refusal> {
    let Some(first) = rules.first() else { return Ok(()) };
    if rules.iter().any(|rule| rule.security_group_id != first.security_group_id) {
        return Err(Refusal::RulesOfSeveralGroups);
    }
    if rules.iter().any(|rule| rule.project_id != first.project_id) {
        return Err(Refusal::RulesOfSeveralProjects);
    }
    let mut seen = std::collections::BTreeSet::new();
    for rule in rules {
        let mut allowed = rule.allowed.clone();
        check(&mut allowed)?;
        if !seen.insert(canonical(&allowed)) {
            return Err(Refusal::RuleListedTwice);
        }
    }
    Ok(())
}

/// Makes a rule of what is allowed; `None` if it names a remote group that can be none.
pub fn begin_rule(
    id: SecurityGroupRuleId,
    project_id: &str,
    group: SecurityGroupId,
    allowed: Allowed,
    description: Option<String>,
    stamp: &Stamp,
) -> Option<SecurityGroupRule> {
    let canonical = canonical(&allowed);
    let mut rest = Map::new();
    begin(&mut rest, stamp);
    rest.insert("description".into(), description.map_or(Value::Null, Value::String));
    let net = allowed.remote_ip_prefix.as_ref().and_then(|prefix| prefix.parse::<IpNet>().ok());
    Some(SecurityGroupRule {
        id,
        project_id: project_id.to_owned(),
        security_group_id: group,
        direction: allowed.direction,
        ethertype: allowed.ethertype,
        protocol: allowed.protocol,
        port_range_min: allowed.port_range_min,
        port_range_max: allowed.port_range_max,
        normalized_cidr: net.map(|net| net.trunc().to_string()),
        remote_ip_prefix: allowed.remote_ip_prefix,
        remote_group_id: allowed.remote_group_id.map(|id| id.parse()).transpose().ok()?,
        remote_address_group_id: allowed.remote_address_group_id.map(|id| id.parse()).transpose().ok()?,
        canonical,
        rest,
    })
}

/// A rule as hosts are told of it.
pub fn told(rule: &SecurityGroupRule) -> GroupRule {
    let name = rule.protocol.as_deref();
    // By its name, "ip" means whatever IP carries; the number 0 is a protocol of its own.
    let number = name.filter(|name| *name != "ip").and_then(protocol::number);
    let ports = match (number, rule.port_range_min, rule.port_range_max) {
        (Some(ICMP | ICMPV6), Some(kind), code) => Ports::Icmp { kind: byte(kind), code: code.map(byte) },
        (Some(_), Some(first), Some(last)) => Ports::Range { first, last },
        _ => Ports::Any,
    };
    let net = rule.normalized_cidr.as_ref().and_then(|cidr| cidr.parse::<IpNet>().ok());
    let remote = match (rule.remote_group_id, rule.remote_address_group_id, net) {
        (Some(group), ..) => RemoteSide::Group(group),
        (_, Some(group), _) => RemoteSide::Addresses(group),
        (_, _, Some(net)) if net.prefix_len() > 0 => RemoteSide::Prefix(net),
        _ => RemoteSide::Any,
    };
    GroupRule { direction: rule.direction, ethertype: rule.ethertype, protocol: number, ports, remote }
}

/// Types and codes were checked when the rule was made.
fn byte(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;

//! QoS policies: their rules, which of them hosts can carry, and what of them holds for a port.

use model::api::qos::{Direction, Policy, PolicyCreate, QosRule, What};
use model::api::table::Resource;
use model::desired::{Limit, Packets, Qos};
use model::{QosPolicyId, QosRuleId};
use serde_json::{Map, Value, json};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Kinds of rules that a port can have: the hosts' datapath carries them.
pub const SUPPORTED: [&str; 3] = ["bandwidth_limit", "dscp_marking", "packet_rate_limit"];
/// Those that a floating IP and a gateway can have: routers limit, and do not mark.
pub const SUPPORTED_OUTSIDE: [&str; 2] = ["bandwidth_limit", "packet_rate_limit"];
/// All kinds that policies can hold.
pub const KINDS: [&str; 5] =
    ["bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate", "packet_rate_limit"];

/// Makes a policy of a checked request. `default`: the one that its project has already.
pub fn create(new: PolicyCreate, default: Option<QosPolicyId>, stamp: &mut Stamp) -> Result<Policy, Refusal> {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    // To be the default counts as a change.
    rest.insert("revision_number".into(), i64::from(new.is_default).into());
    let policy = Policy {
        id: QosPolicyId(stamp.uuid()),
        project_id: new.project_id,
        is_default: new.is_default,
        rules: vec![],
        rest,
    };
    check_default(&policy, default)?;
    Ok(policy)
}

/// A project has one default policy at most.
pub fn check_default(policy: &Policy, default: Option<QosPolicyId>) -> Result<(), Refusal> {
    match default {
        Some(other) if policy.is_default && other != policy.id => {
            Err(Refusal::DefaultQosPolicyExists(policy.project_id.clone()))
        }
        _ => Ok(()),
    }
}

/// The rule that a request for one of a table makes; `fields` were checked by it.
pub fn rule(
    table: &Resource,
    id: QosRuleId,
    policy: QosPolicyId,
    mut fields: Map<String, Value>,
) -> Result<QosRule, Refusal> {
    let kind = table.singular.trim_end_matches("_rule");
    fields.insert("type".into(), kind.into());
    fields.insert("id".into(), json!(id));
    fields.insert("qos_policy_id".into(), json!(policy));
    serde_json::from_value(Value::Object(fields)).map_err(|why| Refusal::Input(format!("{why}.")))
}

/// The policy with a rule more, or another one in its place.
pub fn with(before: &Policy, rule: QosRule, users: &[User]) -> Result<Policy, Refusal> {
    let others = || before.rules.iter().filter(|other| other.id != rule.id);
    for other in others() {
        let same_kind = other.what.table().singular == rule.what.table().singular;
        let (one, two) = (other.what.direction(), rule.what.direction());
        if same_kind && one == two {
            return Err(Refusal::QosRulesConflict { rule: other.id, policy: before.id });
        }
        if same_kind && one.meets(two) {
            return Err(Refusal::QosDirectionsConflict { rule: other.id, policy: before.id });
        }
        if let Some((min, max)) = bounds(other.what, rule.what).filter(|(min, max)| min > max) {
            return Err(Refusal::QosMinimumAboveMaximum { min, max, policy: before.id });
        }
    }
    let mut after = before.clone();
    after.rules = others().cloned().collect();
    after.rules.push(rule);
    after.rules.sort_by_key(|rule| rule.id);
    for user in users {
        check_carried(&after, *user)?;
    }
    Ok(after)
}

pub fn without(before: &Policy, rule: QosRuleId) -> Policy {
    let mut after = before.clone();
    after.rules.retain(|other| other.id != rule);
    after
}

/// The least and the most that two rules ask for in one direction.
fn bounds(one: What, other: What) -> Option<(u32, u32)> {
    match (one, other) {
        (
            What::MinimumBandwidth { min_kbps, direction },
            What::BandwidthLimit { max_kbps, direction: same, .. },
        )
        | (
            What::BandwidthLimit { max_kbps, direction: same, .. },
            What::MinimumBandwidth { min_kbps, direction },
        ) if direction == same => Some((min_kbps, max_kbps)),
        _ => None,
    }
}

/// What has a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// Or a network, for its ports.
    Port,
    /// A floating IP or a gateway.
    Outside,
}

/// Nothing has a policy but what hosts can carry whole.
pub fn check_carried(policy: &Policy, user: User) -> Result<(), Refusal> {
    let kind = |rule: &QosRule| rule.what.table().singular.trim_end_matches("_rule");
    let supported = match user {
        User::Port => &SUPPORTED[..],
        User::Outside => &SUPPORTED_OUTSIDE[..],
    };
    match policy.rules.iter().map(kind).find(|kind| !supported.contains(kind)) {
        Some(kind) => Err(Refusal::QosRuleNotSupported { kind, policy: policy.id }),
        None => Ok(()),
    }
}

/// What a host has to do for who has a policy of these rules.
pub fn view(rules: &[QosRule]) -> Option<Qos> {
    let mut qos = Qos::default();
    for rule in rules {
        match rule.what {
            What::BandwidthLimit { max_kbps: 0, .. }
            | What::PacketRateLimit { max_kpps: 0, .. }
            | What::MinimumBandwidth { .. }
            | What::MinimumPacketRate { .. } => {}
            What::BandwidthLimit { max_kbps, max_burst_kbps, direction } => {
                let limit = Some(Limit { kbps: max_kbps, burst_kbits: max_burst_kbps });
                match direction {
                    Direction::Egress => qos.egress = limit,
                    Direction::Ingress => qos.ingress = limit,
                    Direction::Any => (qos.egress, qos.ingress) = (limit, limit),
                }
            }
            What::PacketRateLimit { max_kpps, max_burst_kpps, direction } => {
                let limit = Some(Packets { kpps: max_kpps, burst_kpackets: max_burst_kpps });
                match direction {
                    Direction::Egress => qos.egress_packets = limit,
                    Direction::Ingress => qos.ingress_packets = limit,
                    Direction::Any => (qos.egress_packets, qos.ingress_packets) = (limit, limit),
                }
            }
            What::DscpMarking { dscp_mark } => qos.dscp = Some(dscp_mark),
        }
    }
    (qos != Qos::default()).then_some(qos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::qos::{BANDWIDTH_LIMIT_RULE, DSCP_MARKING_RULE, MINIMUM_BANDWIDTH_RULE};

    fn policy() -> Policy {
        let new = PolicyCreate { project_id: "p".into(), shared: false, is_default: false, rest: Map::new() };
        create(new, None, &mut Stamp::new(0, String::new(), 7)).expect("a policy")
    }

    fn a_rule(n: u128, table: &Resource, fields: Value) -> QosRule {
        let Value::Object(fields) = fields else { panic!("an object") };
        rule(table, QosRuleId(uuid::Uuid::from_u128(n)), policy().id, fields).expect("a rule")
    }

    fn limit(n: u128, max_kbps: u32, direction: &str) -> QosRule {
        let fields = json!({ "max_kbps": max_kbps, "max_burst_kbps": 0, "direction": direction });
        a_rule(n, &BANDWIDTH_LIMIT_RULE, fields)
    }

    fn minimum(n: u128, min_kbps: u32, direction: &str) -> QosRule {
        a_rule(n, &MINIMUM_BANDWIDTH_RULE, json!({ "min_kbps": min_kbps, "direction": direction }))
    }

    #[test]
    fn one_rule_of_a_kind_and_direction() {
        let one = with(&policy(), limit(1, 1000, "egress"), &[User::Port]).expect("the first");
        for (rule, good) in [
            (limit(2, 1000, "egress"), false),
            (limit(1, 2000, "egress"), true),
            (limit(2, 1000, "ingress"), true),
            (minimum(2, 2000, "egress"), false),
            (minimum(2, 500, "egress"), true),
            (minimum(2, 2000, "ingress"), true),
            (a_rule(2, &DSCP_MARKING_RULE, json!({ "dscp_mark": 10 })), true),
        ] {
            assert_eq!(with(&one, rule.clone(), &[]).is_ok(), good, "{rule:?}");
        }
    }

    #[test]
    fn what_hosts_do_not_carry_is_no_policy_of_ports() {
        let promised = with(&policy(), minimum(1, 5, "egress"), &[]).expect("a policy holds it");
        assert!(check_carried(&promised, User::Port).is_err());
        assert!(with(&policy(), minimum(1, 5, "egress"), &[User::Port]).is_err());
        assert!(check_carried(&without(&promised, promised.rules[0].id), User::Port).is_ok());
        let mark = a_rule(1, &DSCP_MARKING_RULE, json!({ "dscp_mark": 10 }));
        let marked = with(&policy(), mark.clone(), &[User::Port]).expect("ports are marked");
        assert!(check_carried(&marked, User::Outside).is_err());
        assert!(with(&policy(), mark, &[User::Port, User::Outside]).is_err());
    }

    #[test]
    fn hosts_are_told_what_limits() {
        let none = with(&policy(), limit(1, 0, "egress"), &[User::Port]).expect("0 is no limit");
        assert_eq!(view(&none.rules), None);
        let both = with(&with(&none, limit(2, 8, "ingress"), &[]).expect("two"), limit(1, 9, "egress"), &[]);
        let seen = view(&both.expect("both").rules).expect("something to do");
        assert_eq!(seen.egress, Some(Limit { kbps: 9, burst_kbits: 0 }));
        assert_eq!(seen.ingress, Some(Limit { kbps: 8, burst_kbits: 0 }));
    }
}

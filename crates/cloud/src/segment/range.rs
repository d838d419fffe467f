//! Ranges that segments are chosen from: those of the configuration, and those of the API.

use model::NetworkSegmentRangeId;
use model::api::network_segment_range::{
    NetworkSegmentRange, NetworkSegmentRangeCreate, NetworkSegmentRangeUpdate,
};
use serde_json::{Map, json};

use crate::segment::{ask, is_tunnel};
use crate::{Refusal, Rules, Stamp};

/// The ranges of the configuration.
pub fn of_rules(rules: &Rules, stamp: &mut Stamp) -> Vec<NetworkSegmentRange> {
    let tunnels =
        [("vxlan", &rules.vxlan_ranges), ("geneve", &rules.geneve_ranges), ("gre", &rules.gre_ranges)];
    let mut out = Vec::new();
    for (network_type, ranges) in tunnels {
        out.extend(ranges.iter().map(|[first, last]| (network_type, "", *first, *last)));
    }
    for (name, ranges) in &rules.vlan_ranges {
        out.extend(ranges.iter().map(|[first, last]| ("vlan", name.as_str(), *first, *last)));
    }
    let made = out.into_iter().map(|(network_type, physical_network, minimum, maximum)| {
        let mut rest = Map::new();
        crate::standard::begin(&mut rest, stamp);
        rest.insert("description".into(), json!(""));
        NetworkSegmentRange {
            id: NetworkSegmentRangeId(stamp.uuid()),
            name: String::new(),
            default: true,
            shared: true,
            project_id: None,
            network_type: network_type.to_owned(),
            physical_network: physical_network.to_owned(),
            minimum,
            maximum,
            rest,
        }
    });
    made.collect()
}

/// True of two that say the same, whoever said it when.
pub fn same(one: &NetworkSegmentRange, other: &NetworkSegmentRange) -> bool {
    let said = |range: &NetworkSegmentRange| {
        (range.network_type.clone(), range.physical_network.clone(), range.minimum, range.maximum)
    };
    said(one) == said(other)
}

/// What a project's networks may be chosen from: its own ranges first, then those that are everybody's,
/// without what another project has for itself.
pub fn of_project(ranges: &[NetworkSegmentRange], project: &str) -> Vec<NetworkSegmentRange> {
    let owner = |range: &NetworkSegmentRange| range.project_id.clone().filter(|owner| !owner.is_empty());
    let own = ranges.iter().filter(|range| owner(range).is_some_and(|owner| owner == project));
    let mut out: Vec<NetworkSegmentRange> = own.cloned().collect();
    for range in ranges.iter().filter(|range| owner(range).is_none()) {
        let mut left = vec![range.clone()];
        for other in ranges.iter().filter(|other| owner(other).is_some_and(|owner| owner != project)) {
            left = left.into_iter().flat_map(|piece| without(piece, other)).collect();
        }
        out.extend(left);
    }
    out
}

/// What is left of a range below and above another one.
fn without(range: NetworkSegmentRange, other: &NetworkSegmentRange) -> Vec<NetworkSegmentRange> {
    let kind = |range: &NetworkSegmentRange| (range.network_type.clone(), range.physical_network.clone());
    if kind(&range) != kind(other) {
        return vec![range];
    }
    let below = NetworkSegmentRange { maximum: range.maximum.min(other.minimum - 1), ..range.clone() };
    let above = NetworkSegmentRange { minimum: range.minimum.max(other.maximum + 1), ..range };
    [below, above].into_iter().filter(|piece| piece.minimum <= piece.maximum).collect()
}

/// Makes a range of a checked request.
pub fn create(
    new: NetworkSegmentRangeCreate,
    others: &[NetworkSegmentRange],
    stamp: &mut Stamp,
) -> Result<NetworkSegmentRange, Refusal> {
    let Some(network_type) = new.network_type else {
        return Err(Refusal::RangeTypeUnknown(String::new()));
    };
    let physical_network = match (network_type.as_str(), new.physical_network) {
        ("vlan", Some(name)) => name,
        ("vlan", None) => {
            return Err(Refusal::Request("A range of VLANs needs physical_network.".into()));
        }
        _ => String::new(),
    };
    let mut rest = new.rest;
    crate::standard::begin(&mut rest, stamp);
    let range = NetworkSegmentRange {
        id: NetworkSegmentRangeId(stamp.uuid()),
        name: new.name,
        default: false,
        shared: new.shared,
        project_id: Some(new.project_id).filter(|_| !new.shared),
        network_type,
        physical_network,
        minimum: new.minimum,
        maximum: new.maximum,
        rest,
    };
    check(&range, others)?;
    Ok(range)
}

/// Ids that its networks could have, and none of another range of the API.
fn check(range: &NetworkSegmentRange, others: &[NetworkSegmentRange]) -> Result<(), Refusal> {
    let network_type = range.network_type.as_str();
    let most = if is_tunnel(network_type) { ask::most(network_type) } else { 4094 };
    if range.minimum > range.maximum || range.maximum > most {
        let (first, last) = (range.minimum, range.maximum);
        return Err(Refusal::Input(format!("{first} to {last} is no range of 1 to {most}.")));
    }
    let overlaps = |other: &&NetworkSegmentRange| {
        !other.default
            && other.id != range.id
            && (&other.network_type, &other.physical_network)
                == (&range.network_type, &range.physical_network)
            && range.minimum <= other.maximum
            && range.maximum >= other.minimum
    };
    let ranges: Vec<String> = others.iter().filter(overlaps).map(|other| other.id.to_string()).collect();
    if ranges.is_empty() { Ok(()) } else { Err(Refusal::RangesOverlap { ranges }) }
}

/// Applies a checked change. `used`: the lowest and highest id of the range that networks have.
pub fn update(
    before: &NetworkSegmentRange,
    change: NetworkSegmentRangeUpdate,
    used: Option<(i64, i64)>,
    others: &[NetworkSegmentRange],
) -> Result<NetworkSegmentRange, Refusal> {
    if before.default {
        return Err(Refusal::RangeOfConfiguration(before.id));
    }
    let mut after = before.clone();
    after.name = change.name.unwrap_or(after.name);
    after.minimum = change.minimum.unwrap_or(after.minimum);
    after.maximum = change.maximum.unwrap_or(after.maximum);
    after.rest.extend(change.rest);
    if used.is_some_and(|(lowest, highest)| after.minimum > lowest || after.maximum < highest) {
        return Err(Refusal::RangeInUse(before.id));
    }
    check(&after, others)?;
    Ok(after)
}

/// A range goes that no network has an id of.
pub fn delete(range: &NetworkSegmentRange, used: Option<(i64, i64)>) -> Result<(), Refusal> {
    match used {
        _ if range.default => Err(Refusal::RangeOfConfiguration(range.id)),
        Some(_) => Err(Refusal::RangeInUse(range.id)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(project: Option<&str>, physical: &str, minimum: i64, maximum: i64) -> NetworkSegmentRange {
        let mut rules = Rules { vxlan_ranges: vec![], ..Rules::default() };
        rules.vlan_ranges.insert(physical.into(), vec![[minimum, maximum]]);
        let made = of_rules(&rules, &mut Stamp::new(0, String::new(), 7)).pop();
        let mut made = made.expect("one range");
        made.project_id = project.map(str::to_owned);
        made
    }

    #[test]
    fn what_a_project_has_for_itself_is_cut_out_of_what_others_choose_from() {
        let all = [range(None, "a", 1, 100), range(Some("p"), "a", 40, 60), range(None, "b", 1, 100)];
        let of = |all: &[NetworkSegmentRange], project| {
            let found = of_project(all, project).into_iter();
            found.map(|range| (range.physical_network, range.minimum, range.maximum)).collect::<Vec<_>>()
        };
        let said = |name: &str, minimum, maximum| (name.to_owned(), minimum, maximum);
        assert_eq!(of(&all, "p"), [said("a", 40, 60), said("a", 1, 100), said("b", 1, 100)]);
        for other in ["q", ""] {
            assert_eq!(of(&all, other), [said("a", 1, 39), said("a", 61, 100), said("b", 1, 100)]);
        }
        let edges = [range(None, "a", 1, 10), range(Some("p"), "a", 1, 4), range(Some("q"), "a", 8, 20)];
        assert_eq!(of(&edges, "r"), [said("a", 5, 7)]);
        assert_eq!(of(&[range(None, "a", 1, 10), range(Some("p"), "a", 1, 10)], "r"), []);
    }
}

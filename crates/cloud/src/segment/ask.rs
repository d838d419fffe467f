//! From a request's provider attributes to segments that are wanted or to be chosen.

use model::api::network::{NetworkCreate, ProviderSegment, SegmentAsk};
use model::api::network_segment_range::NetworkSegmentRange;

use crate::segment::{TYPES, is_tunnel};
use crate::{Refusal, Rules};

/// One segment: said in full, or to be chosen among candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Exactly(ProviderSegment),
    OneOf(Vec<Choice>),
}

/// A range of ids of one type, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub network_type: String,
    pub physical_network: Option<String>,
    pub first: i64,
    pub last: i64,
}

/// The segments that a POST asks for; an empty list leaves the choice to the server.
pub fn asked(new: &NetworkCreate) -> Result<Vec<SegmentAsk>, Refusal> {
    let provider = SegmentAsk {
        network_type: new.network_type.clone(),
        physical_network: new.physical_network.clone(),
        segmentation_id: new.segmentation_id,
    };
    let has_provider = provider != SegmentAsk::default();
    match &new.segments {
        Some(segments) if has_provider && !segments.is_empty() => Err(Refusal::SegmentsWithProvider),
        Some(segments) if !segments.is_empty() => {
            let full = |ask: &&SegmentAsk| ask.network_type.is_some() && ask.segmentation_id.is_some();
            for (at, ask) in segments.iter().enumerate().filter(|(_, ask)| full(ask)) {
                if segments[..at].contains(ask) {
                    return Err(Refusal::DuplicateSegments);
                }
            }
            Ok(segments.clone())
        }
        _ if has_provider => Ok(vec![provider]),
        _ => Ok(vec![]),
    }
}

/// Judges one asked segment. `ranges` are those that its network may be chosen from, best first.
pub fn wanted(ask: &SegmentAsk, rules: &Rules, ranges: &[NetworkSegmentRange]) -> Result<Wanted, Refusal> {
    let input = |why: String| Err(Refusal::Input(why));
    let Some(network_type) = ask.network_type.as_deref() else {
        return input("provider:network_type is required with other provider attributes.".into());
    };
    if !TYPES.contains(&network_type) {
        return input(format!("'{network_type}' is not a network type; say one of {}.", TYPES.join(", ")));
    }
    let physical = ask.physical_network.as_deref().filter(|name| !name.is_empty());
    let exactly = || {
        Ok(Wanted::Exactly(ProviderSegment {
            network_type: network_type.to_owned(),
            physical_network: physical.map(str::to_owned),
            segmentation_id: ask.segmentation_id.filter(|_| network_type != "flat"),
        }))
    };
    let has_no_wire = is_tunnel(network_type) || network_type == "local";
    if has_no_wire && ask.physical_network.is_some() {
        return input(format!("A {network_type} network has no physical network."));
    }
    match (network_type, ask.segmentation_id) {
        ("local", None) => exactly(),
        ("local", Some(_)) => input("A local network has no segmentation id.".into()),
        // The reference takes 0 for "none".
        ("flat", Some(id)) if id != 0 => input("A flat network has no segmentation id.".into()),
        ("flat", _) => match physical {
            None => input("A flat network needs provider:physical_network.".into()),
            Some(name) if allows_flat(rules, name) => exactly(),
            Some(name) => {
                input(format!("The physical network '{name}' is not configured for flat networks."))
            }
        },
        ("vlan", id) => vlan(physical, id, rules, ranges, exactly),
        (tunnel, Some(id)) if !(0..=most(tunnel)).contains(&id) => {
            input(format!("The id {id} is not one of a {tunnel} segment (0 to {}).", most(tunnel)))
        }
        (_, Some(_)) => exactly(),
        (tunnel, None) => Ok(Wanted::OneOf(choices(tunnel, None, ranges))),
    }
}

fn vlan(
    physical: Option<&str>,
    id: Option<i64>,
    rules: &Rules,
    ranges: &[NetworkSegmentRange],
    exactly: impl Fn() -> Result<Wanted, Refusal>,
) -> Result<Wanted, Refusal> {
    let input = |why: String| Err(Refusal::Input(why));
    let of = |name| choices("vlan", name, ranges);
    match (physical, id) {
        (None, Some(_)) => input("A VLAN id needs provider:physical_network.".into()),
        (Some(name), _) if !rules.vlan_ranges.contains_key(name) && of(physical).is_empty() => {
            input(format!("The physical network '{name}' is not configured for VLANs."))
        }
        (_, Some(id)) if !(1..=4094).contains(&id) => input(format!("{id} is not a VLAN id (1 to 4094).")),
        (_, Some(_)) => exactly(),
        (Some(name), None) if of(physical).is_empty() => input(format!(
            "The physical network '{name}' has no range of VLANs: give provider:segmentation_id."
        )),
        (name, None) => Ok(Wanted::OneOf(of(name))),
    }
}

/// The segments a network without provider attributes may get, best first.
pub fn tenant_choices(rules: &Rules, ranges: &[NetworkSegmentRange]) -> Vec<Choice> {
    let mut out = Vec::new();
    for network_type in &rules.project_network_types {
        match network_type.as_str() {
            "local" => {
                out.push(Choice { network_type: "local".into(), physical_network: None, first: 0, last: -1 })
            }
            other => out.extend(choices(other, None, ranges)),
        }
    }
    out
}

fn choices(network_type: &str, physical: Option<&str>, ranges: &[NetworkSegmentRange]) -> Vec<Choice> {
    let fits = |range: &&NetworkSegmentRange| {
        range.network_type == network_type && physical.is_none_or(|name| name == range.physical_network)
    };
    let choice = |range: &NetworkSegmentRange| Choice {
        network_type: network_type.to_owned(),
        physical_network: Some(range.physical_network.clone()).filter(|name| !name.is_empty()),
        first: range.minimum,
        last: range.maximum,
    };
    ranges.iter().filter(fits).map(choice).collect()
}

fn allows_flat(rules: &Rules, name: &str) -> bool {
    rules.flat_networks.iter().any(|allowed| allowed == "*" || allowed == name)
}

/// The largest id: 24 bits, or the 32 of a GRE key.
pub(super) fn most(tunnel: &str) -> i64 {
    if tunnel == "gre" { u32::MAX.into() } else { 0xff_ffff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let mut rules = Rules { vxlan_ranges: vec![[1000, 2000]], ..Rules::default() };
        rules.vlan_ranges.insert("physnet1".into(), vec![[100, 200]]);
        rules.vlan_ranges.insert("physnet2".into(), vec![]);
        rules
    }

    fn ranges() -> Vec<NetworkSegmentRange> {
        let mut stamp = crate::Stamp::new(0, String::new(), 7);
        crate::segment::range::of_rules(&rules(), &mut stamp)
    }

    fn ask(network_type: &str, physical: Option<&str>, id: Option<i64>) -> SegmentAsk {
        SegmentAsk {
            network_type: Some(network_type.into()),
            physical_network: physical.map(str::to_owned),
            segmentation_id: id,
        }
    }

    #[test]
    fn refused_segments() {
        for bad in [
            SegmentAsk { network_type: None, ..ask("", Some("physnet1"), None) },
            ask("VXLAN", None, None),
            ask("flat", None, None),
            ask("flat", Some(""), None),
            ask("flat", Some("physnet1"), Some(1)),
            ask("vlan", Some("physnet3"), Some(7)),
            ask("vlan", None, Some(7)),
            ask("vlan", Some("physnet1"), Some(0)),
            ask("vlan", Some("physnet1"), Some(4095)),
            ask("vlan", Some("physnet2"), None),
            ask("vxlan", Some("physnet1"), None),
            ask("vxlan", None, Some(1 << 24)),
            ask("local", Some("physnet1"), None),
            ask("local", None, Some(1)),
        ] {
            assert!(matches!(wanted(&bad, &rules(), &ranges()), Err(Refusal::Input(_))), "{bad:?}");
        }
    }

    #[test]
    fn segments_said_in_full_and_to_be_chosen() {
        let exact = wanted(&ask("vlan", Some("physnet2"), Some(7)), &rules(), &ranges()).unwrap();
        assert!(matches!(exact, Wanted::Exactly(segment) if segment.segmentation_id == Some(7)));
        let open = wanted(&ask("vlan", None, None), &rules(), &ranges()).unwrap();
        let Wanted::OneOf(choices) = open else { panic!("{open:?}") };
        assert_eq!(choices.len(), 1);
        assert_eq!((choices[0].first, choices[0].last), (100, 200));
        assert_eq!(tenant_choices(&rules(), &ranges())[0].network_type, "vxlan");
    }
}

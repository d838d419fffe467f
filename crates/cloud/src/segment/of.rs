//! Segments of a network: those that it begins with, comes to have and loses, and the subnets on them.

use model::api::network::{Network, ProviderSegment};
use model::api::port::{FixedIp, Port};
use model::api::segment::{Segment, SegmentCreate, SegmentUpdate};
use model::api::subnet::Subnet;
use model::report::L2Configuration;
use model::{NetworkId, SegmentId};
use serde_json::Map;

use crate::bind::segment_for;
use crate::segment::largest;
use crate::{Refusal, Rules, Stamp};

/// The segments that a network begins with.
pub fn begin(network: &Network, stamp: &mut Stamp) -> Vec<Segment> {
    let provided = network.segments.iter().zip(0..);
    provided.map(|(provider, position)| made(network.id, provider.clone(), position, stamp)).collect()
}

fn made(network_id: NetworkId, provider: ProviderSegment, position: i64, stamp: &mut Stamp) -> Segment {
    let mut rest = Map::new();
    crate::standard::begin(&mut rest, stamp);
    rest.remove("tags");
    Segment {
        id: SegmentId(stamp.uuid()),
        network_id,
        name: None,
        description: None,
        network_type: provider.network_type,
        physical_network: provider.physical_network,
        segmentation_id: provider.segmentation_id,
        position,
        rest,
    }
}

/// One more segment of a network, behind the others; `provider` was found free.
pub fn create(
    new: SegmentCreate,
    network: &Network,
    others: &[Segment],
    provider: ProviderSegment,
    rules: &Rules,
    stamp: &mut Stamp,
) -> Result<Segment, Refusal> {
    let most = largest(&provider, rules);
    if network.mtu > most {
        let message =
            format!("The network's MTU of {} is more than the segment carries ({most}).", network.mtu);
        return Err(Refusal::Input(message));
    }
    let position = others.last().map_or(0, |last| last.position + 1);
    let mut segment = made(network.id, provider, position, stamp);
    segment.name = new.name;
    segment.description = new.description;
    Ok(segment)
}

/// Applies a checked change.
pub fn update(before: &Segment, change: SegmentUpdate) -> Segment {
    let mut after = before.clone();
    after.name = change.name.unwrap_or(after.name);
    after.description = change.description.or(after.description);
    after
}

/// The network as it is with these segments.
pub fn listed(before: &Network, segments: &[Segment]) -> Network {
    let mut after = before.clone();
    after.segments = segments.iter().map(Segment::provider).collect();
    after.multi_segment = segments.len() > 1;
    let only = after.segments.first().filter(|_| !after.multi_segment).cloned();
    after.network_type = only.as_ref().map(|only| only.network_type.clone());
    after.physical_network = only.as_ref().and_then(|only| only.physical_network.clone());
    after.segmentation_id = only.and_then(|only| only.segmentation_id);
    after
}

/// A segment goes that no subnet is on and by which no host has ports.
pub fn delete(
    segment: &Segment,
    network: &Network,
    subnets: &[Subnet],
    hosts: &[L2Configuration],
) -> Result<(), Refusal> {
    let in_use = |reason| Err(Refusal::SegmentInUse { segment: segment.id, reason });
    if subnets.iter().any(|subnet| is_on(subnet, segment.id)) {
        return in_use("subnets are on it");
    }
    let provider = segment.provider();
    if hosts.iter().any(|host| segment_for(network, host) == Some(&provider)) {
        return in_use("ports are bound by it");
    }
    Ok(())
}

fn is_on(subnet: &Subnet, segment: SegmentId) -> bool {
    subnet.segment_id.as_ref().is_some_and(|id| id.parse() == Ok(segment))
}

/// True of a network whose subnets are each on one of its segments.
pub fn is_routed(subnets: &[Subnet]) -> bool {
    subnets.iter().any(|subnet| subnet.segment_id.is_some())
}

/// May a new subnet be on this segment, or on none?
pub fn check_new_subnet(
    network: NetworkId,
    segment: Option<&Segment>,
    siblings: &[Subnet],
) -> Result<(), Refusal> {
    if let Some(segment) = segment.filter(|segment| segment.network_id != network) {
        return Err(Refusal::SegmentOfOtherNetwork { segment: segment.id, network });
    }
    match siblings.iter().any(|sibling| sibling.segment_id.is_some() != segment.is_some()) {
        true => Err(Refusal::SubnetsNotAllOnSegments(network)),
        false => Ok(()),
    }
}

/// May a subnet come to a segment? Only that which is alone on a network of one segment; none leaves.
pub fn check_subnet(
    before: &Subnet,
    wanted: Option<&Segment>,
    siblings: &[Subnet],
    segments: &[Segment],
) -> Result<(), Refusal> {
    let network = before.network_id;
    let same = match wanted {
        Some(segment) => is_on(before, segment.id),
        None => before.segment_id.is_none(),
    };
    match wanted {
        _ if same => Ok(()),
        _ if before.segment_id.is_some() => Err(Refusal::SubnetStaysOnSegment(before.id)),
        Some(segment) if segment.network_id != network => {
            Err(Refusal::SegmentOfOtherNetwork { segment: segment.id, network })
        }
        _ if siblings.len() > 1 => Err(Refusal::SubnetsNotAllOnSegments(network)),
        _ if segments.len() > 1 => Err(Refusal::SeveralSegments(network)),
        _ => Ok(()),
    }
}

/// The subnets that a host can give addresses of; all where subnets are not on segments, and for ports
/// that are at no host. `segment` is that by which the host has the network.
pub fn reachable(
    network: NetworkId,
    subnets: &[Subnet],
    host: &str,
    segment: Option<SegmentId>,
) -> Result<Vec<Subnet>, Refusal> {
    if host.is_empty() || !is_routed(subnets) {
        return Ok(subnets.to_vec());
    }
    let Some(segment) = segment else {
        return Err(Refusal::HostOnNoSegment { host: host.to_owned(), network });
    };
    Ok(subnets.iter().filter(|subnet| is_on(subnet, segment)).cloned().collect())
}

/// `ip_allocation` of a port that gets its addresses when it gets a host.
pub const DEFERRED: &str = "deferred";

pub fn waits_for_host(port: &Port) -> bool {
    port.ip_allocation == DEFERRED && port.fixed_ips.is_empty()
}

/// A port goes to a host with the addresses that it has, or is to have.
pub fn check_reachable(
    before: &Port,
    after: Option<&[FixedIp]>,
    host: &str,
    reachable: &[Subnet],
) -> Result<(), Refusal> {
    let reaches = |fixed: &FixedIp| reachable.iter().any(|subnet| subnet.id == fixed.subnet_id);
    match after.unwrap_or(&before.fixed_ips).iter().all(reaches) {
        true => Ok(()),
        false => Err(Refusal::HostOnOtherSegment { host: host.to_owned(), port: before.id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::test_subnet as a_subnet;

    fn segment(n: u128) -> Segment {
        let mut stamp = Stamp::new(0, String::new(), n);
        let provider = ProviderSegment {
            network_type: "vxlan".into(),
            physical_network: None,
            segmentation_id: Some(7),
        };
        made(a_subnet("10.0.0.0/24").network_id, provider, 0, &mut stamp)
    }

    fn on(cidr: &str, segment: Option<&Segment>) -> Subnet {
        Subnet { segment_id: segment.map(|segment| segment.id.to_string()), ..a_subnet(cidr) }
    }

    #[test]
    fn all_subnets_are_on_segments_or_none() {
        let one = segment(1);
        let (free, bound) = (on("10.0.0.0/24", None), on("10.0.0.0/24", Some(&one)));
        for (wanted, sibling, good) in [
            (None, &free, true),
            (Some(&one), &bound, true),
            (None, &bound, false),
            (Some(&one), &free, false),
        ] {
            let siblings = std::slice::from_ref(sibling);
            assert_eq!(check_new_subnet(one.network_id, wanted, siblings).is_ok(), good);
        }
    }

    #[test]
    fn a_subnet_comes_to_a_segment_when_it_is_alone() {
        let (one, two) = (segment(1), segment(2));
        let (free, bound) = (on("10.0.0.0/24", None), on("10.0.0.0/24", Some(&one)));
        let (alone, both) = (vec![free.clone()], vec![free.clone(), on("10.1.0.0/24", None)]);
        for (before, wanted, siblings, segments, good) in [
            (&free, Some(&one), &alone, vec![one.clone()], true),
            (&free, None, &both, vec![one.clone(), two.clone()], true),
            (&free, Some(&one), &both, vec![one.clone()], false),
            (&free, Some(&one), &alone, vec![one.clone(), two.clone()], false),
            (&bound, Some(&one), &both, vec![one.clone(), two.clone()], true),
            (&bound, Some(&two), &alone, vec![one.clone()], false),
            (&bound, None, &alone, vec![one.clone()], false),
        ] {
            assert_eq!(check_subnet(before, wanted, siblings, &segments).is_ok(), good);
        }
    }

    #[test]
    fn a_host_reaches_the_subnets_of_its_segment() {
        let (one, two) = (segment(1), segment(2));
        let subnets = [on("10.0.0.0/24", Some(&one)), on("10.1.0.0/24", Some(&two))];
        let network = one.network_id;
        let count = |host, segment| reachable(network, &subnets, host, segment).map(|found| found.len()).ok();
        assert_eq!(count("h", Some(one.id)), Some(1));
        assert_eq!(count("", None), Some(2));
        assert_eq!(count("h", None), None);
        assert_eq!(
            reachable(network, &[on("10.0.0.0/24", None)], "h", None).map(|found| found.len()).ok(),
            Some(1)
        );
    }
}

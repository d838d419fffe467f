//! How large a network's frames may be.

use model::api::network::ProviderSegment;

use crate::Rules;
use crate::segment::is_tunnel;

/// The largest MTU of a segment, in bytes.
///
/// A tunnel takes the outer IP header and its own: VXLAN (RFC 7348) 30 with the inner Ethernet
/// header, GRE with a key (RFC 2890) 22, GENEVE (RFC 8926) as configured.
pub fn largest(segment: &ProviderSegment, rules: &Rules) -> i64 {
    let network_type = segment.network_type.as_str();
    if !is_tunnel(network_type) {
        let own = segment.physical_network.as_ref().and_then(|name| rules.physical_network_mtus.get(name));
        return own.map_or(rules.global_physnet_mtu, |own| rules.global_physnet_mtu.min(*own));
    }
    let path = match rules.path_mtu {
        0 => rules.global_physnet_mtu,
        path => path.min(rules.global_physnet_mtu),
    };
    let ip_header = if rules.overlay_ip_version == 6 { 40 } else { 20 };
    let own_header = match network_type {
        "vxlan" => 30,
        "gre" => 22,
        _ => rules.geneve_header_bytes,
    };
    path - ip_header - own_header
}

/// The largest MTU of a network: the least of its segments.
pub fn largest_of(segments: &[ProviderSegment], rules: &Rules) -> i64 {
    segments.iter().map(|segment| largest(segment, rules)).min().unwrap_or(rules.global_physnet_mtu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_type() {
        let mut rules = Rules { geneve_header_bytes: 38, ..Rules::default() };
        rules.physical_network_mtus.insert("small".into(), 1400);
        for (network_type, physical, want) in [
            ("vxlan", None, 1450),
            ("gre", None, 1458),
            ("geneve", None, 1442),
            ("flat", Some("any"), 1500),
            ("vlan", Some("small"), 1400),
            ("local", None, 1500),
        ] {
            let segment = ProviderSegment {
                network_type: network_type.into(),
                physical_network: physical.map(str::to_owned),
                segmentation_id: None,
            };
            assert_eq!(largest(&segment, &rules), want, "{network_type}");
        }
    }
}

//! The network in which the hosts of a project's HA routers hear of each other, as Neutron arranges
//! it: hidden, one per project, with a port per router and host.

use std::collections::BTreeSet;

use model::{NetworkId, RouterId};
use serde_json::{Value, json};

use crate::{Refusal, Stamp};

const SUBNET: &str = "169.254.192.0/18";
/// Of the ports of the routers' hosts.
pub const OWNER: &str = "network:router_ha_interface";
/// Routers that one such network tells from each other (VRRP, RFC 5798: 1 to 255, of which Neutron
/// leaves out the last).
pub const VR_IDS: u8 = 254;

/// The network, as a request of the server's own; the first of the configured segment types that
/// tunnels or VLANs carry.
pub fn network(project: &str) -> Value {
    json!({ "name": format!("HA network project {project}"), "project_id": "", "ha": true })
}

pub fn subnet(network: NetworkId, project: &str) -> Value {
    json!({
        "name": format!("HA subnet project {project}"),
        "project_id": "",
        "network_id": network,
        "ip_version": 4,
        "cidr": SUBNET,
        "gateway_ip": null,
        "enable_dhcp": false,
    })
}

/// A router's port for one host; it is bound once the router takes its place there.
pub fn port(network: NetworkId, router: RouterId, project: &str) -> Value {
    json!({
        "name": format!("HA port project {project}"),
        "project_id": "",
        "network_id": network,
        "device_id": router.to_string(),
        "device_owner": OWNER,
    })
}

/// May a router stand ready on several hosts, beside others of its project that do?
pub fn check(router: RouterId, others: i64) -> Result<(), Refusal> {
    match others < i64::from(VR_IDS) {
        true => Ok(()),
        false => Err(Refusal::TooManyHaRouters { router, limit: VR_IDS }),
    }
}

/// A free number that tells the routers of one such network from each other.
pub fn vr_id(taken: &BTreeSet<u8>, stamp: &mut Stamp) -> Option<u8> {
    let free: Vec<u8> = (1..=VR_IDS).filter(|id| !taken.contains(id)).collect();
    let at = usize::try_from(stamp.below(free.len() as u128)).ok()?;
    free.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_as_many_ha_routers_as_there_are_numbers() {
        let router = RouterId(uuid::Uuid::nil());
        for (others, allowed) in [(0, true), (253, true), (254, false), (300, false)] {
            assert_eq!(check(router, others).is_ok(), allowed, "beside {others}");
        }
    }

    #[test]
    fn every_number_is_given_once_and_then_none() {
        let mut stamp = Stamp::new(0, String::new(), 3);
        let mut taken = BTreeSet::new();
        while let Some(id) = vr_id(&taken, &mut stamp) {
            assert!((1..=254).contains(&id) && taken.insert(id), "{id} of {taken:?}");
        }
        assert_eq!(taken.len(), 254);
    }
}

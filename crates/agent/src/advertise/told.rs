//! What a router advertises from this host, and by which devices.

use std::collections::BTreeMap;

use host::Wanted;
use host::dhcp::RouterLeg;
use host::observed::Observed;
use model::desired::Router;
use wire::Mac;

use super::Told;
use crate::config::Config;
use crate::dhcp::Place;

/// Devices inside namespaces, by their MACs: no two legs on a host share one.
pub(crate) struct Devices(BTreeMap<Mac, Place>);

impl Devices {
    pub fn of(config: &Config, now: &Observed) -> Devices {
        let mut devices = BTreeMap::new();
        for (netns, namespace) in &now.namespaces {
            for (device, link) in namespace.links.iter().filter(|(_, link)| link.mac != Mac::ZERO) {
                let place = Place {
                    netns: config.netns_dir.join(netns),
                    device: device.clone(),
                    netns_id: namespace.id,
                    index: link.index,
                };
                devices.insert(link.mac, place);
            }
        }
        Devices(devices)
    }
}

/// Of a router that is here; an interface without its device advertises nothing.
pub(crate) fn told(router: &Router, want: &Wanted, devices: &Devices) -> Told {
    let leg = |interface: &model::desired::Interface| {
        let mtu_bytes = want.network(interface.port.network_id)?.mtu_bytes;
        let leg = RouterLeg::new(interface, mtu_bytes)?;
        Some((interface.port.port_id, (leg, devices.0.get(&interface.port.mac)?.clone())))
    };
    router.interfaces.iter().filter_map(leg).collect()
}

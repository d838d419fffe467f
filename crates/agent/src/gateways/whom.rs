//! Which networks instances reach gateways in, and who is in them: leases, as the gateways need them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use host::{Wanted, gateways, names};
use model::desired::{Key, Kind, Lease, Part};
use model::gateway::{About, Door, Limits, Listen, Network, Port};
use model::software::Orders;
use model::{NetworkId, PortId};

use super::Settings;
use crate::sync::Store;

const METADATA: u16 = 80;
/// Below this a link has no IPv6.
const IPV6_MIN_MTU_BYTES: u32 = 1280;
/// Letters of a name that travels in heads of requests.
const NAME: usize = 255;

/// Networks of which parts changed.
pub(super) fn concerned(want: &Wanted, keys: &BTreeSet<Key>, old: &[Part]) -> BTreeSet<NetworkId> {
    let of_kind = |key: &Key| matches!(key.kind, Kind::Dhcp | Kind::Lease);
    let current = keys.iter().filter(|key| of_kind(key)).filter_map(|key| want.get(*key));
    let old = old.iter().filter(|part| of_kind(&part.key()));
    current.chain(old).flat_map(Part::networks).collect()
}

/// A network as its gateway should have it; `None` where its DHCP is not answered here.
pub(super) fn network(store: &Store, id: NetworkId, settings: &Settings) -> Option<Network> {
    let want = &store.wanted;
    let Some(Part::Dhcp(dhcp)) = want.get(Key::new(Kind::Dhcp, id.0)) else { return None };
    let device = names::dhcp_device(dhcp.port_id);
    let listen = |address: IpAddr| {
        let device = address.is_ipv6().then(|| device.clone());
        let doors = [(settings.software_port, Door::Software), (METADATA, Door::Metadata)];
        doors.map(|(port, door)| Listen { address, device: device.clone(), port, door })
    };
    let mut addresses: Vec<IpAddr> = vec![gateways::ADDRESS.into()];
    addresses.extend((dhcp.mtu_bytes >= IPV6_MIN_MTU_BYTES).then_some(IpAddr::from(gateways::ADDRESS_V6)));
    // Nobody asks from an address that two have: the first keeps it.
    let mut taken: BTreeSet<IpAddr> = addresses.iter().copied().collect();
    let leases = want.keys_of_network(id).into_iter().filter_map(|key| match want.get(key) {
        Some(Part::Lease(lease)) => Some((lease, store.revision(key))),
        _ => None,
    });
    let ports = leases.filter_map(|(lease, revision)| port(lease, revision, &mut taken)).collect();
    Some(Network {
        id,
        namespace: names::dhcp_netns(id),
        listen: addresses.into_iter().flat_map(listen).collect(),
        ports,
        limits: Limits::default(),
    })
}

/// `None` of one whose project has a name that cannot be said.
fn port(lease: &Lease, revision: i64, taken: &mut BTreeSet<IpAddr>) -> Option<Port> {
    if !is_plain(&lease.project_id) {
        return None;
    }
    let link_local = IpAddr::V6(wire::ipv6::link_local(lease.mac));
    let addresses = lease.addresses.iter().map(|address| address.ip).chain([link_local]);
    let addresses = addresses.filter(|ip| taken.insert(*ip)).collect();
    Some(Port {
        id: lease.port_id,
        project: lease.project_id.clone(),
        instance: instance(&lease.instance, lease.port_id),
        addresses,
        about: About {
            hostname: lease.hostname.clone(),
            mac_address: lease.mac.to_string(),
            ..About::default()
        },
        // Without orders nothing grows, so that nothing is told again for it.
        orders: match lease.orders.is_empty() {
            true => Orders::default(),
            false => Orders { revision, orders: lease.orders.clone() },
        },
    })
}

/// Users choose what `device_id` is: one that is no name is not told, and the port's own stands for it.
fn instance(said: &str, port: PortId) -> String {
    if is_plain(said) { said.to_owned() } else { port.to_string() }
}

fn is_plain(name: &str) -> bool {
    (1..=NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use host::Settings as HostSettings;
    use model::SubnetId;
    use model::desired::{Dhcp, LeaseAddress};
    use uuid::Uuid;
    use wire::Mac;

    use super::*;

    const NET: NetworkId = NetworkId(Uuid::from_u128(1));

    fn dhcp(mtu_bytes: u32) -> Part {
        Part::Dhcp(Dhcp {
            network_id: NET,
            mtu_bytes,
            port_id: PortId(Uuid::from_u128(2)),
            mac: Mac([2, 0, 0, 0, 0, 2]),
            addresses: Vec::new(),
            dns_domain: None,
            subnets: Vec::new(),
        })
    }

    fn lease(n: u8, ip: [u8; 4], project: &str, instance: &str) -> Part {
        Part::Lease(Lease {
            port_id: PortId(Uuid::from_u128(n.into())),
            network_id: NET,
            mac: Mac([2, 0, 0, 0, 0, n]),
            hostname: "web".into(),
            addresses: vec![LeaseAddress { subnet_id: SubnetId(Uuid::nil()), ip: ip.into() }],
            options: Vec::new(),
            instance: instance.into(),
            project_id: project.into(),
            orders: Vec::new(),
        })
    }

    fn told(parts: Vec<Part>) -> Option<Network> {
        let mut store = Store::new(HostSettings::default());
        for part in parts {
            store.wanted.put(part);
        }
        let network = network(&store, NET, &Settings::default());
        assert!(network.iter().all(|network| network.check().is_ok()), "{network:?}");
        network
    }

    #[test]
    fn who_cannot_be_named_harms_nobody_else() {
        assert_eq!(told(vec![lease(3, [10, 0, 0, 3], "p", "i")]), None);
        let odd = "an instance\r\nX-Neutrino-Project: q";
        let all = vec![
            dhcp(1450),
            lease(3, [10, 0, 0, 3], "p", "i"),
            lease(4, [10, 0, 0, 3], "p", odd),
            lease(5, [169, 254, 169, 254], "p", ""),
            lease(6, [10, 0, 0, 6], odd, "i"),
        ];
        let network = told(all).expect("told");
        assert_eq!(network.listen.len(), 4);
        let names: Vec<&str> = network.ports.iter().map(|port| port.instance.as_str()).collect();
        let by_port = |n: u128| Uuid::from_u128(n).to_string();
        assert_eq!(names, ["i", by_port(4).as_str(), by_port(5).as_str()]);
        let addresses: Vec<usize> = network.ports.iter().map(|port| port.addresses.len()).collect();
        assert_eq!(addresses, [2, 1, 1], "each address is of one port, and none is the gateways'");
        assert_eq!(told(vec![dhcp(1000)]).expect("told").listen.len(), 2, "a link without IPv6");
    }
}

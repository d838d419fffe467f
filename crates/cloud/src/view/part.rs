//! Parts of one host's desired state, made from rows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::api::address_group::AddressGroup;
use model::api::local_ip::IpMode;
use model::api::log::Event;
use model::api::network::{Network, ProviderSegment};
use model::api::port::Port;
use model::api::qos::Policy;
use model::api::subnet::Subnet;
use model::desired;
use model::desired::{
    AddressPair, Dhcp, DhcpOption, DhcpSubnet, Key, Kind, Lease, LeaseAddress, Part, Remote, Segment, Trunked,
};
use model::l3::RouterFacts;
use model::report::L2Configuration;
use model::software::Order;
use model::{LogId, NetworkId, PortId, QosPolicyId};

use crate::bind::segment_for;
use crate::port::{filtered_by, pair_net};
use crate::qos;
use crate::segment::is_tunnel;
use crate::view::group::{self, GroupRows};
use crate::view::router as view;
use crate::{local_ip, log};

/// Rows behind some or all parts of one host. A row that is missing means that there is no part.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub host: &'a str,
    /// Ports bound to the host.
    pub ports: &'a [Port],
    /// Their QoS policies.
    pub policies: &'a BTreeMap<QosPolicyId, Policy>,
    /// What these have to do with trunks.
    pub trunked: &'a BTreeMap<PortId, Trunked>,
    /// Logs of them, each with its project and what it tells.
    pub logged: &'a BTreeMap<PortId, Vec<(LogId, String, Event)>>,
    /// Local IPs that they stand for, each with the port's own address.
    pub stood_for: &'a BTreeMap<PortId, Vec<(Ipv4Addr, Ipv4Addr, IpMode)>>,
    /// Networks that the host has ports of.
    pub networks: &'a [NetworkId],
    /// Ports of those networks on other hosts.
    pub remotes: &'a [Port],
    /// Networks whose DHCP the host serves, each with the DHCP port there.
    pub dhcp: &'a [(NetworkId, Option<Port>)],
    /// Ports of the networks whose DHCP the host serves.
    pub leases: &'a [Port],
    pub network_rows: &'a BTreeMap<NetworkId, Network>,
    pub subnet_rows: &'a BTreeMap<NetworkId, Vec<Subnet>>,
    pub hosts: &'a BTreeMap<NetworkId, Vec<String>>,
    /// Networks with a port that may use addresses besides its own.
    pub roaming: &'a BTreeSet<NetworkId>,
    /// Networks with an interface of a distributed router.
    pub routed: &'a BTreeSet<NetworkId>,
    pub configurations: &'a BTreeMap<String, L2Configuration>,
    /// Routers that the host has a share in.
    pub routers: &'a [RouterFacts],
    /// The host's own ports in external networks.
    pub ways: &'a [Port],
    /// Security groups of the host's ports.
    pub groups: &'a [GroupRows],
    /// Ports of the groups that rules of those are about.
    pub members: &'a [Port],
    /// Address groups that rules of those are about.
    pub addresses: &'a [AddressGroup],
    /// What instances behind `leases` are to install.
    pub orders: &'a BTreeMap<PortId, Vec<Order>>,
}

impl Facts<'_> {
    fn network(&self, id: NetworkId) -> Option<&Network> {
        self.network_rows.get(&id)
    }

    fn subnets(&self, id: NetworkId) -> &[Subnet] {
        self.subnet_rows.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Every part that these rows make.
    pub fn parts(&self) -> BTreeMap<Key, Part> {
        let ports = self.ports.iter().map(|row| (Kind::Port, row.id.0));
        let networks = self.networks.iter().map(|id| (Kind::Network, id.0));
        let remotes = self.remotes.iter().map(|row| (Kind::Remote, row.id.0));
        let dhcp = self.dhcp.iter().map(|(id, _)| (Kind::Dhcp, id.0));
        let leases = self.leases.iter().map(|row| (Kind::Lease, row.id.0));
        let routers = self.routers.iter().map(|facts| (Kind::Router, facts.row.id.0));
        let ways = self.ways.iter().map(|row| (Kind::Fip, row.network_id.0));
        let groups = self.groups.iter().map(|rows| (Kind::Group, rows.group.id.0));
        let members = self.members.iter().map(|row| (Kind::Member, row.id.0));
        let addresses = self.addresses.iter().map(|row| (Kind::Addresses, row.id.0));
        let keys = ports.chain(networks).chain(remotes).chain(dhcp).chain(leases).chain(routers).chain(ways);
        let keys = keys.chain(groups).chain(members).chain(addresses);
        let by_id = Index::of(self);
        keys.map(|(kind, id)| Key::new(kind, id))
            .filter_map(|key| Some((key, by_id.part(self, key)?)))
            .collect()
    }
}

/// One part, or `None` when the host should not have it.
pub fn part(facts: &Facts<'_>, key: Key) -> Option<Part> {
    Index::of(facts).part(facts, key)
}

/// Rows by id, so that a host with thousands of ports is not searched for each.
struct Index<'a> {
    ports: BTreeMap<uuid::Uuid, &'a Port>,
    remotes: BTreeMap<uuid::Uuid, &'a Port>,
    leases: BTreeMap<uuid::Uuid, &'a Port>,
    routers: BTreeMap<uuid::Uuid, &'a RouterFacts>,
    /// By network.
    ways: BTreeMap<uuid::Uuid, &'a Port>,
    groups: BTreeMap<uuid::Uuid, &'a GroupRows>,
    members: BTreeMap<uuid::Uuid, &'a Port>,
    addresses: BTreeMap<uuid::Uuid, &'a AddressGroup>,
}

impl<'a> Index<'a> {
    fn of(facts: &Facts<'a>) -> Index<'a> {
        let by_id = |rows: &'a [Port]| rows.iter().map(|row| (row.id.0, row)).collect();
        Index {
            ports: by_id(facts.ports),
            remotes: by_id(facts.remotes),
            leases: by_id(facts.leases),
            routers: facts.routers.iter().map(|router| (router.row.id.0, router)).collect(),
            ways: facts.ways.iter().map(|row| (row.network_id.0, row)).collect(),
            groups: facts.groups.iter().map(|rows| (rows.group.id.0, rows)).collect(),
            members: by_id(facts.members),
            addresses: facts.addresses.iter().map(|row| (row.id.0, row)).collect(),
        }
    }

    fn part(&self, facts: &Facts<'_>, key: Key) -> Option<Part> {
        match key.kind {
            Kind::Port => self.ports.get(&key.id).map(|row| {
                let policy = row.qos_policy().and_then(|id| facts.policies.get(&id));
                let trunk = facts.trunked.get(&row.id).cloned();
                let qos = policy.and_then(|policy| qos::view(&policy.rules));
                let stood_for = facts.stood_for.get(&row.id).into_iter().flatten();
                let local_ips = stood_for.filter_map(|(ip, own, mode)| local_ip::view(row, *ip, *own, *mode));
                let logged = facts.logged.get(&row.id).into_iter().flatten();
                let logs = logged.map(|(id, project, event)| log::view(*id, project, *event)).collect();
                let local_ips = local_ips.collect();
                Part::Port(desired::Port { qos, trunk, local_ips, logs, ..port(row) })
            }),
            Kind::Network => {
                let id = NetworkId(key.id);
                facts.networks.contains(&id).then_some(())?;
                network(facts, facts.network(id)?).map(Part::Network)
            }
            Kind::Remote => {
                let row = self.remotes.get(&key.id)?;
                let their = facts.configurations.get(&row.host)?;
                let routed = facts.routed.contains(&row.network_id);
                remote(row, facts.network(row.network_id)?, their, routed).map(Part::Remote)
            }
            Kind::Dhcp => {
                let id = NetworkId(key.id);
                let (_, row) = facts.dhcp.iter().find(|(network, _)| *network == id)?;
                Some(Part::Dhcp(dhcp(row.as_ref()?, facts.network(id)?, facts.subnets(id))))
            }
            Kind::Lease => {
                let row = self.leases.get(&key.id)?;
                let lease = lease(row, facts.subnets(row.network_id))?;
                let orders = facts.orders.get(&row.id).cloned().unwrap_or_default();
                Some(Part::Lease(Lease { orders, ..lease }))
            }
            Kind::Router => {
                let router = self.routers.get(&key.id)?;
                view::router(router, facts.host).map(Part::Router)
            }
            Kind::Fip => {
                let row = self.ways.get(&key.id)?;
                Some(Part::Fip(view::fip(row, facts.subnets(row.network_id))))
            }
            Kind::Group => self.groups.get(&key.id).map(|rows| Part::Group(group::group(rows))),
            Kind::Member => self.members.get(&key.id).and_then(|row| group::member(row)).map(Part::Member),
            Kind::Addresses => self.addresses.get(&key.id).map(|row| Part::Addresses(group::addresses(row))),
        }
    }
}

pub fn port(row: &Port) -> desired::Port {
    let pair = |pair: &model::api::port::AddressPair| {
        Some(AddressPair { mac: pair.mac_address, net: pair_net(pair)? })
    };
    let pairs = || row.allowed_address_pairs.iter().filter_map(pair).collect();
    desired::Port {
        id: row.id,
        network_id: row.network_id,
        mac: row.mac_address,
        fixed_ips: row.fixed_ips.iter().map(|fixed| fixed.ip_address).collect(),
        admin_state_up: row.admin_state_up,
        allowed: row.port_security_enabled.then(pairs),
        trusted: row.device_owner.starts_with("network:"),
        groups: filtered_by(row).cloned(),
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
    }
}

pub fn network(facts: &Facts<'_>, row: &Network) -> Option<desired::Network> {
    let own = facts.configurations.get(facts.host)?;
    let segment = segment_for(row, own)?;
    let mut peers = BTreeSet::new();
    if is_tunnel(&segment.network_type) {
        let others = facts.hosts.get(&row.id).into_iter().flatten().filter(|host| *host != facts.host);
        peers.extend(others.filter_map(|host| facts.configurations.get(host)?.tunneling_ip));
    }
    Some(desired::Network {
        id: row.id,
        mtu_bytes: u32::try_from(row.mtu).unwrap_or(u32::MAX),
        segment: wired(segment),
        peers,
        roaming: facts.roaming.contains(&row.id),
    })
}

fn wired(segment: &ProviderSegment) -> Segment {
    let physical_network = segment.physical_network.clone().unwrap_or_default();
    let id = segment.segmentation_id.unwrap_or_default();
    // Ids were checked against their type's range when the segment was made.
    let tunnel_id = u32::try_from(id).unwrap_or_default();
    match segment.network_type.as_str() {
        "flat" => Segment::Flat { physical_network },
        "vlan" => Segment::Vlan { physical_network, vid: u16::try_from(id).unwrap_or_default() },
        "vxlan" => Segment::Vxlan { vni: tunnel_id },
        "geneve" => Segment::Geneve { vni: tunnel_id },
        "gre" => Segment::Gre { key: tunnel_id },
        _ => Segment::Local,
    }
}

/// A port elsewhere, as its neighbours must know it: those of its tunnels, and distributed routers,
/// which can ask nobody outside of tunnels, as the answer would end at the answerer's own host.
pub fn remote(row: &Port, network: &Network, their: &L2Configuration, routed: bool) -> Option<Remote> {
    let tunnel = is_tunnel(&segment_for(network, their)?.network_type);
    (tunnel || routed).then(|| Remote {
        port_id: row.id,
        network_id: row.network_id,
        mac: row.mac_address,
        fixed_ips: row.fixed_ips.iter().map(|fixed| fixed.ip_address).collect(),
        tunnel_ip: their.tunneling_ip.filter(|_| tunnel),
    })
}

fn dhcp(row: &Port, network: &Network, subnets: &[Subnet]) -> Dhcp {
    let served: Vec<&Subnet> = subnets.iter().filter(|subnet| subnet.enable_dhcp).collect();
    let address = |ip: IpAddr| {
        let subnet = served.iter().find(|subnet| subnet.cidr.contains(&ip))?;
        IpNet::new(ip, subnet.cidr.prefix_len()).ok()
    };
    let domain = network.dns_domain.trim_end_matches('.');
    Dhcp {
        network_id: network.id,
        mtu_bytes: u32::try_from(network.mtu).unwrap_or(u32::MAX),
        port_id: row.id,
        mac: row.mac_address,
        addresses: row.fixed_ips.iter().filter_map(|fixed| address(fixed.ip_address)).collect(),
        dns_domain: (!domain.is_empty()).then(|| domain.to_owned()),
        subnets: served.iter().map(|subnet| dhcp_subnet(subnet)).collect(),
    }
}

fn dhcp_subnet(row: &Subnet) -> DhcpSubnet {
    DhcpSubnet {
        id: row.id,
        cidr: row.cidr,
        gateway_ip: row.gateway_ip,
        dns_nameservers: row.dns_nameservers.clone(),
        host_routes: row.host_routes.clone(),
        ipv6_ra_mode: row.ipv6_ra_mode,
        ipv6_address_mode: row.ipv6_address_mode,
    }
}

/// What DHCP offers to a port; `None` when it has no address on a DHCP subnet.
pub fn lease(row: &Port, subnets: &[Subnet]) -> Option<Lease> {
    let addresses: Vec<LeaseAddress> = row
        .fixed_ips
        .iter()
        .filter(|fixed| subnets.iter().any(|subnet| subnet.id == fixed.subnet_id && subnet.enable_dhcp))
        .map(|fixed| LeaseAddress { subnet_id: fixed.subnet_id, ip: fixed.ip_address })
        .collect();
    if addresses.is_empty() || row.device_owner == "network:dhcp" {
        return None;
    }
    let option = |option: &model::api::port::DhcpOpt| DhcpOption {
        name: option.opt_name.clone(),
        value: option.opt_value.clone(),
        ip_version: if option.ip_version == 6 { 6 } else { 4 },
    };
    Some(Lease {
        port_id: row.id,
        network_id: row.network_id,
        mac: row.mac_address,
        hostname: row.dns_assignment.first().map(|name| name.hostname.clone()).unwrap_or_default(),
        addresses,
        options: row.extra_dhcp_opts.iter().map(option).collect(),
        instance: row.device_id.clone(),
        project_id: row.project_id.clone(),
        orders: vec![],
    })
}

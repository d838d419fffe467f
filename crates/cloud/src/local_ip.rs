//! Local IPs: whose address one is, and which ports may stand for it.

use std::net::{IpAddr, Ipv4Addr};

use model::api::local_ip::{
    IpMode, LocalIp, LocalIpCreate, PortAssociation, PortAssociationCreate, association_id,
};
use model::api::port::{FixedIpAsk, Port, PortCreate};
use model::api::subnet::Subnet;
use model::{LocalIpId, NetworkId, PortId, desired};

use crate::Stamp;
use crate::port::{is_trusted, service_port};
use crate::standard::begin;

/// Of the port that holds a local IP's address for it.
pub const OWNER: &str = "network:local_ip";

/// Local IPs of one network at most: hosts have a table for each, for each port that may ask, and whoever asks a
/// lot fills them.
pub const MAX_OF_NETWORK: usize = 16;

/// Of these at most of a project whose network it is not.
pub const MAX_OF_GUEST: usize = 4;

/// Why there is no local IP, why a port does not stand for it, or why it stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalIpRefusal {
    #[error("A local IP needs a port that has its address, or a network to take one from.")]
    Nowhere,
    #[error("Port {0} could not be found.")]
    NoPort(PortId),
    #[error("Network {0} has no IPv4 subnet.")]
    NoIpv4(NetworkId),
    #[error("Port {0} has no address.")]
    NoAddress(PortId),
    #[error("Port {0} has several addresses: say which.")]
    Which(PortId),
    #[error("Port {port} does not have the address {ip}.")]
    NotOfPort { port: PortId, ip: IpAddr },
    #[error("Local IPs are addresses of IPv4, and so are those that stand for them; {0} is not.")]
    NotIpv4(IpAddr),
    #[error("Port {port} is not on network {network}, whose address the local IP is.")]
    OtherNetwork { port: PortId, network: NetworkId },
    #[error("Port {port} stands for local IP {local_ip} already.")]
    Exists { port: PortId, local_ip: LocalIpId },
    #[error("Port {0} is of another project than the local IP.")]
    OtherProject(PortId),
    #[error("Port {0} is one of the network's own.")]
    OfNetwork(PortId),
    #[error("The address {0} is the gateway of a subnet.")]
    Gateway(IpAddr),
    #[error("Of the local IPs of network {0}, {MAX_OF_GUEST} are of this project, which does not own it.")]
    TooManyOfGuest(NetworkId),
    #[error("Network {0} has {MAX_OF_NETWORK} local IPs, which is as many as a network may have.")]
    TooMany(NetworkId),
    #[error("Ports stand for local IP {0}: take them off first.")]
    InUse(LocalIpId),
    #[error("Port {0} has the address of a local IP, and keeps it.")]
    PortInUse(PortId),
}

/// A network that an address is to be taken from.
pub fn check_network(network: NetworkId, subnets: &[Subnet]) -> Result<(), LocalIpRefusal> {
    match subnets.iter().any(|subnet| subnet.ip_version == 4) {
        true => Ok(()),
        false => Err(LocalIpRefusal::NoIpv4(network)),
    }
}

/// The port that will hold the address, as a request of the server's own.
pub fn own_port(id: LocalIpId, network: NetworkId, new: &LocalIpCreate) -> PortCreate {
    let port = service_port(&new.project_id, network, OWNER, id.to_string());
    let ask = |ip| FixedIpAsk { subnet_id: None, ip_address: Some(ip), delete_subnet: false };
    PortCreate { fixed_ips: new.local_ip_address.map(|ip| vec![ask(ip)]), ..port }
}

/// What is to be known for a local IP.
pub struct Facts<'a> {
    /// It has the address.
    pub port: &'a Port,
    /// Whoever asks may take a port of any project.
    pub any_project: bool,
    /// Whose the network is.
    pub owner: &'a str,
    pub subnets: &'a [Subnet],
    /// Whose the local IPs are that the network has.
    pub others: &'a [String],
}

/// Makes a local IP of a checked request.
pub fn create(
    new: LocalIpCreate,
    id: LocalIpId,
    facts: &Facts<'_>,
    stamp: &Stamp,
) -> Result<LocalIp, LocalIpRefusal> {
    let port = facts.port;
    let made_for_it = port.device_owner == OWNER && port.device_id == id.to_string();
    let address = match made_for_it {
        // It may have one of each family.
        true => port.fixed_ips.iter().map(|fixed| fixed.ip_address).find(IpAddr::is_ipv4),
        false => None,
    };
    let address = match address {
        Some(address) => address,
        None if is_trusted(&port.device_owner) => return Err(LocalIpRefusal::OfNetwork(port.id)),
        None if port.project_id != new.project_id && !facts.any_project => {
            return Err(LocalIpRefusal::OtherProject(port.id));
        }
        None => address_of(port, new.local_ip_address)?,
    };
    // Whoever answers for it has what others send out of the network.
    if facts.subnets.iter().any(|subnet| subnet.gateway_ip == Some(address)) {
        return Err(LocalIpRefusal::Gateway(address));
    }
    if facts.others.len() >= MAX_OF_NETWORK {
        return Err(LocalIpRefusal::TooMany(port.network_id));
    }
    let own = facts.others.iter().filter(|owner| **owner == new.project_id).count();
    if facts.owner != new.project_id && own >= MAX_OF_GUEST {
        return Err(LocalIpRefusal::TooManyOfGuest(port.network_id));
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(LocalIp {
        id,
        project_id: new.project_id,
        local_port_id: port.id,
        network_id: port.network_id,
        local_ip_address: address,
        ip_mode: new.ip_mode,
        rest,
    })
}

/// A port that has the address of local IPs keeps it, and does not become one of the network's own: those come and
/// go without anybody asking.
pub fn check_stays(address: IpAddr, before: &Port, after: &Port) -> Result<(), LocalIpRefusal> {
    let has = after.fixed_ips.iter().any(|fixed| fixed.ip_address == address);
    match has && (is_trusted(&before.device_owner) || !is_trusted(&after.device_owner)) {
        true => Ok(()),
        false => Err(LocalIpRefusal::PortInUse(before.id)),
    }
}

/// Has a port stand for a local IP; `exists` when it does already.
pub fn associate(
    new: &PortAssociationCreate,
    local_ip: &LocalIp,
    port: &Port,
    exists: bool,
    stamp: &Stamp,
) -> Result<PortAssociation, LocalIpRefusal> {
    let fixed_ip = address_of(port, new.fixed_ip)?;
    if port.network_id != local_ip.network_id {
        return Err(LocalIpRefusal::OtherNetwork { port: port.id, network: local_ip.network_id });
    }
    if let Some(ip) = [local_ip.local_ip_address, fixed_ip].into_iter().find(IpAddr::is_ipv6) {
        return Err(LocalIpRefusal::NotIpv4(ip));
    }
    if exists {
        return Err(LocalIpRefusal::Exists { port: port.id, local_ip: local_ip.id });
    }
    Ok(PortAssociation {
        id: association_id(&local_ip.id.to_string(), &port.id.to_string()),
        local_ip_id: local_ip.id,
        fixed_port_id: port.id,
        fixed_ip,
        created_us: stamp.now_us,
    })
}

fn address_of(port: &Port, asked: Option<IpAddr>) -> Result<IpAddr, LocalIpRefusal> {
    let own: Vec<IpAddr> = port.fixed_ips.iter().map(|fixed| fixed.ip_address).collect();
    match (asked, own.as_slice()) {
        (_, []) => Err(LocalIpRefusal::NoAddress(port.id)),
        (Some(ip), own) if own.contains(&ip) => Ok(ip),
        (Some(ip), _) => Err(LocalIpRefusal::NotOfPort { port: port.id, ip }),
        (None, [one]) => Ok(*one),
        (None, _) => Err(LocalIpRefusal::Which(port.id)),
    }
}

/// What a port's host is told of a local IP: nothing once the port has lost the address that stands for it.
pub fn view(port: &Port, address: Ipv4Addr, fixed_ip: Ipv4Addr, mode: IpMode) -> Option<desired::LocalIp> {
    let has = port.fixed_ips.iter().any(|fixed| fixed.ip_address == IpAddr::V4(fixed_ip));
    let fixed_ip = (mode == IpMode::Translate).then_some(fixed_ip);
    has.then_some(desired::LocalIp { address, fixed_ip })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::fixture::id;
    use model::SubnetId;
    use model::api::port::FixedIp;

    const NETWORK: u128 = 3;

    fn port(number: u128, network: u128, ips: &[&str]) -> Port {
        let fixed =
            |ip: &&str| FixedIp { subnet_id: SubnetId(id(9)), ip_address: ip.parse().expect("an address") };
        crate::port::test_port(PortId(id(number)), NetworkId(id(network)), ips.iter().map(fixed).collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn local(address: Option<&str>, of: &Port, others: usize) -> Result<LocalIp, LocalIpRefusal> {
        let facts = Facts {
            port: of,
            any_project: false,
            owner: "p",
            subnets: &[],
            others: &vec!["q".to_owned(); others],
        };
        made(address, &facts)
    }

    fn made(address: Option<&str>, facts: &Facts<'_>) -> Result<LocalIp, LocalIpRefusal> {
        let new = LocalIpCreate {
            project_id: "p".into(),
            local_port_id: None,
            network_id: None,
            local_ip_address: address.map(ip),
            ip_mode: IpMode::Translate,
            rest: Default::default(),
        };
        create(new, LocalIpId(id(1)), facts, &Stamp::new(0, String::new(), 7))
    }

    #[test]
    fn it_is_one_address_of_its_port() {
        use LocalIpRefusal as R;
        let (one, two) = (port(7, NETWORK, &["10.0.0.7"]), port(7, NETWORK, &["10.0.0.7", "fd00::7"]));
        let both = port(7, NETWORK, &["fd00::7", "10.0.0.7"]);
        let of_one =
            |one: u128| Port { device_owner: OWNER.into(), device_id: id(one).to_string(), ..both.clone() };
        let (own, of_another) = (of_one(1), of_one(2));
        let leg = Port { device_owner: "network:router_interface".into(), ..one.clone() };
        let alien = Port { project_id: "q".into(), ..one.clone() };
        let none = port(7, NETWORK, &[]);
        let of = one.id;
        for (asked, port, others, wanted) in [
            (None, &one, 0, Ok("10.0.0.7")),
            (Some("10.0.0.7"), &two, 0, Ok("10.0.0.7")),
            (Some("fd00::7"), &two, 0, Ok("fd00::7")),
            (None, &own, MAX_OF_NETWORK - 1, Ok("10.0.0.7")),
            (None, &two, 0, Err(R::Which(of))),
            (None, &of_another, 0, Err(R::OfNetwork(of))),
            (None, &leg, 0, Err(R::OfNetwork(of))),
            (None, &alien, 0, Err(R::OtherProject(of))),
            (None, &none, 0, Err(R::NoAddress(of))),
            (Some("10.0.0.8"), &one, 0, Err(R::NotOfPort { port: of, ip: ip("10.0.0.8") })),
            (None, &one, MAX_OF_NETWORK, Err(R::TooMany(one.network_id))),
        ] {
            let made = local(asked, port, others).map(|made| made.local_ip_address.to_string());
            assert_eq!(made, wanted.map(str::to_owned), "{asked:?} of {:?}", port.fixed_ips);
        }
    }

    #[test]
    fn a_guest_has_a_share_of_a_network_and_nobody_its_gateway() {
        use LocalIpRefusal as R;
        let (port, gateway) = (port(7, NETWORK, &["10.0.0.7"]), port(7, NETWORK, &["10.0.0.1"]));
        let of = port.network_id;
        let subnets = [crate::router::fixture::a_subnet(9, NETWORK, "10.0.0.0/24")];
        for (of_network, port, own, wanted) in [
            ("p", &port, MAX_OF_NETWORK - 1, Ok(())),
            ("q", &port, MAX_OF_GUEST - 1, Ok(())),
            ("q", &port, MAX_OF_GUEST, Err(R::TooManyOfGuest(of))),
            ("p", &gateway, 0, Err(R::Gateway(ip("10.0.0.1")))),
        ] {
            let others = vec!["p".to_owned(); own];
            // Of others there are some besides.
            let others = if of_network == "q" { [others, vec!["q".to_owned(); 5]].concat() } else { others };
            let facts =
                Facts { port, any_project: false, owner: of_network, subnets: &subnets, others: &others };
            assert_eq!(made(None, &facts).map(drop), wanted, "{own} in {of_network}'s network");
        }
    }

    #[test]
    fn a_port_keeps_what_local_ips_have_of_it() {
        let before = port(7, NETWORK, &["10.0.0.7", "10.0.0.8"]);
        let owned = |port: &Port, owner: &str| Port { device_owner: owner.into(), ..port.clone() };
        let leg = owned(&before, "network:router_interface");
        let refused = Err(LocalIpRefusal::PortInUse(before.id));
        for (before, after, wanted) in [
            (&before, port(7, NETWORK, &["10.0.0.7"]), Ok(())),
            (&before, port(7, NETWORK, &["10.0.0.8"]), refused.clone()),
            (&before, owned(&before, "compute:nova"), Ok(())),
            (&before, leg.clone(), refused),
            (&leg, leg.clone(), Ok(())),
        ] {
            assert_eq!(check_stays(ip("10.0.0.7"), before, &after), wanted, "{after:?}");
        }
    }

    #[test]
    fn ports_of_its_network_stand_for_it_with_an_address_of_theirs() {
        use LocalIpRefusal as R;
        let place = port(7, NETWORK, &["10.0.0.100"]);
        let (four, six) = (local(None, &place, 0), local(None, &port(7, NETWORK, &["fd00::100"]), 0));
        let (four, six) = (four.expect("a local IP"), six.expect("a local IP"));
        let (here, there) = (port(8, NETWORK, &["10.0.0.8"]), port(8, 4, &["10.0.0.8"]));
        let both = port(8, NETWORK, &["10.0.0.8", "fd00::8"]);
        let of = here.id;
        let stamp = Stamp::new(0, String::new(), 7);
        for (local_ip, port, asked, exists, wanted) in [
            (&four, &here, None, false, Ok("10.0.0.8")),
            (&four, &both, Some("10.0.0.8"), false, Ok("10.0.0.8")),
            (&four, &both, None, false, Err(R::Which(of))),
            (&four, &both, Some("fd00::8"), false, Err(R::NotIpv4(ip("fd00::8")))),
            (&six, &here, None, false, Err(R::NotIpv4(ip("fd00::100")))),
            // Whoever could name an address of his own network would get what others send to it in this.
            (&four, &there, None, false, Err(R::OtherNetwork { port: of, network: four.network_id })),
            (&four, &here, None, true, Err(R::Exists { port: of, local_ip: four.id })),
        ] {
            let new = PortAssociationCreate {
                local_ip_id: local_ip.id.to_string(),
                fixed_port_id: port.id,
                fixed_ip: asked.map(ip),
            };
            let made = associate(&new, local_ip, port, exists, &stamp).map(|made| made.fixed_ip.to_string());
            assert_eq!(made, wanted.map(str::to_owned), "{asked:?} of {:?}", port.fixed_ips);
        }
    }

    #[test]
    fn hosts_hear_of_addresses_that_ports_have() {
        let here = port(8, NETWORK, &["10.0.0.8"]);
        let (address, own) = (Ipv4Addr::new(10, 0, 0, 100), Ipv4Addr::new(10, 0, 0, 8));
        let told = |fixed_ip| Some(desired::LocalIp { address, fixed_ip });
        assert_eq!(view(&here, address, own, IpMode::Translate), told(Some(own)));
        assert_eq!(view(&here, address, own, IpMode::Passthrough), told(None));
        assert_eq!(view(&here, address, Ipv4Addr::new(10, 0, 0, 9), IpMode::Translate), None);
    }
}

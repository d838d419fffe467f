//! A subnet's gateway and allocation pools.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::subnet::Pool;

use crate::Refusal;
use crate::ipam::number::{address, last_of, network_of, number};

/// The first address for IPv4, the subnet's anycast address for IPv6; none behind the last of all.
pub fn default_gateway(cidr: IpNet) -> Option<IpAddr> {
    let network = network_of(cidr);
    match cidr {
        IpNet::V4(_) if number(network) == u32::MAX.into() => None,
        IpNet::V4(_) => Some(address(number(network) + 1, network)),
        IpNet::V6(_) => Some(network),
    }
}

/// All hosts but the gateway, in order.
pub fn default_pools(cidr: IpNet, gateway: Option<IpAddr>) -> Vec<Pool> {
    let (first, last) = hosts(cidr);
    let like = network_of(cidr);
    let pool = |start: u128, end: u128| Pool { start: address(start, like), end: address(end, like) };
    match gateway.map(number) {
        Some(gateway) if (first..=last).contains(&gateway) => {
            let mut pools = Vec::new();
            if gateway > first {
                pools.push(pool(first, gateway - 1));
            }
            if gateway < last {
                pools.push(pool(gateway + 1, last));
            }
            pools
        }
        _ => vec![pool(first, last)],
    }
}

/// First and last address that a host may have.
fn hosts(cidr: IpNet) -> (u128, u128) {
    let (first, last) = (number(network_of(cidr)), number(last_of(cidr)));
    match cidr {
        IpNet::V4(net) if net.prefix_len() >= 31 => (first, last),
        IpNet::V4(_) => (first + 1, last - 1),
        IpNet::V6(net) if net.prefix_len() >= 127 => (first, last),
        IpNet::V6(_) => (first + 1, last),
    }
}

/// Judges pools that a user gave.
pub fn check_pools(cidr: IpNet, pools: &[Pool]) -> Result<(), Refusal> {
    let (first, last) = hosts(cidr);
    for pool in pools {
        let family_fits =
            pool.start.is_ipv4() == pool.end.is_ipv4() && pool.start.is_ipv4() == network_of(cidr).is_ipv4();
        if !family_fits || number(pool.start) > number(pool.end) {
            return Err(Refusal::InvalidPool(name(pool)));
        }
        if number(pool.start) < first || number(pool.end) > last {
            return Err(Refusal::PoolOutOfBounds { pool: name(pool), cidr: cidr.to_string() });
        }
    }
    let mut sorted = pools.to_vec();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if number(pair[0].end) >= number(pair[1].start) {
            return Err(Refusal::PoolsOverlap { one: name(&pair[0]), other: name(&pair[1]) });
        }
    }
    Ok(())
}

/// A gateway must be a host's address when it is inside the subnet, and in no pool.
pub fn check_gateway(cidr: IpNet, gateway: IpAddr, pools: &[Pool]) -> Result<(), Refusal> {
    if gateway.is_ipv4() != network_of(cidr).is_ipv4() {
        return Err(Refusal::Input(format!("The gateway {gateway} is not of the subnet's address family.")));
    }
    if let IpNet::V4(net) = cidr
        && net.prefix_len() < 31
        && (gateway == network_of(cidr) || gateway == last_of(cidr))
    {
        return Err(Refusal::Input(format!("The gateway {gateway} is not a host's address in {cidr}.")));
    }
    let within = |pool: &&Pool| (number(pool.start)..=number(pool.end)).contains(&number(gateway));
    match pools.iter().find(within) {
        Some(pool) => Err(Refusal::GatewayInPool { gateway, pool: name(pool) }),
        None => Ok(()),
    }
}

fn name(pool: &Pool) -> String {
    format!("{}-{}", pool.start, pool.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cidr: &str, gateway: Option<&str>) -> Vec<String> {
        let gateway = gateway.map(|ip| ip.parse().unwrap());
        default_pools(cidr.parse().unwrap(), gateway).iter().map(name).collect()
    }

    #[test]
    fn default_pools_leave_out_the_gateway() {
        assert_eq!(shown("10.0.0.0/24", Some("10.0.0.1")), ["10.0.0.2-10.0.0.254"]);
        assert_eq!(shown("10.0.0.0/24", Some("10.0.0.9")), ["10.0.0.1-10.0.0.8", "10.0.0.10-10.0.0.254"]);
        assert_eq!(shown("10.0.0.0/24", Some("10.9.0.1")), ["10.0.0.1-10.0.0.254"]);
        assert_eq!(shown("10.0.0.0/31", None), ["10.0.0.0-10.0.0.1"]);
        assert_eq!(shown("10.0.0.7/32", None), ["10.0.0.7-10.0.0.7"]);
        assert_eq!(shown("2001:db8::/126", Some("2001:db8::")), ["2001:db8::1-2001:db8::3"]);
        assert_eq!(default_gateway("2001:db8::/64".parse().unwrap()), "2001:db8::".parse().ok());
    }

    #[test]
    fn given_pools_are_judged() {
        let cidr = "10.0.0.0/24".parse().unwrap();
        let pool = |start: &str, end: &str| Pool { start: start.parse().unwrap(), end: end.parse().unwrap() };
        assert!(check_pools(cidr, &[pool("10.0.0.2", "10.0.0.9"), pool("10.0.0.20", "10.0.0.29")]).is_ok());
        let reversed = check_pools(cidr, &[pool("10.0.0.9", "10.0.0.2")]);
        assert!(matches!(reversed, Err(Refusal::InvalidPool(_))));
        let outside = check_pools(cidr, &[pool("10.0.0.2", "10.0.1.2")]);
        assert!(matches!(outside, Err(Refusal::PoolOutOfBounds { .. })));
        let overlap = check_pools(cidr, &[pool("10.0.0.5", "10.0.0.9"), pool("10.0.0.2", "10.0.0.5")]);
        assert!(matches!(overlap, Err(Refusal::PoolsOverlap { .. })));
        let gateway = check_gateway(cidr, "10.0.0.5".parse().unwrap(), &[pool("10.0.0.2", "10.0.0.9")]);
        assert!(matches!(gateway, Err(Refusal::GatewayInPool { .. })));
    }
}

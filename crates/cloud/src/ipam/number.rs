//! Addresses as numbers, for arithmetic within one family.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::subnet::Pool;

pub fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The address of a number, in the family of `like`.
pub fn address(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4((number as u32).into()),
        IpAddr::V6(_) => IpAddr::V6(number.into()),
    }
}

pub fn network_of(net: IpNet) -> IpAddr {
    net.network()
}

/// How many addresses a pool has.
pub fn span(pool: &Pool) -> u128 {
    number(pool.end).saturating_sub(number(pool.start)).saturating_add(1)
}

/// How many addresses a net has.
pub fn whole(net: IpNet) -> u128 {
    1u128.checked_shl((net.max_prefix_len() - net.prefix_len()).into()).unwrap_or(u128::MAX)
}

/// How many of them ports may have: IPv4 keeps the first and the last, where there are others.
pub fn usable(net: IpNet) -> u128 {
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => whole(net.into()) - 2,
        net => whole(net),
    }
}

/// The last address of a net: for IPv4 its broadcast address.
pub fn last_of(net: IpNet) -> IpAddr {
    net.broadcast()
}

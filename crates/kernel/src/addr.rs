//! Addresses of links.

use ipnet::IpNet;
use nix::libc;

use crate::link::{ip, octets};
use crate::netlink::message::u32_of;
use crate::netlink::{Message, attributes};

/// Bytes of `struct ifaddrmsg`.
const IFADDRMSG: usize = 8;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
/// The server saw to it that nobody else has the address.
const IFA_F_NODAD: u32 = 0x02;

pub(crate) fn add(device: u32, net: IpNet) -> Message {
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let message = message(libc::RTM_NEWADDR, flags, device, net);
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => message.attr(IFA_BROADCAST, &net.broadcast().octets()),
        IpNet::V4(_) => message,
        IpNet::V6(_) => message.attr_u32(IFA_FLAGS, IFA_F_NODAD),
    }
}

pub(crate) fn delete(device: u32, net: IpNet) -> Message {
    message(libc::RTM_DELADDR, 0, device, net)
}

pub(crate) fn dump() -> Message {
    Message::new(libc::RTM_GETADDR, 0, &[0; IFADDRMSG])
}

/// Index of the link, and the address with its prefix length.
pub(crate) fn parse(payload: &[u8]) -> Option<(u32, IpNet)> {
    let fixed = payload.first_chunk::<IFADDRMSG>()?;
    let (mut address, mut local) = (None, None);
    for (kind, value) in attributes(&payload[IFADDRMSG..]) {
        match kind {
            IFA_ADDRESS => address = ip(value),
            IFA_LOCAL => local = ip(value),
            _ => {}
        }
    }
    Some((u32_of(&fixed[4..8]), IpNet::new(local.or(address)?, fixed[1]).ok()?))
}

fn message(kind: u16, flags: i32, device: u32, net: IpNet) -> Message {
    let mut fixed = [0; IFADDRMSG];
    fixed[0] = if net.addr().is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 };
    fixed[1] = net.prefix_len();
    fixed[4..8].copy_from_slice(&device.to_ne_bytes());
    let address = octets(net.addr());
    Message::new(kind, flags, &fixed).attr(IFA_LOCAL, &address).attr(IFA_ADDRESS, &address)
}

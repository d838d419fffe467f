//! What is taken as an answer: ARP and neighbour discovery from the link that was asked on.

use std::net::IpAddr;

use wire::icmpv6::{
    self, kind,
    neighbour::{Advertisement, Solicitation},
};
use wire::{Arp, Mac, ipv6};

use crate::Why;

/// Somebody says at which MAC an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    pub ip: IpAddr,
    pub mac: Mac,
    /// It holds against what is known. Without it, another MAC is a reason to ask (RFC 4861 section 7.2.5).
    pub overrides: bool,
}

/// Reads an ARP packet. Questions tell of their sender as well as answers do.
pub fn arp(packet: &[u8]) -> Result<Said, Why> {
    let arp = Arp::parse(packet).map_err(|_| Why::BadAnswer)?;
    station(arp.sender_mac)?;
    Ok(Said { ip: arp.sender_ip.into(), mac: arp.sender_mac, overrides: true })
}

/// Reads an IPv6 packet, if it is neighbour discovery that tells where somebody is.
pub fn nd(packet: &[u8]) -> Result<Option<Said>, Why> {
    let view = ipv6::View::new(packet).map_err(|_| Why::BadAnswer)?;
    let message = view.payload();
    let (src, dst) = (view.src(), view.dst());
    let said = match message.first().copied() {
        Some(kind::NEIGHBOUR_ADVERTISEMENT) => {
            let told = Advertisement::parse(message, src, dst).map_err(|_| Why::BadAnswer)?;
            told.target_link.map(|mac| Said { ip: told.target.into(), mac, overrides: told.overriding })
        }
        Some(kind::NEIGHBOUR_SOLICITATION) => {
            let asked = Solicitation::parse(message, src, dst).map_err(|_| Why::BadAnswer)?;
            asked.source_link.map(|mac| Said { ip: src.into(), mac, overrides: true })
        }
        _ => return Ok(None),
    };
    // A router would have lowered it: the sender is on the link.
    if view.hop_limit() != icmpv6::HOP_LIMIT {
        return Err(Why::BadAnswer);
    }
    said.map(|said| station(said.mac).map(|()| said)).transpose()
}

fn station(mac: Mac) -> Result<(), Why> {
    if mac.is_multicast() || mac == Mac::ZERO { Err(Why::BadAnswer) } else { Ok(()) }
}

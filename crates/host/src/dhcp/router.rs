//! Router advertisements of a router's leg in a network of instances.

use model::desired::Interface;
use wire::ethernet::{self, ethertype};
use wire::ipv6::next_header;
use wire::{Mac, ipv6};

use super::advert::{self, Advertiser};
use super::subnet::Subnet6;

/// Three times the longest interval between advertisements (RFC 4861 section 6.2.1): one or two may
/// be lost.
const ROUTER_S: u16 = 600;

/// What one leg of a router advertises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouterLeg {
    mac: Mac,
    mtu_bytes: u32,
    subnets: Vec<Subnet6>,
}

impl RouterLeg {
    /// `None` when no subnet of the interface is advertised by the router.
    pub fn new(interface: &Interface, mtu_bytes: u32) -> Option<RouterLeg> {
        let subnets = Subnet6::of_router(&interface.subnets);
        let is_told = subnets.iter().any(|subnet| subnet.ra_mode.is_some());
        is_told.then_some(RouterLeg { mac: interface.port.mac, mtu_bytes, subnets })
    }

    /// The answer to a whole Ethernet frame, a whole Ethernet frame itself; `None` if the frame is
    /// no solicitation of somebody else.
    pub fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let frame = ethernet::View::new(frame).ok()?;
        let (from, to) = (frame.src(), frame.dst());
        if from.is_multicast() || from == self.mac || !(to == self.mac || to.is_multicast()) {
            return None;
        }
        let packet = match frame.ethertype() {
            ethertype::IPV6 => ipv6::View::new(frame.payload()).ok()?,
            _ => return None,
        };
        match packet.next_header() {
            next_header::ICMPV6 => advert::answer(&self.advertiser(ROUTER_S), from, packet),
            _ => None,
        }
    }

    /// To be sent when the leg appears or changes, and every 30 to 200 seconds.
    pub fn advertisement(&self) -> Option<Vec<u8>> {
        advert::unsolicited(&self.advertiser(ROUTER_S))
    }

    /// Tells that the router is none any more; to be sent when it ceases to advertise.
    pub fn farewell(&self) -> Option<Vec<u8>> {
        advert::unsolicited(&self.advertiser(0))
    }

    fn advertiser(&self, router_lifetime_s: u16) -> Advertiser<'_> {
        let (mac, mtu_bytes) = (self.mac, self.mtu_bytes);
        Advertiser { mac, mtu_bytes, router_lifetime_s, subnets: &self.subnets }
    }
}

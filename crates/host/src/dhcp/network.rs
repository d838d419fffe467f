//! One network's DHCP service: what it knows, and which responder a frame is for.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use model::PortId;
use model::desired;
use wire::ethernet::{self, ethertype};
use wire::ipv6::next_header;
use wire::{Mac, ipv4, ipv6};

use super::advert::Advertiser;
use super::lease::Client;
use super::subnet::{Subnet4, Subnet6};
use super::{advert, v4, v6};
use crate::gateways;

/// The DHCP service of one network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Of the DHCP port: the source of all answers.
    pub(super) mac: Mac,
    pub(super) mtu_bytes: u32,
    pub(super) dns_domain: Option<String>,
    /// Those in which the DHCP port has an address.
    pub(super) subnets4: Vec<Subnet4>,
    pub(super) subnets6: Vec<Subnet6>,
    clients: BTreeMap<Mac, Client>,
    ports: BTreeMap<PortId, Mac>,
}

impl Network {
    /// A service without leases.
    pub fn new(part: &desired::Dhcp) -> Network {
        Network {
            mac: part.mac,
            mtu_bytes: part.mtu_bytes,
            dns_domain: part.dns_domain.clone().filter(|domain| !domain.is_empty()),
            subnets4: Subnet4::all(part),
            subnets6: Subnet6::all(part),
            clients: BTreeMap::new(),
            ports: BTreeMap::new(),
        }
    }

    /// Its clients are led to the gateways by the DHCP port itself, unless the subnet says otherwise.
    pub fn leading_to_gateways(mut self) -> Network {
        let to = Ipv4Net::new_assert(gateways::ADDRESS, 32);
        for subnet in &mut self.subnets4 {
            if subnet.routes.iter().all(|(known, _)| *known != to) {
                subnet.routes.push((to, subnet.server));
            }
            // Who knows of no routes but one is told one that leads there, and nowhere else.
            subnet.last_resort = Some(subnet.server);
        }
        self
    }

    /// Answers a port from here on, and replaces what it was to be told before.
    pub fn set_lease(&mut self, lease: &desired::Lease) {
        self.remove_lease(lease.port_id);
        if let Some(other) = self.clients.insert(lease.mac, Client::new(lease)) {
            self.ports.remove(&other.port);
        }
        self.ports.insert(lease.port_id, lease.mac);
    }

    /// Stops answering a port.
    pub fn remove_lease(&mut self, port: PortId) {
        if let Some(mac) = self.ports.remove(&port) {
            self.clients.remove(&mac);
        }
    }

    /// How many ports are answered.
    pub fn lease_count(&self) -> usize {
        self.clients.len()
    }

    /// The answer to a whole Ethernet frame, a whole Ethernet frame itself; `None` if the frame is
    /// not for us or not ours to answer.
    ///
    /// Clients are known by their MAC, which is also what port security holds them to. UDP
    /// checksums are not verified: offload leaves them unfinished on their way through a host.
    pub fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let frame = ethernet::View::new(frame).ok()?;
        let (from, to) = (frame.src(), frame.dst());
        if from.is_multicast() || from == self.mac || !(to == self.mac || to.is_multicast()) {
            return None;
        }
        match frame.ethertype() {
            ethertype::IPV4 => {
                let client = self.clients.get(&from)?;
                v4::answer(self, client, from, ipv4::View::new(frame.payload()).ok()?)
            }
            ethertype::IPV6 => {
                let packet = ipv6::View::new(frame.payload()).ok()?;
                match packet.next_header() {
                    next_header::ICMPV6 => advert::answer(&self.advertiser(), from, packet),
                    next_header::UDP => v6::answer(self, self.clients.get(&from)?, from, packet),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// An unsolicited router advertisement; `None` when no subnet is advertised from here.
    ///
    /// Hosts forget what they were told if it is not repeated: send it when the network appears or
    /// changes, and every 200 to 600 seconds (RFC 4861 section 6.2.1).
    pub fn advertisement(&self) -> Option<Vec<u8>> {
        advert::unsolicited(&self.advertiser())
    }

    fn advertiser(&self) -> Advertiser<'_> {
        let (mac, mtu_bytes) = (self.mac, self.mtu_bytes);
        Advertiser { mac, mtu_bytes, router_lifetime_s: 0, subnets: &self.subnets6 }
    }
}

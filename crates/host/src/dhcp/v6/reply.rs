//! What is answered to which DHCPv6 message (RFC 8415 section 18.3).

use std::net::Ipv6Addr;

use dhcproto::v6::{CLIENT_PORT, DhcpOption, DhcpOptions, Encodable, MessageType, SERVER_PORT};
use dhcproto::v6::{OptionCode, Status};
use model::desired::Ipv6Mode;
use wire::{Mac, Udp, ipv6, udp};

use super::ia::{self, Question, status};
use super::message::Request;
use super::told;
use crate::dhcp::frame;
use crate::dhcp::lease::Client;
use crate::dhcp::network::Network;

/// A port may have more addresses; one answer tells this many.
const MAX_OWN: usize = 16;

/// The answer to an IPv6 packet of a client.
pub(in crate::dhcp) fn answer(
    network: &Network,
    client: &Client,
    from: Mac,
    packet: ipv6::View<'_>,
) -> Option<Vec<u8>> {
    // Messages to a server's own address need its leave first (section 16), which is never given.
    if packet.dst() != ipv6::ALL_DHCP || !packet.src().is_unicast_link_local() {
        return None;
    }
    let served = |mode: Option<Ipv6Mode>| mode.is_some_and(|mode| mode != Ipv6Mode::Slaac);
    if !network.subnets6.iter().any(|subnet| served(subnet.address_mode)) {
        return None;
    }
    let datagram = udp::View::new(packet.payload()).ok()?;
    if datagram.dst_port() != SERVER_PORT {
        return None;
    }
    let request = Request::read(datagram.payload()).ok()?;
    let duid = duid(network.mac);
    if !is_valid(&request, &duid) {
        return None;
    }
    let bytes = Ask { network, client, request: &request, duid: &duid }.reply()?;
    let ports = Udp { src_port: SERVER_PORT, dst_port: CLIENT_PORT };
    let server = ipv6::link_local(network.mac);
    frame::udp6((network.mac, server), (from, packet.src()), ports, &bytes)
}

/// Who the server is: DUID-LL, hardware type Ethernet (section 11.4).
fn duid(mac: Mac) -> Vec<u8> {
    [&[0, 3, 0, 1], &mac.0[..]].concat()
}

/// Which identifiers a message must and must not have (section 16).
fn is_valid(request: &Request<'_>, duid: &[u8]) -> bool {
    let named_us = request.server_id == Some(duid);
    let client = request.client_id.is_some();
    match request.kind() {
        MessageType::Solicit | MessageType::Confirm | MessageType::Rebind => {
            client && request.server_id.is_none()
        }
        MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline => {
            client && named_us
        }
        MessageType::InformationRequest => {
            (request.server_id.is_none() || named_us) && request.ias.is_empty()
        }
        _ => false,
    }
}

/// Who asks what.
#[derive(Clone, Copy)]
struct Ask<'a> {
    network: &'a Network,
    client: &'a Client,
    request: &'a Request<'a>,
    duid: &'a [u8],
}

impl Ask<'_> {
    fn reply(self) -> Option<Vec<u8>> {
        let (kind, mut options) = match self.request.kind() {
            MessageType::Solicit => self.solicit(),
            MessageType::Request => (MessageType::Reply, self.answers(Question::Assign)),
            MessageType::Renew | MessageType::Rebind => (MessageType::Reply, self.answers(Question::Extend)),
            MessageType::Confirm => (MessageType::Reply, vec![self.confirm()?]),
            MessageType::Release | MessageType::Decline => {
                let mut options = self.answers(Question::Release);
                options.push(status(Status::Success));
                (MessageType::Reply, options)
            }
            MessageType::InformationRequest => (MessageType::Reply, Vec::new()),
            _ => return None,
        };
        if let Some(id) = self.request.client_id {
            options.push(DhcpOption::ClientId(id.to_vec()));
        }
        options.push(DhcpOption::ServerId(self.duid.to_vec()));
        self.write(kind, options)
    }

    /// An offer, or at once the real thing if the client is in a hurry (section 18.3.1).
    fn solicit(self) -> (MessageType, Vec<DhcpOption>) {
        let mut options = self.answers(Question::Assign);
        if self.request.rapid_commit && ia::assigns(&options) {
            options.push(DhcpOption::RapidCommit);
            return (MessageType::Reply, options);
        }
        (MessageType::Advertise, options)
    }

    /// Whether the client's addresses are right for this link (section 18.3.3). Stricter than the
    /// RFC: an address must be the client's own, since no other would work here.
    fn confirm(self) -> Option<DhcpOption> {
        let own = self.own();
        let mut claimed = self.request.ias.iter().flat_map(|ia| &ia.addresses).peekable();
        claimed.peek()?;
        let all = claimed.all(|ip| own.contains(ip));
        Some(status(if all { Status::Success } else { Status::NotOnLink }))
    }

    fn answers(self, question: Question) -> Vec<DhcpOption> {
        let on_link = |ip| self.network.subnets6.iter().any(|subnet| subnet.net.contains(&ip));
        ia::answers(question, &self.request.ias, &self.own(), on_link)
    }

    fn own(self) -> Vec<Ipv6Addr> {
        let bindings = self.client.bindings6(&self.network.subnets6, true);
        bindings.into_iter().map(|(_, ip)| ip).take(MAX_OWN).collect()
    }

    /// The message with as many of the other options as fit the network's MTU.
    fn write(self, kind: MessageType, options: Vec<DhcpOption>) -> Option<Vec<u8>> {
        let mut message = self.request.head.clone();
        message.set_msg_type(kind).set_opts(options.into_iter().collect::<DhcpOptions>());
        let mut bytes = message.to_vec().ok()?;
        let room = (self.network.mtu_bytes as usize).max(1280) - wire::Ipv6::LEN - Udp::LEN;
        if matches!(self.request.kind(), MessageType::Release | MessageType::Decline | MessageType::Confirm) {
            return (bytes.len() <= room).then_some(bytes);
        }
        for (code, value) in told::options(self.network, self.client, self.request) {
            if bytes.len() + 4 + value.len() <= room {
                bytes.extend(u16::from(OptionCode::from(code)).to_be_bytes());
                bytes.extend((value.len() as u16).to_be_bytes());
                bytes.extend(value);
            }
        }
        (bytes.len() <= room).then_some(bytes)
    }
}

//! What is answered to which DHCPv4 message (RFC 2131 section 4.3).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcproto::v4::{CLIENT_PORT, MessageType, OptionCode, SERVER_PORT};
use wire::ipv4::{self, protocol};
use wire::{Mac, Udp, udp};

use super::message::{Reply, Request};
use super::told::{self, Purpose};
use crate::dhcp::frame;
use crate::dhcp::lease::Client;
use crate::dhcp::network::Network;
use crate::dhcp::subnet::Subnet4;

/// A client's address and the subnet it is from.
type Binding<'a> = (&'a Subnet4, Ipv4Addr);

/// The answer to an IPv4 packet of a client.
pub(in crate::dhcp) fn answer(
    network: &Network,
    client: &Client,
    from: Mac,
    packet: ipv4::View<'_>,
) -> Option<Vec<u8>> {
    let is_ours = |ip| network.subnets4.iter().any(|subnet| subnet.server == ip);
    let datagram = datagram(packet).filter(|udp| udp.dst_port() == SERVER_PORT)?;
    if !packet.dst().is_broadcast() && !is_ours(packet.dst()) {
        return None;
    }
    let request = Request::read(datagram.payload(), from).ok()?;
    let bindings = client.bindings4(&network.subnets4);
    let ask = Ask { network, client, from, request: &request };
    match request.kind {
        MessageType::Discover => {
            let first = bindings.first()?;
            let wanted = request.requested.and_then(|ip| find(&bindings, ip)).unwrap_or(*first);
            ask.assign(MessageType::Offer, wanted)
        }
        MessageType::Request => {
            // Another server was chosen.
            if request.server_id.is_some_and(|id| !is_ours(id)) {
                return None;
            }
            let first = bindings.first()?;
            match find(&bindings, request.claimed()?) {
                Some(binding) => ask.assign(MessageType::Ack, binding),
                None => ask.refuse(request.server_id.unwrap_or(first.0.server)),
            }
        }
        MessageType::Inform => {
            let ciaddr = request.head.ciaddr();
            let own = if ciaddr.is_unspecified() { packet.src() } else { ciaddr };
            let subnet = network.subnets4.iter().find(|subnet| subnet.net.contains(&own))?;
            ask.inform((subnet, own))
        }
        // Releasing or declining changes nothing: the port keeps its addresses.
        _ => None,
    }
}

impl Request {
    /// The address that a client says is its own: asked for when selecting and rebooting, in use
    /// when renewing and rebinding (RFC 2131 section 4.3.2).
    fn claimed(&self) -> Option<Ipv4Addr> {
        let in_use = Some(self.head.ciaddr()).filter(|ip| !ip.is_unspecified());
        self.requested.or(in_use)
    }
}

/// Who asks what.
#[derive(Clone, Copy)]
struct Ask<'a> {
    network: &'a Network,
    client: &'a Client,
    from: Mac,
    request: &'a Request,
}

impl Ask<'_> {
    /// An offer or an acknowledgement.
    fn assign(self, kind: MessageType, (subnet, ip): Binding<'_>) -> Option<Vec<u8>> {
        let head = &self.request.head;
        let mut reply = self.reply(kind, Purpose::Assign, subnet);
        reply.yiaddr = ip;
        let dst = if head.ciaddr() == ip {
            reply.ciaddr = ip;
            (self.from, ip)
        } else if head.flags().broadcast() {
            (Mac::BROADCAST, Ipv4Addr::BROADCAST)
        } else {
            (self.from, ip)
        };
        self.send(subnet.server, dst, reply)
    }

    /// An acknowledgement without an address, to a client that has one.
    fn inform(self, (subnet, own): Binding<'_>) -> Option<Vec<u8>> {
        let mut reply = self.reply(MessageType::Ack, Purpose::Inform, subnet);
        reply.ciaddr = self.request.head.ciaddr();
        self.send(subnet.server, (self.from, own), reply)
    }

    /// A refusal; always broadcast, since the client's address is not its own.
    fn refuse(self, server: Ipv4Addr) -> Option<Vec<u8>> {
        let mut options = BTreeMap::from([
            (OptionCode::ServerIdentifier.into(), server.octets().to_vec()),
            (OptionCode::Message.into(), b"not your address".to_vec()),
        ]);
        if let Some(id) = self.request.client_id() {
            options.insert(OptionCode::ClientIdentifier.into(), id.to_vec());
        }
        let reply = Reply {
            kind: MessageType::Nak,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            server_name: Vec::new(),
            boot_file: Vec::new(),
            options,
        };
        self.send(server, (Mac::BROADCAST, Ipv4Addr::BROADCAST), reply)
    }

    fn reply(self, kind: MessageType, purpose: Purpose, subnet: &Subnet4) -> Reply {
        let told = told::options(self.network, self.client, self.request, subnet, purpose);
        Reply {
            kind,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: told.next_server,
            server_name: told.server_name,
            boot_file: told.boot_file,
            options: told.options,
        }
    }

    fn send(self, server: Ipv4Addr, dst: (Mac, Ipv4Addr), reply: Reply) -> Option<Vec<u8>> {
        let ports = Udp { src_port: SERVER_PORT, dst_port: CLIENT_PORT };
        frame::udp4((self.network.mac, server), dst, ports, &reply.write(self.request)?)
    }
}

/// The whole datagram that a packet carries, if any.
fn datagram(packet: ipv4::View<'_>) -> Option<udp::View<'_>> {
    if packet.protocol() != protocol::UDP || packet.is_fragment() || !packet.is_intact() {
        return None;
    }
    udp::View::new(packet.payload()).ok()
}

fn find<'a>(bindings: &[Binding<'a>], ip: Ipv4Addr) -> Option<Binding<'a>> {
    bindings.iter().find(|binding| binding.1 == ip).copied()
}

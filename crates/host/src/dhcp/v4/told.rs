//! The options of a DHCPv4 answer: ours, overridden by the port's extra ones, as far as the client
//! asks for them and they fit (RFC 2131 section 4.3.1, RFC 2132, RFC 3442).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcproto::v4::OptionCode as Code;
use ipnet::Ipv4Net;

use super::message::{HEADER_LEN, Request};
use crate::dhcp::LEASE_S;
use crate::dhcp::lease::Client;
use crate::dhcp::network::Network;
use crate::dhcp::options::SERVER_IP_ADDRESS;
use crate::dhcp::subnet::Subnet4;
use crate::dhcp::value::emit_routes;

/// Microsoft's code for classless static routes; newer systems of theirs ask for both.
const MS_ROUTES: u8 = 249;
/// The shortest lease that clients are told, as dnsmasq has it.
const MIN_LEASE_S: u32 = 120;
/// IPv4 and UDP headers.
const OVERHEAD: usize = 28;
/// Sent whether asked for or not, and first when space is short.
const ALWAYS: [Code; 6] = [
    Code::ServerIdentifier,
    Code::AddressLeaseTime,
    Code::SubnetMask,
    Code::ClientIdentifier,
    Code::Renewal,
    Code::Rebinding,
];
/// First when space is short, among those that are asked for.
const SOONER: [Code; 6] = [
    Code::Router,
    Code::ClasslessStaticRoute,
    Code::DomainNameServer,
    Code::InterfaceMtu,
    Code::BootfileName,
    Code::TFTPServerName,
];

/// Whether an address is given with the options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Assign,
    Inform,
}

/// What a client is told besides its address.
#[derive(Debug)]
pub(super) struct Told {
    pub next_server: Ipv4Addr,
    pub server_name: Vec<u8>,
    pub boot_file: Vec<u8>,
    pub options: BTreeMap<u8, Vec<u8>>,
}

pub(super) fn options(
    network: &Network,
    client: &Client,
    request: &Request,
    subnet: &Subnet4,
    purpose: Purpose,
) -> Told {
    let mut extra: BTreeMap<u8, &[u8]> = BTreeMap::new();
    let mut next_server = subnet.server;
    for option in client.options4.iter().filter(|option| option.applies(request.is_ipxe())) {
        match u8::try_from(option.code) {
            Ok(code) if option.code != SERVER_IP_ADDRESS => {
                extra.insert(code, &option.value);
            }
            _ => next_server = first(&option.value).unwrap_or(next_server),
        }
    }
    let mut options = ours(network, client, subnet, &extra);
    options.extend(extra.into_iter().map(|(code, value)| (code, value.to_vec())));
    options.retain(|_, value| !value.is_empty());

    // As dnsmasq does: who does not ask for these as options finds them in the header.
    let mut aside = |code: Code| {
        let code = u8::from(code);
        if request.asks_for(code) { None } else { options.remove(&code) }
    };
    let server_name = aside(Code::TFTPServerName).unwrap_or_default();
    let boot_file = aside(Code::BootfileName).unwrap_or_default();

    set(&mut options, Code::ServerIdentifier, subnet.server.octets());
    if let Some(id) = request.client_id() {
        set(&mut options, Code::ClientIdentifier, id);
    }
    set_times(&mut options, purpose);
    // At least BOOTP's 300 bytes, however small the network's MTU.
    let room = request.max_len.min((network.mtu_bytes as usize).max(OVERHEAD + 300)) - OVERHEAD;
    Told { next_server, server_name, boot_file, options: fit(options, request, room) }
}

/// What follows from network, subnet and port. Routes depend on the router, so they see the extra
/// options: no router, no default route.
fn ours(
    network: &Network,
    client: &Client,
    subnet: &Subnet4,
    extra: &BTreeMap<u8, &[u8]>,
) -> BTreeMap<u8, Vec<u8>> {
    let mut options = BTreeMap::new();
    set(&mut options, Code::SubnetMask, subnet.net.netmask().octets());
    set(&mut options, Code::BroadcastAddr, subnet.net.broadcast().octets());
    set(&mut options, Code::DomainNameServer, concat(&subnet.dns));
    set(&mut options, Code::Hostname, client.hostname.as_bytes());
    set(&mut options, Code::DomainName, network.dns_domain.as_deref().unwrap_or_default());
    if let Ok(mtu @ 68..) = u16::try_from(network.mtu_bytes) {
        set(&mut options, Code::InterfaceMtu, mtu.to_be_bytes());
    }
    let (router, last_resort) = match extra.get(&Code::Router.into()) {
        Some(value) => (first(value), None),
        None => (subnet.gateway, subnet.last_resort),
    };
    set(&mut options, Code::Router, concat(router.or(last_resort).as_slice()));
    let routes = match extra.get(&Code::ClasslessStaticRoute.into()) {
        Some(value) => value.to_vec(),
        None if subnet.routes.is_empty() => Vec::new(),
        // RFC 3442: clients that get these ignore the router option.
        None => {
            let default = router.map(|via| (Ipv4Net::default(), via));
            emit_routes(subnet.routes.iter().copied().chain(default))
        }
    };
    options.insert(MS_ROUTES, routes.clone());
    set(&mut options, Code::ClasslessStaticRoute, routes);
    options
}

/// Lease time, and when to renew and rebind (RFC 2131 section 4.4.5).
fn set_times(options: &mut BTreeMap<u8, Vec<u8>>, purpose: Purpose) {
    const TIMES: [Code; 3] = [Code::AddressLeaseTime, Code::Renewal, Code::Rebinding];
    if purpose == Purpose::Inform {
        for code in TIMES {
            options.remove(&code.into());
        }
        return;
    }
    let given = |code: Code| {
        let value = options.get(&code.into())?;
        Some(u32::from_be_bytes(value.as_slice().try_into().ok()?))
    };
    let lease_s = given(Code::AddressLeaseTime).unwrap_or(LEASE_S).max(MIN_LEASE_S);
    let rebind_s = given(Code::Rebinding).filter(|at| *at < lease_s).unwrap_or(lease_s - lease_s / 8);
    let renew_s = given(Code::Renewal).filter(|at| *at < rebind_s).unwrap_or(lease_s / 2).min(rebind_s);
    for (code, seconds) in TIMES.into_iter().zip([lease_s, renew_s, rebind_s]) {
        set(options, code, seconds.to_be_bytes());
    }
}

/// Those that the client wants and that fit into `room` bytes, the more useful first.
fn fit(mut options: BTreeMap<u8, Vec<u8>>, request: &Request, room: usize) -> BTreeMap<u8, Vec<u8>> {
    let always = ALWAYS.map(u8::from);
    options.retain(|code, _| always.contains(code) || request.asks_for(*code));
    let first = always.into_iter().chain(SOONER.map(u8::from));
    let order: Vec<u8> = first.chain(options.keys().copied()).collect();
    // The message type and the end take four bytes.
    let mut left = room.saturating_sub(HEADER_LEN + 4);
    let mut told = BTreeMap::new();
    for code in order {
        let Some(value) = options.remove(&code) else { continue };
        let len = value.len() + 2 * value.len().div_ceil(255);
        if len <= left {
            left -= len;
            told.insert(code, value);
        }
    }
    told
}

fn set(options: &mut BTreeMap<u8, Vec<u8>>, code: Code, value: impl AsRef<[u8]>) {
    options.insert(code.into(), value.as_ref().to_vec());
}

fn concat(ips: &[Ipv4Addr]) -> Vec<u8> {
    ips.iter().flat_map(|ip| ip.octets()).collect()
}

/// The first of an option's addresses.
fn first(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}

//! What a DHCPv6 client is told besides addresses: ours, overridden by the port's extra options, as
//! far as the client asks for them (RFC 8415 section 18.3.6, RFC 3646, RFC 4075).

use std::collections::BTreeMap;

use dhcproto::v6::OptionCode as Code;

use super::message::Request;
use crate::dhcp::LEASE_S;
use crate::dhcp::lease::Client;
use crate::dhcp::network::Network;
use crate::dhcp::value;

/// More name servers make no client happier.
const MAX_SERVERS: usize = 8;

/// Options by code.
pub(super) fn options(network: &Network, client: &Client, request: &Request<'_>) -> BTreeMap<u16, Vec<u8>> {
    let mut options = BTreeMap::new();
    options.insert(Code::DomainNameServers.into(), name_servers(network, client));
    let domain = network.dns_domain.as_deref().and_then(value::name);
    options.insert(Code::DomainSearchList.into(), domain.unwrap_or_default());
    if request.kind() == dhcproto::v6::MessageType::InformationRequest {
        let refresh_s = LEASE_S.to_be_bytes().to_vec();
        options.insert(Code::InformationRefreshTime.into(), refresh_s);
    }
    for extra in client.options6.iter().filter(|extra| extra.applies(request.is_ipxe)) {
        options.insert(extra.code, extra.value.clone());
    }
    options.retain(|code, value| !value.is_empty() && request.asks_for(*code));
    options
}

/// Those of the subnets that the port has addresses on, or of all.
fn name_servers(network: &Network, client: &Client) -> Vec<u8> {
    let mut subnets: Vec<_> =
        client.bindings6(&network.subnets6, false).into_iter().map(|(subnet, _)| subnet).collect();
    if subnets.is_empty() {
        subnets = network.subnets6.iter().collect();
    }
    let mut servers = Vec::new();
    for ip in subnets.into_iter().flat_map(|subnet| &subnet.dns) {
        if servers.len() < MAX_SERVERS && !servers.contains(ip) {
            servers.push(*ip);
        }
    }
    servers.into_iter().flat_map(|ip| ip.octets()).collect()
}

//! What is seen of a namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use host::gateways;
use host::meter::SeenMeters;
use host::names::Netns;
use host::observed::{InnerLink, Ipv6, Namespace};
use host::op::{Of, Route, Sysctl};
use ipnet::IpNet;
use nix::libc;
use nix::sys::socket::SockProtocol;

use crate::KernelError;
use crate::fdb::{self, Entry};
use crate::link::{self, Told};
use crate::netlink::Socket;
use crate::netlink::socket::Answer;
use crate::observe::{dump, present};
use crate::sysctl::Settings;
use crate::{addr, netns, nft, route};

const LOOPBACK: &str = "lo";

/// True for a namespace that is looked into.
pub(crate) fn is_ours(name: &str) -> bool {
    Netns::parse(name).is_some()
}

fn routes(name: &str) -> bool {
    matches!(Netns::parse(name), Some(Netns::Router(_) | Netns::Snat(_) | Netns::Fip(_)))
}

/// Everything of a namespace; `None` when it went away meanwhile.
pub(crate) fn observe(path: &Path, id: u64) -> Result<Option<Namespace>, KernelError> {
    let routes = path.file_name().and_then(|name| name.to_str()).is_some_and(routes);
    match netns::within(path, || Seen::read(routes)) {
        Ok(seen) => Ok(Some(seen?.into_namespace(id))),
        Err(error) => {
            tracing::debug!(%error, netns = %path.display(), "namespace not entered");
            Ok(None)
        }
    }
}

/// What the kernel told, devices by index.
#[derive(Default)]
struct Seen {
    links: Vec<Told>,
    addresses: Vec<Answer>,
    routes: Vec<Answer>,
    rules: Vec<Answer>,
    neighbours: Vec<Answer>,
    sysctls: BTreeMap<Sysctl, u32>,
    table: Option<u64>,
    helpers: Option<u64>,
    meters: Option<SeenMeters>,
}

impl Seen {
    /// Reads in the namespace of the calling thread; of one that routes, all that concerns it. Others are to
    /// pass nothing on, which settings say.
    fn read(routing: bool) -> Result<Seen, KernelError> {
        let open = |protocol| Socket::open(protocol).map_err(KernelError::io("open a netlink socket"));
        let mut socket = open(SockProtocol::NetlinkRoute)?;
        let links = dump(&mut socket, "list links", link::dump)?;
        let links = links.iter().filter_map(|(_, bytes)| link::parse(bytes)).collect();
        let addresses = dump(&mut socket, "list addresses", addr::dump)?;
        let settings = Settings::open().map_err(KernelError::io("open settings"))?;
        let mut seen = Seen { links, addresses, sysctls: settings.read(), ..Seen::default() };
        if routing {
            for family in [libc::AF_INET, libc::AF_INET6] {
                seen.routes.extend(dump(&mut socket, "list routes", || route::dump(family))?);
            }
            seen.rules = dump(&mut socket, "list rules", route::dump_rules)?;
            seen.neighbours = dump(&mut socket, "list neighbours", fdb::dump_neighbours)?;
            let answers = |link: &Told| link.conf.of(&Sysctl::ProxyNdp(Of::Device(link.name.clone()))) != 0;
            if seen.links.iter().any(answers) {
                seen.neighbours.extend(dump(&mut socket, "list proxies", fdb::dump_proxies)?);
            }
            let proxies = seen.links.iter().filter(|link| link.name.starts_with("fg-"));
            seen.sysctls.extend(proxies.filter_map(|link| settings.proxy_delay(&link.name)));
            let mut netfilter = open(SockProtocol::NetlinkNetFilter)?;
            let answers = present(
                "read tables",
                netfilter.request(vec![nft::get_nat(), nft::get_helpers(), nft::get_meters()]),
            )?;
            seen.table = answers.iter().find_map(|(_, bytes)| nft::parse_nat(bytes));
            seen.helpers = answers.iter().find_map(|(_, bytes)| nft::parse_helpers(bytes));
            if answers.iter().any(|(_, bytes)| nft::is_meters(bytes)) {
                seen.meters = Some(meters(&mut netfilter)?);
            }
        }
        Ok(seen)
    }

    fn into_namespace(self, id: u64) -> Namespace {
        let names: BTreeMap<u32, &str> =
            self.links.iter().map(|link| (link.index, link.name.as_str())).collect();
        let name = |index: u32| names.get(&index).map(|name| (*name).to_owned());
        let mut namespace = Namespace {
            id,
            rules: self.rules.iter().filter_map(|(_, bytes)| route::parse_rule(bytes)).collect(),
            sysctls: self.sysctls,
            table: self.table,
            helpers: self.helpers,
            meters: self.meters,
            ..Namespace::default()
        };
        for told in self.routes.iter().filter_map(|(_, bytes)| route::parse(bytes)) {
            let route::Told { table, to, via, device, onlink } = told;
            let route = name(device).map(|device| Route { table, to, via, device, onlink });
            namespace.routes.extend(route);
        }
        for entry in self.neighbours.iter().filter_map(|(_, bytes)| fdb::parse(bytes)) {
            match entry {
                Entry::Neighbour { device, ip, mac } => {
                    if let Some(device) = name(device) {
                        namespace.neighbours.entry(device).or_default().insert(ip, mac);
                    }
                }
                Entry::Proxy { device, ip } => {
                    namespace.proxies.extend(name(device).map(|device| (device, ip)));
                }
                _ => {}
            }
        }
        let mut addresses: BTreeMap<u32, BTreeSet<IpNet>> = BTreeMap::new();
        let silent = |index| self.links.iter().any(|link| link.index == index && link.ipv6 == Ipv6::Silent);
        for (index, net) in self.addresses.iter().filter_map(|(_, bytes)| addr::parse(bytes)) {
            // Where the kernel makes none, somebody wrote it; nor does it make the gateways'.
            if !is_link_local(&net) || silent(index) || gateways::is_one(net.addr()) {
                addresses.entry(index).or_default().insert(net);
            }
        }
        for link in &self.links {
            if link.name != LOOPBACK {
                namespace.sysctls.extend(settings(link));
            }
        }
        for link in self.links {
            let Told { index, mac, up, mtu_bytes, .. } = link;
            let addresses = addresses.remove(&index).unwrap_or_default();
            namespace.links.insert(link.name, InnerLink { index, mac, up, mtu_bytes, addresses });
        }
        namespace
    }
}

/// How much was counted, and by which rules.
fn meters(netfilter: &mut Socket) -> Result<SeenMeters, KernelError> {
    let marks = present("read what counts", netfilter.request(vec![nft::get_meters_mark()]))?;
    let hash = marks.iter().find_map(|(_, bytes)| nft::parse_meters_mark(bytes)).unwrap_or_default();
    let counts = dump(netfilter, "read counts", nft::dump_counts)?;
    Ok(SeenMeters { hash, counts: counts.iter().filter_map(|(_, bytes)| nft::parse_count(bytes)).collect() })
}

/// Settings of one device, of those on our list; what is not listed is 0.
fn settings(link: &Told) -> impl Iterator<Item = (Sysctl, u32)> {
    let of = Of::Device(link.name.clone());
    let values = Sysctl::of_devices(&of).map(|name| {
        let value = link.conf.of(&name);
        (name, value)
    });
    values.filter(|(_, value)| *value != 0)
}

fn is_link_local(net: &IpNet) -> bool {
    matches!(net.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

//! DHCP and router advertisements, asked for by clients in guests.

use std::net::IpAddr;

use model::desired::{Dhcp, DhcpSubnet, Ipv6Mode, Key, Lease, LeaseAddress, Part};
use model::report::State;
use model::{PortId, SubnetId};
use uuid::Uuid;
use wire::Mac;

use crate::netns::frames::{Tap, udp4, v4};
use crate::netns::place::{Guest, MTU_BYTES, NET, Place, Running, network};
use crate::netns::server::failed;
use crate::netns::wait::eventually;

const SERVER: PortId = PortId(Uuid::from_u128(0xdddd_dddd_0000_4000_8000_0000_0000_0000));
const SERVER_MAC: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 0xdd]);

fn dhcp() -> Part {
    let subnet = |id: u128, cidr: &str, mode: Option<Ipv6Mode>| DhcpSubnet {
        id: SubnetId(Uuid::from_u128(id)),
        cidr: cidr.parse().expect("net"),
        gateway_ip: mode.is_none().then(|| v4([10, 1, 0, 254])),
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
        ipv6_ra_mode: mode,
        ipv6_address_mode: mode,
    };
    Part::Dhcp(Dhcp {
        network_id: NET,
        mtu_bytes: MTU_BYTES,
        port_id: SERVER,
        mac: SERVER_MAC,
        addresses: vec!["10.1.0.2/24".parse().expect("net"), "fd00::dd/64".parse().expect("net")],
        dns_domain: Some("example.org".into()),
        subnets: vec![subnet(4, "10.1.0.0/24", None), subnet(6, "fd00::/64", Some(Ipv6Mode::Slaac))],
    })
}

fn lease(guest: &Guest) -> Part {
    let subnet_of = |ip: &IpAddr| SubnetId(Uuid::from_u128(if ip.is_ipv4() { 4 } else { 6 }));
    let addresses = guest.port.fixed_ips.iter();
    Part::Lease(Lease {
        port_id: guest.port.id,
        network_id: NET,
        mac: guest.port.mac,
        hostname: "instance".into(),
        addresses: addresses.map(|ip| LeaseAddress { subnet_id: subnet_of(ip), ip: *ip }).collect(),
        options: Vec::new(),
        instance: "instance".into(),
        project_id: "project".into(),
        orders: Vec::new(),
    })
}

/// The address that a SLAAC client of this MAC makes.
fn slaac(guest: &Guest) -> IpAddr {
    let mut octets = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    octets[8..].copy_from_slice(&guest.port.mac.eui64());
    IpAddr::from(octets)
}

/// A guest that was told nothing, on a host that answers DHCP.
async fn served(place: &Place) -> (Guest, Running) {
    let mut guest = Guest::nth(7);
    guest.port.fixed_ips[1] = slaac(&guest);
    place.netns(&guest.name);
    place.plug_bare("one", &guest);
    place.server.put("one", [network(&[]), guest.part(), dhcp(), lease(&guest)]);
    let agent = place.run(place.config("one"));
    for key in [dhcp().key(), lease(&guest).key(), guest.part().key()] {
        eventually("up", || place.server.state("one", key), |s| *s == Some(State::Up)).await;
    }
    (guest, agent)
}

fn leased(place: &Place, guest: &Guest) -> String {
    let client = place.exec(&guest.name, "udhcpc -f -n -q -t 3 -T 1 -i eth0 -s /bin/true");
    String::from_utf8_lossy(&client.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_answered() {
    let Some(place) = Place::new() else { return };
    let (guest, agent) = served(&place).await;
    let wanted = format!("lease of {} obtained from 10.1.0.2", guest.v4());
    eventually("lease", || leased(&place, &guest), |said| said.contains(&wanted)).await;
    let addresses = || place.ip(&guest.name, "-6 addr show dev eth0");
    let by_slaac = guest.v6().to_string();
    eventually("router advertisement", addresses, |shown| shown.contains(&by_slaac)).await;
    place.ip(&guest.name, &format!("addr add {}/24 dev eth0", guest.v4()));
    eventually("server's address", || place.ping(&guest, v4([10, 1, 0, 2])), |ok| *ok).await;
    let agents = place.server.agents("one");
    let told = agents.iter().find(|agent| agent.agent_type == "DHCP agent").expect("DHCP agent");
    assert_eq!(told.configurations["dhcp_driver"], "neutrino", "{told:?}");
    // A restart finds its namespace and goes on answering.
    agent.kill().await;
    let _agent = place.run(place.config("one"));
    eventually("lease again", || leased(&place, &guest), |said| said.contains(&wanted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_removed_by_hand_is_made_again() {
    let Some(place) = Place::new() else { return };
    let (guest, _agent) = served(&place).await;
    let name = host::names::dhcp_netns(NET);
    let id = || kernel::netns::id(&place.netns_dir("one").join(&name)).ok();
    let before = id();
    kernel::netns::delete(&place.netns_dir("one"), &name).expect("deleted");
    eventually("made again", id, |now| now.is_some() && *now != before).await;
    let said = || leased(&place, &guest);
    eventually("lease", said, |said| said.contains("obtained from 10.1.0.2")).await;
    // A device removed inside is made again as well.
    let tap = host::names::tap(SERVER);
    place.ip("one", &format!("link del {tap}"));
    eventually("lease", said, |said| said.contains("obtained from 10.1.0.2")).await;
    eventually("all well", || failed(&place.server.outcomes("one")), |f| f.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wanted_is_not_answered() {
    let Some(place) = Place::new() else { return };
    let (guest, _agent) = served(&place).await;
    eventually("lease", || leased(&place, &guest), |s| s.contains("obtained")).await;
    place.server.remove("one", [lease(&guest).key()]);
    eventually("no lease", || leased(&place, &guest), |s| s.contains("no lease, failing")).await;
    place.server.put("one", [lease(&guest)]);
    eventually("lease again", || leased(&place, &guest), |s| s.contains("obtained")).await;
    place.server.remove("one", [dhcp().key(), lease(&guest).key()]);
    let names = || kernel::netns::list(&place.netns_dir("one")).expect("directory");
    eventually("namespace gone", names, |names| names.is_empty()).await;
    let links = || place.ip("one", "-o link");
    let tap = host::names::tap(SERVER);
    eventually("device gone", links, |links| !links.contains(&tap)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_dropped_and_counted_and_others_are_served() {
    let Some(place) = Place::new() else { return };
    let (guest, _agent) = served(&place).await;
    let flooder = Tap::open(&place, &guest.name, "eth0");
    let request = udp4(guest.port.mac, Mac::BROADCAST, v4([0; 4]), v4([255; 4]), 68, 67);
    let dropped = || {
        (0..2000).for_each(|_| flooder.send(&request));
        let agents = place.server.agents("one");
        let dhcp = agents.iter().find(|agent| agent.agent_type == "DHCP agent");
        dhcp.and_then(|dhcp| dhcp.configurations["frames_dropped"].as_u64()).unwrap_or(0)
    };
    eventually("drops counted", dropped, |count| *count > 0).await;
    eventually("served again", || leased(&place, &guest), |s| s.contains("obtained")).await;
    let lease_key: Key = lease(&guest).key();
    assert_eq!(place.server.state("one", lease_key), Some(State::Up));
}

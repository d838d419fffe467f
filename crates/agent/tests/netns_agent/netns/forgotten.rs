//! Who asks that connections be forgotten, and of which: tables are filled by hand, and what no change is
//! about stays.

use std::net::IpAddr;

use host::purge::Connection;
use model::desired::{
    Addresses, Direction, Ethertype, GroupRule, Key, Kind, L3Mode, Member, Part, RemoteSide, Router,
};
use wire::Mac;

use crate::netns::groups::{
    LISTED, OTHER, OWN, any, group, group_key, guests, rule, service, settled, wired,
};
use crate::netns::outside::{ROUTER, external, floating, forwarding, ip, network_b, on_b, router};
use crate::netns::place::{Guest, Place, network};
use crate::netns::purging::purging;
use crate::netns::routers::up;
use crate::netns::table::{FAR, PAIR, SERVED, STATE, Table, connection, fill, has, is_of, nothing_waits};
use crate::netns::wait::eventually;

/// The first network of a host takes this, and the next the next.
pub const ZONE: u16 = 1;
const NEXT: u16 = 2;

/// Zone 0 is the host's own, the last is nobody's: equal addresses there are others.
pub const ZONES: [u16; 3] = [0, ZONE, 9];

pub fn with_pair(guest: &Guest) -> Guest {
    let mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 0x50]);
    guest.clone().with_pair(mac, format!("{PAIR}/32").parse().expect("net"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_groups_no_longer_let_in_is_forgotten() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let here = |connection: &Connection| connection.zone == ZONE;
    let to_own = |one: &Connection| own.port.fixed_ips.contains(&one.original.destination);
    let v4 = |one: &Connection| one.original.source.is_ipv4();

    // A rule of a protocol, a port and a direction.
    let served = service(Direction::Ingress, 6, SERVED);
    let put = |rules: Vec<GroupRule>| place.server.put("one", [group(OWN, rules)]);
    put(vec![served.clone(), rule(Direction::Egress, Ethertype::V4)]);
    settled(&place, "one", group_key(OWN)).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    put(vec![rule(Direction::Egress, Ethertype::V4)]);
    let goes = |one: &Connection| {
        let tcp = one.original.protocol == 6 && one.original.destination_port == SERVED;
        here(one) && to_own(one) && v4(one) && tcp
    };
    table.loses("a rule removed", goes).await;

    // A member, and all of it that a rule let talk.
    let remote = |of| GroupRule { remote: RemoteSide::Group(OTHER), ..rule(Direction::Ingress, of) };
    put(vec![remote(Ethertype::V4), remote(Ethertype::V6)]);
    settled(&place, "one", group_key(OWN)).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    let Part::Member(member) = other.member() else { panic!("is one") };
    let without = Member { addresses: [own.v4().into()].into(), ..member };
    place.server.put("one", [Part::Member(without)]);
    table.loses("a member removed", |one| here(one) && to_own(one) && is_of(one, &other)).await;
    place.server.put("one", [other.member()]);

    // A group of a port.
    put(any());
    settled(&place, "one", group_key(OWN)).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    let mut bare = own.clone();
    bare.port.groups = Some([].into());
    place.server.put("one", [bare.part()]);
    table.loses("a group removed from a port", |one| here(one) && is_of(one, &own)).await;
    nothing_waits(&place).await;
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ports_leave_behind_is_forgotten() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let here = |connection: &Connection| connection.zone == ZONE;
    let key = own.part().key();

    place.server.put("one", [with_pair(&own).part()]);
    settled(&place, "one", key).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    place.server.put("one", [own.part()]);
    table.loses("an allowed address pair removed", |one| here(one) && has(one, ip(PAIR))).await;

    let table = fill(&place, &[&own, &other], &ZONES).await;
    place.server.remove("one", [key]);
    place.server.put("one", [own.remote("two")]);
    table.loses("a port migrated away", |one| here(one) && is_of(one, &own)).await;

    place.server.remove("one", [own.remote("two").key()]);
    place.server.put("one", [own.part()]);
    settled(&place, "one", key).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    place.server.remove("one", [key]);
    table.loses("a port deleted", |one| here(one) && is_of(one, &own)).await;
    nothing_waits(&place).await;
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_is_released_is_forgotten_before_another_network_has_it() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let on_b = || on_b(3).in_groups(&[OWN]);
    place.plug("one", &on_b());
    place.server.put("one", [network_b(&[]), on_b().part()]);
    settled(&place, "one", on_b().part().key()).await;
    let zones = [0, ZONE, NEXT, 9];
    let ctpurge = purging(&place);
    let table = fill(&place, &[&own, &on_b()], &zones).await;
    // Nobody forgets anything: the zone is not given away before.
    ctpurge.stop().await;
    let both = [on_b().part().key(), network_b(&[]).key()];
    place.server.remove("one", both);
    eventually("the zone is noted", || place.path(STATE).exists(), |noted| *noted).await;
    let mapped = || {
        let listed = place.exec("one", "nft list map inet neutrino zones");
        String::from_utf8_lossy(&listed.stdout).matches("\" : ").count()
    };
    eventually("the network is gone", mapped, |count| *count == 1).await;
    place.server.put("one", [network_b(&[]), on_b().part()]);
    settled(&place, "one", on_b().part().key()).await;
    assert_eq!(table.left().len(), table.all.len());
    let ctpurge = purging(&place);
    table.loses("a zone released", |one| one.zone == NEXT).await;
    nothing_waits(&place).await;
    ctpurge.stop().await;
}

/// A router with a floating IP and two forwardings; what is in its namespace.
async fn routed(place: &Place) -> (Router, Table, Guest, crate::netns::place::Running) {
    let a = Guest::nth(1);
    let with = Router {
        floating_ips: vec![floating([203, 0, 113, 20], &a), floating([203, 0, 113, 21], &on_b(2))],
        port_forwardings: vec![forwarding("tcp", 8080, &a, 80), forwarding("udp", 5353, &a, 53)],
        ..router()
    };
    place.outside(&["one"]);
    place.server.put("one", [network(&[]), network_b(&[]), external(), Part::Router(with.clone())]);
    let agent = place.run(place.routing("one", L3Mode::Legacy));
    up(place, "one", &Part::Router(with.clone())).await;
    let mut all = Vec::new();
    for zone in [0, ZONE] {
        for address in ["203.0.113.20", "203.0.113.21", "203.0.113.30"].map(ip) {
            for (protocol, port) in [(6, 8080), (17, 5353), (6, 443)] {
                let from = ip("203.0.113.1");
                // In by its address, and out behind it.
                let mut comes = connection(zone, protocol, from, (address, port));
                (comes.reply.source, comes.reply.source_port) = (a.v4(), 10_000 + all.len() as u16);
                let mut goes = connection(zone, protocol, a.v4(), (from, port));
                goes.original.source_port += address.to_string().len() as u16 + all.len() as u16;
                goes.reply.destination = address;
                all.extend([comes, goes]);
            }
        }
    }
    let table = Table::fill(&place.netns_dir("one").join(format!("qrouter-{ROUTER}")), all);
    (with, table, a, agent)
}

fn reaches(connection: &Connection, address: &str) -> bool {
    [connection.original.destination, connection.reply.destination].contains(&ip(address))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_router_no_longer_leads_in_is_forgotten() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (with, table, a, agent) = routed(&place).await;
    let one = Router { floating_ips: with.floating_ips[1..].to_vec(), ..with.clone() };
    place.server.put("one", [Part::Router(one.clone())]);
    let floating = |one: &Connection| reaches(one, "203.0.113.20");
    table.loses("a floating IP removed", floating).await;
    let less = Router { port_forwardings: vec![forwarding("tcp", 8080, &a, 80)], ..one };
    place.server.put("one", [Part::Router(less.clone())]);
    let forwarded = |one: &Connection| {
        let to = one.original.protocol == 17 && one.original.destination_port == 5353;
        reaches(one, "203.0.113.30") && to
    };
    table.loses("a forwarding removed", |one| floating(one) || forwarded(one)).await;
    nothing_waits(&place).await;

    // While nobody forgets anything; then the router goes, and what waits for it is over.
    ctpurge.stop().await;
    place.server.put("one", [Part::Router(Router { floating_ips: vec![], ..less.clone() })]);
    eventually("noted", || place.path(STATE).exists(), |noted| *noted).await;
    place.server.remove("one", [Key::new(Kind::Router, ROUTER.0)]);
    eventually("unloaded", || place.netns_names("one"), |names| names.is_empty()).await;
    let ctpurge = purging(&place);
    nothing_waits(&place).await;
    agent.stop().await;
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_while_the_agent_is_away_is_forgotten_when_it_is_back() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let (own, here) = (with_pair(&own), |connection: &Connection| connection.zone == ZONE);
    let mut agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let mut agent = agents.remove(0);

    let table = fill(&place, &[&own, &other], &ZONES).await;
    agent.kill().await;
    let mut less = own.clone();
    less.port.allowed = Some(Vec::new());
    place.server.put("one", [less.part()]);
    agent = place.run(place.config("one"));
    table.loses("an allowed address pair", |one| here(one) && has(one, ip(PAIR))).await;

    // What rules were about: addresses of a group, and a net that a member may use.
    let about = |remote| GroupRule { remote, ..rule(Direction::Ingress, Ethertype::V4) };
    let rules = [about(RemoteSide::Addresses(LISTED)), about(RemoteSide::Group(OTHER))];
    let addresses = |nets: &[&str]| {
        let nets = nets.iter().map(|net| net.parse().expect("net")).collect();
        Part::Addresses(Addresses { id: LISTED, nets })
    };
    let Part::Member(member) = other.member() else { panic!("is one") };
    let mut wide = member.clone();
    wide.addresses.insert("198.18.0.0/24".parse().expect("net"));
    let whole = [addresses(&["10.1.0.0/26", "192.0.2.0/24"]), Part::Member(wide.clone())];
    for less in [addresses(&["192.0.2.0/24"]), Part::Member(member)] {
        place.server.put("one", whole.iter().cloned().chain([group(OWN, rules.clone())]));
        settled(&place, "one", group_key(OWN)).await;
        let table = fill(&place, &[&own, &other], &ZONES).await;
        agent.kill().await;
        let is_member = matches!(less, Part::Member(_));
        place.server.put("one", [less]);
        agent = place.run(place.config("one"));
        let gone = |address: IpAddr| match is_member {
            true => address == ip(FAR[0]),
            false => [own.v4(), other.v4(), ip(PAIR)].contains(&address),
        };
        let between = |one: &Connection| one.original.destination == own.v4() && gone(one.original.source);
        table.loses("of whom a rule was", |one| here(one) && between(one)).await;
    }

    let table = fill(&place, &[&own, &other], &ZONES).await;
    agent.kill().await;
    place.server.remove("one", [own.part().key()]);
    // It dies once more before all of it is done.
    let again = place.run(place.config("one"));
    crate::netns::wait::moment(std::time::Duration::from_millis(30)).await;
    again.kill().await;
    agent = place.run(place.config("one"));
    table.loses("a port", |one| here(one) && is_of(one, &own)).await;
    nothing_waits(&place).await;
    agent.stop().await;
    ctpurge.stop().await;
}

/// Namespaces that cannot be listed: the host is not observed, and what was told is done later.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_turn_that_failed_was_told_is_forgotten_and_nothing_else() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let out = rule(Direction::Egress, Ethertype::V4);
    let served = service(Direction::Ingress, 6, SERVED);
    place.server.put("one", [group(OWN, [served, out.clone()])]);
    settled(&place, "one", group_key(OWN)).await;
    let table = fill(&place, &[&own, &other], &ZONES).await;
    let dir = place.netns_dir("one");
    // Not there, or empty.
    let _ = std::fs::remove_dir(&dir);
    std::fs::write(&dir, "").expect("in the way");
    // The next sweep fails, and what comes then is looked at with all the rest.
    crate::netns::wait::moment(std::time::Duration::from_millis(2500)).await;
    place.server.put("one", [group(OWN, [out])]);
    eventually("noted", || place.path(STATE).exists(), |noted| *noted).await;
    std::fs::remove_file(&dir).expect("out of the way");
    let goes = |one: &Connection| {
        let to = (one.original.protocol, one.original.destination_port, one.original.destination);
        one.zone == ZONE && to == (6, SERVED, own.v4())
    };
    table.loses("a rule removed", goes).await;
    nothing_waits(&place).await;
    assert_eq!(table.left().len(), table.all.iter().filter(|one| !goes(one)).count());
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_floating_ip_that_goes_while_the_agent_is_away_is_forgotten() {
    let Some(place) = Place::new() else { return };
    let ctpurge = purging(&place);
    let (with, table, _, agent) = routed(&place).await;
    agent.kill().await;
    let less = Router { floating_ips: with.floating_ips[1..].to_vec(), ..with };
    place.server.put("one", [Part::Router(less)]);
    let agent = place.run(place.routing("one", L3Mode::Legacy));
    table.loses("a floating IP", |one| reaches(one, "203.0.113.20")).await;
    agent.stop().await;
    ctpurge.stop().await;
}

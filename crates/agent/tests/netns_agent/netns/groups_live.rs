//! Security groups under connections that are open, under damage, and under an agent that dies.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use model::desired::{Direction, Ethertype, Group, GroupRule, Part, Ports, RemoteSide};
use model::report::State;
use wire::Mac;

use crate::netns::frames::{arrivals, udp4, v4};
use crate::netns::groups::{OTHER, OWN, group, group_key, guests, rule, service, settled, wired};
use crate::netns::place::{Guest, Place};
use crate::netns::purging::purging;
use crate::netns::wait::eventually;

/// What does not come in this time does not come.
const SILENCE: Duration = Duration::from_millis(400);
pub const PATIENCE: Duration = Duration::from_secs(10);
const TCP: u8 = 6;
const UDP: u8 = 17;
const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

/// Both ends of an open connection.
pub struct Open {
    pub called: End,
    pub caller: End,
}

pub enum End {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl End {
    pub fn send(&mut self) {
        match self {
            End::Tcp(stream) => stream.write_all(b"x").expect("sent"),
            End::Udp(socket) => drop(socket.send(b"x").expect("sent")),
        }
    }

    pub fn hears(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 9];
        match self {
            End::Tcp(stream) => {
                stream.set_read_timeout(Some(patience)).expect("timeout");
                stream.read(&mut buffer).is_ok_and(|length| length > 0)
            }
            End::Udp(socket) => {
                socket.set_read_timeout(Some(patience)).expect("timeout");
                socket.recv(&mut buffer).is_ok()
            }
        }
    }
}

impl Open {
    /// From one guest to a port of another.
    pub fn new(place: &Place, protocol: u8, from: &Guest, to: &Guest, port: u16) -> Open {
        let at = SocketAddr::new(to.v4(), port);
        if protocol == UDP {
            let called = place.within(&to.name, || UdpSocket::bind(at).expect("bound"));
            let caller = place.within(&from.name, || UdpSocket::bind((from.v4(), 0)).expect("bound"));
            caller.connect(at).expect("connected");
            called.connect(caller.local_addr().expect("address")).expect("connected");
            return Open { called: End::Udp(called), caller: End::Udp(caller) };
        }
        let listener = place.within(&to.name, || TcpListener::bind(at).expect("bound"));
        let caller =
            place.within(&from.name, || TcpStream::connect_timeout(&at, PATIENCE).expect("connected"));
        let (called, _) = listener.accept().expect("accepted");
        Open { called: End::Tcp(called), caller: End::Tcp(caller) }
    }

    /// What is sent arrives, either way.
    pub fn goes_on(&mut self) -> [bool; 2] {
        self.caller.send();
        let there = self.called.hears(PATIENCE);
        self.called.send();
        [there, self.caller.hears(PATIENCE)]
    }

    /// Nothing that is sent arrives, either way.
    pub fn is_silent(&mut self) -> [bool; 2] {
        self.caller.send();
        self.called.send();
        [!self.called.hears(SILENCE), !self.caller.hears(SILENCE)]
    }
}

/// The rules of the one that is looked at: these, and nothing else.
pub async fn only(place: &Place, rules: impl IntoIterator<Item = GroupRule>) {
    place.server.put("one", [group(OWN, rules)]);
    settled(place, "one", group_key(OWN)).await;
}

async fn stops_and_goes_on(place: &Place, way: Direction, own: &Guest, other: &Guest, first: u16) {
    let (from, to) = if way == INGRESS { (other, own) } else { (own, other) };
    let (tcp, udp) = (|n| service(way, TCP, first + n), |n| service(way, UDP, first + n));
    only(place, [tcp(0), tcp(1), udp(2), udp(3)]).await;
    let mut open: Vec<Open> = [(TCP, 0), (TCP, 1), (UDP, 2), (UDP, 3)]
        .map(|(protocol, n)| Open::new(place, protocol, from, to, first + n))
        .into();
    for (at, one) in open.iter_mut().enumerate() {
        assert_eq!(one.goes_on(), [true, true], "{way:?}: answers pass, {at}");
    }
    only(place, [tcp(1), udp(3)]).await;
    for at in [0, 2] {
        assert_eq!(open[at].is_silent(), [true, true], "{way:?}: what is not allowed goes on, {at}");
    }
    for at in [1, 3] {
        assert_eq!(open[at].goes_on(), [true, true], "{way:?}: what is allowed was stopped, {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_goes_stops_open_connections_and_no_others() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    stops_and_goes_on(&place, INGRESS, &own, &other, 1000).await;
    stops_and_goes_on(&place, EGRESS, &own, &other, 2000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_goes_stops_open_connections_across_hosts() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("two", &other)]).await;
    stops_and_goes_on(&place, INGRESS, &own, &other, 1000).await;
    stops_and_goes_on(&place, EGRESS, &own, &other, 2000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_goes_is_cut_off() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let remote = RemoteSide::Group(OTHER);
    let out = rule(EGRESS, Ethertype::V4);
    only(&place, [GroupRule { remote, ..service(INGRESS, TCP, 80) }, service(INGRESS, TCP, 81), out]).await;
    let ctpurge = purging(&place);
    let revoked = || text(&place, "nft list set bridge neutrino revoked");
    eventually("restored from what was before", revoked, |text| !text.contains(&own.tap())).await;
    ctpurge.stop().await;
    let mut by_group = Open::new(&place, TCP, &other, &own, 80);
    let mut by_port = Open::new(&place, TCP, &other, &own, 81);
    let mut its_own = Open::new(&place, TCP, &own, &other, 82);
    for open in [&mut by_group, &mut by_port, &mut its_own] {
        assert_eq!(open.goes_on(), [true, true]);
    }
    let key = other.member().key();
    place.server.remove("one", [key]);
    let listed = || text(&place, &format!("nft list set bridge neutrino m4-{}", OTHER));
    eventually("taken out", listed, |text| !text.contains(&other.v4().to_string())).await;
    assert_eq!(by_group.is_silent(), [true, true]);
    assert_eq!(by_port.goes_on(), [true, true]);
    let ctpurge = purging(&place);
    eventually("restored", revoked, |text| !text.contains(&own.tap())).await;
    ctpurge.stop().await;
    assert_eq!(by_group.is_silent(), [true, true]);
    // The rule let in nothing of this, so nothing of it is forgotten.
    for open in [&mut by_port, &mut its_own] {
        open.called.send();
        assert!(open.caller.hears(PATIENCE));
        assert_eq!(open.goes_on(), [true, true]);
    }
    place.server.put("one", [other.member()]);
    eventually("put back", listed, |text| text.contains(&other.v4().to_string())).await;
    let mut again = Open::new(&place, UDP, &other, &own, 81);
    again.caller.send();
    assert!(!again.called.hears(SILENCE));
    let mut again = Open::new(&place, TCP, &other, &own, 80);
    assert_eq!(again.goes_on(), [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_state_each_direction_is_asked_for() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let stateless = |rules: &[GroupRule]| {
        Part::Group(Group { id: OWN, stateful: false, rules: rules.iter().cloned().collect() })
    };
    let answers = GroupRule {
        protocol: Some(UDP),
        ports: Ports::Range { first: 1024, last: 65535 },
        ..rule(EGRESS, Ethertype::V4)
    };
    for (rules, passes) in [
        (vec![service(INGRESS, UDP, 53)], [true, false]),
        (vec![service(INGRESS, UDP, 53), answers], [true, true]),
    ] {
        place.server.put("one", [stateless(&rules)]);
        settled(&place, "one", group_key(OWN)).await;
        let mut open = Open::new(&place, UDP, &other, &own, 53);
        open.caller.send();
        let there = open.called.hears(PATIENCE);
        open.called.send();
        assert_eq!([there, open.caller.hears(SILENCE)], passes, "{rules:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_are_judged_as_what_they_are_parts_of() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("two", &other)]).await;
    only(&place, [service(INGRESS, UDP, 80)]).await;
    for (port, passes) in [(80, true), (81, false)] {
        let called = place.within(&own.name, || UdpSocket::bind((own.v4(), port)).expect("bound"));
        let caller = place.within(&other.name, || UdpSocket::bind((other.v4(), 0)).expect("bound"));
        caller.send_to(&[7; 4000], (own.v4(), port)).expect("sent");
        called.set_read_timeout(Some(if passes { PATIENCE } else { SILENCE })).expect("timeout");
        let mut buffer = vec![0; 5000];
        let heard = called.recv_from(&mut buffer).map(|(length, _)| length).ok();
        assert_eq!(heard, passes.then_some(4000), "port {port}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_many_is_judged_at_each() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let group_mac = Mac([0x01, 0, 0x5e, 0, 0, 0xfb]);
    for (port, passes) in [(7001, true), (7002, false)] {
        let frames = [
            ("broadcast", udp4(other.port.mac, Mac::BROADCAST, other.v4(), v4([10, 1, 0, 255]), 5, port)),
            ("multicast", udp4(other.port.mac, group_mac, other.v4(), v4([224, 0, 0, 251]), 5, port)),
        ];
        only(&place, [service(INGRESS, UDP, 7001), service(INGRESS, UDP, 9)]).await;
        let expected: BTreeSet<String> =
            frames.iter().filter(|_| passes).map(|(name, _)| (*name).into()).collect();
        assert_eq!(arrivals(&place, &other, &own, &frames).await, expected, "port {port}");
    }
}

/// Nobody knows connections then: what is only an answer is held back, and the agent repairs it.
#[tokio::test(flavor = "multi_thread")]
async fn without_connections_answers_are_held_back() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    only(&place, [rule(EGRESS, Ethertype::V4)]).await;
    assert!(place.ping(&own, other.v4()));
    for agent in agents {
        agent.stop().await;
    }
    let off = place.exec("one", "sysctl -w net.bridge.bridge-nf-call-iptables=0");
    assert!(off.status.success(), "{off:?}");
    assert!(!place.ping(&own, other.v4()), "an answer passes");
    assert!(!place.ping(&other, own.v4()), "what no rule allows passes");
    let _agent = place.run(place.config("one"));
    eventually("ping", || place.ping(&own, other.v4()), |ok| *ok).await;
    assert!(!place.ping(&other, own.v4()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_broken_by_hand_is_repaired() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let remote = RemoteSide::Group(OTHER);
    only(&place, [GroupRule { remote, ..rule(INGRESS, Ethertype::V4) }]).await;
    let listed = || {
        let tables = ["inet", "bridge"].map(|of| text(&place, &format!("nft list table {of} neutrino")));
        let lines = tables.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned());
        // Sets have no order, and whoever was judged anew meanwhile waits for a ctpurge.
        lines.filter(|line| !line.is_empty() && !line.starts_with("elements")).collect::<BTreeSet<String>>()
    };
    let before = listed();
    let works = || place.ping(&other, own.v4()) && !place.ping(&own, other.v4());
    assert!(works());
    let (tap, chain) = (own.tap(), own.tap().replace("tap", "in-"));
    for damage in [
        format!("nft flush chain bridge neutrino {chain}"),
        format!("nft insert rule bridge neutrino {chain} accept"),
        format!("nft add rule bridge neutrino g-in-{OWN} accept"),
        format!("nft delete element bridge neutrino ways-in {{ {tap} }}"),
        format!("nft flush set bridge neutrino m4-{OTHER}"),
        format!("nft add element bridge neutrino m4-{OTHER} {{ 10.9.9.9 }}"),
        "nft flush map inet neutrino zones".to_owned(),
        "nft add chain bridge neutrino strange".to_owned(),
        "nft flush chain inet neutrino marking".to_owned(),
        "nft delete chain bridge neutrino filter".to_owned(),
        "nft delete table bridge neutrino".to_owned(),
        "nft delete table inet neutrino".to_owned(),
        "nft flush ruleset".to_owned(),
    ] {
        let done = place.exec("one", &damage);
        assert!(done.status.success(), "{damage}: {done:?}");
        eventually(&damage, || (works(), listed() == before), |now| *now == (true, true)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unwanted_goes_and_leaves_nothing() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let keys = [own.part().key(), other.part().key(), group_key(OWN), group_key(OTHER)];
    place.server.remove("one", keys);
    let left = || text(&place, "nft list ruleset");
    let empty = |text: &String| ["chain", "set", "map"].iter().all(|word| !tables(text).contains(word));
    eventually("left", left, empty).await;
    // A port without groups is not held back.
    let mut open = own.clone();
    open.port.groups = None;
    let mut both = other.clone();
    both.port.groups = None;
    place.server.put("one", [open.part(), both.part()]);
    eventually("ping", || place.ping(&own, other.v4()), |ok| *ok).await;
}

/// Of the ruleset, our two tables.
fn tables(ruleset: &str) -> String {
    let ours = ruleset.split("\ntable ").filter(|table| table.contains(" neutrino {"));
    ours.filter(|table| !table.starts_with("table netdev") && !table.starts_with("netdev")).collect()
}

/// What was not allowed any more is forgotten, and with it that it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_judged_anew_until_its_connections_are_forgotten() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    only(&place, [service(INGRESS, TCP, 80), service(INGRESS, TCP, 81)]).await;
    let revoked = || text(&place, "nft list set bridge neutrino revoked");
    let ctpurge = purging(&place);
    eventually("restored from what was before", revoked, |text| !text.contains(&own.tap())).await;
    ctpurge.stop().await;
    let mut goes = Open::new(&place, TCP, &other, &own, 80);
    let mut stays = Open::new(&place, TCP, &other, &own, 81);
    assert_eq!((goes.goes_on(), stays.goes_on()), ([true, true], [true, true]));
    only(&place, [service(INGRESS, TCP, 81)]).await;
    assert!(revoked().contains(&own.tap()), "{}", revoked());
    let known = || text(&place, "cat /proc/net/nf_conntrack");
    assert!(known().contains("dport=80 "), "{}", known());
    let ctpurge = purging(&place);
    eventually("restored", revoked, |text| !text.contains(&own.tap())).await;
    assert!(!known().contains("dport=80 ") && known().contains("dport=81 "), "{}", known());
    assert_eq!((goes.is_silent(), stays.goes_on()), ([true, true], [true, true]));
    // What goes with its port is forgotten as well.
    place.server.remove("one", [own.part().key()]);
    eventually("forgotten", known, |text| !text.contains("dport=81 ")).await;
    ctpurge.stop().await;
}

/// However often it dies, what comes of it is what was asked for last.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_at_any_time_leaves_nothing_open() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let mut agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let mut agent = agents.remove(0);
    let mut seed: u64 = std::env::var("NEUTRINO_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    println!("NEUTRINO_SEED={seed}");
    for round in 0..12u16 {
        let (allowed, refused) = (3000 + round, 4000 + round);
        only(&place, [service(INGRESS, TCP, allowed), service(INGRESS, TCP, refused)]).await;
        let mut stays = Open::new(&place, TCP, &other, &own, allowed);
        let mut goes = Open::new(&place, TCP, &other, &own, refused);
        assert_eq!((stays.goes_on(), goes.goes_on()), ([true, true], [true, true]));
        place.server.put("one", [group(OWN, [service(INGRESS, TCP, allowed)])]);
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        crate::netns::wait::moment(Duration::from_micros((seed >> 33) % 12_000)).await;
        agent.kill().await;
        agent = place.run(place.config("one"));
        place.server.forget_outcomes("one");
        settled(&place, "one", group_key(OWN)).await;
        assert_eq!(goes.is_silent(), [true, true], "round {round}");
        assert_eq!(stays.goes_on(), [true, true], "round {round}");
        let state = place.server.state("one", own.part().key());
        assert_eq!(state, Some(State::Up), "round {round}");
    }
}

fn text(place: &Place, line: &str) -> String {
    String::from_utf8_lossy(&place.exec("one", line).stdout).into_owned()
}

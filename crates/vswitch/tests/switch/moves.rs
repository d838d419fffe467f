//! Neighbours that move, vanish, are told of by others, or lied about.

use std::net::IpAddr;
use std::time::Duration;

use model::vswitch::{Neighbour, Route};
use vswitch::Event;
use wire::arp::Operation;
use wire::ethernet::ethertype;
use wire::{Arp, Ethernet, Mac};

use super::net::frames::numbered;
use super::net::{KINDS, Net, address, ms};

pub fn reply(ip: IpAddr, mac: Mac, to: Mac) -> Vec<u8> {
    let IpAddr::V4(sender_ip) = ip else { panic!("IPv4 only") };
    let mut out = vec![0; Ethernet::LEN + Arp::LEN];
    Ethernet { dst: to, src: mac, ethertype: ethertype::ARP }.emit(out.first_chunk_mut().expect("there"));
    let target_ip = std::net::Ipv4Addr::new(192, 0, 2, 1);
    Arp { operation: Operation::Reply, sender_mac: mac, sender_ip, target_mac: to, target_ip }
        .emit(out.last_chunk_mut().expect("there"));
    out
}

const ELSEWHERE: Mac = Mac([2, 0, 0, 0xbb, 0xbb, 1]);

fn warm(kind: usize, six: bool) -> Net {
    let mut net = Net::new(9, 2, KINDS[kind], six);
    net.configure_all();
    net.run(ms(10));
    net.send(0, "inst", &numbered(0, 1, 0, 100));
    net.run(ms(10));
    assert_eq!(net.numbers(1), [0]);
    net.hosts[0].events.clear();
    net
}

#[test]
fn an_announced_move_costs_no_more_than_the_announcements_travel() {
    for (kind, six) in [(0, false), (1, true), (2, false), (2, true)] {
        let mut net = warm(kind, six);
        let before = net.hosts[1].mac;
        net.change_mac(1, ELSEWHERE, true);
        net.run(Duration::from_micros(60));
        for number in 1..100 {
            net.send(0, "inst", &numbered(0, 1, number, 100));
        }
        net.run(ms(1));
        assert_eq!(net.numbers(1), (0..100).collect::<Vec<_>>(), "IPv6 {six}");
        let (ip, link) = (address(six, 1), 7);
        let told = [
            Event::Moved { link, ip, from: before, to: ELSEWHERE },
            Event::Resolved { link, ip, mac: ELSEWHERE },
        ];
        assert_eq!(net.hosts[0].events, told);
        assert_eq!(net.hosts[0].switch.shown(net.now).neighbours[0].moved, 1);
    }
}

/// Sends every 10 ms and gives how long nothing arrived after a silent move.
fn silent_move(net: &mut Net, answering: bool) -> u64 {
    net.run(Duration::from_secs(20));
    net.change_mac(1, ELSEWHERE, false);
    let begin = net.now;
    let before = net.hosts[1].got.len();
    for number in 1..1000 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.run(ms(10));
        if net.hosts[1].got.len() > before {
            return net.now.since(begin).as_millis() as u64;
        }
        if answering {
            net.send(1, "inst", &numbered(1, 0, number, 100));
        }
    }
    panic!("not back after 10 s");
}

#[test]
fn a_silent_move_is_found_within_three_seconds() {
    for six in [false, true] {
        let mut net = warm(0, six);
        let took = silent_move(&mut net, false);
        assert!((1000..=3000).contains(&took), "{took} ms, IPv6 {six}");
    }
}

#[test]
fn a_silent_move_of_one_that_talks_is_found_at_once() {
    let mut net = warm(0, false);
    let took = silent_move(&mut net, true);
    assert!(took < 1000, "{took} ms");
}

#[test]
fn a_silent_move_is_found_within_three_seconds_though_two_questions_are_lost() {
    for seed in 0..20 {
        let mut net = warm(0, false);
        (0..seed).for_each(|_| {
            net.draw(2);
        });
        net.weather.unheard = 150;
        let took = silent_move(&mut net, false);
        assert!(took <= 3000, "{took} ms, seed {seed}");
    }
}

#[test]
fn one_that_sends_by_another_mac_than_it_answers_to_is_asked_at_a_bounded_pace() {
    let mut net = warm(0, false);
    net.hosts[1].sends_as = Some(ELSEWHERE);
    net.hosts[0].sent.clear();
    for number in 1..1000 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.send(1, "inst", &numbered(1, 0, number, 100));
        net.run(ms(10));
    }
    let questions = net.questions(0);
    assert!((5..=50).contains(&questions), "{questions} in 10 s");
    assert_eq!((net.numbers(1).len(), net.numbers(0).len()), (1000, 999));
    assert_eq!(net.hosts[0].switch.shown(net.now).neighbours[0].moved, 0);
}

#[test]
fn a_neighbour_is_used_while_it_is_probed() {
    let mut net = warm(0, false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    for number in 1..3000 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.run(ms(10));
    }
    assert_eq!(net.numbers(1), (0..3000).collect::<Vec<_>>());
    assert_eq!(net.hosts[0].switch.shown(net.now).neighbours[0].state, "probing");
    let questions = net.questions(0);
    assert!((20..60).contains(&questions), "about one a second: {questions}");
}

#[test]
fn one_that_is_gone_is_given_up_after_its_lifetime_and_comes_back() {
    let mut net = warm(0, false);
    let mac = net.hosts[1].mac;
    (net.hosts[1].unplugged, net.hosts[1].mute) = (true, true);
    net.run(Duration::from_secs(70));
    let lost = Event::Lost { link: 7, ip: address(false, 1), mac };
    assert_eq!(net.hosts[0].events.last(), Some(&lost), "{:?}", net.hosts[0].events);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(3001));
    net.hosts[1].unplugged = false;
    net.run(ms(5000));
    assert_eq!(net.numbers(1), [0], "it waited too long: {:?}", net.all_drops(0));
    assert_eq!(net.all_drops(0), [("expired", 1)]);
    net.send(0, "inst", &numbered(0, 1, 2, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [0, 2]);
}

#[test]
fn frames_that_wait_too_long_are_dropped_and_counted() {
    let mut net = Net::new(4, 2, KINDS[0], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    net.configure_all();
    for number in 0..10 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.run(ms(100));
    }
    net.run(ms(2500));
    let shown = net.hosts[0].switch.shown(net.now);
    let one = &shown.neighbours[0];
    assert_eq!((one.misses, one.expired, one.waiting_frames), (10, 6, 4));
    net.run(Duration::from_secs(5));
    assert_eq!(net.all_drops(0), [("expired", 10)]);
    assert_eq!(net.hosts[0].switch.shown(net.now).waiting_bytes, 0);
    let before = net.questions(0);
    net.run(Duration::from_secs(60));
    assert!(net.questions(0) - before < 40, "a neighbour nobody waits for is asked for seldom");
}

#[test]
fn nobody_is_believed_about_addresses_that_are_nobodys_of_ours() {
    let mut net = warm(0, false);
    let to = net.hosts[0].mac;
    net.inject(&reply("192.0.2.77".parse().expect("there"), ELSEWHERE, to));
    net.inject(&reply(address(false, 1), Mac([3, 0, 0, 0, 0, 1]), to));
    net.inject(&reply(address(false, 1), Mac::ZERO, to));
    net.inject(&reply(address(false, 1), to, to));
    net.run(ms(10));
    let shown = net.hosts[0].switch.shown(net.now);
    assert_eq!(shown.neighbours.len(), 1);
    assert_eq!((shown.neighbours[0].mac, shown.neighbours[0].moved), (Some(net.hosts[1].mac), 0));
    assert_eq!(net.all_drops(0), [("bad_answer", 2)]);
    assert_eq!(net.hosts[0].events, []);
}

#[test]
fn an_answer_on_another_device_is_not_taken() {
    let mut net = Net::new(5, 2, KINDS[0], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    let it = &mut net.hosts[0];
    it.wanted.underlays.insert("nic2".into(), Default::default());
    it.facts.links.push(super::net::link(8, "nic2", Mac([2, 8, 8, 8, 8, 8])));
    net.configure_all();
    net.tell(0);
    let (now, it) = (net.now, &mut net.hosts[0]);
    let other = it.switch.port("nic2").expect("configured");
    let said = reply(address(false, 1), ELSEWHERE, Mac([2, 8, 8, 8, 8, 8]));
    it.switch.handle_frame(other, vswitch::Frame::of(&said), now);
    assert_eq!(it.switch.shown(now).neighbours[0].mac, None);
    it.switch.handle_frame(
        it.underlay,
        vswitch::Frame::of(&reply(address(false, 1), ELSEWHERE, it.mac)),
        now,
    );
    assert_eq!(
        it.switch.shown(now).neighbours[0].mac,
        Some(ELSEWHERE),
        "the same on the right device is taken"
    );
}

#[test]
fn the_kernels_neighbours_are_taken_where_nothing_is_known() {
    let mut net = Net::new(6, 2, KINDS[0], false);
    net.configure_all();
    let known = Neighbour { link: 7, ip: address(false, 1), mac: net.hosts[1].mac, permanent: false };
    net.send(0, "inst", &numbered(0, 1, 0, 100));
    net.hosts[0].facts.neighbours = vec![known];
    net.tell(0);
    net.run(Duration::from_micros(50));
    assert_eq!(net.numbers(1), [0], "before any answer");
    // What we know better is not taken back by what the kernel still has.
    net.change_mac(1, ELSEWHERE, true);
    net.run(ms(1));
    net.tell(0);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [0, 1]);
}

#[test]
fn a_permanent_neighbour_is_used_and_never_asked_for() {
    let mut net = Net::new(6, 2, KINDS[0], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    let mac = net.hosts[1].mac;
    net.configure(0);
    let known = Neighbour { link: 7, ip: address(false, 1), mac, permanent: true };
    net.hosts[0].facts.neighbours = vec![known];
    net.tell(0);
    net.configure(1);
    net.hosts[0].sent.clear();
    net.inject(&reply(address(false, 1), ELSEWHERE, net.hosts[0].mac));
    net.run(Duration::from_secs(200));
    net.send(0, "inst", &numbered(0, 1, 0, 100));
    net.run(Duration::from_secs(200));
    assert_eq!((net.numbers(1), net.questions(0)), (vec![0], 0));
}

#[test]
fn what_waits_for_one_that_was_given_up_leaves_when_it_is_written_down() {
    let mut net = warm(0, false);
    let mac = net.hosts[1].mac;
    (net.hosts[1].unplugged, net.hosts[1].mute) = (true, true);
    net.run(Duration::from_secs(70));
    (net.hosts[1].unplugged, net.hosts[1].answers_after) = (false, None);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(100));
    assert_eq!(net.numbers(1), [0]);
    net.hosts[0].facts.neighbours = vec![Neighbour { link: 7, ip: address(false, 1), mac, permanent: true }];
    net.tell(0);
    net.send(0, "inst", &numbered(0, 1, 2, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [0, 1, 2]);
}

#[test]
fn a_changed_route_takes_effect_at_once_for_what_waits_too() {
    let mut net = Net::new(7, 2, KINDS[2], false);
    let gateway = "192.0.2.254".parse().expect("there");
    net.routers.push(super::net::Router { mac: Mac([2, 9, 9, 9, 9, 9]), ips: vec![gateway] });
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    net.configure_all();
    for number in 0..50 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    net.run(ms(500));
    assert_eq!(net.numbers(1), [0u64; 0]);
    let to = format!("{}/32", address(false, 1)).parse().expect("there");
    let route = Route { to, via: Some(gateway), link: Some(7), metric: 0, mtu_bytes: None };
    net.hosts[0].facts.routes.push(route);
    net.tell(0);
    for number in 50..100 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    net.run(ms(2));
    assert_eq!(net.numbers(1), (0..100).collect::<Vec<_>>());
    assert_eq!(net.all_drops(0), []);
}

#[test]
fn without_a_way_frames_are_dropped_for_the_reason() {
    let mut net = warm(0, false);
    let send = |net: &mut Net| {
        net.send(0, "inst", &numbered(0, 1, 1, 100));
        net.all_drops(0).last().copied().expect("dropped")
    };
    let facts = net.hosts[0].facts.clone();
    net.hosts[0].facts.routes.clear();
    net.tell(0);
    assert_eq!(send(&mut net), ("no_route", 1));
    net.hosts[0].facts = facts.clone();
    net.hosts[0].facts.links[0].up = false;
    net.tell(0);
    assert_eq!(send(&mut net), ("link_down", 1));
    net.hosts[0].facts = facts.clone();
    net.hosts[0].facts.addresses.clear();
    net.tell(0);
    assert_eq!(send(&mut net), ("not_our_address", 1));
    net.hosts[0].facts = facts;
    net.tell(0);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [0, 1], "back as soon as it is told");
}

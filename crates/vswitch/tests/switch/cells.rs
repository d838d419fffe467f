//! The promise: to a cold neighbour everything arrives, once and in order.

use std::time::Duration;

use model::vswitch::{Address, Route};
use vswitch::Event;
use wire::Mac;

use super::net::frames::numbered;
use super::net::{KINDS, Net, Router, Weather, address, ms};

/// Each burst, answer delay, format and family.
fn each_cell(test: impl Fn(&mut Net, u64, &str)) {
    for (nth, kind) in KINDS.into_iter().enumerate() {
        for six in [false, true] {
            for burst in [1, 10, 100, 1000] {
                for answer_ms in [0, 10, 100] {
                    let seed = 0x5eed + nth as u64;
                    let mut net = Net::new(seed, 2, kind, six);
                    (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(answer_ms)), true);
                    let cell = format!("{kind:?}, IPv6 {six}, {burst} frames, answer after {answer_ms} ms");
                    test(&mut net, burst, &cell);
                }
            }
        }
    }
}

fn all_arrived(net: &Net, host: usize, burst: u64, cell: &str) {
    let got = net.numbers(host);
    assert_eq!(got, (0..burst).collect::<Vec<_>>(), "{cell}");
    assert_eq!(net.all_drops(0), [], "{cell}");
    assert_eq!(net.all_drops(host), [], "{cell}");
}

#[test]
fn a_burst_to_a_cold_neighbour_arrives_once_and_in_order() {
    each_cell(|net, burst, cell| {
        net.configure_all();
        for number in 0..burst {
            net.send(0, "inst", &numbered(0, 1, number, 100));
        }
        net.run(Duration::from_secs(1));
        all_arrived(net, 1, burst, cell);
    });
}

#[test]
fn so_it_does_when_the_first_question_is_lost() {
    each_cell(|net, burst, cell| {
        net.hosts[1].unplugged = true;
        net.configure_all();
        for number in 0..burst {
            net.send(0, "inst", &numbered(0, 1, number, 100));
        }
        assert_eq!(net.questions(0), 1, "{cell}");
        net.hosts[1].unplugged = false;
        let wait = net.hosts[1].answers_after.expect("it answers") + ms(25);
        net.run(wait);
        assert_eq!(net.questions(0).min(2), 2, "{cell}");
        all_arrived(net, 1, burst, cell);
    });
}

#[test]
fn while_the_answer_is_awaited_more_frames_queue_up_behind() {
    for seed in 0..20 {
        let mut net = Net::new(seed, 2, KINDS[seed as usize % 3], seed % 2 == 0);
        (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(100)), true);
        net.configure_all();
        for number in 0..400 {
            net.send(0, "inst", &numbered(0, 1, number, 60 + (number as usize * 37) % 1300));
            let pause = net.draw(800);
            net.run(Duration::from_micros(pause));
        }
        net.run(Duration::from_secs(1));
        all_arrived(&net, 1, 400, &format!("seed {seed}"));
    }
}

#[test]
fn a_remote_behind_a_router_is_reached_by_the_routers_mac() {
    for kind in KINDS {
        for six in [false, true] {
            let mut net = Net::new(1, 2, kind, six);
            let (far, gateway, prefix) = if six {
                ("2001:db8:f::9", "2001:db8::fe", "2001:db8:f::/64")
            } else {
                ("198.51.100.9", "192.0.2.254", "198.51.100.0/24")
            };
            let (far, gateway) = (far.parse().expect("ip"), gateway.parse().expect("ip"));
            net.routers.push(Router { mac: Mac([2, 9, 9, 9, 9, 9]), ips: vec![gateway] });
            // The second host lives beyond the router; both reach each other through it.
            net.hosts[1].ips = vec![far];
            net.hosts[1].facts.addresses = vec![Address { link: 7, ip: far, prefix_len: 64 }];
            for (host, to) in [(0, prefix), (1, if six { "::/0" } else { "0.0.0.0/0" })] {
                let via = Some(gateway);
                let to = to.parse().expect("a prefix");
                let route = Route { to, via, link: Some(7), metric: 0, mtu_bytes: None };
                net.hosts[host].facts.routes = vec![route];
            }
            net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").remote = far;
            net.hosts[1].wanted.tunnels.get_mut("to-0").expect("there").local = far;
            (0..2).for_each(|host| net.tell(host));
            net.configure_all();
            for number in 0..100 {
                net.send(0, "inst", &numbered(0, 1, number, 100));
            }
            net.run(Duration::from_secs(1));
            all_arrived(&net, 1, 100, &format!("{kind:?}, IPv6 {six}"));
            let shown = net.hosts[0].switch.shown(net.now);
            assert_eq!(shown.neighbours[0].ip, gateway);
            assert_eq!(shown.neighbours.len(), 1, "the remote itself is nobody's neighbour");
        }
    }
}

#[test]
fn a_thousand_cold_endpoints_at_once() {
    let mut net = Net::new(2, 1, KINDS[0], false);
    let template = super::net::wanted(KINDS[0], false, 0, 1001);
    net.hosts[0].wanted = template;
    net.configure(0);
    // Before anybody answers, each is sent to; then all answer at the same time.
    for to in 1..=1000 {
        for number in 0..3 {
            net.send(0, "inst", &numbered(0, to, number, 100));
        }
    }
    assert_eq!(net.hosts[0].switch.shown(net.now).waiting_frames, 3000);
    net.hosts[0].sent.clear();
    for to in 1..=1000usize {
        let mac = Mac([2, 7, 7, 7, (to >> 8) as u8, to as u8]);
        net.inject(&super::moves::reply(address(false, to), mac, net.hosts[0].mac));
    }
    net.run(ms(1));
    let mut numbers = vec![Vec::new(); 1001];
    for bytes in net.hosts[0].sent.iter().filter(|bytes| !super::net::frames::is_question(bytes)) {
        let to = usize::from(bytes[4]) << 8 | usize::from(bytes[5]);
        numbers[to].extend(super::net::frames::number_of(bytes));
    }
    assert!(numbers[1..].iter().all(|numbers| *numbers == [0, 1, 2]), "{numbers:?}");
    assert_eq!(net.all_drops(0), []);
}

#[test]
fn after_a_pause_longer_than_ageing_nothing_is_lost() {
    for six in [false, true] {
        let mut net = Net::new(3, 2, KINDS[0], six);
        net.hosts[1].mute = true;
        net.configure_all();
        for number in 0..10 {
            net.run(Duration::from_secs(100));
            net.hosts[0].sent.clear();
            net.send(0, "inst", &numbered(0, 1, number, 100));
            assert_eq!(net.questions(0), 0, "the neighbour was kept fresh: no frame waits for it");
        }
        net.run(Duration::from_secs(1));
        all_arrived(&net, 1, 10, &format!("IPv6 {six}"));
        let lost = |event: &&Event| matches!(event, Event::Lost { .. });
        assert_eq!(net.hosts[0].events.iter().find(lost), None, "refreshed before it would be given up");
    }
}

#[test]
fn a_link_that_loses_questions_delays_and_reorders_loses_no_frame_of_ours() {
    for seed in 1..=40u64 {
        let mut net = Net::new(seed, 2, KINDS[seed as usize % 3], seed % 2 == 1);
        net.weather = Weather { delay_us: 20, spread_us: 3000, unheard: 400, ..Weather::default() };
        net.configure_all();
        for number in 0..200 {
            net.send(0, "inst", &numbered(0, 1, number, 100));
            let pause = net.draw(2000);
            net.run(Duration::from_micros(pause));
        }
        net.run(Duration::from_secs(3));
        // The link may change the order; each frame comes all the same, and once.
        let mut got = net.numbers(1);
        got.sort_unstable();
        assert_eq!(got, (0..200).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_link_that_loses_and_doubles_is_neither_mended_nor_made_worse() {
    for seed in 1..=20u64 {
        let mut net = Net::new(seed, 2, KINDS[seed as usize % 3], seed % 2 == 1);
        net.weather = Weather { delay_us: 20, lost: 100, doubled: 100, unheard: 100, ..Weather::default() };
        net.configure_all();
        for number in 0..300 {
            net.send(0, "inst", &numbered(0, 1, number, 100));
        }
        net.run(Duration::from_secs(3));
        let outer = net.hosts[0].sent.iter().filter(|bytes| !super::net::frames::is_question(bytes)).count();
        assert_eq!(outer, 300, "seed {seed}: each frame left once");
        assert!(net.numbers(1).is_sorted(), "seed {seed}");
        assert_eq!(net.all_drops(1), [], "seed {seed}");
    }
}

//! Replacing a configuration: what stays keeps its state, what is wrong changes nothing.

use model::vswitch::{Attachment, Kind, Network, Place, Port, Tunnel, Wanted};
use vswitch::{BadTunnel, Limits, Wrong};
use wire::{Mac, Vni};

use super::net::frames::numbered;
use super::net::{KINDS, Net, inst, ms, wanted};
use super::outer::warm;

#[test]
fn what_is_the_same_keeps_its_numbers_neighbours_and_counters() {
    let mut net = warm(Kind::Vxlan, false);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    let before = net.hosts[0].switch.shown(net.now);
    let number = net.hosts[0].switch.port("inst");
    net.hosts[0].wanted.ports.insert("aaa".into(), Port { network: "blue".into(), way: Default::default() });
    net.configure(0);
    net.hosts[0].wanted.ports.remove("aaa");
    net.configure(0);
    assert_eq!(net.hosts[0].switch.shown(net.now), before);
    assert_eq!(net.hosts[0].switch.port("inst"), number);
    assert_eq!(net.questions(0), 0, "nobody was asked again");
}

#[test]
fn frames_that_wait_outlast_a_change_of_other_things() {
    let mut net = Net::new(1, 3, KINDS[1], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(100)), true);
    net.configure_all();
    for number in 0..10 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    let blue = net.hosts[0].wanted.networks.get_mut("blue").expect("there");
    blue.tunnels.remove("to-2");
    blue.entries.remove(&inst(2));
    net.hosts[0].wanted.tunnels.remove("to-2");
    net.configure(0);
    net.run(ms(200));
    assert_eq!(net.numbers(1), (0..10).collect::<Vec<_>>());
}

#[test]
fn with_a_tunnel_go_the_frames_that_wait_for_it_and_its_neighbour() {
    let mut net = Net::new(1, 2, KINDS[0], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    net.configure_all();
    for number in 0..10 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    let mut alone = wanted(Kind::Vxlan, false, 0, 1);
    std::mem::swap(&mut net.hosts[0].wanted, &mut alone);
    net.configure(0);
    assert_eq!(net.all_drops(0), [("tunnel_gone", 10)]);
    assert_eq!(net.hosts[0].switch.shown(net.now).neighbours, []);
    assert_eq!(net.hosts[0].switch.poll_timeout(), None, "nothing is left to do");
    // A tunnel by the same name to somebody else is another tunnel.
    let mut other = alone.clone();
    other.tunnels.get_mut("to-1").expect("there").remote = "192.0.2.77".parse().expect("there");
    net.hosts[0].wanted = alone;
    net.configure(0);
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.hosts[0].wanted = other;
    net.configure(0);
    assert_eq!(net.all_drops(0), [("tunnel_gone", 11)]);
}

#[test]
fn what_was_learned_of_a_port_goes_when_it_changes_its_network() {
    let mut net = warm(Kind::Vxlan, false);
    net.send(0, "inst", &numbered(9, 1, 1, 100));
    assert!(net.hosts[0].switch.fdb(None, usize::MAX, net.now).0.iter().any(|entry| entry.mac == inst(9)));
    let it = &mut net.hosts[0].wanted;
    it.networks.insert("red".into(), Default::default());
    it.networks.get_mut("blue").expect("there").entries.remove(&inst(0));
    it.ports.get_mut("inst").expect("there").network = "red".into();
    net.configure(0);
    assert!(net.hosts[0].switch.fdb(None, usize::MAX, net.now).0.iter().all(|entry| entry.mac != inst(9)));
}

#[test]
fn what_is_wrong_is_named_and_changes_nothing() {
    type Change = fn(&mut Wanted);
    fn one(wanted: &mut Wanted) -> &mut Tunnel {
        wanted.tunnels.get_mut("to-1").expect("there")
    }
    let bad = |what| Wrong::BadTunnel { tunnel: "to-1".into(), what };
    let cases: Vec<(Change, Wrong)> = vec![
        (
            |w| {
                w.underlays.insert("inst".into(), Default::default());
            },
            Wrong::PortAndUnderlay { name: "inst".into() },
        ),
        (
            |w| w.ports.get_mut("inst").expect("there").network = "red".into(),
            Wrong::NoNetwork { port: "inst".into(), network: "red".into() },
        ),
        (
            |w| drop(w.tunnels.remove("to-1")),
            Wrong::NoTunnel { network: "blue".into(), tunnel: "to-1".into() },
        ),
        (
            |w| {
                w.networks
                    .get_mut("blue")
                    .expect("there")
                    .entries
                    .insert(inst(5), Place::Port("none".into()));
            },
            Wrong::NoPlace { network: "blue".into(), mac: inst(5), place: "none".into() },
        ),
        (
            |w| {
                let place = Place::Port("inst".into());
                w.networks.get_mut("blue").expect("there").entries.insert(Mac::BROADCAST, place);
            },
            Wrong::NotUnicastMac { network: "blue".into(), mac: Mac::BROADCAST },
        ),
        (
            |w| {
                let mut red = model::vswitch::Network::default();
                let vni = Vni::new(super::net::VNI).expect("there");
                red.tunnels.insert("to-1".into(), Attachment { vni, flood: false });
                w.networks.insert("red".into(), red);
            },
            Wrong::SameVni {
                tunnel: "to-1".into(),
                vni: super::net::VNI,
                one: "blue".into(),
                other: "red".into(),
            },
        ),
        (
            |w| {
                let same = w.tunnels["to-1"].clone();
                w.tunnels.insert("zz".into(), same);
            },
            Wrong::SameEnds { one: "to-1".into(), other: "zz".into() },
        ),
        (
            |w| {
                let mut other = w.tunnels["to-1"].clone();
                (other.kind, other.port) = (Kind::Geneve, Some(4789));
                other.remote = "192.0.2.9".parse().expect("there");
                w.tunnels.insert("zz".into(), other);
            },
            Wrong::SameUdpPort { port: 4789 },
        ),
        (|w| one(w).remote = "2001:db8::9".parse().expect("there"), bad(BadTunnel::Families)),
        (|w| one(w).remote = "239.0.0.1".parse().expect("there"), bad(BadTunnel::NotUnicast)),
        (|w| one(w).remote = one(w).local, bad(BadTunnel::ToItself)),
        (|w| one(w).ttl = 0, bad(BadTunnel::Zero)),
        (|w| one(w).dscp = model::vswitch::Dscp::Fixed(64), bad(BadTunnel::Dscp)),
        (
            |w| {
                let option = model::vswitch::GeneveOption { class: 1, kind: 1, data: vec![] };
                one(w).options.push(option);
            },
            bad(BadTunnel::Options),
        ),
        (
            |w| {
                one(w).kind = Kind::Nvgre;
                one(w).port = Some(1);
            },
            bad(BadTunnel::NotUdp),
        ),
    ];
    let mut net = warm(Kind::Vxlan, false);
    let before = net.hosts[0].switch.shown(net.now);
    for (change, want) in cases {
        let mut wanted = net.hosts[0].wanted.clone();
        change(&mut wanted);
        assert_eq!(net.hosts[0].switch.configure(&wanted, net.now), Err(want));
        assert_eq!(net.hosts[0].switch.shown(net.now), before);
    }
    let mut small = vswitch::Switch::new([0, 0], Limits { ports: 1, ..Limits::default() });
    let many = small.configure(&net.hosts[0].wanted, net.now);
    assert_eq!(many, Err(Wrong::TooMany { what: "ports", count: 2, limit: 1 }));
}

/// Ten frames wait for somebody who answers after 100 ms, and meanwhile something changes in both hosts.
fn waiting(change: impl Fn(&mut Wanted)) -> Net {
    let mut net = Net::new(1, 2, KINDS[0], false);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(100)), true);
    net.configure_all();
    for number in 0..10 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    for host in 0..2 {
        change(&mut net.hosts[host].wanted);
        net.configure(host);
    }
    net.run(ms(200));
    net
}

fn blue(wanted: &mut Wanted) -> &mut Network {
    wanted.networks.get_mut("blue").expect("there")
}

#[test]
fn frames_that_wait_leave_by_the_number_that_their_network_has_then() {
    let net = waiting(|wanted| {
        blue(wanted).tunnels.values_mut().for_each(|there| there.vni = Vni::new(77).expect("24 bits"));
    });
    assert_eq!((net.numbers(1), net.all_drops(1)), ((0..10).collect(), Vec::new()));
}

/// The number in the tunnel goes to another network, and so does the network's own.
#[test]
fn frames_that_wait_never_come_out_in_another_network() {
    let net = waiting(|wanted| {
        let mut red = wanted.networks.remove("blue").expect("there");
        red.entries.clear();
        wanted.networks.insert("red".into(), red);
        wanted.ports.values_mut().for_each(|port| port.network = "red".into());
    });
    assert_eq!((net.numbers(1), net.all_drops(0)), (Vec::new(), vec![("network_gone", 10)]));
    let net = waiting(|wanted| {
        let there = blue(wanted).tunnels.clone();
        blue(wanted).tunnels.clear();
        blue(wanted).entries.retain(|_, place| matches!(place, Place::Port(_)));
        let red = Network { tunnels: there, ..Network::default() };
        wanted.networks.insert("red".into(), red);
        let port = Port { network: "red".into(), way: Default::default() };
        wanted.ports.insert("red".into(), port);
    });
    assert_eq!((net.numbers(1), net.all_drops(0)), (Vec::new(), vec![("network_gone", 10)]));
}

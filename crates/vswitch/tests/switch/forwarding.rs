//! Who gets a frame: learning, flooding, written places, and packets that do not fit.

use model::vswitch::{Kind, Network, Place, Port};
use wire::{Mac, icmpv4, icmpv6, ipv4, ipv6};

use super::net::frames::{self, numbered};
use super::net::{Net, inst, ms, stages};
use super::outer::warm;

/// Three hosts whose network learns and has nothing written.
fn learning() -> Net {
    let mut net = Net::new(0xf00, 3, Kind::Vxlan, false);
    for host in &mut net.hosts {
        host.wanted.networks.get_mut("blue").expect("there").entries.clear();
        host.wanted.ports.insert("inst2".into(), Port { network: "blue".into(), way: Default::default() });
    }
    net.configure_all();
    net.run(ms(10));
    net
}

fn who_got(net: &mut Net) -> Vec<(usize, String)> {
    let mut who = Vec::new();
    for (at, host) in net.hosts.iter_mut().enumerate() {
        who.extend(host.got.drain(..).map(|(port, ..)| (at, port)));
    }
    who.sort();
    who
}

fn named(list: &[(usize, &str)]) -> Vec<(usize, String)> {
    list.iter().map(|(host, port)| (*host, (*port).to_owned())).collect()
}

#[test]
fn unknown_goes_everywhere_once_and_known_to_its_place() {
    let mut net = learning();
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(1));
    let everywhere = named(&[(0, "inst2"), (1, "inst"), (1, "inst2"), (2, "inst"), (2, "inst2")]);
    assert_eq!(who_got(&mut net), everywhere);
    // The answer finds its way, and by it the next frame does.
    net.send(1, "inst2", &numbered(1, 0, 2, 100));
    net.run(ms(1));
    assert_eq!(who_got(&mut net), named(&[(0, "inst")]));
    net.send(0, "inst", &numbered(0, 1, 3, 100));
    net.run(ms(1));
    assert_eq!(who_got(&mut net), named(&[(1, "inst2")]));
    // Within one host nothing leaves it.
    net.send(0, "inst2", &numbered(2, 0, 4, 100));
    assert_eq!(who_got(&mut net), named(&[(0, "inst")]));
    // Who moves is found by its next frame.
    net.send(2, "inst", &numbered(1, 0, 5, 100));
    net.run(ms(1));
    who_got(&mut net);
    net.send(0, "inst", &numbered(0, 1, 6, 100));
    net.run(ms(1));
    assert_eq!(who_got(&mut net), named(&[(2, "inst")]));
    assert_eq!(net.hosts[0].switch.shown(net.now).networks[0].moved, 1);
}

#[test]
fn broadcast_goes_everywhere_and_not_back() {
    let mut net = learning();
    let mut bytes = numbered(0, 1, 1, 100);
    bytes[..6].fill(0xff);
    net.send(1, "inst2", &bytes);
    net.run(ms(1));
    let all = named(&[(0, "inst"), (0, "inst2"), (1, "inst"), (2, "inst"), (2, "inst2")]);
    assert_eq!(who_got(&mut net), all);
}

#[test]
fn what_was_learned_is_forgotten_after_a_while() {
    let mut net = learning();
    net.send(1, "inst", &numbered(1, 0, 2, 100));
    net.run(ms(1));
    who_got(&mut net);
    assert_eq!(net.hosts[0].switch.fdb(None, usize::MAX, net.now).0.len(), 1);
    net.run(ms(311_000));
    assert_eq!(net.hosts[0].switch.fdb(None, usize::MAX, net.now).0.len(), 0);
}

#[test]
fn written_places_are_not_unlearned_and_unknown_is_dropped_where_asked() {
    let mut net = warm(Kind::Vxlan, false);
    let blue = net.hosts[0].wanted.networks.get_mut("blue").expect("there");
    (blue.learn, blue.flood_unknown) = (true, false);
    net.configure(0);
    // An instance that says to be the remote one takes nothing from it.
    net.send(0, "inst", &numbered(1, 9, 1, 100));
    assert_eq!(net.all_drops(0), [("unknown_mac", 1)]);
    net.send(0, "inst", &numbered(0, 1, 2, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [2]);
    net.send(0, "inst", &numbered(0, 0, 3, 100));
    assert_eq!(net.all_drops(0), [("same_place", 1), ("unknown_mac", 1)]);
}

#[test]
fn networks_are_apart_though_their_macs_are_the_same() {
    let mut net = warm(Kind::Geneve, true);
    for host in &mut net.hosts {
        let mut red = host.wanted.networks["blue"].clone();
        for place in red.entries.values_mut().filter(|place| matches!(place, Place::Port(_))) {
            *place = Place::Port("red".into());
        }
        red.tunnels.values_mut().for_each(|attached| attached.vni = wire::Vni::new(7).expect("there"));
        host.wanted.networks.insert("red".into(), red);
        host.wanted.ports.insert("red".into(), Port { network: "red".into(), way: Default::default() });
    }
    net.configure_all();
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.send(0, "red", &numbered(0, 1, 2, 100));
    net.run(ms(1));
    let got: Vec<_> = net.hosts[1].got.iter().map(|(port, ..)| port.as_str()).collect();
    assert_eq!((got, net.numbers(1)), (vec!["inst", "red"], vec![1, 2]));
}

#[test]
fn several_types_of_tunnel_at_once_in_one_network() {
    let mut net = warm(Kind::Vxlan, false);
    for (host, other) in [(0, 1), (1, 0)] {
        let wanted = &mut net.hosts[host].wanted;
        let mut second = wanted.tunnels[&format!("to-{other}")].clone();
        second.kind = Kind::Geneve;
        wanted.tunnels.insert("second".into(), second.clone());
        second.kind = Kind::Nvgre;
        wanted.tunnels.insert("third".into(), second);
        let blue = wanted.networks.get_mut("blue").expect("there");
        let attached = blue.tunnels[&format!("to-{other}")].clone();
        for name in ["second", "third"] {
            blue.tunnels.insert(name.into(), attached.clone());
        }
        blue.entries.insert(inst(7), Place::Tunnel("second".into()));
        blue.entries.insert(inst(8), Place::Tunnel("third".into()));
    }
    let here = &mut net.hosts[1].wanted.networks.get_mut("blue").expect("there").entries;
    here.insert(inst(7), Place::Port("inst".into()));
    here.insert(inst(8), Place::Port("inst".into()));
    net.configure_all();
    for (number, to) in [(1, 1), (2, 7), (3, 8)] {
        net.send(0, "inst", &numbered(0, to, number, 100));
    }
    net.run(ms(1));
    assert_eq!(net.numbers(1), [1, 2, 3]);
    let sent = &net.hosts[0].sent;
    let ports: Vec<_> =
        sent.iter().map(|bytes| (bytes[23], u16::from_be_bytes([bytes[36], bytes[37]]))).collect();
    assert_eq!(ports, [(17, 4789), (17, 6081), (47, 0x6558)]);
}

#[test]
fn a_packet_that_does_not_fit_is_answered_as_by_whom_it_was_for() {
    let mut net = warm(Kind::Vxlan, false);
    let fits = frames::udp4(inst(0), inst(1), 0, 1, &vec![0; 1450 - 28]);
    net.send(0, "inst", &fits);
    net.run(ms(1));
    assert_eq!(net.hosts[1].got.len(), 1, "1450 bytes of IP fit 1500 of the underlay, as with the kernel");
    let over = frames::udp4(inst(0), inst(1), 0, 1, &vec![0; 1451 - 28]);
    net.send(0, "inst", &over);
    let (_, answer, _) = net.hosts[0].got.pop().expect("answered");
    assert_eq!((&answer[..6], &answer[6..12]), (&inst(0).0[..], &inst(1).0[..]));
    let packet = ipv4::View::new(&answer[14..]).expect("IPv4");
    assert!(packet.is_intact());
    assert_eq!((packet.src(), packet.dst()), (frames::ip(inst(1)), frames::ip(inst(0))));
    let told = icmpv4::TooBig::parse(packet.payload()).expect("ICMP");
    assert_eq!((told.mtu, &told.about[..20]), (1450, &over[14..34]));
    // Not more often than every 10 ms.
    net.send(0, "inst", &over);
    assert!(net.hosts[0].got.is_empty());
    net.run(ms(10));
    net.send(0, "inst", &over);
    assert_eq!(net.hosts[0].got.len(), 1);
    // Nor what may be cut, nor an error.
    net.run(ms(10));
    net.hosts[0].got.clear();
    let mut may_be_cut = over.clone();
    may_be_cut[20] = 0;
    net.send(0, "inst", &may_be_cut);
    let error = frames::ip4(inst(0), inst(1), 0, 1, &[&[3u8, 4][..], &[0; 1500]].concat());
    net.run(ms(10));
    net.send(0, "inst", &error);
    assert!(net.hosts[0].got.is_empty());
    assert_eq!(net.all_drops(0), [("too_big", 5)]);
}

#[test]
fn over_ipv6_too_and_tcp_of_ipv6_is_told_as_well() {
    let mut net = warm(Kind::Geneve, true);
    let over = frames::tcp(inst(0), inst(1), true, 1, 1500);
    net.send(0, "inst", &over);
    let (_, answer, _) = net.hosts[0].got.pop().expect("answered");
    let packet = ipv6::View::new(&answer[14..]).expect("IPv6");
    let (src, dst) = (packet.src(), packet.dst());
    assert_eq!((src, dst), (frames::ip6(inst(1)), frames::ip6(inst(0))));
    let told = icmpv6::TooBig::parse(packet.payload(), src, dst).expect("ICMPv6");
    assert_eq!(told.mtu, 1500 - 40 - 8 - 8 - 14);
    assert!(answer.len() <= 14 + 1280);
}

#[test]
fn a_trace_tells_what_happens_and_changes_nothing() {
    let mut net = warm(Kind::Vxlan, false);
    let it = &net.hosts[0];
    let before = (it.switch.shown(net.now), it.switch.fdb(None, usize::MAX, net.now).0);
    let from = it.switch.port("inst").expect("there");
    let trace = |bytes: &[u8]| net.hosts[0].switch.trace(from, &vswitch::Frame::of(bytes), net.now);
    let known = trace(&numbered(0, 1, 1, 100));
    assert_eq!(
        stages(&known),
        ["port", "frame", "learn", "place", "path", "fit", "neighbour", "out"],
        "{known}"
    );
    assert!(known.to_string().contains("192.0.2.2 is at 02:00:00:01:00:01: reachable"), "{known}");
    let big = trace(&numbered(0, 1, 1, 1600));
    assert_eq!(big.0.last().expect("there").found, "dropped: too_big", "{big}");
    let short = trace(&[0; 5]);
    assert_eq!(short.0.last().expect("there").found, "dropped: bad_ethernet", "{short}");
    let unknown = trace(&numbered(0, 77, 1, 100));
    assert!(unknown.0.iter().any(|step| step.found == "everywhere"), "{unknown}");
    assert_eq!(
        (net.hosts[0].switch.shown(net.now), net.hosts[0].switch.fdb(None, usize::MAX, net.now).0),
        before
    );

    // The same frame, at the other end.
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    let outer = vswitch::Frame::of(net.hosts[0].sent.last().expect("there"));
    let far = &net.hosts[1];
    let arrived = far.switch.trace(far.underlay, &outer, net.now);
    assert_eq!(stages(&arrived), ["arrive", "tunnel", "frame", "learn", "place", "out"], "{arrived}");
    assert_eq!(vswitch::STAGES.len(), 11);
}

#[test]
fn a_frame_of_nobody_is_refused() {
    let mut net = warm(Kind::Vxlan, false);
    let now = net.now;
    let switch = &mut net.hosts[0].switch;
    switch.handle_frame(vswitch::PortNo(999), vswitch::Frame::of(&[0; 60]), now);
    let mut from_group = numbered(0, 1, 1, 100);
    from_group[6] |= 1;
    net.send(0, "inst", &from_group);
    net.send(0, "inst", &[]);
    assert_eq!(net.all_drops(0), [("no_port", 1), ("bad_ethernet", 2)]);
    let alone = Network::default();
    net.hosts[0].wanted.networks.insert("empty".into(), alone);
    net.hosts[0]
        .wanted
        .ports
        .insert("lonely".into(), Port { network: "empty".into(), way: Default::default() });
    net.configure(0);
    net.send(0, "lonely", &numbered(0, 1, 1, 100));
    assert_eq!(net.all_drops(0).last(), Some(&("alone", 1)));
    assert_eq!(Mac::BROADCAST.0, [0xff; 6]);
}

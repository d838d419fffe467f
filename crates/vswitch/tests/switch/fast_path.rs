//! The fast path: which flows are offered, what is said of them, what ends them, what is learned of them.

use std::time::Duration;

use model::vswitch::{Dscp, GeneveOption, Kind, Place, Tunnel};
use vswitch::{Action, Carried, Change, FastFlow, FlowNo, Reach};
use wire::{Mac, Vni};

use super::net::frames::numbered;
use super::net::{KINDS, Net, VNI, inst, ms, stages};

/// Two hosts whose devices the fast path reaches.
fn net(kind: Kind, six: bool, change: impl Fn(&mut Net)) -> Net {
    let mut net = Net::new(11, 2, kind, six);
    change(&mut net);
    for host in &mut net.hosts {
        host.switch.offer_flows(16);
    }
    net.configure_all();
    net.run(ms(10));
    for host in &mut net.hosts {
        for name in ["inst", "nic"] {
            let port = host.switch.port(name).expect("configured");
            host.switch.reach(port, Reach::Whole);
        }
    }
    net
}

/// So many frames, a millisecond apart.
fn stream(net: &mut Net, count: u64) {
    for number in 0..count {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.run(ms(1));
    }
}

fn changes(net: &mut Net, host: usize) -> Vec<Change> {
    std::iter::from_fn(|| net.hosts[host].switch.poll_fast_path()).collect()
}

fn opened(net: &mut Net, host: usize) -> Vec<(FlowNo, FastFlow)> {
    let of = |change| if let Change::Open(no, flow) = change { Some((no, flow)) } else { None };
    changes(net, host).into_iter().filter_map(of).collect()
}

/// The flow that a stream is offered as, at its first host.
fn settled(net: &mut Net) -> (FlowNo, FastFlow) {
    stream(net, 70);
    opened(net, 0).pop().expect("a flow")
}

/// The outer header as the fast path writes it.
fn header(into: &vswitch::Encapsulate, inner: &[u8]) -> Vec<u8> {
    let mut head = into.head.clone();
    let class = u32::from(inner[15] & into.class_of_inner | into.class);
    let total = (head.len() - 14 + inner.len()) as u32;
    head[15] = class as u8;
    head[16..18].copy_from_slice(&(total as u16).to_be_bytes());
    let sum = into.sum + class + total;
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    head[24..26].copy_from_slice(&sum.to_be_bytes());
    if head[23] == 17 {
        head[38..40].copy_from_slice(&(total as u16 - 20).to_be_bytes());
    }
    head
}

#[test]
fn what_takes_the_fast_path_looks_as_what_the_switch_sends() {
    for (kind, dscp) in [
        (KINDS[0], Dscp::Copy),
        (KINDS[1], Dscp::Fixed(46)),
        (KINDS[2], Dscp::Fixed(0)),
        (KINDS[0], Dscp::default()),
    ] {
        let mut net = net(kind, false, |net| {
            let tunnels = net.hosts[0].wanted.tunnels.values_mut();
            tunnels.for_each(|tunnel| (tunnel.dscp, tunnel.flow_id) = (dscp, false));
        });
        stream(&mut net, 63);
        assert_eq!((changes(&mut net, 0), changes(&mut net, 1)), (vec![], vec![]), "{kind:?}");
        net.hosts[0].sent.clear();
        let mut frame = numbered(0, 1, 63, 100);
        frame[15] = 0xb2;
        net.send(0, "inst", &frame);
        net.run(ms(1));
        let (_, flow) = opened(&mut net, 0).pop().expect("a flow");
        let Action::Encapsulate(into) = &flow.action else { panic!("another: {flow:?}") };
        let port = |net: &Net, host: usize, name: &str| net.hosts[host].switch.port(name);
        assert_eq!((Some(flow.from), Some(flow.to)), (port(&net, 0, "inst"), port(&net, 0, "nic")));
        assert_eq!((flow.src, flow.dst), (inst(0), inst(1)));
        let mut sent = net.hosts[0].sent.last().expect("sent").clone();
        let mut ours = header(into, &frame);
        ours.extend(&frame);
        // What identifies the packet, and a source port by the flow, are up to who sends; so the sum differs.
        let sum = wire::checksum::of(&ours[14..34]);
        assert_eq!(sum, 0, "{kind:?}: its checksum");
        for bytes in [&mut sent, &mut ours] {
            bytes[18..20].fill(0);
            bytes[24..26].fill(0);
            if kind != Kind::Nvgre {
                bytes[34..36].fill(0);
            }
        }
        assert_eq!(ours, sent, "{kind:?}");
        // The other host takes off what this one puts on.
        let (_, flow) = opened(&mut net, 1).pop().expect("a flow");
        let Action::Decapsulate(outer) = &flow.action else { panic!("another: {flow:?}") };
        assert_eq!((Some(flow.from), Some(flow.to)), (port(&net, 1, "nic"), port(&net, 1, "inst")));
        let tunnel_at = if kind == Kind::Nvgre { 34 } else { 42 };
        assert_eq!(outer.tunnel, sent[tunnel_at..tunnel_at + 8]);
        assert_eq!((outer.local.octets(), outer.remote.octets()), ([192, 0, 2, 2], [192, 0, 2, 1]));
        let port = if kind == Kind::Nvgre { 0 } else { u16::from_be_bytes([sent[36], sent[37]]) };
        assert_eq!((outer.port, outer.mac), (port, net.hosts[0].mac));
    }
}

#[test]
fn a_flow_that_sends_little_and_one_whose_header_is_not_plain_are_offered_none() {
    let mut slow = net(Kind::Vxlan, false, |_| {});
    for number in 0..300 {
        slow.send(0, "inst", &numbered(0, 1, number, 100));
        slow.run(ms(20));
    }
    assert_eq!(opened(&mut slow, 0), [], "50 a second");
    let option = GeneveOption { class: 0x0102, kind: 1, data: vec![0; 4] };
    type Said<'a> = &'a dyn Fn(&mut Tunnel);
    let kinds: [(&str, Kind, bool, Said<'_>); 3] = [
        ("IPv6", Kind::Vxlan, true, &|_| {}),
        ("a checksum", Kind::Vxlan, false, &|tunnel| tunnel.checksum = Some(true)),
        ("options", Kind::Geneve, false, &|tunnel| tunnel.options = vec![option.clone()]),
    ];
    for (what, kind, six, change) in kinds {
        let mut net = net(kind, six, |net| net.hosts[0].wanted.tunnels.values_mut().for_each(change));
        stream(&mut net, 200);
        assert_eq!(opened(&mut net, 0), [], "{what}");
    }
}

#[test]
fn devices_say_what_reaches_them() {
    for (reach, count) in [(Reach::Nothing, 0), (Reach::Plain, 0), (Reach::Whole, 1)] {
        let mut net = net(Kind::Geneve, false, |_| {});
        let port = net.hosts[1].switch.port("inst").expect("configured");
        net.hosts[1].switch.reach(port, reach);
        stream(&mut net, 70);
        assert_eq!(opened(&mut net, 1).len(), count, "{reach:?}");
    }
}

/// It ends and that is said, and nothing else, whatever happened.
fn ends(what: &str, net: &mut Net, no: FlowNo) {
    let mut said = changes(net, 0);
    said.retain(|change| *change != Change::Tell(no));
    assert_eq!(said, [Change::Close(no)], "{what}");
    let now = net.now;
    net.hosts[0].switch.carried(no, Carried { frames: 0, bytes: 0, overrun: 0 }, now);
    assert_eq!(net.hosts[0].switch.shown(now).fast_flows, 0, "{what}");
}

#[test]
fn whatever_changes_a_flow_ends_it() {
    let elsewhere = Mac([2, 0, 0, 0xbb, 0xbb, 1]);
    type Event<'a> = &'a dyn Fn(&mut Net);
    let events: [(&str, Event<'_>); 6] = [
        ("the next hop moves", &|net| {
            net.change_mac(1, elsewhere, true);
            net.run(ms(1));
        }),
        ("the next hop is gone", &|net| {
            net.hosts[1].unplugged = true;
            net.run(Duration::from_secs(70));
        }),
        ("the destination is elsewhere", &|net| {
            let blue = net.hosts[0].wanted.networks.get_mut("blue").expect("there");
            blue.entries.insert(inst(1), Place::Port("inst".into()));
            net.configure(0);
        }),
        ("the network has another number", &|net| {
            let blue = net.hosts[0].wanted.networks.get_mut("blue").expect("there");
            blue.tunnels.values_mut().for_each(|attached| attached.vni = Vni::new(VNI + 1).expect("24 bits"));
            net.configure(0);
        }),
        ("the underlay takes less", &|net| {
            net.hosts[0].facts.links[0].mtu_bytes = 1400;
            net.tell(0);
        }),
        ("its device is closed", &|net| {
            let port = net.hosts[0].switch.port("inst").expect("configured");
            net.hosts[0].switch.reach(port, Reach::Nothing);
        }),
    ];
    for (what, event) in events {
        let mut net = net(Kind::Vxlan, false, |_| {});
        let (no, _) = settled(&mut net);
        assert_eq!(changes(&mut net, 0), [], "{what}");
        event(&mut net);
        ends(what, &mut net, no);
    }
    // By the new MAC it is offered anew.
    let mut net = net(Kind::Vxlan, false, |_| {});
    let (no, _) = settled(&mut net);
    net.change_mac(1, elsewhere, true);
    net.run(ms(1));
    ends("moved", &mut net, no);
    let (again, flow) = settled(&mut net);
    let Action::Encapsulate(into) = &flow.action else { panic!("another: {flow:?}") };
    assert_eq!(into.head[..6], elsewhere.0);
    assert_ne!(again, no, "a number rests before it is used again");
}

#[test]
fn an_instance_that_is_somewhere_else_takes_its_flows_along() {
    let mut net = net(Kind::Vxlan, false, |net| {
        net.hosts[0].wanted.networks.values_mut().for_each(|network| network.entries.clear());
    });
    stream(&mut net, 1);
    net.send(1, "inst", &numbered(1, 0, 0, 100));
    net.run(ms(1));
    let (no, _) = settled(&mut net);
    // The destination's MAC is heard from a port here.
    let mut frame = numbered(1, 0, 0, 100);
    frame[..6].fill(0xff);
    net.send(0, "inst", &frame);
    ends("it moved", &mut net, no);
}

#[test]
fn what_takes_the_fast_path_is_counted_learned_from_and_keeps_the_neighbour_known() {
    let mut net = net(Kind::Vxlan, false, |net| {
        let networks = net.hosts[1].wanted.networks.values_mut();
        networks.for_each(|network| drop(network.entries.remove(&inst(0))));
    });
    stream(&mut net, 70);
    let flows = [opened(&mut net, 0), opened(&mut net, 1)].map(|mut flows| flows.pop().expect("a flow").0);
    let before = [0, 1].map(|host| net.hosts[host].switch.shown(net.now));
    let asked = net.questions(0);
    // Longer than anything is remembered that is not heard of.
    for _ in 0..4 * 400 {
        net.run(ms(250));
        for (host, flow) in flows.into_iter().enumerate() {
            assert_eq!(changes(&mut net, host), [Change::Tell(flow)], "it is asked for in time");
            let now = net.now;
            net.hosts[host].switch.carried(flow, Carried { frames: 10, bytes: 1000, overrun: 0 }, now);
        }
    }
    let after = [0, 1].map(|host| net.hosts[host].switch.shown(net.now));
    let (frames, bytes) = (4 * 400 * 10, 4 * 400 * 1000);
    let port = |shown: &vswitch::Shown, name: &str| {
        shown.ports.iter().find(|port| port.name == name).cloned().expect("there")
    };
    for (host, from, to, outer) in [(0, "inst", "nic", 50), (1, "nic", "inst", 0)] {
        let [(was, is), (was_out, is_out)] =
            [from, to].map(|name| (port(&before[host], name), port(&after[host], name)));
        // Questions about neighbours come and leave as well.
        assert!(is.received_frames - was.received_frames >= frames);
        assert!(is.received_bytes - was.received_bytes >= bytes);
        assert!(is_out.sent_frames - was_out.sent_frames >= frames);
        assert!(is_out.sent_bytes - was_out.sent_bytes >= bytes + outer * frames);
        assert_eq!(after[host].fast_frames, frames);
    }
    let [sent, received] = [(&before[0], &after[0]), (&before[1], &after[1])]
        .map(|(was, is)| (was.tunnels[0].clone(), is.tunnels[0].clone()));
    assert_eq!(sent.1.sent_frames - sent.0.sent_frames, frames);
    assert_eq!(received.1.received_bytes - received.0.received_bytes, bytes);
    // Each was known all the time: the one that sends by what it asks, the one that hears by hearing.
    assert_eq!(after[1].networks[0].learned, 1, "{:?}", after[1].networks);
    assert_eq!(after[1].neighbours[0].state, "reachable");
    assert!(
        after[0].neighbours[0].mac.is_some() && net.questions(0) > asked + 300,
        "one is asked each second"
    );
    assert_eq!(net.all_drops(0), []);
}

#[test]
fn a_flow_that_carries_nothing_for_long_is_closed() {
    let mut net = net(Kind::Nvgre, false, |_| {});
    let (no, _) = settled(&mut net);
    for _ in 0..39 {
        net.run(ms(250));
        assert_eq!(changes(&mut net, 0), [Change::Tell(no)]);
        let now = net.now;
        net.hosts[0].switch.carried(no, Carried { frames: 0, bytes: 0, overrun: 0 }, now);
    }
    net.run(ms(500));
    let now = net.now;
    net.hosts[0].switch.carried(no, Carried { frames: 0, bytes: 0, overrun: 0 }, now);
    ends("idle", &mut net, no);
}

#[test]
fn who_comes_by_the_switch_again_holds_up_those_behind() {
    let mut net = net(Kind::Vxlan, false, |_| {});
    let port = net.hosts[0].switch.port("inst").expect("configured");
    let told = |net: &Net| {
        let trace = net.hosts[0].switch.trace(port, &vswitch::Frame::of(&numbered(0, 1, 0, 100)), net.now);
        stages(&trace).contains(&"fast path")
    };
    assert!(!told(&net));
    let (no, _) = settled(&mut net);
    assert!(told(&net), "a trace tells");
    stream(&mut net, 1);
    assert_eq!(changes(&mut net, 0), [Change::Wait(no)]);
}

#[test]
fn an_instance_has_a_share_and_a_refused_flow_lets_others_have_their_turn() {
    let mut net = net(Kind::Vxlan, false, |net| {
        net.hosts[0].wanted.networks.values_mut().for_each(|network| network.entries.clear());
    });
    net.send(1, "inst", &numbered(1, 0, 0, 100));
    net.run(ms(1));
    let all = |net: &mut Net| {
        for from in 10..20 {
            for number in 0..70 {
                net.send(0, "inst", &numbered(from, 1, number, 100));
            }
        }
        opened(net, 0)
    };
    let flows = all(&mut net);
    assert_eq!(flows.len(), 4, "a quarter of all for one instance");
    let now = net.now;
    for (no, _) in &flows {
        net.hosts[0].switch.refuse(*no, now);
    }
    let refused: Vec<Mac> = flows.iter().map(|(_, flow)| flow.src).collect();
    let others = all(&mut net);
    assert_eq!(others.len(), 4);
    assert!(others.iter().all(|(_, flow)| !refused.contains(&flow.src)), "others have their turn");
    let now = net.now;
    for (no, _) in &others {
        net.hosts[0].switch.refuse(*no, now);
    }
    net.run(Duration::from_secs(60));
    assert_eq!(all(&mut net).len(), 4, "at last they are offered theirs again");
}

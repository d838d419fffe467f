//! Nothing that is sent takes more than its bounds, and who floods harms himself.

use std::time::Duration;

use model::vswitch::{Kind, Port};
use vswitch::{Checksum, Frame, Limits, Offload, SegmentKind, Segments, Why};
use wire::Mac;

use super::net::frames::{numbered, tcp};
use super::net::{KINDS, Net, inst, ms};

#[test]
fn a_queue_that_is_full_loses_its_oldest() {
    let limits = Limits { neighbour_frames: 100, ..Limits::default() };
    let mut net = Net::with_limits(1, 2, KINDS[0], false, limits);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(50)), true);
    net.configure_all();
    for number in 0..250 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
    }
    net.run(ms(60));
    assert_eq!(net.numbers(1), (150..250).collect::<Vec<_>>());
    assert_eq!(net.all_drops(0), [("pushed_out", 150)]);
    assert_eq!(net.hosts[0].switch.shown(net.now).neighbours[0].pushed_out, 150);
}

#[test]
fn bytes_are_bounded_as_they_lie_in_memory() {
    let limits = Limits { neighbour_bytes: 100_000, ..Limits::default() };
    let mut net = Net::with_limits(1, 2, KINDS[0], false, limits);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    net.configure_all();
    for number in 0..1000 {
        net.send(0, "inst", &numbered(0, 1, number, 60 + number as usize));
        let shown = net.hosts[0].switch.shown(net.now);
        assert!(shown.waiting_bytes <= 100_000, "{}", shown.waiting_bytes);
    }
}

#[test]
fn a_flood_to_many_that_do_not_answer_harms_nobody_who_does() {
    let limits = Limits { waiting_bytes: 1 << 20, ..Limits::default() };
    let mut net = Net::with_limits(3, 52, KINDS[2], false, limits);
    for host in 1..=50 {
        (net.hosts[host].answers_after, net.hosts[host].mute) = (None, true);
    }
    (net.hosts[51].answers_after, net.hosts[51].mute) = (Some(ms(300)), true);
    net.configure(0);
    net.configure(51);
    for number in 0..50 {
        net.send(0, "inst", &numbered(0, 51, number, 100));
    }
    for round in 0..400 {
        for host in 1..=50 {
            net.send(0, "inst", &numbered(0, host, round, 500));
        }
        net.run(ms(1));
        let shown = net.hosts[0].switch.shown(net.now);
        assert!(shown.waiting_bytes <= 1 << 20, "{}", shown.waiting_bytes);
    }
    net.run(ms(100));
    assert_eq!(net.numbers(51), (0..50).collect::<Vec<_>>(), "the longest queues made room, not this one");
    let questions = net.questions(0);
    assert!(questions < 51 * 12, "{questions} questions in half a second");
    net.run(Duration::from_secs(10));
    assert_eq!(net.hosts[0].switch.shown(net.now).waiting_bytes, 0);
}

#[test]
fn learned_macs_are_bounded_in_each_network_and_in_all() {
    let limits = Limits { learned_per_network: 100, learned: 150, ..Limits::default() };
    let mut net = Net::with_limits(4, 1, KINDS[0], false, limits);
    let wanted = &mut net.hosts[0].wanted;
    for name in ["red", "green"] {
        wanted.networks.insert(name.into(), Default::default());
        wanted.ports.insert(name.into(), Port { network: name.into(), way: Default::default() });
        let beside = format!("{name}2");
        wanted.ports.insert(beside, Port { network: name.into(), way: Default::default() });
    }
    net.configure_all();
    for port in ["red", "green"] {
        for number in 0..1000 {
            net.send(0, port, &numbered(number, 5000, 1, 100));
        }
    }
    let shown = net.hosts[0].switch.shown(net.now);
    let learned: Vec<_> =
        shown.networks.iter().map(|found| (found.name.as_str(), found.learned, found.not_learned)).collect();
    assert_eq!(learned, [("blue", 0, 0), ("green", 50, 950), ("red", 100, 900)]);
    // Who is not learned is reached all the same: what is unknown goes everywhere.
    net.hosts[0].got.clear();
    net.send(0, "red2", &numbered(4000, 999, 7, 100));
    assert_eq!(net.hosts[0].got.len(), 1);
    let switch = &net.hosts[0].switch;
    let (all, more) = switch.fdb(Some("red"), usize::MAX, net.now);
    assert_eq!((all.len(), more), (100, 0));
    // Fewer are the first of them, and the rest is counted.
    assert_eq!(switch.fdb(Some("red"), 7, net.now), (all[..7].to_vec(), 93));
    assert_eq!(switch.fdb(Some("red"), 0, net.now), (Vec::new(), 100));
    assert_eq!(switch.fdb(Some("nobody's"), 7, net.now), (Vec::new(), 0));
    // The room comes back when they have been silent.
    net.run(Duration::from_secs(400));
    net.send(0, "green", &numbered(7, 8, 1, 100));
    assert_eq!(net.hosts[0].switch.fdb(Some("green"), usize::MAX, net.now).0.len(), 1);
}

#[test]
fn an_unreachable_neighbour_is_asked_for_at_a_bounded_pace() {
    let mut net = Net::new(5, 2, Kind::Vxlan, true);
    (net.hosts[1].answers_after, net.hosts[1].mute) = (None, true);
    net.configure_all();
    for number in 0..10_000 {
        net.send(0, "inst", &numbered(0, 1, number, 100));
        net.run(ms(1));
    }
    let questions = net.questions(0);
    assert!((40..110).contains(&questions), "{questions} in 10 s");
    assert_eq!(inst(0).0[0], 0xfa);
}

/// A tenant's large frames to everybody, in a network with many ports and tunnels, in a burst that nobody takes out
/// in between.
#[test]
fn copies_and_pieces_that_leave_are_bounded() {
    const MOST: usize = 2 << 20;
    const BURST: usize = 128;
    let everybody = tcp(inst(0), Mac([0xff; 6]), false, 1, 60_000);
    for kind in KINDS {
        let limits = Limits { leaving_bytes: MOST, ..Limits::default() };
        let mut net = Net::with_limits(6, 30, kind, false, limits);
        for number in 0..100 {
            let port = Port { network: "blue".into(), way: Default::default() };
            net.hosts[0].wanted.ports.insert(format!("p{number}"), port);
        }
        net.configure_all();
        net.run(ms(100));
        let switch = &mut net.hosts[0].switch;
        let port = switch.port("inst").expect("configured");
        for number in 0..BURST {
            let mut frame = Frame::of(&everybody);
            let (size, header_len) = ([48, 1400][number % 2], 66);
            let segments = Segments { kind: SegmentKind::Tcp4, size, header_len, ecn: false };
            let checksum = Checksum::Partial { start: 34, offset: 16 };
            frame.offload = Offload { checksum, segments: Some(segments) };
            switch.handle_frame(port, frame, net.now);
            // Of each frame the first piece is always made.
            let most = MOST + (number + 1) * (Frame::MAX_LEN + Frame::HEADROOM);
            assert!(switch.leaving_bytes() <= most, "{kind:?} {number}: {}", switch.leaving_bytes());
        }
        assert!(switch.is_crowded());
        let lost = switch.drops().of(Why::Crowded);
        assert!(lost > BURST as u64 * 100, "{kind:?}: {lost}");
        while let Some((_, frame)) = switch.poll_output() {
            switch.pool.recycle(frame);
        }
        assert_eq!((switch.leaving_bytes(), switch.is_crowded()), (0, false));
        // A small one has room, to all of them.
        switch.handle_frame(port, Frame::of(&numbered(0, 999, 1, 100)), net.now);
        assert_eq!(switch.drops().of(Why::Crowded), lost);
    }
}

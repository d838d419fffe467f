//! Frames that are several: cut on their way into a tunnel, joined on their way out.

use std::collections::BTreeSet;

use model::vswitch::Kind;
use vswitch::{Checksum, Frame, Offload, SegmentKind, Segments};
use wire::checksum::Sum;
use wire::{ipv4, ipv6, tcp};

use super::net::frames::{self, numbered};
use super::net::{KINDS, Net, inst, ms};
use super::outer::warm;

const SIZE: u16 = 1340;

fn tso(six: bool, sequence: u32, len: usize) -> Frame {
    let mut frame = Frame::of(&frames::tcp(inst(0), inst(1), six, sequence, len));
    let (start, kind) = if six { (54, SegmentKind::Tcp6) } else { (34, SegmentKind::Tcp4) };
    frame.offload = Offload {
        checksum: Checksum::Partial { start, offset: 16 },
        segments: Some(Segments { kind, size: SIZE, header_len: start + 32, ecn: false }),
    };
    frame
}

/// The payload that an instance got, with all of its frames checked and in order.
fn stream(net: &Net, six: bool, first: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, bytes, offload) in &net.hosts[1].got {
        let segment = if six {
            ipv6::View::new(&bytes[14..]).expect("IPv6").payload()
        } else {
            let packet = ipv4::View::new(&bytes[14..]).expect("IPv4");
            assert!(packet.is_intact());
            packet.payload()
        };
        let view = tcp::View::new(segment).expect("TCP");
        assert_eq!(view.sequence().wrapping_sub(first) as usize, out.len(), "the next in order");
        let pseudo = if six {
            Sum::ipv6(frames::ip6(inst(0)), frames::ip6(inst(1)), 6, segment.len())
        } else {
            Sum::ipv4(frames::ip(inst(0)), frames::ip(inst(1)), 6, segment.len())
        };
        if let Checksum::Partial { start, offset } = offload.checksum {
            assert_eq!((usize::from(start), offset), (bytes.len() - segment.len(), 16));
            assert_eq!(segment[16..18], pseudo.folded().to_be_bytes());
            let segments = offload.segments.expect("joined");
            assert_eq!(usize::from(segments.header_len), bytes.len() - view.payload().len());
            assert!(view.payload().len() > usize::from(segments.size));
        } else {
            assert_eq!(pseudo.with(segment).finish(), 0, "a checksum that is right");
            assert!(view.payload().len() <= usize::from(SIZE));
        }
        out.extend(view.payload());
    }
    out
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn what_is_cut_arrives_whole_in_each_format_and_family_with_and_without_a_wire() {
    for kind in KINDS {
        for six in [false, true] {
            for wire in [false, true] {
                for len in [1387, 3000, 40_000, 65_000] {
                    let mut net = warm(kind, six);
                    net.weather.wire = wire;
                    net.send_frame(0, "inst", tso(!six, 0xffff_f000, len));
                    net.run(ms(5));
                    let cell = format!("{kind:?}, IPv6 {six}, wire {wire}, {len} bytes");
                    assert_eq!(stream(&net, !six, 0xffff_f000), payload(len), "{cell}");
                    assert_eq!((net.all_drops(0), net.all_drops(1)), (vec![], vec![]), "{cell}");
                }
            }
        }
    }
}

#[test]
fn over_udp_segments_travel_together_and_leave_joined() {
    let mut net = warm(Kind::Vxlan, false);
    net.send_frame(0, "inst", tso(false, 1, 60_000));
    assert_eq!(net.hosts[0].sent.len(), 1, "{} outer frames", net.hosts[0].sent.len());
    net.run(ms(1));
    assert_eq!(net.hosts[1].got.len(), 1);
    assert!(net.hosts[0].sent.iter().all(|bytes| bytes.len() <= 65_549));
    // Each outer packet fits the link.
    let parts: BTreeSet<_> = frames::on_the_wire(
        &net.hosts[0].sent[0],
        &Offload {
            checksum: Checksum::Partial { start: 34, offset: 6 },
            segments: Some(Segments {
                kind: SegmentKind::Udp,
                size: SIZE + 66 + 8,
                header_len: 42,
                ecn: false,
            }),
        },
    )
    .iter()
    .map(Vec::len)
    .collect();
    assert!(parts.iter().all(|len| *len <= 1514), "{parts:?}");
}

#[test]
fn frames_that_wait_are_cut_when_the_neighbour_answers() {
    for kind in KINDS {
        let mut net = Net::new(8, 2, kind, false);
        (net.hosts[1].answers_after, net.hosts[1].mute) = (Some(ms(50)), true);
        net.configure_all();
        for nth in 0..20 {
            net.send_frame(0, "inst", tso(false, nth * 30_000, 30_000));
        }
        net.run(ms(100));
        let all: Vec<u8> = (0..20).flat_map(|_| payload(30_000)).collect();
        assert_eq!(stream(&net, false, 0), all, "{kind:?}");
        assert_eq!(net.all_drops(0), []);
    }
}

#[test]
fn only_the_last_segment_ends_and_only_the_first_reduces() {
    let mut net = warm(Kind::Nvgre, false);
    let mut frame = tso(false, 1, 4000);
    frame.bytes_mut()[47] |= tcp::flag::FIN | tcp::flag::CWR;
    if let Some(segments) = &mut frame.offload.segments {
        segments.ecn = true;
    }
    net.hosts[0].sent.clear();
    net.send_frame(0, "inst", frame);
    let flags: Vec<u8> = net.hosts[0].sent.iter().map(|bytes| bytes[42 + 47]).collect();
    let (ack, psh_fin) = (tcp::flag::ACK, tcp::flag::PSH | tcp::flag::FIN);
    assert_eq!(flags, [ack | tcp::flag::CWR, ack, ack | psh_fin]);
    let ids: Vec<u16> =
        net.hosts[0].sent.iter().map(|bytes| u16::from_be_bytes([bytes[42 + 18], bytes[42 + 19]])).collect();
    assert_eq!(ids, [0, 1, 2]);
}

#[test]
fn datagrams_laid_in_one_are_cut_into_datagrams() {
    let mut net = warm(Kind::Geneve, false);
    let bytes = frames::udp4(inst(0), inst(1), 0, 5, &payload(5000));
    let mut frame = Frame::of(&bytes);
    frame.offload = Offload {
        checksum: Checksum::Partial { start: 34, offset: 6 },
        segments: Some(Segments { kind: SegmentKind::Udp, size: 1200, header_len: 42, ecn: false }),
    };
    net.send_frame(0, "inst", frame);
    net.run(ms(1));
    let mut got = Vec::new();
    for (_, bytes, _) in &net.hosts[1].got {
        let packet = ipv4::View::new(&bytes[14..]).expect("IPv4");
        let sum = Sum::ipv4(packet.src(), packet.dst(), 17, packet.payload().len()).with(packet.payload());
        assert_eq!(sum.finish(), 0);
        got.push(wire::udp::View::new(packet.payload()).expect("UDP").payload().to_vec());
    }
    assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [1200, 1200, 1200, 1200, 200]);
    assert_eq!(got.concat(), payload(5000));
}

#[test]
fn to_a_port_of_the_same_host_it_goes_whole() {
    let mut net = warm(Kind::Vxlan, false);
    let port = model::vswitch::Port { network: "blue".into(), way: Default::default() };
    net.hosts[0].wanted.ports.insert("beside".into(), port);
    let blue = net.hosts[0].wanted.networks.get_mut("blue").expect("there");
    blue.entries.insert(inst(1), model::vswitch::Place::Port("beside".into()));
    net.configure(0);
    let frame = tso(false, 1, 60_000);
    let (bytes, offload) = (frame.to_vec(), frame.offload);
    net.send_frame(0, "inst", frame);
    assert_eq!(net.hosts[0].got, [("beside".to_owned(), bytes, offload)]);
}

#[test]
fn what_the_kernel_laid_in_one_with_its_tunnel_header_goes_on_as_one() {
    let mut net = warm(Kind::Vxlan, false);
    let inner = tso(false, 1, 30_000);
    // The outer header of a small frame, made to fit the large one.
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    net.run(ms(1));
    net.hosts[1].got.clear();
    let mut outer = net.hosts[0].sent.last().expect("there")[..50].to_vec();
    let len = inner.len() as u16;
    outer[16..18].copy_from_slice(&(len + 36).to_be_bytes());
    outer[38..40].copy_from_slice(&(len + 16).to_be_bytes());
    outer[24..26].fill(0);
    let sum = wire::checksum::of(&outer[14..34]);
    outer[24..26].copy_from_slice(&sum.to_be_bytes());
    outer.extend(inner.bytes());
    let mut frame = Frame::of(&outer);
    frame.offload = inner.offload;
    frame.offload.checksum = Checksum::Partial { start: 84, offset: 16 };
    let it = &mut net.hosts[1];
    it.switch.handle_frame(it.underlay, frame, net.now);
    let (_, out) = it.switch.poll_output().expect("delivered");
    assert_eq!((out.bytes(), out.offload.checksum), (inner.bytes(), inner.offload.checksum));
    assert_eq!(
        out.offload.segments.map(|segments| (segments.kind, segments.size)),
        Some((SegmentKind::Tcp4, SIZE))
    );
}

#[test]
fn only_what_goes_on_from_the_last_is_joined() {
    // Each: segments as (sequence, length, flags, window), and how many frames the instance gets of them.
    let ack = tcp::flag::ACK;
    type Case<'a> = (&'a str, &'a [(u32, usize, u8, u16)], usize);
    let cases: [Case<'_>; 9] = [
        ("a run", &[(0, 100, ack, 5), (100, 100, ack, 5), (200, 100, ack, 5)], 1),
        ("a shorter one ends it", &[(0, 100, ack, 5), (100, 50, ack, 5), (150, 50, ack, 5)], 2),
        ("a longer one begins another", &[(0, 100, ack, 5), (100, 150, ack, 5)], 2),
        ("a gap", &[(0, 100, ack, 5), (300, 100, ack, 5)], 2),
        ("out of order", &[(100, 100, ack, 5), (0, 100, ack, 5)], 2),
        ("another window", &[(0, 100, ack, 5), (100, 100, ack, 6)], 2),
        ("PSH ends it", &[(0, 100, ack, 5), (100, 100, ack | tcp::flag::PSH, 5), (200, 100, ack, 5)], 2),
        ("a reset stands alone", &[(0, 100, ack, 5), (100, 100, ack | tcp::flag::RST, 5)], 2),
        ("bare acknowledgements stand alone", &[(0, 0, ack, 5), (0, 0, ack, 5)], 2),
    ];
    for (what, segments, want) in cases {
        let mut net = warm(Kind::Vxlan, false);
        for (sequence, len, flags, window) in segments {
            let mut bytes = frames::tcp(inst(0), inst(1), false, *sequence, *len);
            bytes[47] = *flags;
            bytes[48..50].copy_from_slice(&window.to_be_bytes());
            let mut frame = Frame::of(&bytes);
            frame.offload.checksum = Checksum::Partial { start: 34, offset: 16 };
            net.send_frame(0, "inst", frame);
        }
        let sent: Vec<Vec<u8>> = net.hosts[0].sent.clone();
        let it = &mut net.hosts[1];
        for bytes in &sent {
            it.switch.handle_frame(it.underlay, Frame::of(bytes), net.now);
        }
        let got = std::iter::from_fn(|| it.switch.poll_output()).count();
        assert_eq!(got, want, "{what}");
    }
}

#[test]
fn a_harmed_segment_is_not_joined_and_not_mended() {
    let mut net = warm(Kind::Vxlan, false);
    for nth in 0..3 {
        let mut frame = Frame::of(&frames::tcp(inst(0), inst(1), false, nth * 100, 100));
        frame.bytes_mut()[47] = tcp::flag::ACK;
        frame.offload.checksum = Checksum::Partial { start: 34, offset: 16 };
        net.send_frame(0, "inst", frame);
    }
    let mut sent: Vec<Vec<u8>> = net.hosts[0].sent.clone();
    *sent[1].last_mut().expect("there") ^= 0x40;
    let it = &mut net.hosts[1];
    for bytes in &sent {
        it.switch.handle_frame(it.underlay, Frame::of(bytes), net.now);
    }
    let got: Vec<_> = std::iter::from_fn(|| it.switch.poll_output()).map(|(_, frame)| frame).collect();
    assert_eq!(got.len(), 3);
    assert_eq!(got[1].bytes(), &sent[1][50..], "as it came");
}

#[test]
fn segments_that_are_none_are_refused() {
    let mut net = warm(Kind::Vxlan, false);
    let with = |change: &dyn Fn(&mut Frame)| {
        let mut frame = tso(false, 1, 4000);
        change(&mut frame);
        frame
    };
    let size = |frame: &mut Frame, size| frame.offload.segments.as_mut().expect("there").size = size;
    let bad = [
        with(&|frame| size(frame, 0)),
        with(&|frame| size(frame, 1)),
        with(&|frame| frame.offload.segments.as_mut().expect("there").kind = SegmentKind::Tcp6),
        with(&|frame| frame.offload.segments.as_mut().expect("there").kind = SegmentKind::Udp),
        with(&|frame| frame.offload.checksum = Checksum::Partial { start: 65_000, offset: 65_000 }),
        with(&|frame| frame.bytes_mut()[46] = 0x10),
        with(&|frame| frame.bytes_mut()[16..18].copy_from_slice(&[0xff, 0xff])),
    ];
    let count = bad.len() as u64;
    for frame in bad {
        net.send_frame(0, "inst", frame);
    }
    let drops = net.all_drops(0);
    let refused: u64 = drops.iter().map(|(_, times)| times).sum();
    assert!(refused == count, "{drops:?}");
    assert!(drops.iter().all(|(why, _)| *why == "bad_offload"), "{drops:?}");
}

/// A received frame of several tunnel packets: segments of TCP, each with its tunnel header, behind one outer header.
fn several(net: &mut Net, ecn: u8, packets: &[(u32, Vec<u8>)]) -> Frame {
    net.hosts[0].sent.clear();
    net.send(0, "inst", &numbered(0, 1, 1, 100));
    let mut outer = net.hosts[0].sent[0][..42].to_vec();
    for (vni, inner) in packets {
        outer.extend([8, 0, 0, 0]);
        outer.extend((vni << 8).to_be_bytes());
        outer.extend(inner);
    }
    let len = outer.len() as u16 - 14;
    outer[15] = ecn;
    outer[16..18].copy_from_slice(&len.to_be_bytes());
    outer[38..40].copy_from_slice(&(len - 20).to_be_bytes());
    outer[24..26].fill(0);
    let sum = wire::checksum::of(&outer[14..34]);
    outer[24..26].copy_from_slice(&sum.to_be_bytes());
    let mut frame = Frame::of(&outer);
    let size = packets[0].1.len() as u16 + 8;
    frame.offload = Offload {
        checksum: Checksum::Partial { start: 34, offset: 6 },
        segments: Some(Segments { kind: SegmentKind::Udp, size, header_len: 42, ecn: false }),
    };
    frame
}

fn segment(sequence: u32, class: u8) -> Vec<u8> {
    let mut bytes = frames::tcp(inst(0), inst(1), false, sequence, 100);
    (bytes[15], bytes[47]) = (class, tcp::flag::ACK);
    bytes[24..26].fill(0);
    let sum = wire::checksum::of(&bytes[14..34]);
    bytes[24..26].copy_from_slice(&sum.to_be_bytes());
    bytes[50..52].fill(0);
    let pseudo = Sum::ipv4(frames::ip(inst(0)), frames::ip(inst(1)), 6, bytes.len() - 34);
    let sum = pseudo.with(&bytes[34..]).finish();
    bytes[50..52].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn what_goes_on_is_of_the_same_network_and_as_congested() {
    const BLUE: u32 = super::net::VNI;
    type Case<'a> = (&'a str, u8, &'a [(u32, u32, u8)], &'a [usize]);
    // Each: the outer congestion, (number, sequence, class) of each packet, and the lengths that arrive.
    let cases: [Case<'_>; 5] = [
        ("a run", 0, &[(BLUE, 0, 0), (BLUE, 100, 0), (BLUE, 200, 0)], &[366]),
        ("another number, which nobody knows", 0, &[(BLUE, 0, 0), (9, 100, 0), (9, 200, 0)], &[166]),
        ("of a network whose first frame is for nobody", 0, &[(BLUE, 0, 0), (7, 50, 0), (7, 100, 0)], &[166]),
        ("congested, and the packets can say so", 3, &[(BLUE, 0, 2), (BLUE, 100, 2)], &[266]),
        ("congested, and the packets cannot", 3, &[(BLUE, 0, 0), (BLUE, 100, 0)], &[]),
    ];
    for (what, ecn, packets, want) in cases {
        let mut net = warm(Kind::Vxlan, false);
        let wanted = &mut net.hosts[1].wanted;
        let mut red = wanted.networks["blue"].clone();
        (red.learn, red.flood_unknown) = (false, false);
        red.entries.clear();
        red.tunnels.values_mut().for_each(|attached| attached.vni = wire::Vni::new(7).expect("24 bits"));
        wanted.networks.insert("red".into(), red);
        net.configure(1);
        let packets: Vec<_> = packets.iter().map(|(vni, at, class)| (*vni, segment(*at, *class))).collect();
        let frame = several(&mut net, ecn, &packets);
        let it = &mut net.hosts[1];
        it.switch.handle_frame(it.underlay, frame, net.now);
        let got: Vec<_> = std::iter::from_fn(|| it.switch.poll_output()).map(|(_, frame)| frame).collect();
        assert_eq!(got.iter().map(Frame::len).collect::<Vec<_>>(), want, "{what}");
        assert!(got.iter().all(|frame| ecn != 3 || frame.bytes()[15] & 3 == 3), "{what}");
    }
}

/// Neither on its way in nor out is it copied: headers are laid between pieces of what was received.
#[test]
fn the_payload_of_a_large_frame_stays_where_it_was_received() {
    let mut net = warm(Kind::Vxlan, false);
    let (frame, sent) = (tso(false, 1, 60_000), tso(false, 1, 60_000).to_vec());
    let it = &mut net.hosts[0];
    let port = it.switch.port("inst").expect("configured");
    it.switch.handle_frame(port, frame, net.now);
    let (_, outer) = it.switch.poll_output().expect("it leaves");
    assert!(it.switch.poll_output().is_none(), "as one");
    assert!(outer.bytes().len() < 5000 && outer.len() > 60_000, "{} of its own", outer.bytes().len());
    let mut arrived = Frame::of(&outer.to_vec());
    arrived.offload = outer.offload;
    it.switch.pool.recycle(outer);
    let it = &mut net.hosts[1];
    it.switch.handle_frame(it.underlay, arrived, net.now);
    let (_, inner) = it.switch.poll_output().expect("delivered");
    assert!(it.switch.poll_output().is_none(), "as one");
    assert!(inner.bytes().len() < 2000, "{} of its own", inner.bytes().len());
    let got = inner.to_vec();
    assert_eq!((got.len(), &got[66..]), (sent.len(), &sent[66..]));
    assert_eq!(inner.gathered().bytes(), got);
}

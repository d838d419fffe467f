//! Outer headers, byte by byte, as the RFCs draw them; and what is refused of what arrives.

use model::vswitch::{Dscp, GeneveOption, Kind};
use vswitch::{Checksum, Frame, Offload};
use wire::checksum::{self, Sum};
use wire::{ipv4, ipv6};

use super::net::frames::{self, numbered};
use super::net::{KINDS, Net, inst, ms};

/// Two hosts that know each other's MAC.
pub fn warm(kind: Kind, six: bool) -> Net {
    let mut net = Net::new(0xace, 2, kind, six);
    net.configure_all();
    net.run(ms(10));
    net.hosts[0].sent.clear();
    net
}

/// The outer frame that host 0 makes of a frame.
fn outer(net: &mut Net, bytes: &[u8]) -> Vec<u8> {
    net.hosts[0].sent.clear();
    net.send(0, "inst", bytes);
    assert_eq!(net.hosts[0].sent.len(), 1, "{:?}", net.all_drops(0));
    net.hosts[0].sent[0].clone()
}

#[test]
fn vxlan_over_ipv4_byte_by_byte() {
    let mut net = warm(Kind::Vxlan, false);
    let inner = numbered(0, 1, 1, 100);
    let bytes = outer(&mut net, &inner);
    assert_eq!(bytes[..6], net.hosts[1].mac.0);
    assert_eq!(bytes[6..12], net.hosts[0].mac.0);
    // Type; version and length; class; total length 20 + 8 + 8 + 100.
    assert_eq!(bytes[12..18], [0x08, 0x00, 0x45, 0x00, 0, 136]);
    // DF, TTL 64, UDP.
    assert_eq!(bytes[20..24], [0x40, 0x00, 64, 17]);
    assert_eq!(checksum::of(&bytes[14..34]), 0);
    assert_eq!(bytes[26..34], [192, 0, 2, 1, 192, 0, 2, 2]);
    let port = u16::from_be_bytes([bytes[34], bytes[35]]);
    assert!(port >= 49152, "{port}");
    // To 4789, 116 bytes, no checksum; flag I; number; reserved.
    assert_eq!(bytes[36..50], [0x12, 0xb5, 0, 116, 0, 0, 8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    assert_eq!(bytes[50..], inner);
}

#[test]
fn vxlan_over_ipv6_byte_by_byte() {
    let mut net = warm(Kind::Vxlan, true);
    let inner = numbered(0, 1, 1, 100);
    let bytes = outer(&mut net, &inner);
    // Type; version, class, label; payload length 8 + 8 + 100; UDP; hop limit 64.
    assert_eq!(bytes[12..22], [0x86, 0xdd, 0x60, 0, 0, 0, 0, 116, 17, 64]);
    assert_eq!(bytes[56..60], [0x12, 0xb5, 0, 116]);
    assert_eq!(bytes[62..70], [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    assert_eq!(bytes[70..], inner);
    // A checksum is left to be finished: its field holds the pseudo-header's sum.
    let view = ipv6::View::new(&bytes[14..]).expect("IPv6");
    let pseudo = Sum::ipv6(view.src(), view.dst(), 17, 116);
    assert_eq!(bytes[60..62], pseudo.folded().to_be_bytes());
    let offload = Offload { checksum: Checksum::Partial { start: 54, offset: 6 }, segments: None };
    let whole = frames::on_the_wire(&bytes, &offload).remove(0);
    assert_eq!(pseudo.with(&whole[54..]).finish(), 0);
}

#[test]
fn geneve_with_options_byte_by_byte() {
    let mut net = warm(Kind::Geneve, false);
    let options = vec![
        GeneveOption { class: 0x0103, kind: 0x81, data: vec![0, 0, 0, 9] },
        GeneveOption { class: 0x0104, kind: 2, data: vec![] },
    ];
    net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").options = options;
    net.configure(0);
    let inner = numbered(0, 1, 1, 100);
    let bytes = outer(&mut net, &inner);
    assert_eq!(bytes[36..42], [0x17, 0xc1, 0, 128, 0, 0]);
    // Three words of options, one of them critical; Ethernet; number.
    assert_eq!(bytes[42..50], [3, 0x40, 0x65, 0x58, 0x12, 0x34, 0x56, 0]);
    assert_eq!(bytes[50..62], [0x01, 0x03, 0x81, 1, 0, 0, 0, 9, 0x01, 0x04, 2, 0]);
    assert_eq!(bytes[62..], inner);
    // Nobody here knows the critical option.
    net.run(ms(1));
    assert_eq!(net.numbers(1), [0u64; 0]);
    assert_eq!(net.all_drops(1), [("critical_option", 1)]);
    // Options that need not be understood are passed over.
    net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").options[0].kind = 1;
    net.configure(0);
    net.send(0, "inst", &numbered(0, 1, 2, 100));
    net.run(ms(1));
    assert_eq!(net.numbers(1), [2]);
}

#[test]
fn nvgre_byte_by_byte() {
    let mut net = warm(Kind::Nvgre, false);
    let inner = numbered(0, 1, 1, 100);
    let bytes = outer(&mut net, &inner);
    assert_eq!(bytes[16..18], [0, 128]);
    assert_eq!(bytes[20..24], [0x40, 0, 64, 47]);
    assert_eq!(bytes[34..41], [0x20, 0, 0x65, 0x58, 0x12, 0x34, 0x56]);
    assert_eq!(bytes[42..], inner);
    let flows: std::collections::BTreeSet<u8> =
        (0..50).map(|number| outer(&mut net, &numbered(0, 1, number, 100))[41]).collect();
    assert_eq!(flows.len(), 7, "numbered datagrams are of seven flows");
    net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").flow_id = false;
    net.configure(0);
    assert_eq!(outer(&mut net, &inner)[41], 0);
}

#[test]
fn the_source_port_tells_flows_apart_and_keeps_each_together() {
    let mut net = warm(Kind::Geneve, true);
    let mut ports = std::collections::BTreeMap::new();
    for number in 0..70 {
        let bytes = outer(&mut net, &numbered(0, 1, number, 100 + number as usize));
        let port = u16::from_be_bytes([bytes[54], bytes[55]]);
        assert_eq!(*ports.entry(number % 7).or_insert(port), port);
    }
    let different: std::collections::BTreeSet<_> = ports.values().collect();
    assert_eq!(different.len(), 7);
}

#[test]
fn an_outer_checksum_is_sent_if_asked_for_and_a_wrong_one_is_refused() {
    let mut net = warm(Kind::Vxlan, false);
    net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").checksum = Some(true);
    net.configure(0);
    net.weather.wire = true;
    let bytes = outer(&mut net, &numbered(0, 1, 1, 101));
    let offload = Offload { checksum: Checksum::Partial { start: 34, offset: 6 }, segments: None };
    let whole = frames::on_the_wire(&bytes, &offload).remove(0);
    let view = ipv4::View::new(&whole[14..]).expect("IPv4");
    assert_eq!(Sum::ipv4(view.src(), view.dst(), 17, view.payload().len()).with(view.payload()).finish(), 0);
    net.run(ms(1));
    assert_eq!(net.numbers(1), [1]);
    let mut bad = whole;
    *bad.last_mut().expect("there") ^= 1;
    net.inject(&bad);
    net.run(ms(1));
    assert_eq!((net.numbers(1), net.all_drops(1)), (vec![1], vec![("bad_checksum", 1)]));
}

#[test]
fn class_and_congestion_follow_the_settings() {
    for six in [false, true] {
        let mut net = warm(Kind::Vxlan, six);
        let class_of = |bytes: &[u8]| if six { bytes[14] << 4 | bytes[15] >> 4 } else { bytes[15] };
        let inner = frames::udp4(inst(0), inst(1), 0b1010_1011, 1, &[0; 20]); // DSCP 42, CE
        for (dscp, want) in [(Dscp::Fixed(0), 3), (Dscp::Fixed(46), 46 << 2 | 3), (Dscp::Copy, 0b1010_1011)] {
            net.hosts[0].wanted.tunnels.get_mut("to-1").expect("there").dscp = dscp;
            net.configure(0);
            let bytes = outer(&mut net, &inner);
            assert_eq!(class_of(&bytes), want, "{dscp:?}");
            if !six {
                assert_eq!(checksum::of(&bytes[14..34]), 0);
            }
        }
    }
}

/// Marks congestion on an outer IPv4 frame, as a router would.
fn marked(mut bytes: Vec<u8>, ecn: u8) -> Vec<u8> {
    bytes[15] = bytes[15] & !3 | ecn;
    bytes[24..26].fill(0);
    let sum = checksum::of(&bytes[14..34]);
    bytes[24..26].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn congestion_on_the_way_reaches_the_instance() {
    let mut net = warm(Kind::Vxlan, false);
    for (class, ecn, want) in [
        (2, 3, Some(3)),
        (1, 3, Some(3)),
        (2, 1, Some(1)),
        (0, 1, Some(0)),
        (0xb8, 3, None),
        (0xba, 3, Some(0xbb)),
    ] {
        let bytes = outer(&mut net, &frames::udp4(inst(0), inst(1), class, 1, &[0; 20]));
        net.run(ms(1));
        net.hosts[1].got.clear();
        net.inject(&marked(bytes, ecn));
        net.run(ms(1));
        let got = net.hosts[1].got.iter().map(|(_, bytes, _)| bytes.clone()).next();
        assert_eq!(got.as_ref().map(|bytes| bytes[15]), want, "inner {class}, outer {ecn}");
        assert!(got.is_none_or(|bytes| checksum::of(&bytes[14..34]) == 0));
    }
    assert_eq!(net.all_drops(1), [("congestion", 1)]);
}

#[test]
fn what_is_not_a_tunnel_packet_of_ours_is_refused_for_the_reason_or_left_alone() {
    let mut net = warm(Kind::Vxlan, false);
    let good = outer(&mut net, &numbered(0, 1, 1, 100));
    net.run(ms(1));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let class = bytes[15];
        marked(bytes, class & 3)
    };
    let cases: Vec<(&str, Option<&str>, Vec<u8>)> = vec![
        ("another machine's address", None, with(&|b| b[33] = 99)),
        ("another port", None, with(&|b| b[37] = 0)),
        ("another remote", Some("unknown_remote"), with(&|b| b[29] = 99)),
        ("another number", Some("unknown_vni"), with(&|b| b[48] = 0)),
        ("no flag I", Some("bad_tunnel_header"), with(&|b| b[42] = 0)),
        ("a broken header checksum", Some("bad_checksum"), {
            let mut bytes = good.clone();
            bytes[24] ^= 1;
            bytes
        }),
        (
            "an inner frame of 13 bytes",
            Some("bad_ethernet"),
            with(&|b| {
                (b[17], b[39]) = (20 + 8 + 8 + 13, 8 + 8 + 13);
            }),
        ),
        ("a multicast inner source", Some("bad_ethernet"), with(&|b| b[56] = 1)),
        ("by a frame for many", None, with(&|b| b[..6].fill(0xff))),
        ("a length beyond the packet", None, with(&|b| b[39] = 255)),
    ];
    for (what, why, bytes) in cases {
        let before = net.hosts[1].switch.drops().clone();
        net.hosts[1].got.clear();
        net.inject(&bytes);
        net.run(ms(1));
        let after = net.hosts[1].switch.drops();
        let grown: Vec<_> =
            before.iter().zip(after.iter()).filter(|(b, a)| a.1 > b.1).map(|(_, a)| a.0.word()).collect();
        assert_eq!(grown, Vec::from_iter(why), "{what}");
        assert!(net.hosts[1].got.is_empty(), "{what}");
    }
}

#[test]
fn padding_of_the_link_is_no_part_of_the_frame() {
    for kind in KINDS {
        let mut net = warm(kind, false);
        let inner = numbered(0, 1, 1, 60);
        let mut bytes = outer(&mut net, &inner);
        bytes.extend([0xaa; 20]);
        net.hosts[1].got.clear();
        net.inject(&bytes);
        net.run(ms(1));
        assert!(net.hosts[1].got.iter().all(|(_, bytes, _)| *bytes == inner), "{kind:?}");
        assert_eq!(net.hosts[1].got.len(), 2);
    }
}

#[test]
fn tags_travel_but_not_by_nvgre() {
    let mut tagged = numbered(0, 1, 1, 100);
    tagged.splice(12..12, [0x81, 0x00, 0x20, 0x05]);
    for kind in KINDS {
        let mut net = warm(kind, false);
        net.send(0, "inst", &tagged);
        net.run(ms(1));
        if kind == Kind::Nvgre {
            assert_eq!(net.all_drops(0), [("tagged", 1)]);
        } else {
            assert_eq!(net.hosts[1].got[0].1, tagged);
        }
    }
}

#[test]
fn a_checksum_that_a_guest_left_open_is_finished() {
    let mut net = warm(Kind::Vxlan, false);
    let mut frame = Frame::of(&frames::tcp(inst(0), inst(1), false, 1, 501));
    frame.offload.checksum = Checksum::Partial { start: 34, offset: 16 };
    net.send_frame(0, "inst", frame);
    net.run(ms(1));
    let (_, bytes, offload) = &net.hosts[1].got[0];
    assert_eq!(*offload, Offload::default());
    let view = ipv4::View::new(&bytes[14..]).expect("IPv4");
    assert_eq!(Sum::ipv4(view.src(), view.dst(), 6, view.payload().len()).with(view.payload()).finish(), 0);
}

//! Bytes as a story: frames from everywhere, time that passes, a configuration that changes. Whatever it is, the
//! switch does not panic, holds its bounds and comes to rest. Shared with the fuzz target.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use model::vswitch::{
    Address, Attachment, Dscp, Facts, Kind, Link, Neighbour, Network, Port, Route, Tunnel, Underlay, Wanted,
};
use vswitch::{
    Carried, Change, Checksum, FlowNo, Frame, Limits, Offload, Reach, SegmentKind, Segments, Switch, Tick,
};
use wire::checksum::{self, Sum};
use wire::ethernet::ethertype;
use wire::{Ethernet, Ipv4, Ipv6, Mac, Vni, arp};

const NIC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const FAR: Mac = Mac([2, 0, 0, 0, 0, 2]);
const WAITING: usize = 40_000;
const LEARNED: usize = 20;
const LEAVING: usize = 300_000;
const FLOWS: usize = 8;

/// Tells it, and how many flows took the fast path.
pub fn bytes(story: &[u8]) -> u32 {
    let limits = Limits {
        neighbour_frames: 8,
        neighbour_bytes: 30_000,
        waiting_bytes: WAITING,
        leaving_bytes: LEAVING,
        learned_per_network: 12,
        learned: LEARNED,
        ..Limits::default()
    };
    let mut switch = Switch::new([1, 2], limits);
    switch.offer_flows(FLOWS);
    let mut world =
        World { switch, now: Tick(5), facts: facts(true), open: BTreeSet::new(), opened: 0, ended: false };
    world.switch.underlay(&world.facts, world.now);
    world.configure(0xff);
    let mut rest = story;
    while let Some((act, behind)) = rest.split_first() {
        let len = behind.first().map_or(0, |len| usize::from(*len) * 2).min(behind.len().saturating_sub(1));
        let (this, next) = behind.get(1..).unwrap_or(&[]).split_at(len);
        world.act(*act, this);
        rest = next;
    }
    // Left alone, it comes to rest: what waits is gone.
    world.ended = true;
    for _ in 0..250 {
        world.pass(Duration::from_millis(50));
    }
    assert_eq!(world.switch.shown(world.now).waiting_bytes, 0);
    assert!(world.open.is_empty(), "nothing is carried any more");
    world.opened
}

struct World {
    switch: Switch,
    now: Tick,
    facts: Facts,
    /// Flows that take the fast path.
    open: BTreeSet<FlowNo>,
    opened: u32,
    /// The story is told: nobody sends any more.
    ended: bool,
}

impl World {
    fn act(&mut self, act: u8, bytes: &[u8]) {
        let extra = act >> 4;
        match act & 15 {
            0 => self.pass(Duration::from_millis(1 << extra)),
            1 => self.configure(act >> 4 | bytes.first().copied().unwrap_or(0) << 4),
            2 => {
                self.facts = facts(extra & 1 == 0);
                if extra & 2 == 2 {
                    let ip = remote(extra & 4 == 4, 2 + extra / 8);
                    self.facts.neighbours =
                        vec![Neighbour { link: 1, ip, mac: FAR, permanent: extra & 8 == 8 }];
                }
                self.switch.underlay(&self.facts, self.now);
            }
            3..=5 => self.frame("a", bytes.to_vec(), offload(extra, bytes)),
            6 => self.frame("b", addressed(bytes), offload(extra, bytes)),
            7 => self.frame("nic", bytes.to_vec(), offload(extra, bytes)),
            8 => self.frame("nic", answer(bytes, extra), Offload::default()),
            9 => self.frame("nic", outer6(bytes, extra), offload(extra, bytes)),
            14 => self.stream("a", &addressed(bytes)),
            15 => self.stream("nic", &outer4(&addressed(bytes), extra)),
            _ => self.frame("nic", outer4(bytes, extra), offload(extra / 2, bytes)),
        }
        self.collect();
    }

    /// Enough of one frame to be offered as a flow.
    fn stream(&mut self, port: &str, bytes: &[u8]) {
        for _ in 0..70 {
            self.frame(port, bytes.to_vec(), Offload::default());
            self.collect();
        }
    }

    /// Takes what is offered, refuses some of it, and tells that frames went by, while there is something to tell.
    fn drive_fast_path(&mut self) {
        while let Some(change) = self.switch.poll_fast_path() {
            match change {
                Change::Open(no, flow) => {
                    assert!(self.open.insert(no), "{no} is open already");
                    self.opened += 1;
                    assert!(self.open.len() <= FLOWS, "{:?}", self.open);
                    for port in [flow.from, flow.to] {
                        assert!(self.switch.port_name(port).is_some(), "{flow:?}");
                    }
                    if flow.src.0[5] & 3 == 3 {
                        self.open.remove(&no);
                        self.switch.refuse(no, self.now);
                    }
                }
                Change::Close(no) => {
                    assert!(self.open.remove(&no), "{no} is not open");
                    self.switch.carried(no, Carried { frames: 1, bytes: 100, overrun: 0 }, self.now);
                }
                Change::Wait(no) => assert!(self.open.contains(&no), "{no} is not open"),
                Change::Tell(no) => {
                    assert!(self.open.contains(&no), "{no} is not open");
                    self.switch.carried(
                        no,
                        Carried { frames: u64::from(!self.ended), bytes: 100, overrun: 0 },
                        self.now,
                    );
                }
            }
        }
    }

    fn frame(&mut self, port: &str, bytes: Vec<u8>, offload: Offload) {
        let Some(port) = self.switch.port(port) else { return };
        let mut frame = Frame::of(&bytes);
        frame.offload = offload;
        let before = self.switch.drops().clone();
        let told = self.switch.trace(port, &frame, self.now);
        self.switch.handle_frame(port, frame, self.now);
        // What the trace foretells is counted.
        if let [.., last] = &told.0[..]
            && let Some(word) = last.found.strip_prefix("dropped: ")
            && !told.0.iter().any(|step| step.found == "everywhere")
        {
            let grew =
                before.iter().zip(self.switch.drops().iter()).any(|(b, a)| b.0.word() == word && a.1 > b.1);
            assert!(grew, "{told}");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.switch.handle_timeout(self.now);
        assert!(self.switch.poll_timeout().is_none_or(|due| due > self.now));
        self.collect();
    }

    fn collect(&mut self) {
        let most = LEAVING + WAITING + 4 * (Frame::MAX_LEN + Frame::HEADROOM);
        assert!(self.switch.leaving_bytes() <= most, "{}", self.switch.leaving_bytes());
        let mut out = 0usize;
        while let Some((port, frame)) = self.switch.poll_output() {
            assert!(self.switch.port_name(port).is_some());
            assert!(frame.len() <= Frame::MAX_LEN + Frame::HEADROOM);
            out += frame.len();
            self.switch.pool.recycle(frame);
        }
        assert!(out < 4 << 20, "{out} bytes of one frame");
        while self.switch.poll_event().is_some() {}
        self.drive_fast_path();
        let shown = self.switch.shown(self.now);
        assert!(shown.waiting_bytes <= WAITING as u64, "{}", shown.waiting_bytes);
        let learned: u64 = shown.networks.iter().map(|network| network.learned).sum();
        assert!(learned <= LEARNED as u64, "{learned}");
        assert_eq!(self.switch.fdb(None, usize::MAX, self.now).0.len() as u64, learned);
    }

    /// Each bit is a tunnel, a port, a setting.
    fn configure(&mut self, bits: u8) {
        let bit = |at: u8| bits >> at & 1 == 1;
        let mut wanted = Wanted::default();
        if bit(7) {
            wanted.underlays.insert("nic".into(), Underlay {});
        }
        let mut network = Network { learn: bit(0), flood_unknown: bit(1), ..Network::default() };
        for (at, kind, six) in [
            (2, Kind::Vxlan, false),
            (3, Kind::Geneve, false),
            (4, Kind::Nvgre, true),
            (5, Kind::Vxlan, true),
        ] {
            if bit(at) {
                let name = format!("t{at}");
                let tunnel = Tunnel {
                    kind,
                    local: remote(six, 1),
                    remote: remote(six, 2),
                    port: None,
                    ttl: 64,
                    dscp: if bit(1) { Dscp::Copy } else { Dscp::Fixed(8) },
                    checksum: (kind != Kind::Nvgre).then_some(bit(0)),
                    flow_id: bit(1),
                    options: Vec::new(),
                };
                wanted.tunnels.insert(name.clone(), tunnel);
                network.tunnels.insert(name, Attachment { vni: Vni::new(5).expect("24 bits"), flood: true });
            }
        }
        wanted.networks.insert("one".into(), network);
        wanted.networks.insert("two".into(), Network::default());
        for (name, network) in [("a", "one"), ("b", if bit(6) { "one" } else { "two" }), ("c", "two")] {
            wanted.ports.insert(name.into(), Port { network: network.into(), way: Default::default() });
        }
        self.switch.configure(&wanted, self.now).expect("well-formed");
        for port in wanted.ports.keys().chain(wanted.underlays.keys()) {
            let port = self.switch.port(port).expect("configured");
            self.switch.reach(port, Reach::Whole);
        }
    }
}

fn remote(six: bool, at: u8) -> IpAddr {
    if six {
        IpAddr::from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, at])
    } else {
        [192, 0, 2, at].into()
    }
}

fn facts(up: bool) -> Facts {
    let route = |to: &str| Route {
        to: to.parse().expect("a prefix"),
        via: None,
        link: Some(1),
        metric: 0,
        mtu_bytes: None,
    };
    let address = |six| Address { link: 1, ip: remote(six, 1), prefix_len: 24 };
    Facts {
        links: vec![Link { index: 1, name: "nic".into(), mac: NIC, mtu_bytes: 1500, up }],
        addresses: vec![address(false), address(true)],
        routes: vec![route("192.0.2.0/24"), route("fd00::/64")],
        neighbours: Vec::new(),
    }
}

fn offload(extra: u8, bytes: &[u8]) -> Offload {
    let word = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(1));
    let checksum = match extra & 3 {
        0 => Checksum::Unknown,
        1 => Checksum::Good,
        _ => Checksum::Partial { start: word(0), offset: word(1) & 31 },
    };
    let kind = match word(2) & 3 {
        0 => SegmentKind::Tcp4,
        1 => SegmentKind::Tcp6,
        _ => SegmentKind::Udp,
    };
    let segments = Segments { kind, size: word(3) * 3, header_len: word(4), ecn: word(4) & 1 == 1 };
    Offload { checksum, segments: (extra & 4 == 4).then_some(segments) }
}

/// A frame whose MACs are of few stations, so that some of it is known.
fn addressed(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in [0, 6] {
        if let Some(mac) = out.get_mut(at..at + 6) {
            let last = mac[5] & 3;
            mac.copy_from_slice(&[2, 1, 1, 1, 1, last]);
        }
    }
    out
}

fn answer(bytes: &[u8], extra: u8) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, bytes.first().copied().unwrap_or(0) & 1, 2]);
    let mut out = vec![0; Ethernet::LEN + wire::Arp::LEN];
    Ethernet { dst: NIC, src: mac, ethertype: ethertype::ARP }.emit(out.first_chunk_mut().expect("14 bytes"));
    wire::Arp {
        operation: arp::Operation::Reply,
        sender_mac: mac,
        sender_ip: [192, 0, 2, 2 + (extra >> 3)].into(),
        target_mac: NIC,
        target_ip: [192, 0, 2, 1].into(),
    }
    .emit(out.last_chunk_mut().expect("28 bytes"));
    out
}

/// The bytes behind an outer header that is right.
fn outer4(bytes: &[u8], extra: u8) -> Vec<u8> {
    let (protocol, l4) = transport(bytes, extra);
    let mut out = vec![0; Ethernet::LEN + Ipv4::LEN];
    Ethernet { dst: NIC, src: FAR, ethertype: ethertype::IPV4 }
        .emit(out.first_chunk_mut().expect("14 bytes"));
    let (src, dst) = ([192, 0, 2, 2].into(), [192, 0, 2, 1].into());
    Ipv4 { src, dst, protocol, ttl: 64, payload_len: l4.len() as u16 }
        .emit(out.last_chunk_mut().expect("20 bytes"));
    out[15] = extra & 3;
    out[24..26].fill(0);
    let sum = checksum::of(&out[14..34]);
    out[24..26].copy_from_slice(&sum.to_be_bytes());
    out.extend(l4);
    out
}

fn outer6(bytes: &[u8], extra: u8) -> Vec<u8> {
    let (protocol, mut l4) = if extra & 1 == 1 { (58, bytes.to_vec()) } else { transport(bytes, extra) };
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (remote(true, 2), remote(true, 1)) else { return Vec::new() };
    if protocol == 58 && l4.len() > 4 {
        l4[0] = if extra & 2 == 2 { 135 } else { 136 };
        l4[1..4].fill(0);
        let sum = Sum::ipv6(src, dst, 58, l4.len()).with(&l4).finish();
        l4[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let mut out = vec![0; Ethernet::LEN + Ipv6::LEN];
    Ethernet { dst: NIC, src: FAR, ethertype: ethertype::IPV6 }
        .emit(out.first_chunk_mut().expect("14 bytes"));
    Ipv6 { src, dst, next_header: protocol, hop_limit: 255, payload_len: l4.len() as u16 }
        .emit(out.last_chunk_mut().expect("40 bytes"));
    out.extend(l4);
    out
}

fn transport(bytes: &[u8], extra: u8) -> (u8, Vec<u8>) {
    let head: &[u8] = match extra & 12 {
        0 => &[8, 0, 0, 0, 0, 0, 5, 0],
        4 => &[0, 0, 0x65, 0x58, 0, 0, 5, 0],
        8 => &[0x20, 0, 0x65, 0x58, 0, 0, 5, 0],
        _ => &[],
    };
    let body = [head, bytes].concat();
    if extra & 12 == 8 {
        return (47, body);
    }
    let port: u16 = if extra & 12 == 4 { 6081 } else { 4789 };
    let len = (8 + body.len()) as u16;
    let udp = [[0xc0, 0], port.to_be_bytes(), len.to_be_bytes(), [0, 0]].concat();
    (17, [udp, body].concat())
}

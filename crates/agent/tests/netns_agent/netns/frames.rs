//! Frames made by hand, sent into a guest's device and caught at another's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use kernel::packet::{Instruction, PacketSocket};
use wire::Mac;

use crate::netns::place::{Guest, Place};

const TAKE_ALL: &[Instruction] = &[Instruction { code: 0x06, jump_true: 0, jump_false: 0, value: 0x4_0000 }];

/// The device of a namespace.
pub struct Tap(PacketSocket);

impl Tap {
    pub fn open(place: &Place, netns: &str, device: &str) -> Tap {
        Tap(PacketSocket::open(&place.path(netns), device, TAKE_ALL).expect("packet socket"))
    }

    pub fn send(&self, frame: &[u8]) {
        self.0.send(frame).expect("frame sent");
    }

    /// The next frame.
    pub async fn next(&self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        loop {
            if let Some(frame) = self.0.try_receive(&mut buffer).expect("device") {
                return frame.to_vec();
            }
            self.0.readable().await.expect("socket");
        }
    }

    /// Waits for a frame like this.
    pub async fn until(&self, what: &str, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let search = async {
            loop {
                let frame = self.next().await;
                if wanted(&frame) {
                    return frame;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), search).await;
        found.unwrap_or_else(|_| panic!("{what}: no such frame came"))
    }
}

/// Sends frames from one guest, and tells which of them arrived at the other's device before a
/// frame that is known to arrive. Tags do not count: a frame that lost its tag did arrive.
pub async fn arrivals(
    place: &Place,
    from: &Guest,
    to: &Guest,
    frames: &[(&str, Vec<u8>)],
) -> BTreeSet<String> {
    let sender = Tap::open(place, &from.name, "eth0");
    let catcher = Tap::open(place, &to.name, "eth0");
    let names: BTreeMap<Vec<u8>, &str> =
        frames.iter().map(|(name, frame)| (untagged(frame), *name)).collect();
    assert_eq!(names.len(), frames.len(), "frames can be told apart");
    frames.iter().for_each(|(_, frame)| sender.send(frame));
    let marker = udp4(from.port.mac, to.port.mac, from.v4(), to.v4(), 9, 9);
    sender.send(&marker);
    let mut seen = BTreeSet::new();
    loop {
        let is_known = |frame: &[u8]| frame == marker || names.contains_key(&untagged(frame));
        let frame = catcher.until("marker", is_known).await;
        match names.get(&untagged(&frame)) {
            Some(name) => seen.insert((*name).to_owned()),
            None => return seen,
        };
    }
}

pub fn ethernet(from: Mac, to: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to.0[..], &from.0, &kind.to_be_bytes(), payload].concat()
}

pub fn arp(from: Mac, to: Mac, sender: (Mac, IpAddr), target: IpAddr) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    let payload = [&head[..], &sender.0.0, &octets(sender.1), &[0; 6], &octets(target)].concat();
    ethernet(from, to, 0x0806, &payload)
}

pub fn udp4(from: Mac, to: Mac, src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> Vec<u8> {
    ethernet(from, to, 0x0800, &packet4(src, dst, 17, &udp(sport, dport)))
}

pub fn udp6(from: Mac, to: Mac, src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> Vec<u8> {
    ethernet(from, to, 0x86dd, &packet6(src, dst, 17, &udp(sport, dport)))
}

/// An ICMPv6 message of a type, with a target as neighbour discovery has it.
pub fn icmp6(from: Mac, to: Mac, src: IpAddr, dst: IpAddr, kind: u8, target: IpAddr) -> Vec<u8> {
    let message = [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &octets(target)].concat();
    ethernet(from, to, 0x86dd, &packet6(src, dst, 58, &summed(src, dst, 58, message, 2)))
}

/// The frame inside a VLAN.
pub fn tagged(frame: &[u8], vid: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00], &vid.to_be_bytes(), &frame[12..]].concat()
}

pub fn v4(octets: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(octets))
}

pub fn v6(text: &str) -> IpAddr {
    IpAddr::V6(text.parse::<Ipv6Addr>().expect("address"))
}

/// A packet of any protocol.
pub fn packet(from: Mac, to: Mac, src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match src.is_ipv4() {
        true => ethernet(from, to, 0x0800, &packet4(src, dst, protocol, payload)),
        false => ethernet(from, to, 0x86dd, &packet6(src, dst, protocol, payload)),
    }
}

/// The first segment of a connection.
pub fn syn(src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> Vec<u8> {
    segment(src, dst, sport, dport, SYN)
}

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// One of TCP, with these flags.
pub fn segment(src: IpAddr, dst: IpAddr, sport: u16, dport: u16, flags: u8) -> Vec<u8> {
    let ports = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    let segment = [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0]].concat();
    summed(src, dst, 6, segment, 16)
}

/// A part of a packet: where it begins there, and whether others follow.
#[derive(Clone, Copy)]
pub struct Cut {
    pub id: u16,
    pub at: usize,
    pub more: bool,
}

pub fn fragment4(from: Mac, to: Mac, src: IpAddr, dst: IpAddr, cut: Cut, payload: &[u8]) -> Vec<u8> {
    let mut packet = packet4(src, dst, 17, payload);
    packet[4..6].copy_from_slice(&cut.id.to_be_bytes());
    let place = (cut.at / 8) as u16 | if cut.more { 0x2000 } else { 0 };
    packet[6..8].copy_from_slice(&place.to_be_bytes());
    packet[10..12].copy_from_slice(&[0; 2]);
    let sum = sum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    ethernet(from, to, 0x0800, &packet)
}

/// Of what begins with a header of this kind.
pub fn fragment6(ends: (Mac, Mac), src: IpAddr, dst: IpAddr, next: u8, cut: Cut, payload: &[u8]) -> Vec<u8> {
    let place = (cut.at as u16 & 0xfff8 | u16::from(cut.more)).to_be_bytes();
    let id = cut.id.to_be_bytes();
    let head = [next, 0, place[0], place[1], 0, 0, id[0], id[1]];
    ethernet(ends.0, ends.1, 0x86dd, &packet6(src, dst, 44, &[&head[..], payload].concat()))
}

/// A question or an answer of ICMP or ICMPv6.
pub fn echo(src: IpAddr, dst: IpAddr, kind: u8, code: u8, number: u8) -> Vec<u8> {
    let message = vec![kind, code, 0, 0, 0, number, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match src.is_ipv4() {
        true => {
            let sum = sum(&message);
            [&message[..2], &sum.to_be_bytes(), &message[4..]].concat()
        }
        false => summed(src, dst, 58, message, 2),
    }
}

/// The first chunk of an association.
pub fn sctp(sport: u16, dport: u16) -> Vec<u8> {
    let ports = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    let chunk = [1, 0, 0, 20, 0, 0, 0, 7, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1];
    let mut packet = [&ports[..], &[0; 8], &chunk].concat();
    let sum = crc32c(&packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    packet
}

/// With the checksum over a header that is only thought of, written at a place.
fn summed(src: IpAddr, dst: IpAddr, protocol: u8, mut segment: Vec<u8>, at: usize) -> Vec<u8> {
    let length = (segment.len() as u32).to_be_bytes();
    let head = [&octets(src)[..], &octets(dst), &length, &[0, 0, 0, protocol]].concat();
    let sum = sum(&[&head[..], &segment].concat());
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn sum(bytes: &[u8]) -> u16 {
    let mut sum = bytes
        .chunks(2)
        .fold(0u32, |sum, pair| sum + u32::from(pair[0]) * 256 + pair.get(1).copied().map_or(0, u32::from));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8)
            .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (0u32.wrapping_sub(crc & 1))))
    })
}

fn packet4(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header.extend(octets(src));
    header.extend(octets(dst));
    let sum = header.chunks(2).fold(0u32, |sum, pair| sum + u32::from(pair[0]) * 256 + u32::from(pair[1]));
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header[..], payload].concat()
}

fn packet6(src: IpAddr, dst: IpAddr, next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], next, 255];
    [&head[..], &octets(src), &octets(dst), payload].concat()
}

fn udp(sport: u16, dport: u16) -> Vec<u8> {
    [&sport.to_be_bytes()[..], &dport.to_be_bytes(), &[0, 24, 0, 0], &[0; 16]].concat()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn untagged(frame: &[u8]) -> Vec<u8> {
    if frame.get(12..14) == Some(&[0x81, 0x00]) {
        return [&frame[..12], &frame[16..]].concat();
    }
    frame.to_vec()
}

//! Packets that come in parts, of two networks at once.

use std::net::UdpSocket;
use std::time::Duration;

use crate::netns::frames::{Cut, Tap, fragment4};
use crate::netns::groups::{guests, settled, wired};
use crate::netns::outside::{NET_B, network_b};
use crate::netns::place::{Guest, Place};
use crate::netns::wait::eventually;

const PATIENCE: Duration = Duration::from_secs(3);
const PORT: u16 = 80;
const HALF: usize = 400;

/// Of another network, with the same addresses.
fn twin(of: &Guest, n: u8) -> Guest {
    let mut twin = Guest::nth(n);
    twin.port.network_id = NET_B;
    twin.port.fixed_ips = of.port.fixed_ips.clone();
    twin.port.groups = of.port.groups.clone();
    twin
}

/// Both halves of a datagram that is the same letter all over.
fn halves(from: &Guest, to: &Guest, letter: u8) -> [Vec<u8>; 2] {
    let length = (2 * HALF) as u16;
    let head = [&5u16.to_be_bytes()[..], &PORT.to_be_bytes(), &length.to_be_bytes(), &[0, 0]].concat();
    let datagram = [&head[..], &vec![letter; 2 * HALF - head.len()]].concat();
    [(0, true), (HALF, false)].map(|(at, more)| {
        let cut = Cut { id: 0x4242, at, more };
        fragment4(from.port.mac, to.port.mac, from.v4(), to.v4(), cut, &datagram[at..at + HALF])
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_networks_are_never_put_together() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let (own_b, other_b) = (twin(&own, 3), twin(&other, 4));
    place.server.put("one", [network_b(&[])]);
    for guest in [&own_b, &other_b] {
        place.plug("one", guest);
        place.server.put("one", [guest.part()]);
        settled(&place, "one", guest.part().key()).await;
    }
    eventually("ping", || place.ping(&other_b, own_b.v4()) && place.ping(&other, own.v4()), |ok| *ok).await;
    let ends = [(&own, &other, b'a'), (&own_b, &other_b, b'b')];
    let called = ends.map(|(own, ..)| {
        let socket = place.within(&own.name, || UdpSocket::bind((own.v4(), PORT)).expect("bound"));
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
        socket
    });
    let taps = ends.map(|(_, other, _)| Tap::open(&place, &other.name, "eth0"));
    let [[a1, a2], [b1, b2]] = ends.map(|(own, other, letter)| halves(other, own, letter));
    for (tap, part) in [(0, a1), (1, b2), (0, a2), (1, b1)] {
        taps[tap].send(&part);
    }
    for (socket, (.., letter)) in called.iter().zip(ends) {
        let mut buffer = [0; 2 * HALF];
        let heard = socket.recv(&mut buffer).map(|length| buffer[..length].to_vec()).ok();
        assert_eq!(heard, Some(vec![letter; 2 * HALF - 8]), "of {}", char::from(letter));
    }
}

//! Many routers at once: their devices are deleted together, and they are told of before they open.

use std::time::Duration;

use host::{Op, Scope};
use kernel::packet::PacketSocket;
use wire::ethernet::ethertype;
use wire::{Ethernet, Mac};

use crate::netns::inner::{apply, done, step};
use crate::netns::nat::TAKE_ALL;
use crate::netns::place::Place;
use crate::netns::traffic::attach;

const ROUTER: Mac = Mac([2, 0, 0, 0, 2, 1]);

#[tokio::test]
async fn links_deleted_together_take_nobody_elses_along() {
    let Some(place) = Place::new() else { return };
    for at in 0..12 {
        place.ip(&format!("link add ours{at} type veth peer name other{at}"));
    }
    // Somebody else sorts devices into groups as well, and into the first that would be taken.
    place.ip("link add theirs0 type bridge");
    place.ip(&format!("link set theirs0 group {}", 0x6e74_0001u32));
    place.ip("link add theirs1 type bridge");
    let delete = |at: usize| step(Op::DeleteLink { device: format!("ours{at}") });
    // One that went meanwhile, and one whose other end is deleted with it.
    let mut steps: Vec<_> = (0..13).map(delete).collect();
    steps.push(step(Op::DeleteLink { device: "other3".into() }));
    let failed = apply(&place, steps).await;
    assert!(failed.is_empty(), "{failed:?}");
    let seen = place.kernel.observe(&Scope::All).await.expect("seen");
    let left: Vec<&String> = seen.links.keys().filter(|name| *name != "lo").collect();
    assert_eq!(left, ["theirs0", "theirs1"]);
}

/// Who is there hears of the address at once; the world behind the uplink also later on.
#[tokio::test]
async fn an_address_is_told_of_through_its_bridge() {
    let Some(place) = Place::new() else { return };
    place.ip("link add outer type bridge");
    place.ip("link set outer up");
    attach(&place, "neighbour", "outer", "203.0.113.7/24", None);
    attach(&place, "world", "outer", "203.0.113.100/24", None);
    let listen = |name: &str| {
        let path = place.netns_dir().join(name);
        PacketSocket::open(&path, "eth0", &[TAKE_ALL]).expect("socket")
    };
    let (neighbour, world) = (listen("neighbour"), listen("world"));
    let (bridge, uplink) = ("outer".to_owned(), Some("v-world".to_owned()));
    let ip = "203.0.113.5".parse().expect("address");
    done(&place, vec![step(Op::Announce { bridge, uplink, mac: ROUTER, ip })]).await;
    // Each round is a question and an answer.
    assert_eq!(heard(&world, 6).await, 6);
    assert_eq!(heard(&neighbour, 2).await, 2);
    assert_eq!(left(&neighbour), 0, "it need not be told again");
}

async fn heard(socket: &PacketSocket, wanted: usize) -> usize {
    let mut count = 0;
    while count < wanted {
        let waited = tokio::time::timeout(Duration::from_secs(10), socket.readable()).await;
        waited.unwrap_or_else(|_| panic!("heard {count}")).expect("frames");
        count += left(socket);
    }
    count
}

/// Frames of the router that wait to be read.
fn left(socket: &PacketSocket) -> usize {
    let (mut count, mut buffer) = (0, [0; 2048]);
    while let Some(frame) = socket.try_receive(&mut buffer).expect("frames") {
        let head = Ethernet::parse(frame);
        count += usize::from(head.is_ok_and(|head| head.src == ROUTER && head.ethertype == ethertype::ARP));
    }
    count
}

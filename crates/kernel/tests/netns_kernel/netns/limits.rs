//! What addresses outside are held to: packets through a router that are over a limit are dropped.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use host::nat::Nat;
use host::op::Inside;
use kernel::netns;
use model::desired::{Limit, Packets, Qos};

use crate::netns::inner::{done, inside};
use crate::netns::place::Place;
use crate::netns::traffic::{FIRST, FLOATING, GATEWAY, OUTSIDE, SECOND, cloud, nat};

const PEER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 100);
/// Of a thousand bytes each, at once.
const SENT: usize = 300;
/// A burst of 64 KiB and what comes within a moment, in frames.
const PASSED: std::ops::Range<usize> = 40..100;
/// A burst of a hundred and one more in each thousandth of a second.
const COUNTED: std::ops::Range<usize> = 90..SENT;

/// How many of a burst of datagrams arrive.
fn arriving(place: &Place, from: &str, (to, address): (&str, Ipv4Addr)) -> usize {
    let open = |port: u16| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a socket");
    let within = |name: &str, port| {
        netns::within(&place.netns_dir().join(name), || open(port)).expect("namespace entered")
    };
    let (out, socket) = (within(from, 0), within(to, 4789));
    let (mut seen, mut buffer) = (0, [0; 2000]);
    // Read as they come: the socket keeps fewer than are sent.
    socket.set_nonblocking(true).expect("a socket that does not wait");
    for _ in 0..SENT {
        // What the kernel drops here did not pass either.
        let _ = out.send_to(&[7; 1000], (address, 4789));
        while socket.recv(&mut buffer).is_ok() {
            seen += 1;
        }
    }
    socket.set_nonblocking(false).expect("a socket that waits");
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a time limit");
    while socket.recv(&mut buffer).is_ok() {
        seen += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_a_limit_of_an_address_outside_is_dropped() {
    let Some(place) = cloud().await else { return };
    let set = async |limits: &[(Ipv4Addr, Qos)]| {
        let content = Nat { limits: limits.iter().copied().collect(), ..nat(true) };
        done(&place, inside([Inside::ReplaceTable { content }])).await;
    };
    let counted = |from: &str, to| tokio::task::block_in_place(|| arriving(&place, from, to));
    let ways = [
        (FIRST, (OUTSIDE, PEER)),
        (SECOND, (OUTSIDE, PEER)),
        (OUTSIDE, (FIRST, FLOATING)),
        (FIRST, (SECOND, [10, 0, 0, 6].into())),
    ];
    set(&[]).await;
    for (from, to) in ways {
        // The first asks for neighbours.
        assert!(counted(from, to) > SENT * 9 / 10, "nothing limits yet: {from} {to:?}");
    }
    let slow = Some(Limit { kbps: 8, burst_kbits: 8 });
    let few = Some(Packets { kpps: 1, burst_kpackets: 0 });
    let none = Qos::default();
    for (address, qos, limited, range) in [
        (FLOATING, Qos { egress: slow, ..none }, 0, PASSED),
        (GATEWAY, Qos { egress: slow, ..none }, 1, PASSED),
        (FLOATING, Qos { ingress: slow, ..none }, 2, PASSED),
        (FLOATING, Qos { egress_packets: few, ..none }, 0, COUNTED),
    ] {
        set(&[(address, qos)]).await;
        for (at, (from, to)) in ways.into_iter().enumerate() {
            let passed = counted(from, to);
            match at == limited {
                true => assert!(range.contains(&passed), "{passed} passed {address} {qos:?}"),
                false => assert_eq!(passed, SENT, "{from} {to:?} is not limited by {address} {qos:?}"),
            }
        }
    }
}

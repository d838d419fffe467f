//! Addresses behind a router that its gateway's device answers for: they are reached from outside, and
//! no other of their net.

use std::net::Ipv6Addr;

use host::nat::{Nat, Wall};
use host::op::{Inside, Of, Sysctl};

use crate::netns::inner::{QROUTER, done, inside, seen};
use crate::netns::place::Place;
use crate::netns::traffic::{FIRST, OUTSIDE, SECOND, cloud, nat};

const OPEN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 5);
const SHUT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 6);

fn run(place: &Place, netns: &str, line: &str) {
    let output = place.inside(netns, line);
    assert!(output.status.success(), "{netns}: {line}: {output:?}");
}

/// Whether one of so many questions is answered.
fn reaches(place: &Place, from: &str, to: Ipv6Addr, questions: u8) -> bool {
    tokio::task::block_in_place(|| {
        place.inside(from, &format!("ping -6 -c {questions} -i 0.2 -W 1 {to}")).status.success()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_for_is_reached_from_outside_and_nothing_else_is() {
    let Some(place) = cloud().await else { return };
    let net = |text: &str| text.parse().expect("net");
    let content = |wall| Inside::ReplaceTable { content: Nat { wall, ..nat(true) } };
    let (device, answers) = ("qg-1".to_owned(), Sysctl::ProxyNdp(Of::Device("qg-1".into())));
    done(
        &place,
        inside([
            Inside::SetSysctl { name: Sysctl::Ipv6Forward, value: 1 },
            Inside::AddAddress { device: "qr-1".into(), net: net("2001:db8:1::1/64") },
            Inside::AddAddress { device: device.clone(), net: net("2001:db8:f::2/64") },
            Inside::SetSysctl { name: answers.clone(), value: 1 },
            content(Wall::default()),
        ]),
    )
    .await;
    for (name, address) in [(FIRST, OPEN), (SECOND, SHUT)] {
        run(&place, name, &format!("ip address add {address}/64 dev eth0 nodad"));
        run(&place, name, "ip route add default via 2001:db8:1::1");
    }
    run(&place, OUTSIDE, "ip address add 2001:db8:f::100/64 dev eth0 nodad");
    // By a route of its own, without asking for the address itself: everything is reached.
    run(&place, OUTSIDE, &format!("ip route add {SHUT} via 2001:db8:f::2"));
    assert!(reaches(&place, OUTSIDE, SHUT, 40), "no wall yet");
    // As on the link: nobody answers.
    run(&place, OUTSIDE, "ip route add 2001:db8:1::/64 dev eth0");
    assert!(!reaches(&place, OUTSIDE, OPEN, 10), "nobody answers yet");

    let wall = Wall { nets: ["2001:db8:1::/64".parse().expect("net")].into(), open: [OPEN].into() };
    let add = Inside::AddProxy { device: device.clone(), ip: OPEN };
    for _ in 0..2 {
        done(&place, inside([add.clone(), content(wall.clone())])).await;
    }
    let now = seen(&place, QROUTER).await;
    assert_eq!(now.proxies, [(device.clone(), OPEN)].into());
    assert_eq!(now.setting(&answers), Some(1));
    assert!(reaches(&place, OUTSIDE, OPEN, 40));
    assert!(!reaches(&place, OUTSIDE, SHUT, 10), "it is behind the wall");
    assert!(reaches(&place, SECOND, OPEN, 10), "inside there is none");

    let delete = Inside::DeleteProxy { device, ip: OPEN };
    for _ in 0..2 {
        done(&place, inside([delete.clone()])).await;
    }
    assert!(seen(&place, QROUTER).await.proxies.is_empty());
    run(&place, OUTSIDE, "ip neigh flush dev eth0");
    assert!(!reaches(&place, OUTSIDE, OPEN, 10), "nobody answers any more");
}

//! What a port's traffic is held to, on a real kernel.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use model::desired::{Limit, Packets, Qos};
use model::report::State;

use crate::netns::place::{Guest, Place, network};
use crate::netns::wait::eventually;

/// Of a thousand bytes each, at once.
const SENT: usize = 300;
/// A burst of 64 KiB and what comes within a moment, in frames.
const PASSED: std::ops::Range<usize> = 40..100;
/// A burst of a hundred and one more in each thousandth of a second.
const COUNTED: std::ops::Range<usize> = 90..SENT;

/// How many of a burst of datagrams arrive.
async fn arriving(place: &Place, from: &Guest, to: &Guest) -> usize {
    let address = (to.v4(), 4789);
    let socket = place.within(&to.name, || UdpSocket::bind(address).expect("a socket"));
    let out = place.within(&from.name, || UdpSocket::bind((from.v4(), 0)).expect("a socket"));
    let (mut seen, mut buffer) = (0, [0; 2000]);
    // Read as they come: the socket keeps fewer than are sent.
    socket.set_nonblocking(true).expect("a socket that does not wait");
    for _ in 0..SENT {
        // What the kernel drops here did not pass either.
        let _ = out.send_to(&[7; 1000], address);
        while socket.recv(&mut buffer).is_ok() {
            seen += 1;
        }
    }
    socket.set_nonblocking(false).expect("a socket that waits");
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a time limit");
    while tokio::task::block_in_place(|| socket.recv(&mut buffer)).is_ok() {
        seen += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_a_limit_is_dropped_and_what_is_sent_is_marked() {
    let Some(place) = Place::new() else { return };
    let (mut a, b) = (Guest::nth(1), Guest::nth(2));
    place.server.put("one", [network(&[])]);
    for guest in [&a, &b] {
        place.plug("one", guest);
        place.server.put("one", [guest.part()]);
    }
    let _agent = place.run(place.config("one"));
    for guest in [&a, &b] {
        let key = guest.part().key();
        eventually("port up", || place.server.state("one", key), |s| *s == Some(State::Up)).await;
    }
    eventually("ping", || place.ping(&a, b.v4()), |ok| *ok).await;
    assert_eq!(arriving(&place, &a, &b).await, SENT, "nothing limits yet");

    let table = host::names::table(&a.tap());
    let list = || {
        let listed = place.exec("one", &format!("nft list table netdev {table}"));
        String::from_utf8_lossy(&listed.stdout).into_owned()
    };
    let slow = Limit { kbps: 8, burst_kbits: 8 };
    let few = Packets { kpps: 1, burst_kpackets: 0 };
    let counted = "1000/second burst 100 packets";
    for (qos, hook, limit, passes) in [
        (Qos { egress: Some(slow), ..Qos::default() }, "chain ingress", "bytes", PASSED),
        (Qos { ingress: Some(slow), ..Qos::default() }, "chain egress", "bytes", PASSED),
        (Qos { egress_packets: Some(few), ..Qos::default() }, "chain ingress", counted, COUNTED),
        (Qos { ingress_packets: Some(few), ..Qos::default() }, "chain egress", counted, COUNTED),
    ] {
        let sends = qos.egress.is_some() || qos.egress_packets.is_some();
        a.port.qos = Some(qos);
        place.server.put("one", [a.part()]);
        // In its own chain: the table of the limit before may still stand.
        let says = |text: &String| {
            let chain = text.split_once(hook).and_then(|(_, rest)| rest.split_once('}'));
            chain.is_some_and(|(rules, _)| rules.contains("limit rate over") && rules.contains(limit))
        };
        eventually("a limit", list, says).await;
        let (from, to) = if sends { (&a, &b) } else { (&b, &a) };
        let passed = arriving(&place, from, to).await;
        assert!(passes.contains(&passed), "{passed} of {SENT} frames passed: {}", list());
        assert_eq!(arriving(&place, to, from).await, SENT, "the other direction is as it was");
    }

    // Taken away by hand, it comes back.
    assert!(place.exec("one", &format!("nft delete table netdev {table}")).status.success());
    eventually("a limit again", list, |text| text.contains("limit rate over")).await;

    a.port.qos = Some(Qos { dscp: Some(46), ..Qos::default() });
    place.server.put("one", [a.part()]);
    eventually("a mark", list, |text| text.contains("dscp set ef") && !text.contains("limit")).await;
    for ip in [b.v4(), b.v6()] {
        assert!(is_marked(&place, &a, &b, ip).await, "no packet to {ip} came with its mark: {}", list());
    }
    a.port.qos = None;
    place.server.put("one", [a.part()]);
    eventually("nothing", list, |text| !text.contains("dscp")).await;
    assert_eq!(arriving(&place, &a, &b).await, SENT, "nothing limits any more");
}

/// Whether pings come to a guest with the mark, and with a checksum that it takes.
async fn is_marked(place: &Place, from: &Guest, to: &Guest, ip: IpAddr) -> bool {
    let word = if ip.is_ipv4() { "ip" } else { "ip6" };
    for line in [
        "add table inet seen".to_owned(),
        "add chain inet seen in { type filter hook input priority 0 ; }".to_owned(),
        format!("add rule inet seen in {word} dscp ef counter accept"),
    ] {
        let done = place.exec(&to.name, &format!("nft {line}"));
        assert!(done.status.success(), "{line}: {done:?}");
    }
    eventually("a marked ping", || place.ping(from, ip), |ok| *ok).await;
    let listed = place.exec(&to.name, "nft list table inet seen");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    text.lines().any(|line| line.contains(&format!("{word} dscp ef")) && !line.contains("packets 0 "))
}

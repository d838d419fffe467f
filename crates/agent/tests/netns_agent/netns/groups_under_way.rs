//! TCP connections that nobody knows any more, and that go on: who began them is told by their ports.

use std::net::{SocketAddr, TcpListener, TcpStream};

use kernel::conntrack::{Conntrack, Filter, Found, Visit};
use model::desired::{Direction, Ethertype};

use crate::netns::frames::{ACK, RST, SYN, arrivals, packet, segment};
use crate::netns::groups::{guests, rule, service, settled, wired};
use crate::netns::groups_live::{End, Open, PATIENCE, only};
use crate::netns::place::{Guest, Place};
use crate::netns::purging::purging;
use crate::netns::wait::eventually;

const TCP: u8 = 6;
const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

struct Everything;

impl Visit for Everything {
    fn judge(&mut self, _: &Found) -> bool {
        true
    }
}

fn forget(place: &Place) {
    let mut table = Conntrack::open(place.config("one").namespace.as_deref()).expect("opens");
    let walked = table.walk(Filter::default(), &mut Everything).expect("walks");
    assert!(walked.deleted > 0);
}

fn shown(place: &Place, line: &str) -> String {
    String::from_utf8_lossy(&place.exec("one", line).stdout).into_owned()
}

/// The port below those that systems choose.
const LOW: u16 = 1023;

/// From a port below those that systems choose.
fn from_low_port(place: &Place, from: &Guest, to: &Guest, port: u16) -> Open {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};
    let at = SocketAddr::new(to.v4(), port);
    let listener = place.within(&to.name, || TcpListener::bind(at).expect("bound"));
    let caller = place.within(&from.name, || {
        use std::os::fd::AsRawFd;
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).expect("socket");
        let own = SockaddrStorage::from(SocketAddr::new(from.v4(), LOW));
        bind(fd.as_raw_fd(), &own).expect("bound");
        connect(fd.as_raw_fd(), &SockaddrStorage::from(at)).expect("connected");
        TcpStream::from(fd)
    });
    let (called, _) = listener.accept().expect("accepted");
    Open { called: End::Tcp(called), caller: End::Tcp(caller) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_still_sends_takes_up_nothing_that_it_may_not_serve() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let ways_out = || rule(EGRESS, Ethertype::V4);
    only(&place, [ways_out(), service(INGRESS, TCP, 80), service(INGRESS, TCP, 81)]).await;
    let mut goes = Open::new(&place, TCP, &other, &own, 80);
    let mut stays = Open::new(&place, TCP, &other, &own, 81);
    assert_eq!((goes.goes_on(), stays.goes_on()), ([true, true], [true, true]));
    only(&place, [ways_out(), service(INGRESS, TCP, 81)]).await;
    forget(&place);
    assert_eq!((goes.is_silent(), stays.goes_on()), ([true, true], [true, true]));
    // What was sent, and not acknowledged, is sent again.
    assert_eq!(goes.is_silent(), [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_goes_on_whoever_speaks_first() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("two", &other)]).await;
    only(&place, [rule(EGRESS, Ethertype::V4), service(INGRESS, TCP, 80)]).await;
    for (from, to, port) in [(&other, &own, 80), (&own, &other, 82)] {
        let mut open = Open::new(&place, TCP, from, to, port);
        assert_eq!(open.goes_on(), [true, true], "{port}");
        forget(&place);
        open.called.send();
        // A stranger's segment proves nothing: it waits for who called, and is sent again then.
        let known = port == 80 && open.caller.hears(PATIENCE);
        open.caller.send();
        assert!(open.called.hears(PATIENCE), "{port}: who called is not heard");
        assert!(known || open.caller.hears(PATIENCE), "{port}: who was called is not heard");
        forget(&place);
        assert_eq!(open.goes_on(), [true, true], "{port}: who called is not heard");
    }
}

/// As of an answer to what nobody asked; a connection would be known by it, and what opens one would pass.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_without_being_asked() {
    for host in ["one", "two"] {
        let Some(place) = Place::new() else { return };
        let (own, other) = guests();
        let _agents = wired(&place, &[("one", &own), (host, &other)]).await;
        only(&place, [rule(EGRESS, Ethertype::V4), service(INGRESS, 17, 9)]).await;
        let tcp = |flags| {
            let segment = segment(other.v4(), own.v4(), 80, 40_000, flags);
            packet(other.port.mac, own.port.mac, other.v4(), own.v4(), TCP, &segment)
        };
        let frames = [("an answer", tcp(ACK)), ("what opens", tcp(SYN))];
        assert_eq!(arrivals(&place, &other, &own, &frames).await, [].into(), "from {host}");
    }
}

/// It is known the wrong way round then: who was called seems to be who called.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_up_from_who_was_called_goes_with_its_rule() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("two", &other)]).await;
    only(&place, [rule(EGRESS, Ethertype::V4), service(INGRESS, TCP, 80), service(INGRESS, TCP, 81)]).await;
    let revoked = || shown(&place, "nft list set bridge neutrino revoked");
    let ctpurge = purging(&place);
    eventually("restored from what was before", revoked, |text| !text.contains(&own.tap())).await;
    ctpurge.stop().await;
    let [mut goes, mut stays] = [80, 81].map(|port| Open::new(&place, TCP, &other, &own, port));
    assert_eq!((goes.goes_on(), stays.goes_on()), ([true, true], [true, true]));
    forget(&place);
    for open in [&mut goes, &mut stays] {
        open.called.send();
        assert!(open.caller.hears(PATIENCE));
        assert_eq!(open.goes_on(), [true, true]);
    }
    only(&place, [rule(EGRESS, Ethertype::V4), service(INGRESS, TCP, 81)]).await;
    assert_eq!((goes.is_silent(), stays.goes_on()), ([true, true], [true, true]));
    let known = || shown(&place, "cat /proc/net/nf_conntrack");
    assert!(known().contains("sport=80 ") && known().contains("sport=81 "), "{}", known());
    let ctpurge = purging(&place);
    eventually("forgotten", known, |known| !known.contains("sport=80 ")).await;
    assert!(known().contains("sport=81 "), "{}", known());
    assert_eq!((goes.is_silent(), stays.goes_on()), ([true, true], [true, true]));
    ctpurge.stop().await;
}

/// Either may be who called: it could be what no rule allows.
#[tokio::test(flavor = "multi_thread")]
async fn what_ports_do_not_tell_is_not_taken_up() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    only(&place, [rule(EGRESS, Ethertype::V4), service(INGRESS, TCP, 80)]).await;
    let mut open = from_low_port(&place, &other, &own, 80);
    assert_eq!(open.goes_on(), [true, true]);
    forget(&place);
    assert_eq!(open.is_silent(), [true, true]);
}

/// A guest that is filtered by nothing, for frames that are to be known and do not reach whom they name.
async fn bystander(place: &Place) -> Guest {
    let stranger = Guest::nth(3);
    place.plug("one", &stranger);
    place.server.put("one", [stranger.part()]);
    settled(place, "one", stranger.part().key()).await;
    stranger
}

/// Of the connections that are known, those marked as known the wrong way round.
fn turned(place: &Place) -> Vec<String> {
    let known = shown(place, "cat /proc/net/nf_conntrack");
    let mark = format!("mark={} ", host::secgroup::TURNED);
    known.lines().filter(|line| line.contains(&mark)).map(str::to_owned).collect()
}

/// As of what goes on from who was called, but he calls.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_does_not_seem_to_have_been_called() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let stranger = bystander(&place).await;
    let served = || [service(INGRESS, TCP, 40_000), service(INGRESS, 17, 9), service(EGRESS, 17, 9)];
    only(&place, served()).await;
    let ctpurge = purging(&place);
    let revoked = || shown(&place, "nft list set bridge neutrino revoked");
    eventually("restored from what was before", revoked, |text| !text.contains(&own.tap())).await;
    let frame = |from: u16, flags, to: &Guest| {
        let segment = segment(other.v4(), own.v4(), from, 40_000, flags);
        packet(other.port.mac, to.port.mac, other.v4(), own.v4(), TCP, &segment)
    };
    let planted = [("planted", frame(LOW, ACK, &stranger))];
    assert_eq!(arrivals(&place, &other, &stranger, &planted).await, ["planted".to_owned()].into());
    assert_eq!(turned(&place).len(), 1);
    let mut open = from_low_port(&place, &other, &own, 40_000);
    assert_eq!((open.goes_on(), turned(&place)), ([true, true], vec![]));
    only(&place, []).await;
    eventually("restored", revoked, |text| !text.contains(&own.tap())).await;
    assert_eq!(open.is_silent(), [true, true]);

    // Behind the call, and before the answer: nobody answers here, but by hand.
    only(&place, served()).await;
    for guest in [&own, &other] {
        place.ip(&guest.name, &format!("addr del {}/24 dev eth0", guest.v4()));
    }
    let call = |from| [("call", frame(from, SYN, &own))];
    for (from, forgets, known, answered) in [(1001, false, 0, true), (1002, true, 1, false)] {
        assert_eq!(arrivals(&place, &other, &own, &call(from)).await.len(), 1);
        let mut behind = vec![("more", frame(from, ACK, &stranger))];
        if forgets {
            // As long as nobody answered, it takes the call back.
            behind.insert(0, ("reset", frame(from, RST, &stranger)));
        }
        arrivals(&place, &other, &stranger, &behind).await;
        assert_eq!(turned(&place).len(), known, "{from}");
        let segment = segment(own.v4(), other.v4(), 40_000, from, SYN | ACK);
        let yes = packet(own.port.mac, other.port.mac, own.v4(), other.v4(), TCP, &segment);
        let arrived = arrivals(&place, &own, &other, &[("yes", yes)]).await;
        assert_eq!(arrived.len(), usize::from(answered), "{from}");
    }
    ctpurge.stop().await;
}

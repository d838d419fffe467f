//! An address that is another port's on each host.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use model::desired::{LocalIp, Part, Qos, RemoteSide};
use model::report::State;

use crate::netns::frames::{ACK, FIN, RST, SYN, Tap, arp, packet, segment, udp4, v4};
use crate::netns::groups::{OTHER, OWN, any, group, rule, settled};
use crate::netns::place::{Guest, Place, Running, network};
use crate::netns::wait::eventually;

const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 100);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 101);
const PATIENCE: Duration = Duration::from_secs(2);

fn standing_for(mut guest: Guest, addresses: &[Ipv4Addr]) -> Guest {
    let IpAddr::V4(fixed_ip) = guest.v4() else { unreachable!("a guest's first address is of IPv4") };
    guest.port.local_ips =
        addresses.iter().map(|address| LocalIp { address: *address, fixed_ip: Some(fixed_ip) }).collect();
    guest
}

/// Answers each line over TCP, and each datagram, with the guest's name, until the test ends.
fn serve(place: &Place, guest: &Guest) {
    let at = (guest.v4(), 80);
    let listener = place.within(&guest.name, || TcpListener::bind(at).expect("a listener"));
    let socket = place.within(&guest.name, || UdpSocket::bind(at).expect("a socket"));
    let (name, also) = (guest.name.clone(), guest.name.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let name = name.clone();
            std::thread::spawn(move || {
                let mut out = stream.try_clone().expect("a stream");
                for _ in BufReader::new(stream).lines().map_while(Result::ok) {
                    if writeln!(out, "{name}").is_err() {
                        break;
                    }
                }
            });
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(also.as_bytes(), from);
        }
    });
}

struct Talk(BufReader<TcpStream>);

impl Talk {
    fn begin(place: &Place, guest: &Guest, to: IpAddr) -> Option<Talk> {
        let at = SocketAddr::from((to, 80));
        let stream = place.within(&guest.name, || TcpStream::connect_timeout(&at, PATIENCE)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Some(Talk(BufReader::new(stream)))
    }

    /// Who answers now.
    fn who(&mut self) -> Option<String> {
        let mut line = String::new();
        writeln!(self.0.get_mut(), "who?").ok()?;
        self.0.read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }
}

fn over_tcp(place: &Place, guest: &Guest, to: IpAddr) -> Option<String> {
    Talk::begin(place, guest, to)?.who()
}

fn over_udp(place: &Place, guest: &Guest, to: IpAddr) -> Option<String> {
    let socket = place.within(&guest.name, || UdpSocket::bind((guest.v4(), 0)).expect("a socket"));
    socket.connect((to, 80)).expect("an address");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut buffer = [0; 100];
    socket.send(b"who?").ok()?;
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn tables(place: &Place, host: &str, guest: &Guest) -> usize {
    let listed = place.exec(host, "nft list tables netdev");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    text.lines().filter(|line| line.contains("neutrino-local-") && line.ends_with(&guest.tap())).count()
}

/// Two hosts, each with who asks and who answers.
async fn hosts(place: &Place, groups: bool) -> [Guest; 4] {
    let grouped = |guest: Guest, of| if groups { guest.in_groups(&[of]) } else { guest };
    let asker = |n| grouped(Guest::nth(n), OTHER);
    let stand = |n| grouped(standing_for(Guest::nth(n), &[LOCAL]), OWN);
    let all = [asker(1), stand(2), asker(3), stand(4)];
    for (host, here, there) in [("one", [0, 1], [2, 3]), ("two", [2, 3], [0, 1])] {
        let other = if host == "one" { "two" } else { "one" };
        let mut parts = vec![network(&[other])];
        for guest in here.map(|at| &all[at]) {
            place.plug(host, guest);
            serve(place, guest);
            parts.push(guest.part());
        }
        parts.extend(there.map(|at| all[at].remote(other)));
        if groups {
            // Only the group of who asks gets in.
            let from = |of| model::desired::GroupRule {
                remote: RemoteSide::Group(OTHER),
                ..rule(model::desired::Direction::Ingress, of)
            };
            parts.push(group(OWN, [from(model::desired::Ethertype::V4)]));
            parts.push(group(OTHER, any()));
            parts.extend(all.iter().map(Guest::member));
        }
        place.server.put(host, parts);
    }
    all
}

async fn up(place: &Place, all: &[Guest; 4]) {
    for (guest, host) in all.iter().zip(["one", "one", "two", "two"]) {
        let key = guest.part().key();
        eventually("port up", || place.server.state(host, key), |s| *s == Some(State::Up)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_answers_for_it_by_its_own_port() {
    let Some(place) = Place::new() else { return };
    let all = hosts(&place, false).await;
    let _agents = [place.run(place.config("one")), place.run(place.config("two"))];
    up(&place, &all).await;
    let [a, s, b, t] = &all;
    let local = IpAddr::V4(LOCAL);
    for (asker, stand) in [(a, s), (b, t)] {
        eventually(
            "a table",
            || tables(&place, if asker.name == a.name { "one" } else { "two" }, asker),
            |n| *n == 1,
        )
        .await;
        let is = |who: &Option<String>| who.as_ref() == Some(&stand.name);
        eventually("over TCP", || over_tcp(&place, asker, local), is).await;
        eventually("over UDP", || over_udp(&place, asker, local), is).await;
        assert!(place.ping(asker, local), "{} pings", asker.name);
        // Not the address that the port has, and nobody else's.
        assert_eq!(over_tcp(&place, asker, stand.v4()), Some(stand.name.clone()), "by its own address");
    }
    eventually("elsewhere", || over_tcp(&place, a, t.v4()), |who| who.as_deref() == Some(&t.name)).await;
    assert_eq!(tables(&place, "one", s), 0, "who answers asks nobody");
    assert!(!place.ping(s, local), "who answers is not led to itself");

    // Who asks is answered on its host: nobody else hears of it.
    let (from_a, at_s) = (Tap::open(&place, &a.name, "eth0"), Tap::open(&place, &s.name, "eth0"));
    let ask = |ip: [u8; 4]| arp(a.port.mac, wire::Mac::BROADCAST, (a.port.mac, a.v4()), v4(ip));
    from_a.send(&ask(LOCAL.octets()));
    from_a.send(&ask([10, 1, 0, 250]));
    let first = at_s
        .until("a question", |frame| frame[..] == ask(LOCAL.octets()) || frame[..] == ask([10, 1, 0, 250]));
    assert_eq!(first.await, ask([10, 1, 0, 250]), "a question for the local IP went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_outlive_changes_beside_them() {
    let Some(place) = Place::new() else { return };
    let all = hosts(&place, false).await;
    let _agents = [place.run(place.config("one")), place.run(place.config("two"))];
    up(&place, &all).await;
    let [mut a, s, b, t] = all;
    let local = IpAddr::V4(LOCAL);
    let is = |who: &Option<String>| who.as_ref() == Some(&s.name);
    eventually("over TCP", || over_tcp(&place, &a, local), is).await;
    let mut talk = Talk::begin(&place, &a, local).expect("a connection");
    assert_eq!(talk.who().as_ref(), Some(&s.name));
    // Another local IP of the same port, and limits of who asks.
    let both = standing_for(s.clone(), &[LOCAL, SECOND]);
    place.server.put("one", [both.part()]);
    eventually("the second", || over_tcp(&place, &a, SECOND.into()), is).await;
    assert_eq!(talk.who().as_ref(), Some(&s.name), "beside another local IP");
    a.port.qos = Some(Qos { dscp: Some(46), ..Qos::default() });
    place.server.put("one", [a.part()]);
    settled(&place, "one", a.part().key()).await;
    assert_eq!(talk.who().as_ref(), Some(&s.name), "beside a new table of its own");
    // Taken away by hand, it comes back, and whoever asks first is remembered again.
    let table = host::names::local_table(a.port.id, LOCAL);
    assert!(place.exec("one", &format!("nft delete table netdev {table}")).status.success());
    eventually("again", || over_tcp(&place, &a, local), is).await;
    assert_eq!(talk.who().as_ref(), Some(&s.name), "after its table was lost");

    // When nobody here answers any more, nobody elsewhere does.
    place.server.put("one", [Part::Port(Guest::nth(2).port)]);
    eventually("no tables", || tables(&place, "one", &a), |n| *n == 0).await;
    place.ip(&a.name, "neigh flush dev eth0");
    assert_eq!(over_tcp(&place, &a, local), None, "the other host answers for it");
    assert_eq!(over_tcp(&place, &b, local), Some(t.name.clone()), "the other host's own");
    // What there was before goes with the port, too.
    place.server.remove("two", [t.part().key()]);
    eventually("no tables", || tables(&place, "two", &b), |n| *n == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_address_itself_gets_it_as_it_was_asked() {
    let Some(place) = Place::new() else { return };
    let a = Guest::nth(1);
    let mut s = Guest::nth(2).with_pair(Guest::nth(2).port.mac, IpAddr::V4(LOCAL).into());
    s.port.local_ips = [LocalIp { address: LOCAL, fixed_ip: None }].into();
    for guest in [&a, &s] {
        place.plug("one", guest);
    }
    place.ip(&s.name, &format!("addr add {LOCAL}/32 dev eth0"));
    // Nobody hears of it by himself.
    place.exec(&s.name, "sysctl -qw net.ipv4.conf.all.arp_ignore=8");
    let at =
        Guest { port: model::desired::Port { fixed_ips: vec![LOCAL.into()], ..s.port.clone() }, ..s.clone() };
    serve(&place, &at);
    place.server.put("one", [network(&[]), a.part(), s.part()]);
    let _agent = place.run(place.config("one"));
    let is = |who: &Option<String>| who.as_ref() == Some(&s.name);
    eventually("over TCP", || over_tcp(&place, &a, LOCAL.into()), is).await;
    eventually("over UDP", || over_udp(&place, &a, LOCAL.into()), is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_judge_by_the_addresses_that_ports_have() {
    let Some(place) = Place::new() else { return };
    let all = hosts(&place, true).await;
    let _agents = [place.run(place.config("one")), place.run(place.config("two"))];
    up(&place, &all).await;
    let [a, s, ..] = &all;
    let (local, key) = (IpAddr::V4(LOCAL), s.part().key());
    settled(&place, "one", key).await;
    let is = |who: &Option<String>| who.as_ref() == Some(&s.name);
    eventually("who may", || over_tcp(&place, a, local), is).await;
    eventually("who may, over UDP", || over_udp(&place, a, local), is).await;
    let mut talk = Talk::begin(&place, a, local).expect("a connection");
    assert_eq!(talk.who().as_ref(), Some(&s.name));
    // Whose group gets in no longer is kept out, on the way by the local IP as on any other.
    place.server.put("one", [group(OWN, [])]);
    eventually("nobody", || over_tcp(&place, a, local), Option::is_none).await;
}

/// What a guest's table remembers of its port: for how many seconds more, of each.
fn remembered(place: &Place, guest: &Guest, port: u16) -> Vec<u64> {
    let text = listed(place, guest);
    let of_port = text.split([',', '{', '}']).filter(|element| element.contains(&format!(" . {port} . ")));
    of_port.filter_map(|element| Some(seconds(element.split_once("expires ")?.1.trim()))).collect()
}

fn listed(place: &Place, guest: &Guest) -> String {
    let table = host::names::local_table(guest.port.id, LOCAL);
    let output = place.exec("one", &format!("nft -n list set netdev {table} asked")).stdout;
    String::from_utf8_lossy(&output).into_owned()
}

/// Of a text such as 2h3m59s900ms.
fn seconds(text: &str) -> u64 {
    let (mut all, mut number) = (0, 0);
    for letter in text.split("ms").next().unwrap_or_default().chars() {
        match letter.to_digit(10) {
            Some(digit) => number = number * 10 + u64::from(digit),
            None => {
                all += number
                    * if letter == 'h' {
                        3600
                    } else if letter == 'm' {
                        60
                    } else {
                        1
                    };
                number = 0;
            }
        }
    }
    all
}

/// Who asks and who answers, and where frames of who asks begin.
async fn asking(place: &Place) -> (Guest, Guest, Tap, Running) {
    let (a, s) = (Guest::nth(1), standing_for(Guest::nth(2), &[LOCAL]));
    for guest in [&a, &s] {
        place.plug("one", guest);
    }
    place.server.put("one", [network(&[]), a.part(), s.part()]);
    let agent = place.run(place.config("one"));
    eventually("a table", || tables(place, "one", &a), |n| *n == 1).await;
    let tap = Tap::open(place, &a.name, "eth0");
    (a, s, tap, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_soon_forgotten() {
    let Some(place) = Place::new() else { return };
    let (a, s, tap, _agent) = asking(&place).await;
    let local = IpAddr::V4(LOCAL);
    let say = |port, flags| {
        let segment = segment(a.v4(), local, port, 80, flags);
        tap.send(&packet(a.port.mac, s.port.mac, a.v4(), local, 6, &segment));
    };
    const EDGE: std::ops::RangeInclusive<u64> = 200..=240;
    const OPEN: std::ops::RangeInclusive<u64> = 7300..=7440;
    for (port, end) in [(4001, FIN), (4002, RST)] {
        let each = [(SYN, &[EDGE][..]), (ACK, &[OPEN]), (end | ACK, &[EDGE, EDGE]), (ACK, &[EDGE, EDGE])];
        // The same port again is another connection.
        for (flags, wanted) in each.into_iter().chain(each) {
            say(port, flags);
            let is = |left: &Vec<u64>| {
                left.len() == wanted.len()
                    && left.iter().zip(wanted).all(|(left, wanted)| wanted.contains(left))
            };
            eventually(&format!("{flags:#x} from {port}"), || remembered(&place, &a, port), is).await;
        }
    }
    // Of services that answer once, and of others.
    for (port, wanted) in [(53, 30..=60), (5000, 270..=300)] {
        tap.send(&udp4(a.port.mac, s.port.mac, a.v4(), local, 4003, port));
        let is = |left: &Vec<u64>| left.iter().any(|left| wanted.contains(left));
        eventually("over UDP", || remembered(&place, &a, 4003), is).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_much_is_remembered_and_no_more() {
    const MOST: usize = 65_535;
    let Some(place) = Place::new() else { return };
    let (a, s, tap, _agent) = asking(&place).await;
    let local = IpAddr::V4(LOCAL);
    let held = || listed(&place, &a).matches("expires").count();
    for at in 0..70_000_u32 {
        let (from, to) = (at as u16, 5000 + (at >> 16) as u16);
        tap.send(&udp4(a.port.mac, s.port.mac, a.v4(), local, from, to));
    }
    eventually("as much as there is room for", held, |n| *n == MOST).await;
    // What finds no room goes where it says, which is nobody here.
    let at_s = Tap::open(&place, &s.name, "eth0");
    tap.send(&udp4(a.port.mac, s.port.mac, a.v4(), local, 1, 6000));
    tap.send(&udp4(a.port.mac, s.port.mac, a.v4(), s.v4(), 2, 6000));
    let to_s = udp4(a.port.mac, s.port.mac, a.v4(), s.v4(), 2, 6000);
    let led = udp4(a.port.mac, s.port.mac, a.v4(), s.v4(), 1, 6000);
    let first = at_s.until("a datagram", |frame| frame[..] == to_s || frame[..] == led);
    assert_eq!(first.await, to_s, "it was led");
    assert_eq!(held(), MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_address_is_not_led_away_from_it() {
    let Some(place) = Place::new() else { return };
    let (a, mut own, s) = (Guest::nth(1), Guest::nth(3), standing_for(Guest::nth(2), &[LOCAL]));
    own.port.fixed_ips.push(LOCAL.into());
    for guest in [&a, &own, &s] {
        place.plug("one", guest);
    }
    place.server.put("one", [network(&[]), a.part(), own.part(), s.part()]);
    let _agent = place.run(place.config("one"));
    settled(&place, "one", own.part().key()).await;
    eventually("a table", || tables(&place, "one", &a), |n| *n == 1).await;
    assert_eq!(tables(&place, "one", &own), 0, "of who has the address");
    // Whether anybody else has it (RFC 5227).
    let (probes, at_a) = (Tap::open(&place, &own.name, "eth0"), Tap::open(&place, &a.name, "eth0"));
    let probe = arp(own.port.mac, wire::Mac::BROADCAST, (own.port.mac, v4([0; 4])), LOCAL.into());
    probes.send(&probe);
    assert_eq!(at_a.until("the probe", |frame| frame[..] == probe).await, probe, "it is answered");
}

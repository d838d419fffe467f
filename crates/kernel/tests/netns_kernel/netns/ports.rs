//! Frames through the doors of a switch, on real devices: a device of somebody else's on one side, a tap on
//! the other, and in between a loop that carries what comes.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernel::netns;
use kernel::ports::{LONGEST_FRAME, PacketPort, Poller, Room, Silence, Tap, VnetHeader};
use kernel::underlay::Underlay;
use model::vswitch::Neighbour;
use wire::Mac;

use super::place::Place;

const SOON: Duration = Duration::from_secs(5);
/// The kernel tells of a hundred links a second at most that they carry frames, of all namespaces together.
const LINKWATCH: Duration = Duration::from_secs(60);

/// Keeps all that comes.
struct Kept {
    room: Vec<u8>,
    frames: Vec<(VnetHeader, Vec<u8>)>,
}

impl Kept {
    fn new() -> Kept {
        Kept { room: vec![0; LONGEST_FRAME], frames: Vec::new() }
    }
}

impl Room for Kept {
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        assert!(bytes <= LONGEST_FRAME);
        &mut self.room
    }

    fn filled(&mut self, head: VnetHeader, bytes: usize) {
        self.frames.push((head, self.room[..bytes].to_vec()));
    }
}

fn namespace(place: &Place, name: &str) -> PathBuf {
    netns::create(&place.netns_dir(), name).expect("namespace");
    place.netns_dir().join(name)
}

/// `p1` here, and `e0` in a namespace with an address.
fn veth(place: &Place, other: &Path) {
    place.ip(&format!("link add p1 mtu 1500 type veth peer name e0 netns {}", other.display()));
    place.ip("link set p1 up");
    let run = |line: &str| assert!(place.inside("one", line).status.success(), "{line}");
    run("ip addr add 10.99.0.1/24 dev e0");
    run("ip link set e0 up");
}

#[test]
fn ping_and_large_segments_pass_between_a_device_and_a_tap() {
    let Some(place) = Place::new() else { return };
    let (one, two) = (namespace(&place, "one"), namespace(&place, "two"));
    veth(&place, &one);
    let mut port = PacketPort::open(&place.path(), "p1", None, 256).expect("port");
    let mut tap = Tap::open(&two, "t0", Some(1500)).expect("tap");
    assert!(place.inside("two", "ip addr add 10.99.0.2/24 dev t0").status.success());
    assert!(place.inside("two", "ip link set t0 up").status.success());
    let stop = Arc::new(AtomicBool::new(false));
    let carrier = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut poller = Poller::new().expect("poller");
            poller.add(&port, 1).expect("watched");
            poller.add(&tap, 2).expect("watched");
            let (mut longest, mut kept) = ([0, 0], Kept::new());
            while !stop.load(Ordering::Relaxed) {
                port.receive(64, &mut kept).expect("receives");
                for (head, frame) in kept.frames.drain(..) {
                    longest[0] = longest[0].max(frame.len());
                    tap.send(&head, &frame);
                }
                tap.receive(64, &mut kept).expect("receives");
                longest[1] =
                    kept.frames.iter().map(|(_, frame)| frame.len()).max().unwrap_or(0).max(longest[1]);
                port.send(kept.frames.iter().map(|(head, frame)| (*head, &frame[..])));
                kept.frames.clear();
                poller.wait(Some(Duration::from_millis(1)), |_| {}).expect("waits");
            }
            (longest, port.lost(), tap.lost())
        }
    });
    let ping = place.inside("one", "ping -c 3 -i 0.05 -W 2 10.99.0.2");
    assert!(ping.status.success(), "{ping:?}");
    for (from, to, ip) in [(&one, &two, [10, 99, 0, 2]), (&two, &one, [10, 99, 0, 1])] {
        assert_eq!(transfer(from, to, ip.into()), 16 << 20);
    }
    stop.store(true, Ordering::Relaxed);
    let (longest, port, tap) = carrier.join().expect("carries");
    // Segments came as one frame, which no device of this MTU could have sent.
    assert!(longest.iter().all(|longest| *longest > 10_000), "{longest:?} {port:?} {tap:?}");
}

/// Bytes that arrive of 16 MiB.
fn transfer(from: &Path, to: &Path, ip: IpAddr) -> usize {
    let listener = netns::within(to, || TcpListener::bind((ip, 0))).expect("enters").expect("listens");
    let address = SocketAddr::from((ip, listener.local_addr().expect("an address").port()));
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.set_read_timeout(Some(SOON)).expect("set");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("reads");
        all.len()
    });
    let connect = || TcpStream::connect_timeout(&address, SOON);
    let mut stream = netns::within(from, connect).expect("enters").expect("connects");
    stream.write_all(&vec![7; 16 << 20]).expect("writes");
    drop(stream);
    reader.join().expect("reads")
}

#[test]
fn a_tag_is_part_of_the_frame_on_both_ways_of_receiving() {
    let Some(place) = Place::new() else { return };
    let one = namespace(&place, "one");
    veth(&place, &one);
    assert!(place.inside("one", "ip link set e0 mtu 9000").status.success());
    place.ip("link set p1 mtu 9000");
    let mut near = PacketPort::open(&place.path(), "p1", None, 256).expect("port");
    let mut far = PacketPort::open(&one, "e0", None, 256).expect("port");
    let mut kept = Kept::new();
    near.receive(64, &mut kept).expect("receives");
    kept.frames.clear();
    // The second is longer than a slot of the ring.
    let frame = |len: usize| {
        let mut frame = vec![0x5a; len];
        frame[..18].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 5, 0x88, 0xb5]);
        frame
    };
    let sent = [frame(64), frame(4000), frame(100)];
    far.send(sent.iter().map(|frame| (VnetHeader::default(), &frame[..])));
    let mut poller = Poller::new().expect("poller");
    poller.add(&near, 0).expect("watched");
    let ours = |frames: &[(VnetHeader, Vec<u8>)]| {
        let marked = frames.iter().filter(|(_, frame)| frame.starts_with(&sent[0][..12]));
        marked.map(|(_, frame)| frame.clone()).collect::<Vec<_>>()
    };
    while ours(&kept.frames).len() < sent.len() {
        let mut ready = false;
        poller.wait(Some(SOON), |_| ready = true).expect("waits");
        assert!(ready, "{:?}", kept.frames);
        near.receive(64, &mut kept).expect("receives");
    }
    assert_eq!(ours(&kept.frames), sent);
}

/// Down and up again: the kernel tells of it once, and no frame pays for that.
#[test]
fn a_device_that_was_down_goes_on_as_before() {
    let Some(place) = Place::new() else { return };
    let one = namespace(&place, "one");
    veth(&place, &one);
    assert!(place.inside("one", "ip link set e0 mtu 9000").status.success());
    place.ip("link set p1 mtu 9000");
    let mut near = PacketPort::open(&place.path(), "p1", None, 256).expect("port");
    let mut far = PacketPort::open(&one, "e0", None, 256).expect("port");
    let mut poller = Poller::new().expect("poller");
    poller.add(&near, 0).expect("watched");
    let flap = || ["down", "up"].iter().for_each(|to| drop(place.ip(&format!("link set p1 {to}"))));
    let send = |port: &mut PacketPort, from: u8, lens: &[usize]| {
        let frame = |len: &usize| {
            let mut frame = vec![from; *len];
            frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, from, 0x88, 0xb5]);
            frame
        };
        let frames: Vec<_> = lens.iter().map(frame).collect();
        port.send(frames.iter().map(|frame| (VnetHeader::default(), &frame[..])));
    };
    // Both ways until the link carries again, then long frames, each of which waits apart from the ring.
    let mut kept = Kept::new();
    flap();
    let lens = [3000, 4000, 5000];
    let got = |kept: &Kept, from: u8| -> Vec<usize> {
        kept.frames
            .iter()
            .filter(|(_, frame)| frame[11] == from && frame[12..14] == [0x88, 0xb5])
            .map(|(_, f)| f.len())
            .collect()
    };
    for round in 0..500 {
        send(&mut far, 1, &[64]);
        poller.wait(Some(Duration::from_millis(10)), |_| {}).expect("waits");
        near.receive(64, &mut kept).expect("receives");
        if !got(&kept, 1).is_empty() {
            break;
        }
        assert!(round < 499, "the link stays down");
    }
    flap();
    while got(&kept, 2).is_empty() {
        send(&mut far, 2, &[64]);
        poller.wait(Some(Duration::from_millis(10)), |_| {}).expect("waits");
        kept.frames.clear();
        near.receive(64, &mut kept).expect("receives");
    }
    send(&mut far, 3, &lens);
    let begun = Instant::now();
    while got(&kept, 3).len() < lens.len() {
        assert!(begun.elapsed() < SOON, "{:?}", got(&kept, 3));
        poller.wait(Some(SOON), |_| {}).expect("waits");
        near.receive(64, &mut kept).expect("receives");
    }
    assert_eq!(got(&kept, 3), lens);
    // The first that is sent goes as well.
    flap();
    let lost = near.lost().sent;
    send(&mut near, 4, &[64]);
    assert_eq!(near.lost().sent, lost);
    // Told, there is nothing more to tell.
    flap();
    let mut ready = false;
    poller.wait(Some(SOON), |_| ready = true).expect("waits");
    assert!(ready && near.take_error().is_some());
    near.receive(64, &mut kept).expect("receives");
    assert!(near.take_error().is_none());
}

#[test]
fn a_tap_that_was_deleted_says_so() {
    let Some(place) = Place::new() else { return };
    let mut tap = Tap::open(&place.path(), "t0", None).expect("tap");
    place.ip("link set t0 up");
    place.ip("link set t0 down");
    tap.receive(64, &mut Kept::new()).expect("it is there");
    place.ip("link del t0");
    tap.receive(64, &mut Kept::new()).expect_err("it is gone");
    let mut again = Tap::open(&place.path(), "t0", None).expect("tap");
    again.receive(64, &mut Kept::new()).expect("it is there");
}

#[test]
fn the_underlay_is_told_as_it_changes_and_learns_of_neighbours() {
    let Some(place) = Place::new() else { return };
    let one = namespace(&place, "one");
    veth(&place, &one);
    let mut underlay = Underlay::open(&one).expect("door");
    let mut facts = underlay.look().expect("looks");
    // The kernel takes its time to say that a link carries frames, and tells when.
    while !facts.links.iter().any(|link| link.name == "e0" && link.up) {
        assert!(underlay.wait(LINKWATCH).expect("waits"), "{facts:?}");
        facts = underlay.look().expect("looks");
    }
    let link = facts.links.iter().find(|link| link.name == "e0").expect("e0").clone();
    assert_eq!(link.mtu_bytes, 1500, "{link:?}");
    assert!(facts.addresses.iter().any(|a| a.link == link.index && a.ip == IpAddr::from([10, 99, 0, 1])));
    let run = |line: &str| assert!(place.inside("one", line).status.success(), "{line}");
    for line in [
        "ip route add 10.5.0.0/16 via 10.99.0.7 metric 9 mtu 1400",
        "ip route add 10.6.0.0/16 nexthop via 10.99.0.7 nexthop via 10.99.0.8",
        "ip route add blackhole 10.7.0.0/16",
    ] {
        run(line);
    }
    while !underlay.wait(SOON).expect("waits") {}
    let facts = underlay.look().expect("looks");
    let to = |net: &str| -> Vec<_> {
        let net = net.parse().expect("a prefix");
        facts.routes.iter().filter(|route| route.to == net).cloned().collect()
    };
    let (five, six, seven) = (to("10.5.0.0/16"), to("10.6.0.0/16"), to("10.7.0.0/16"));
    assert_eq!((five.len(), five[0].metric, five[0].mtu_bytes), (1, 9, Some(1400)));
    assert_eq!(five[0].via, Some([10, 99, 0, 7].into()));
    assert_eq!(six.iter().filter_map(|route| route.via).count(), 2, "{six:?}");
    assert_eq!((seven.len(), seven[0].link), (1, None));
    // Found, found by somebody for good, taken back.
    run("ip neigh add 10.99.0.8 lladdr 02:00:00:00:00:08 dev e0 nud permanent");
    let found = Neighbour {
        link: link.index,
        ip: [10, 99, 0, 7].into(),
        mac: Mac([2, 0, 0, 0, 0, 7]),
        permanent: false,
    };
    let errors = underlay.write(&[(found, true)]);
    assert!(errors.is_empty(), "{errors:?}");
    let neighbours = underlay.look().expect("looks").neighbours;
    assert!(neighbours.contains(&found), "{neighbours:?}");
    assert!(neighbours.iter().any(|n| n.permanent && n.ip == IpAddr::from([10, 99, 0, 8])));
    let errors = underlay.write(&[(found, false), (found, false)]);
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!underlay.look().expect("looks").neighbours.contains(&found));
    underlay.interrupt().wake();
    while underlay.wait(SOON).expect("waits") {}
}

/// Without it the kernel answers that nobody is there.
#[test]
fn the_kernel_does_not_refuse_tunnels_that_are_taken() {
    let Some(place) = Place::new() else { return };
    let one = namespace(&place, "one");
    veth(&place, &one);
    place.ip("addr add 10.99.0.9/24 dev p1");
    let refused = || {
        let send = || -> std::io::Result<bool> {
            let socket = std::net::UdpSocket::bind("10.99.0.9:0")?;
            socket.connect("10.99.0.1:4789")?;
            socket.set_read_timeout(Some(Duration::from_millis(300)))?;
            socket.send(&[8, 0, 0, 0, 0, 0, 5, 0])?;
            let error = socket.recv(&mut [0; 16]).expect_err("nobody answers");
            Ok(error.kind() == std::io::ErrorKind::ConnectionRefused)
        };
        netns::within(&place.path(), send).expect("enters").expect("sends")
    };
    assert!(refused());
    let silence = Silence::open(&one, &[4789, 6081], true).expect("held");
    assert_eq!(silence.taken(), [0u16; 0]);
    assert!(!refused());
    assert_eq!(Silence::open(&one, &[4789], false).expect("held").taken(), [4789]);
    drop(silence);
    assert!(refused());
}

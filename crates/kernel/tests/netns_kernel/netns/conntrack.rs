//! Tables of tracked connections on the running kernel: what is asked for goes, decoys stay. Entries are
//! made by hand in namespaces of the test, and no packet is sent.
//!
//! The decoys are those that filters of this kernel (6.18) were seen to take wrongly: IPv6 by address,
//! SCTP by port, zones given with a tuple, the other family of a flush.

use std::collections::BTreeSet;
use std::net::IpAddr;

use host::purge::{Connection, JobNo, Matcher, Numbers, Plan, asks};
use kernel::conntrack::{Conntrack, ConntrackError, Filter, Found, Insert, Visit, Walked, probe};
use kernel::netns;
use model::purge::{Addresses, Began, Icmp, Pairs, Peers, Ports, Service, Tuple, What};

use super::place::Place;

/// Deletes by a matcher, or only looks; and stops after some reads if told so.
#[derive(Default)]
struct Eye {
    matcher: Option<Matcher>,
    seen: Vec<Connection>,
    hits: Vec<JobNo>,
    settled: u64,
    stop: bool,
}

impl Visit for Eye {
    fn judge(&mut self, found: &Found) -> bool {
        self.seen.push(found.connection);
        self.matcher.as_ref().is_some_and(|matcher| matcher.judge(&found.connection, &mut self.hits))
    }

    fn settled(&mut self, _: bool) {
        self.settled += 1;
    }

    fn go_on(&mut self, _: &Walked) -> bool {
        !self.stop
    }
}

const PROTOCOLS: [(bool, u8); 9] = [
    (true, 6),
    (true, 17),
    (true, 1),
    (true, 132),
    (true, 47),
    (false, 6),
    (false, 17),
    (false, 58),
    (false, 132),
];
const ZONES: [u16; 4] = [0, 7, 8, 4097];

fn address(v4: bool, n: u8) -> IpAddr {
    if v4 { [10, 0, 0, n].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)].into() }
}

/// `from` calls `to`; answers come from `behind` and go to `before`.
fn connection(zone: u16, v4: bool, protocol: u8, port: u16, ends: [u8; 4]) -> Connection {
    let [from, to, behind, before] = ends.map(|n| address(v4, n));
    if Tuple::is_icmp(protocol) {
        let (ask, answer) = if v4 { (8, 0) } else { (128, 129) };
        let tuple = |source, destination, kind| Tuple {
            protocol,
            icmp: Some(Icmp { kind, code: 0, id: port }),
            ..Tuple::ports(0, (source, 0), (destination, 0))
        };
        return Connection { zone, original: tuple(from, to, ask), reply: tuple(behind, before, answer) };
    }
    let original = Tuple::ports(protocol, (from, 1000 + port), (to, port));
    let reply = Tuple::ports(protocol, (behind, port), (before, 1000 + port));
    Connection { zone, original, reply }
}

/// Every protocol, family and zone; in both directions; behind a floating IP and behind SNAT.
fn every() -> Vec<Connection> {
    let mut all = Vec::new();
    for zone in ZONES {
        for (v4, protocol) in PROTOCOLS {
            for (port, ends) in [
                (53, [1, 2, 2, 1]),
                (80, [1, 2, 2, 1]),
                (99, [2, 1, 1, 2]),
                (53, [3, 2, 2, 3]),
                (53, [4, 9, 2, 4]),
                (54, [1, 5, 5, 8]),
                (55, [6, 7, 7, 6]),
            ] {
                all.push(connection(zone, v4, protocol, port, ends));
            }
        }
    }
    all
}

fn table(place: &Place, netns: &str) -> Conntrack {
    netns::create(&place.netns_dir(), netns).expect("namespace");
    Conntrack::open(Some(&place.netns_dir().join(netns))).expect("opens")
}

fn fill(table: &mut Conntrack, all: &[Connection]) {
    let inserts = all.iter().map(|connection| Insert { connection: *connection, timeout_s: 600 });
    table.insert(&inserts.collect::<Vec<_>>()).expect("entries");
}

fn shown(table: &mut Conntrack, filter: Filter) -> Vec<Connection> {
    let mut eye = Eye::default();
    let walked = table.walk(filter, &mut eye).expect("walks");
    assert_eq!((walked.shown, walked.malformed), (eye.seen.len() as u64, 0));
    eye.seen
}

fn pairs(zone: Option<u16>, removed: &[IpAddr], peers: &[IpAddr]) -> Pairs {
    let removed: Addresses = removed.iter().copied().collect();
    let peers = if peers.is_empty() { Peers::Any } else { Peers::Of(peers.iter().copied().collect()) };
    Pairs { zone, removed, peers, service: None, began: Began::Either }
}

fn jobs() -> Vec<What> {
    let (a, b) = (|n| address(true, n), |n| address(false, n));
    let service =
        |protocol, port| Service { ports: Some(Ports { from: port, to: port }), ..Service::all_of(protocol) };
    let one = |zone| pairs(Some(zone), &[a(1), b(1)], &[a(2), b(2)]);
    let pairs = [
        one(7),
        one(0),
        Pairs { began: Began::Removed, ..one(7) },
        Pairs { began: Began::Peer, ..one(4097) },
        pairs(None, &[b(1)], &[]),
        // Absent: the kernel's own filter takes all others.
        pairs(None, &[b(99)], &[]),
        pairs(Some(7), &[a(9)], &[a(4)]),
        pairs(Some(7), &[a(2)], &[a(4)]),
        pairs(Some(8), &[a(8), b(8)], &[a(5)]),
        Pairs { service: Some(service(132, 53)), ..one(7) },
        Pairs { service: Some(service(132, 1)), ..one(7) },
        Pairs { service: Some(service(17, 80)), ..pairs(None, &[a(2), b(2)], &[]) },
        Pairs { service: Some(Service::all_of(1)), ..one(7) },
        Pairs { service: Some(Service { icmp_type: Some(128), ..Service::all_of(58) }), ..one(8) },
        Pairs { service: Some(Service { icmp_type: Some(8), ..Service::all_of(58) }), ..one(8) },
        Pairs {
            removed: ["10.0.0.0/30".parse().expect("net")]
                .into_iter()
                .collect::<Vec<ipnet::IpNet>>()
                .into_iter()
                .collect(),
            ..one(8)
        },
    ];
    pairs.into_iter().map(What::Pairs).chain([What::Zone(7), What::Zone(9)]).collect()
}

/// Each job alone, in a table full of decoys: what stays is what the definition says.
#[test]
fn what_is_asked_for_goes_and_decoys_stay() {
    let Some(place) = Place::new() else { return };
    let (mut one, mut other) = (table(&place, "one"), table(&place, "other"));
    let all = every();
    fill(&mut other, &all);
    for (at, what) in jobs().iter().enumerate() {
        fill_again(&mut one, &all);
        let wanted: Vec<&Connection> = all.iter().filter(|connection| !asks(what, connection)).collect();
        let numbered = [(0, what)];
        let plan = Plan::new(&numbered, Numbers { first: 1, second: 2 });
        for (turn, batch) in plan.batches().enumerate() {
            // By turns with the kernel's filters, and without.
            let zone = batch.zones().filter(|zones| zones.len() == 1 && turn % 2 == 0);
            let zone = zone.and_then(|zones| zones.first().copied());
            let filter = Filter { zone, ipv4: if zone.is_some() { batch.is_ipv4() } else { None } };
            let mut eye = Eye { matcher: Some(Matcher::new(&batch, 5)), ..Eye::default() };
            let walked = one.walk(filter, &mut eye).expect("walks");
            assert_eq!((walked.deleted, walked.gone), (eye.settled, 0));
        }
        let left = shown(&mut one, Filter::default());
        assert_eq!(left.len(), wanted.len(), "job {at}: {what:?}");
        assert!(wanted.iter().all(|connection| left.contains(connection)), "job {at}: {what:?}");
    }
    assert_eq!(shown(&mut other, Filter::default()).len(), all.len(), "another namespace is left alone");
}

fn fill_again(table: &mut Conntrack, all: &[Connection]) {
    let left = shown(table, Filter::default());
    let missing: Vec<Connection> =
        all.iter().filter(|connection| !left.contains(connection)).copied().collect();
    fill(table, &missing);
    assert_eq!(table.entries().expect("count"), all.len() as u64);
}

#[test]
fn filters_of_a_dump_show_what_they_say() {
    let Some(place) = Place::new() else { return };
    let mut table = table(&place, "one");
    let all = every();
    fill(&mut table, &all);
    for zone in ZONES.into_iter().map(Some).chain([None, Some(9)]) {
        for ipv4 in [None, Some(true), Some(false)] {
            let seen = shown(&mut table, Filter { zone, ipv4 });
            let is_wanted = |c: &&Connection| {
                zone.is_none_or(|zone| c.zone == zone)
                    && ipv4.is_none_or(|v4| c.original.source.is_ipv4() == v4)
            };
            let wanted: Vec<&Connection> = all.iter().filter(is_wanted).collect();
            assert_eq!(seen.len(), wanted.len(), "{zone:?} {ipv4:?}");
            assert!(wanted.iter().all(|connection| seen.contains(connection)));
        }
    }
}

#[test]
fn a_flushed_zone_goes_with_both_families_and_no_other_does() {
    let Some(place) = Place::new() else { return };
    let (mut one, mut other) = (table(&place, "one"), table(&place, "other"));
    let all = every();
    fill(&mut one, &all);
    fill(&mut other, &all);
    for (flushed, zone) in [7, 9, 4097].into_iter().enumerate() {
        one.flush_zone(zone).expect("flushes");
        let left = shown(&mut one, Filter::default());
        let gone: BTreeSet<u16> = [7, 9, 4097][..=flushed].iter().copied().collect();
        assert_eq!(left.len(), all.iter().filter(|c| !gone.contains(&c.zone)).count());
        assert!(left.iter().all(|c| !gone.contains(&c.zone)));
    }
    assert_eq!(other.entries().expect("count"), all.len() as u64);
}

/// By the original tuple and by the reply's; what is not there is told.
#[test]
fn known_connections_go_without_a_walk() {
    let Some(place) = Place::new() else { return };
    let mut table = table(&place, "one");
    let all = every();
    fill(&mut table, &all);
    let asked: Vec<&Connection> = all.iter().filter(|c| c.zone == 8).step_by(2).collect();
    let tuple = |(at, c): (usize, &&Connection)| if at % 2 == 0 { c.original } else { c.reply };
    let mut eye = Eye::default();
    let tuples: Vec<Tuple> = asked.iter().enumerate().map(tuple).collect();
    let walked = table.delete(8, tuples.iter().copied(), &mut eye).expect("deletes");
    assert_eq!((walked.deleted, walked.gone, eye.settled), (asked.len() as u64, 0, asked.len() as u64));
    let left = shown(&mut table, Filter::default());
    assert_eq!(left.len(), all.len() - asked.len());
    assert!(asked.iter().all(|connection| !left.contains(connection)));
    let walked = table.delete(8, tuples.into_iter(), &mut Eye::default()).expect("again is harmless");
    assert_eq!((walked.deleted, walked.gone), (0, asked.len() as u64));
}

#[test]
fn this_kernel_is_found_able() {
    if Place::new().is_none() {
        return;
    }
    let can = probe().expect("connections are tracked");
    assert!(can.zone_filter && can.family_filter && can.zone_flush && can.id_guard && can.exact, "{can:?}");
}

#[test]
fn a_walk_can_be_stopped_and_a_namespace_may_vanish_under_it() {
    let Some(place) = Place::new() else { return };
    let mut open = table(&place, "one");
    let all: Vec<Connection> = (0..2000).map(|port| connection(7, true, 17, port, [1, 2, 2, 1])).collect();
    fill(&mut open, &all);
    let mut eye = Eye { stop: true, ..Eye::default() };
    assert!(matches!(open.walk(Filter::default(), &mut eye), Err(ConntrackError::Stopped)));
    assert!(eye.seen.len() < 2000);

    let path = place.netns_dir().join("one");
    let mut open = Conntrack::open(Some(&path)).expect("opens");
    netns::delete(&place.netns_dir(), "one").expect("deletes");
    // It lives as long as its sockets do.
    assert_eq!(shown(&mut open, Filter::default()).len(), 2000);
    let again = Conntrack::open(Some(&path)).err().expect("is gone");
    assert!(again.is_gone(), "{again}");
    std::fs::write(&path, "").expect("a plain file");
    assert!(Conntrack::open(Some(&path)).err().expect("is none").is_gone());
}

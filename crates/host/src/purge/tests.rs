//! Batches ask for what the jobs ask for, no more and no less; and which way is taken.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::purge::{
    Abilities, Addresses, Began, Costs, Icmp, Pairs, Peers, Ports, Service, Tuple, Tuples, What,
};
use proptest::prelude::*;

use super::*;

const ALL: Abilities =
    Abilities { zone_filter: true, family_filter: true, zone_flush: true, id_guard: true, exact: true };

/// Few, so that jobs and connections meet.
fn address() -> impl Strategy<Value = IpAddr> {
    (0..9u8, any::<bool>()).prop_map(|(n, v4)| place(n, v4))
}

fn place(n: u8, v4: bool) -> IpAddr {
    if v4 { [10, 0, 0, n].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)].into() }
}

fn net() -> impl Strategy<Value = IpNet> {
    (address(), 0..4u8).prop_map(|(address, wide)| {
        let full = IpNet::from(address).prefix_len();
        IpNet::new(address, full - if wide > 1 { 0 } else { wide + 1 }).expect("a length").trunc()
    })
}

fn nets() -> impl Strategy<Value = Addresses> {
    prop::collection::vec(net(), 1..6).prop_map(|nets| nets.into_iter().collect())
}

fn service() -> impl Strategy<Value = Service> {
    prop_oneof![
        prop::sample::select(vec![1, 6, 17, 58, 132]).prop_map(Service::all_of),
        (0..4u16, 0..3u16).prop_map(|(from, more)| {
            Service { ports: Some(Ports { from, to: from + more }), ..Service::all_of(17) }
        }),
        (prop::sample::select(vec![0u8, 8]), prop::option::of(0..2u8))
            .prop_map(|(kind, icmp_code)| Service { icmp_type: Some(kind), icmp_code, ..Service::all_of(1) }),
    ]
}

fn pairs() -> impl Strategy<Value = Pairs> {
    let peers = prop_oneof![1 => Just(Peers::Any), 4 => nets().prop_map(Peers::Of)];
    let began = prop::sample::select(vec![Began::Removed, Began::Peer, Began::Either, Began::Either]);
    (prop::option::of(0..3u16), nets(), peers, prop::option::of(service()), began)
        .prop_map(|(zone, removed, peers, service, began)| Pairs { zone, removed, peers, service, began })
}

/// Ends that differ before and behind NAT now and then.
fn connection() -> impl Strategy<Value = Connection> {
    let ends = (0..9u8, 0..9u8, prop::option::weighted(0.2, 0..9u8), prop::option::weighted(0.2, 0..9u8));
    let numbers = (0..5u16, 0..5u16, prop::option::weighted(0.2, 0..5u16));
    let protocol = prop::sample::select(vec![1, 6, 17, 132]);
    (0..3u16, ends, any::<bool>(), protocol, numbers).prop_map(|(zone, ends, v4, protocol, ports)| {
        let (source, destination, behind, before) = ends;
        let (behind, before) = (behind.unwrap_or(destination), before.unwrap_or(source));
        let end = |n, port| (place(n, v4), port);
        let (from, to, forwarded) = ports;
        let mut original = Tuple::ports(protocol, end(source, from), end(destination, to));
        let mut reply = Tuple::ports(protocol, end(behind, forwarded.unwrap_or(to)), end(before, from));
        if protocol == 1 {
            for (tuple, kind) in [(&mut original, if v4 { 8 } else { 128 }), (&mut reply, 0)] {
                (tuple.protocol, tuple.source_port, tuple.destination_port) = (if v4 { 1 } else { 58 }, 0, 0);
                tuple.icmp = Some(Icmp { kind, code: 0, id: from });
            }
        }
        Connection { zone, original, reply }
    })
}

fn what(known: Vec<Connection>) -> impl Strategy<Value = What> {
    let of_known = move |(zone, reply, picked): (u16, bool, Vec<prop::sample::Index>)| {
        let tuple = |at: &prop::sample::Index| {
            let connection = at.get(&known);
            if reply { connection.reply } else { connection.original }
        };
        What::Tuples(Tuples { zone, tuples: picked.iter().map(tuple).collect() })
    };
    prop_oneof![
        1 => (0..3u16).prop_map(What::Zone),
        2 => (0..3u16, any::<bool>(), prop::collection::vec(any::<prop::sample::Index>(), 1..5)).prop_map(of_known),
        6 => pairs().prop_map(What::Pairs),
    ]
}

fn case() -> impl Strategy<Value = (Vec<What>, Vec<Connection>)> {
    prop::collection::vec(connection(), 1..40).prop_flat_map(|connections| {
        (prop::collection::vec(what(connections.clone()), 1..8), Just(connections))
    })
}

/// By batches: the jobs that ask for each connection.
fn by_batches(jobs: &[&What], numbers: Numbers, seed: u64, table: &[Connection]) -> Vec<BTreeSet<JobNo>> {
    let numbered: Vec<(JobNo, &What)> = (0..).zip(jobs.iter().copied()).collect();
    let plan = Plan::new(&numbered, numbers);
    let mut all = vec![BTreeSet::new(); table.len()];
    let mut hits = Vec::new();
    let mut count = 0;
    for batch in plan.batches() {
        count += 1;
        let matcher = Matcher::new(&batch, seed);
        let of_batch = batch.jobs();
        if let Work::Pairs(rules) = &batch.work {
            let removed: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.removed).collect();
            let peers: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.peers).map(|(net, _)| net).collect();
            assert!(removed.len() <= numbers.first && peers.len() <= numbers.second);
        }
        for (connection, jobs) in table.iter().zip(&mut all) {
            let v4 = connection.original.source.is_ipv4();
            if matcher.judge(connection, &mut hits) {
                assert!(batch.zones().is_none_or(|zones| zones.contains(&connection.zone)));
                assert!(batch.is_ipv4().is_none_or(|only| only == v4));
            }
            assert!(hits.iter().all(|job| of_batch.contains(job)));
            jobs.extend(hits.iter().copied());
        }
    }
    assert_eq!(count, plan.count());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    /// A flushed zone answers for jobs within it, so jobs of that zone may be told of more than they
    /// asked for; of what goes, nothing differs.
    #[test]
    fn a_connection_goes_if_and_only_if_a_job_asks(
        (jobs, table) in case(),
        first in 1..5usize,
        second in 1..5usize,
        seed: u64,
    ) {
        let jobs: Vec<&What> = jobs.iter().collect();
        let found = by_batches(&jobs, Numbers { first, second }, seed, &table);
        let flushes = jobs.iter().any(|what| matches!(what, What::Zone(_)));
        for (connection, found) in table.iter().zip(found) {
            let asked = (0..).zip(&jobs).filter(|(_, what)| asks(what, connection)).map(|(at, _)| at);
            let asked: BTreeSet<JobNo> = asked.collect();
            prop_assert_eq!(found.is_empty(), asked.is_empty(), "{:?}", connection);
            prop_assert!(asked.is_subset(&found) && (flushes || asked == found), "{:?}", connection);
        }
    }

    #[test]
    fn merged_is_as_one_by_one((jobs, table) in case(), first in 1..5usize, second in 1..5usize, seed: u64) {
        let numbers = Numbers { first, second };
        let merged = by_batches(&jobs.iter().collect::<Vec<_>>(), numbers, seed, &table);
        let mut separate = vec![false; table.len()];
        for what in &jobs {
            for (goes, jobs) in separate.iter_mut().zip(by_batches(&[what], numbers, !seed, &table)) {
                *goes |= !jobs.is_empty();
            }
        }
        let merged: Vec<bool> = merged.iter().map(|jobs| !jobs.is_empty()).collect();
        prop_assert_eq!(merged, separate);
    }
}

fn many(from: u8, count: u16) -> Addresses {
    (0..count).map(|n| IpAddr::from([10, from, (n >> 8) as u8, n as u8])).collect()
}

fn any_service(zone: Option<u16>, removed: Addresses, peers: Peers) -> What {
    What::Pairs(Pairs { zone, removed, peers, service: None, began: Began::Either })
}

#[test]
fn batches_are_cut_by_both_numbers() {
    let what = any_service(Some(1), many(0, 250), Peers::Of(many(1, 2100)));
    let jobs = [(0, &what)];
    let plan = Plan::new(&jobs, Numbers { first: 100, second: 1000 });
    let sizes = plan.batches().map(|batch| match batch.work {
        Work::Pairs(rules) => (rules.len(), rules[0].removed.len(), rules[0].peers.len()),
        other => panic!("{other:?}"),
    });
    let sizes: Vec<_> = sizes.collect();
    let of = |removed| [(1, removed, 1000), (1, removed, 1000), (1, removed, 100)];
    assert_eq!(sizes, [of(100), of(100), of(50)].concat());
    assert_eq!(plan.count(), 9);
}

#[test]
fn many_ports_that_go_are_one_batch() {
    let whats: Vec<What> = (0..1000)
        .map(|n| {
            any_service(
                Some(n % 5 + 1),
                many(0, 1000).iter().skip(usize::from(n)).take(1).copied().collect(),
                Peers::Any,
            )
        })
        .collect();
    let jobs: Vec<(JobNo, &What)> = (0..).zip(&whats).collect();
    let plan = Plan::new(&jobs, Numbers { first: 1000, second: 10_000 });
    assert_eq!((plan.count(), plan.merged), (1, 0));
    let batch = plan.batches().next().expect("one");
    assert_eq!(batch.zones().map(|zones| zones.len()), Some(5));
}

#[test]
fn what_others_ask_for_costs_nothing() {
    let (one, two) = (many(0, 3), many(1, 3));
    let whats = [
        What::Zone(4),
        What::Zone(4),
        any_service(Some(4), one.clone(), Peers::Any),
        any_service(Some(5), one.clone(), Peers::Of(two.clone())),
        any_service(Some(5), one, Peers::Of(two)),
    ];
    let jobs: Vec<(JobNo, &What)> = (0..).zip(&whats).collect();
    let plan = Plan::new(&jobs, Numbers { first: 10, second: 10 });
    assert_eq!((plan.count(), plan.merged), (2, 3));
    let jobs: Vec<_> = plan.batches().map(|batch| batch.jobs().into_iter().collect::<Vec<_>>()).collect();
    assert_eq!(jobs, [vec![0, 1, 2], vec![3, 4]]);
}

#[test]
fn the_largest_job_in_the_smallest_batches_is_never_there_at_once() {
    let what = any_service(None, many(0, 3000), Peers::Of(many(64, 3000)));
    let jobs = [(0, &what)];
    let plan = Plan::new(&jobs, Numbers { first: 0, second: 0 });
    let first = plan.batches().next().expect("many");
    assert!(
        matches!(&first.work, Work::Pairs(rules) if rules[0].removed.len() == 1 && rules[0].peers.len() == 1)
    );
}

#[test]
fn the_cheapest_way_is_taken() {
    let costs = Costs { table_ns: 1e6, entry_ns: 1000.0, delete_ns: 1500.0 };
    let batch = |work| Batch { work };
    let pairs = |zones: &[Option<u16>]| {
        let rule = |zone: &Option<u16>| Rule {
            zone: *zone,
            removed: vec![IpNet::from(place(1, true))],
            service: None,
            began: Began::Either,
            any: vec![0],
            peers: vec![],
        };
        batch(Work::Pairs(zones.iter().map(rule).collect()))
    };
    let known = |count: u16| {
        let tuple = |n| (Tuple::ports(17, (place(1, true), n), (place(2, true), n)), 0);
        batch(Work::Known { zone: 3, tuples: (0..count).map(tuple).collect() })
    };
    let flush = batch(Work::Zone { zone: 9, jobs: vec![0] });
    let no = Abilities::default();
    for (batch, can, entries, in_zone, way) in [
        (&flush, &ALL, 1000, None, Way::Flush(9)),
        (&flush, &Abilities { zone_flush: false, ..ALL }, 1000, None, Way::Zones(vec![9])),
        (&flush, &no, 1000, None, Way::Whole),
        (&pairs(&[Some(7)]), &ALL, 1000, None, Way::Zones(vec![7])),
        (&pairs(&[Some(7)]), &no, 1000, None, Way::Whole),
        (&pairs(&[Some(7), None]), &ALL, 1000, None, Way::Whole),
        // Two walks that go past a table of 1 ms show 2 x 10 entries: cheaper than 10,000 entries of 1 us.
        (&pairs(&[Some(7), Some(8)]), &ALL, 10_000, Some(10.0), Way::Zones(vec![7, 8])),
        (&pairs(&[Some(7), Some(8)]), &ALL, 1000, Some(10.0), Way::Whole),
        (&known(100), &ALL, 10_000, None, Way::Exact),
        (&known(5000), &ALL, 2000, None, Way::Zones(vec![3])),
        (&known(100), &no, 10_000, None, Way::Whole),
    ] {
        assert_eq!(choose(batch, can, &costs, entries, in_zone), way, "{batch:?}");
    }
}

#[test]
fn costs_are_learnt_and_a_wild_one_counts_little() {
    let mut costs = guess(100_000);
    let truth = Costs { table_ns: 4e6, entry_ns: 700.0, delete_ns: 900.0 };
    let cost = |walks: u64, shown: u64, deleted: u64| {
        let ns =
            walks as f64 * truth.table_ns + shown as f64 * truth.entry_ns + deleted as f64 * truth.delete_ns;
        Measured { cpu_ns: ns, walks, shown, deleted }
    };
    for _ in 0..40 {
        learn(&mut costs, &Way::Exact, &cost(0, 0, 5000));
        learn(&mut costs, &Way::Zones(vec![1]), &cost(1, 100, 50));
        learn(&mut costs, &Way::Whole, &cost(1, 100_000, 5000));
    }
    let is_near = |known: f64, truth: f64| (known - truth).abs() < truth / 10.0;
    assert!(is_near(costs.table_ns, truth.table_ns), "{costs:?}");
    assert!(
        is_near(costs.entry_ns, truth.entry_ns) && is_near(costs.delete_ns, truth.delete_ns),
        "{costs:?}"
    );
    let before = costs.table_ns;
    learn(&mut costs, &Way::Zones(vec![1]), &Measured { cpu_ns: 1e15, walks: 1, shown: 0, deleted: 0 });
    assert!(costs.table_ns < before * 4.0);
}
